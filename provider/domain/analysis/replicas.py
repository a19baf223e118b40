"""Several Traefiks behind one metrics address: their counters cannot be told apart, so they must not be judged.

A load balancer or a DNS name sends each sample to another process. Taken for a restart, all that a process ever
counted would become one window.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

# Clocks of two machines differ by a little, and a process starts before it first answers.
_TOLERANCE = timedelta(seconds=60)
STARTS_KEPT = 8
# Of several Traefiks each is sampled every now and then: one that was not for so long is gone.
_GONE_AFTER = timedelta(minutes=5)


def is_replica(started: float | None, *, before: Sequence[float], sampled_at: datetime | None) -> bool:
    """Tell whether a process is another one than that of the last sample, and no restart of it.

    `before` are the start times seen so far (Unix time in seconds), the latest last; `sampled_at` is the time of the
    last sample of this gateway. A restart is newer than every process before it, and began after that sample: also if
    it happened while the gateway could not be reached.
    """
    if started is None or not before or started == before[-1]:
        return False
    if started in before:
        return True
    return sampled_at is not None and datetime.fromtimestamp(started, UTC) < sampled_at - _TOLERANCE


def is_gone(*, sampled_at: datetime | None, now: datetime) -> bool:
    """Tell whether the Traefik that was sampled last has been replaced by another one."""
    return sampled_at is not None and now - sampled_at >= _GONE_AFTER


def with_start(before: Sequence[float], started: float | None) -> tuple[float, ...]:
    """Add the start time of a process to those that were seen."""
    if started is None or (before and before[-1] == started):
        return tuple(before)
    return (*before, started)[-STARTS_KEPT:]


def several_traefiks(gateway: str) -> str:
    """Say what is wrong with the metrics address of a gateway, and the cure."""
    return (
        f"several Traefik instances respond for gateway {gateway}: their counters are indistinguishable; "
        "give each its own name and metrics URL"
    )
