"""All use cases over one store and one feed."""

from pathlib import Path

from provider.domain.fields.addresses import Networks
from provider.net.ssrf_guard import ANYWHERE
from provider.replica import Feed
from provider.services.analyses import Analyses
from provider.services.availability import Availability
from provider.services.blockers import Obstacles, Waits
from provider.services.clock_skew import ClockSkew
from provider.services.credentials import GatewayCredentials
from provider.services.discovery import Discovery
from provider.services.gateways import Gateways
from provider.services.plans import Plans
from provider.services.restore import Restoring
from provider.services.rollouts import Rollouts
from provider.services.rule_conflicts import Routes
from provider.services.sessions import Sessions
from provider.services.tokens import Tokens
from provider.services.traffic import Traffic
from provider.services.waits import Waiting
from provider.services.webhooks import Webhooks
from provider.services.writability import Writability
from provider.store import Store


class Operations:
    """What the entry points are given."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        *,
        networks: Networks = ANYWHERE,
        secrets_directory: Path | None = None,
    ) -> None:
        self.store = store
        self.feed = feed
        self.networks = networks
        self.credentials = GatewayCredentials(feed, secrets_directory)
        self.writability = Writability(store, feed)
        self.clock_skew = ClockSkew(store)
        self.discovery = Discovery(store, feed, networks=networks)
        self.gateways = Gateways(store, feed, networks=networks, credentials=self.credentials)
        self.observations = self.gateways.observations
        self.availability = Availability(feed, self.gateways, networks=networks)
        self.routes = Routes(feed)
        self.rollouts = Rollouts(store, feed, self.discovery, self.availability, self.routes, networks=networks)
        self.analyses = Analyses(store)
        self.obstacles = Obstacles(self.gateways, self.availability)
        self.waits = Waits(store)
        self.traffic = Traffic(store, feed)
        self.plans = Plans(self.analyses, self.traffic)
        self.tokens = Tokens(store, feed, self.writability)
        self.sessions = Sessions(store, feed)
        self.webhooks = Webhooks(store, feed, networks=networks)
        self.waiting = Waiting(self.rollouts, self.gateways, feed)
        self.restoring = Restoring(store, feed)
