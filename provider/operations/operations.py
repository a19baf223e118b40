"""All use cases over one store and one feed."""

from provider.feed import Feed
from provider.operations.analyses import Analyses
from provider.operations.gateways import Gateways
from provider.operations.restoring import Restoring
from provider.operations.rollouts import Rollouts
from provider.operations.tokens import Tokens
from provider.operations.waiting import Waiting
from provider.operations.webhooks import Webhooks
from provider.store import Store


class Operations:
    """What the entry points are given."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self.store = store
        self.feed = feed
        self.rollouts = Rollouts(store, feed)
        self.analyses = Analyses(store)
        self.gateways = Gateways(store, feed)
        self.tokens = Tokens(store, feed)
        self.webhooks = Webhooks(store, feed)
        self.waiting = Waiting(self.rollouts, self.gateways, feed)
        self.restoring = Restoring(store, feed)
