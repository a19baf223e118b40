"""The history of a rollout as sentences, each with the way back to it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from provider.domain.fields import InvalidDocumentError, NotJsonError
from provider.domain.rollouts import Action, Phase, Rollout
from provider.replica import read_rollout
from provider.store import Event, Stored
from provider.web.pages.filters import percent

_SINCE_SHOWN = 100
_DID: Mapping[str, str] = {
    "create": "created the rollout",
    "replace": "changed the spec",
    "canary": "started a new canary",
    "delete": "deleted the rollout",
    Action.SCALE: "scaled the servers of a side",
    Action.DRAIN: "drained a server",
    Action.UNDRAIN: "stopped draining a server",
    Action.SET_WEIGHT: "set the weight",
    Action.PROMOTE: "promoted to the next step",
    Action.PROMOTE_FULL: "promoted the canary to stable",
    Action.ABORT: "aborted the canary",
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.RETRY: "retried the canary",
    Action.SKIP: "skipped a step",
    Action.ADVANCE: "advanced automatically",
    Action.HOLD: "paused for approval",
    Action.UNDO: "rolled back to an earlier revision",
}


@dataclass(frozen=True)
class Entry:
    """One change, and the rollout as it was then; None where it was deleted or cannot be read."""

    revision: int
    actor: str
    did: str
    reason: str
    at: datetime
    before: Rollout | None
    after: Rollout | None
    is_current: bool
    back_by_weight: Decimal | None
    """The weight that alone leads back: the spec is the same now, so that no admin is needed."""

    @property
    def weights(self) -> str:
        """Say what became of the weight."""
        if self.after is None:
            return ""
        now = _share(self.after)
        then = _share(self.before) if self.before else now
        return now if now == then else f"{then} → {now}"

    @property
    def phase(self) -> Phase | None:
        """Tell the phase that it led to."""
        return self.after.status.phase if self.after else None


class ReadHistory(Protocol):
    """What reads the events of a rollout, newest first."""

    def __call__(self, name: str, *, limit: int, before: int | None = None) -> Sequence[Event]:
        """Read some."""
        ...


def since(history: ReadHistory, current: Rollout, seen: int) -> Sequence[Entry]:
    """Tell what happened to a rollout since somebody saw it at a version."""
    events = history(current.name, limit=_SINCE_SHOWN)
    return timeline([event for event in events if event.revision > seen], current)


def timeline(events: Sequence[Event], current: Rollout) -> Sequence[Entry]:
    """Tell what happened, newest first as the events are."""
    return [_entry(event, current) for event in events]


def _entry(event: Event, current: Rollout) -> Entry:
    after = _rollout(event, event.after)
    return Entry(
        revision=event.revision,
        actor=event.actor,
        did=_DID.get(event.action, event.action),
        reason=event.reason,
        at=event.at,
        before=_rollout(event, event.before),
        after=after,
        is_current=event.revision == current.version,
        back_by_weight=_weight_back(after, current),
    )


def _rollout(event: Event, text: str | None) -> Rollout | None:
    try:
        return read_rollout(event.key.name, Stored(event.revision, text)) if text else None
    except (InvalidDocumentError, NotJsonError):
        return None  # damaged by hand; the rest of the entry is still worth reading


def _weight_back(after: Rollout | None, current: Rollout) -> Decimal | None:
    is_by_weight = (
        after is not None
        and after.canary is not None
        and after.spec == current.spec
        and after.status.generation == current.status.generation
        and Action.SET_WEIGHT in current.actions
    )
    return after.status.weight if after is not None and is_by_weight else None


def _share(rollout: Rollout) -> str:
    return percent(rollout.status.weight) if rollout.spec.canary else "no canary"
