"""The shares that canaries really get, as the controller that counts them has seen it last."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from provider.domain.analysis import Share
from provider.domain.analysis.share import unknown_share
from provider.domain.fields import Document
from provider.domain.rollouts import Rollout
from provider.replica import Feed
from provider.services.notes import Note
from provider.store import Store

ZERO = Decimal(0)
SAMPLE_SECONDS = 2.0
"""How often the controller reads Traefik's counters, where few services make that cheap."""
NOT_MEASURED_YET = f"not measured yet (the controller samples traffic every {SAMPLE_SECONDS:g} s)"
# A controller that has just started needs a few seconds; one that is silent for longer is not there.
_OVERDUE = timedelta(seconds=15)


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
        requested = self._feed.read(
            lambda image: {name: weight_of(image.rollouts.get(name)) for name in noted.rollouts}
        )
        return {name: share for name, share in noted.rollouts.items() if share.requested == requested[name]}

    def share(self, rollout: Rollout | str) -> Share:
        """Give the share of one canary; where it is not known, why."""
        name = rollout if isinstance(rollout, str) else rollout.name
        known = self._feed.read(lambda image: image.rollouts.get(name)) if isinstance(rollout, str) else rollout
        weight = weight_of(known)
        noted = self._note.latest() if weight is not None else None
        share = noted.rollouts.get(name) if noted else None
        if share and share.requested == weight:
            return share
        requested = known.status.weight if known else ZERO
        now = self._store.now()
        words = _why_unknown(known, is_watched=noted is not None, now=now)
        return unknown_share(words, requested=requested, now=now)


def weight_of(rollout: Rollout | None) -> Decimal | None:
    """Give the weight by which Traefik splits the requests; None where it does not: all go to one side."""
    if rollout is None or rollout.canary is None:
        return None
    weight = rollout.status.weight
    return weight if 0 < weight < 100 else None


def _why_unknown(rollout: Rollout | None, *, is_watched: bool, now: datetime) -> str:
    if rollout is None or weight_of(rollout) is None:
        return "all requests go to one side"
    if not is_watched and now - rollout.status.since > _OVERDUE:
        return "not measured: no controller has reported recently; is one running?"
    return NOT_MEASURED_YET
