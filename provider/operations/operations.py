"""All use cases over one store and one feed."""

from pathlib import Path

from provider.documents.addresses import Networks
from provider.feed import Feed
from provider.operations.analyses import Analyses
from provider.operations.availability import Availability
from provider.operations.credentials import GatewayCredentials
from provider.operations.discovery import Discovery
from provider.operations.gateways import Gateways
from provider.operations.obstacles import Obstacles, Waits
from provider.operations.plans import Plans
from provider.operations.restoring import Restoring
from provider.operations.rollouts import Rollouts
from provider.operations.routes import Routes
from provider.operations.sessions import Sessions
from provider.operations.tokens import Tokens
from provider.operations.traffic import Traffic
from provider.operations.waiting import Waiting
from provider.operations.webhooks import Webhooks
from provider.operations.writability import Writability
from provider.reaching import ANYWHERE
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
        self.discovery = Discovery(store, feed, networks=networks)
        self.gateways = Gateways(store, feed, networks=networks, credentials=self.credentials)
        self.observations = self.gateways.observations
        self.availability = Availability(feed, self.gateways, networks=networks)
        self.routes = Routes(feed)
        self.rollouts = Rollouts(store, feed, self.discovery, self.availability, self.routes, networks=networks)
        self.analyses = Analyses(store)
        self.obstacles = Obstacles(feed, self.gateways, self.availability)
        self.waits = Waits(store)
        self.traffic = Traffic(store, feed)
        self.plans = Plans(self.analyses, self.traffic)
        self.tokens = Tokens(store, feed, self.writability)
        self.sessions = Sessions(store, feed)
        self.webhooks = Webhooks(store, feed, networks=networks)
        self.waiting = Waiting(self.rollouts, self.gateways, feed)
        self.restoring = Restoring(store, feed)
