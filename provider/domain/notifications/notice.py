"""Notifications: what a change of a rollout means to people."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from provider.domain.fields import weight_number
from provider.domain.rollouts import Phase, Rollout

_FOR_A_PERSON = "waiting for approval"


class NoticeKind(StrEnum):
    """Kind of a notification."""

    CREATED = "created"
    """A rollout without a canary was created."""
    STARTED = "started"
    """A canary was started or restarted."""
    ADVANCED = "advanced"
    """The weight or the current step changed, automatically or manually."""
    WAITING = "waiting"
    """The rollout waits for manual approval."""
    ABORTED = "aborted"
    """The canary was aborted: all traffic is on stable."""
    PROMOTED = "promoted"
    """The canary was promoted, or a former stable version was restored."""
    REMOVED = "removed"
    """The canary was removed from the spec."""
    DELETED = "deleted"
    TEST = "test"
    """Test message, sent on request."""


@dataclass(frozen=True)
class Notice:
    """A notification. `phase` is empty for a deleted rollout; `weight` is in percent.

    `request_id` is the ID of the request that made the change, empty if no request did.
    """

    kind: NoticeKind
    rollout: str
    text: str
    phase: str
    weight: Decimal
    actor: str
    reason: str
    at: datetime
    revision: int
    request_id: str = ""


@dataclass(frozen=True)
class Occasion:
    """Actor, time and reason of a change, and the revision that it created."""

    name: str
    actor: str
    reason: str
    at: datetime
    revision: int
    request_id: str = ""


def describe(before: Rollout | None, after: Rollout | None, occasion: Occasion) -> Notice | None:
    """Say what a change means; None for one that moves no traffic and changes nothing that is waited for."""
    if after is None:
        return _notice(NoticeKind.DELETED, None, occasion)
    kind = _kind(before, after)
    return _notice(kind, after, occasion) if kind else None


def sample(at: datetime) -> Notice:
    """Give what is sent to see that a webhook works. Its words hold what a receiver may stumble over."""
    return Notice(
        kind=NoticeKind.TEST,
        rollout="example",
        text='example: this is a test of the webhook: "quotes", <angles> & \\ 25% – nothing has happened',
        phase=Phase.PAUSED,
        weight=Decimal("2.5"),
        actor="traefik-canary",
        reason='test reason: "quotes", <angles> & \\',
        at=at,
        revision=0,
    )


def _kind(before: Rollout | None, after: Rollout) -> NoticeKind | None:
    if before is None:
        return NoticeKind.CREATED if after.spec.canary is None else NoticeKind.STARTED
    if after.status.phase is Phase.HEALTHY:
        return _kind_at_rest(before, after)
    if after.status.phase is Phase.DEGRADED:
        return None if before.status.phase is Phase.DEGRADED else NoticeKind.ABORTED
    if after.status.generation != before.status.generation or before.status.phase is Phase.DEGRADED:
        return NoticeKind.STARTED
    if _standing(before) == _standing(after):
        return None
    return NoticeKind.WAITING if _waits_for_a_person(after) else NoticeKind.ADVANCED


def _kind_at_rest(before: Rollout, after: Rollout) -> NoticeKind | None:
    if after.status.stable_generation != before.status.stable_generation:
        return NoticeKind.PROMOTED
    return None if before.status.phase is Phase.HEALTHY else NoticeKind.REMOVED


def _standing(rollout: Rollout) -> object:
    status = rollout.status
    return status.phase, status.weight, status.step_index, status.paused_until, status.analysis_since


def _waits_for_a_person(rollout: Rollout) -> bool:
    return rollout.status.phase is Phase.PAUSED and rollout.status.paused_until is None


def _notice(kind: NoticeKind, rollout: Rollout | None, occasion: Occasion) -> Notice:
    return Notice(
        kind=kind,
        rollout=occasion.name,
        text=f"{occasion.name}: {_words(kind, rollout, occasion.reason)}",
        phase=rollout.status.phase if rollout else "",
        weight=rollout.status.weight if rollout else Decimal(0),
        actor=occasion.actor,
        reason=occasion.reason,
        at=occasion.at,
        revision=occasion.revision,
        request_id=occasion.request_id,
    )


def _words(kind: NoticeKind, rollout: Rollout | None, reason: str) -> str:
    if rollout is None:
        return f"the rollout was deleted: {reason}" if reason else "the rollout was deleted"
    match kind:
        case NoticeKind.CREATED:
            return f"rollout created: {rollout.status.reason}"
        case NoticeKind.STARTED:
            return f"canary started: {_where(rollout)}"
        case NoticeKind.ADVANCED:
            return _where(rollout)
        case NoticeKind.WAITING:
            # A rollout may say why it waits, and not for whom: here somebody is meant to do something.
            where = _where(rollout)
            return where if _FOR_A_PERSON in where else f"{where}: {_FOR_A_PERSON}"
        case _:
            return rollout.status.reason


def _where(rollout: Rollout) -> str:
    status = rollout.status
    if status.phase is Phase.PROGRESSING and not rollout.is_judging:
        return status.reason  # it is held by hand, and the reason names the weight
    return f"{weight_number(status.weight)}% to the canary, {status.reason}"
