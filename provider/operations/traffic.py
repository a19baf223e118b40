"""The shares that canaries really get, as the controller that counts them has seen it last."""

from collections.abc import Mapping
from decimal import Decimal

from provider.analysis import Share
from provider.analysis.share import unknown_share
from provider.documents import Document
from provider.feed import Feed
from provider.operations.notes import Note
from provider.rollouts import Rollout
from provider.store import Store

ZERO = Decimal(0)


class _Shares(Document):
    rollouts: dict[str, Share]


class Traffic:
    """What part of the requests canaries get, told by the rollouts' names. Raises StoreUnavailableError."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed
        self._note = Note(store, "shares", _Shares)

    def publish(self, shares: Mapping[str, Share], *, seconds: float) -> None:
        """Tell all workers, for so long."""
        self._note.publish(_Shares(rollouts=dict(shares)), seconds=seconds)

    def shares(self) -> Mapping[str, Share]:
        """Read the shares of all canaries at the weights that they have now, in one question."""
        noted = self._note.latest()
        if noted is None:
            return {}
        asked = self._feed.read(lambda image: {name: weight_of(image.rollouts.get(name)) for name in noted.rollouts})
        return {name: share for name, share in noted.rollouts.items() if share.asked == asked[name]}

    def share(self, rollout: Rollout | str) -> Share:
        """Give the share of one canary; where it is not known, why."""
        name = rollout if isinstance(rollout, str) else rollout.name
        known = self._feed.read(lambda image: image.rollouts.get(name)) if isinstance(rollout, str) else rollout
        weight = weight_of(known)
        noted = self._note.latest() if weight is not None else None
        share = noted.rollouts.get(name) if noted else None
        if share and share.asked == weight:
            return share
        asked = known.status.weight if known else ZERO
        return unknown_share(_why_unknown(known, is_watched=noted is not None), asked=asked, now=self._store.now())


def weight_of(rollout: Rollout | None) -> Decimal | None:
    """Give the weight by which Traefik splits the requests; None where it does not: all go to one side."""
    if rollout is None or rollout.canary is None:
        return None
    weight = rollout.status.weight
    return weight if 0 < weight < 100 else None


def _why_unknown(rollout: Rollout | None, *, is_watched: bool) -> str:
    if weight_of(rollout) is None:
        return "all requests go to one side"
    return (
        "its weight is new, and was not looked at yet"
        if is_watched
        else "nobody has looked yet: is a controller running?"
    )
