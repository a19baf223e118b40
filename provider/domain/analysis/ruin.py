"""A canary that fails most of its requests: recognized within two minutes, at any weight and without statistics.

The comparison needs requests on both sides, and evidence that does not rest on one short time. Neither is wanted for
a canary that is plainly down while stable is not: ten bad responses that are more than half of all are enough, within
two minutes or in each of the latest two samples. So are fewer, where all evidence of the comparison refutes chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from provider.domain.analysis.counts import Trials, Window
from provider.domain.analysis.number_format import per_cent
from provider.domain.analysis.values import Value

SPAN = timedelta(minutes=2)
LEAST_BAD = 10
_CANARY_ABOVE = 0.5
_STABLE_BELOW = 0.25
_IN_A_ROW = 2


@dataclass(frozen=True)
class Recent(Value):
    """The requests of each side, and how many of them were errors, between one sample and the one before."""

    at: datetime
    canary: Trials
    stable: Trials
    baseline: Trials | None = None


def remembered(recent: Iterable[Recent], window: Window, *, now: datetime) -> tuple[Recent, ...]:
    """Add a window, and drop those that are older than the span; the newest always stays."""
    kept = tuple(one for one in recent if timedelta() <= now - one.at < SPAN)
    baseline = window.baseline.failing if window.baseline else None
    return (*kept, Recent(now, window.canary.failing, window.stable.failing, baseline))


def ruin(recent: Iterable[Recent], *, is_evident: bool = False) -> str:
    """Return why the canary is plainly down; empty if it is not.

    `is_evident` tells that the comparison refutes by itself that chance made the errors: few of them are enough then.
    """
    windows, least_bad = tuple(recent), 1 if is_evident else LEAST_BAD
    if sum(one.canary.bad for one in windows) < least_bad:
        return ""
    latest = windows[-_IN_A_ROW:]
    # Of a canary that breaks after a good time, the latest samples tell before most of two minutes are bad.
    is_broken = len(latest) == _IN_A_ROW and all(one.canary.bad > _CANARY_ABOVE * one.canary.total for one in latest)
    return _ruin(windows, least_bad) or (_ruin(latest, least_bad) if is_broken else "")


def _ruin(windows: Sequence[Recent], least_bad: int) -> str:
    canary = summed(one.canary for one in windows)
    stable = summed(one.stable for one in windows)
    if not is_down(canary, beside=stable, least_bad=least_bad):
        return ""
    beside = f"{per_cent(stable.rate)} on stable" if stable.rate is not None else "no requests to stable"
    return f"{canary.bad} of the last {canary.total} requests to the canary failed ({beside})"


def is_down(trials: Trials, *, beside: Trials, least_bad: int = LEAST_BAD) -> bool:
    """Tell whether a side fails most of its requests, and the one beside it does not."""
    if trials.bad < least_bad or trials.bad <= _CANARY_ABOVE * trials.total:
        return False
    return not beside.total or beside.bad < _STABLE_BELOW * beside.total


def summed(trials: Iterable[Trials]) -> Trials:
    """Return the sum of at least one."""
    return Trials(*map(sum, zip(*trials, strict=True)))
