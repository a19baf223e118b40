"""How canaries end, and how long they were on their way."""

from provider.domain.fields import InvalidDocumentError, NotJsonError, decode_json, read
from provider.domain.rollouts import Phase, Status
from provider.observability import metrics
from provider.store import Event

_ON_ITS_WAY = frozenset({Phase.PROGRESSING, Phase.PAUSED})


def count_end(event: Event) -> None:
    """Count it where a change of a rollout ended the way of its canary."""
    before, after = _status(event.before), _status(event.after)
    outcome = _outcome(before, after) if before else None
    if before is None or outcome is None:
        return
    metrics.ROLLOUT_ENDS.labels(event.key.name, outcome).inc()
    if before.started:
        took = event.at - before.started
        metrics.ROLLOUT_SECONDS.labels(outcome).observe(max(0.0, took.total_seconds()))


def _outcome(before: Status, after: Status | None) -> str | None:
    if before.phase not in _ON_ITS_WAY:
        return None
    if after is None:
        return "deleted"
    match after.phase:
        case Phase.DEGRADED:
            return "aborted"
        case Phase.HEALTHY:
            is_taken_over = after.stable_generation != before.stable_generation
            return "promoted" if is_taken_over else "removed"
    return None


def _status(text: str | None) -> Status | None:
    try:
        document = decode_json(text) if text else None
        return read(Status, document.get("status")) if isinstance(document, dict) else None
    except (InvalidDocumentError, NotJsonError):
        return None  # what somebody has damaged had no way that could be told
