"""How canaries end, and how long they were on their way."""

from provider import metrics
from provider.documents import InvalidDocumentError, NotJsonError
from provider.feed import read_rollout
from provider.rollouts import Phase, Rollout
from provider.store import Event, Stored

_ON_ITS_WAY = frozenset({Phase.PROGRESSING, Phase.PAUSED})


def count_end(event: Event) -> None:
    """Count it where a change of a rollout ended the way of its canary."""
    before, after = _rollout(event, event.before), _rollout(event, event.after)
    outcome = _outcome(before, after) if before else None
    if before is None or outcome is None:
        return
    metrics.ROLLOUT_ENDS.labels(event.key.name, outcome).inc()
    if before.status.started:
        took = event.at - before.status.started
        metrics.ROLLOUT_SECONDS.labels(outcome).observe(max(0.0, took.total_seconds()))


def _outcome(before: Rollout, after: Rollout | None) -> str | None:
    if before.status.phase not in _ON_ITS_WAY:
        return None
    if after is None:
        return "deleted"
    match after.status.phase:
        case Phase.DEGRADED:
            return "aborted"
        case Phase.HEALTHY:
            is_taken_over = after.status.stable_generation != before.status.stable_generation
            return "promoted" if is_taken_over else "withdrawn"
    return None


def _rollout(event: Event, text: str | None) -> Rollout | None:
    try:
        return read_rollout(event.key.name, Stored(event.revision, text)) if text else None
    except (InvalidDocumentError, NotJsonError):
        return None  # what somebody has damaged had no way that could be told
