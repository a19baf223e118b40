"""What is counted of the loops: how long looks took, and what they came to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from provider.domain.analysis import Outcome, Record
from provider.domain.rollouts import Rollout, settings_of
from provider.observability import metrics
from provider.store import StoreUnavailableError


@contextmanager
def timed_look(loop: str) -> Iterator[None]:
    """Time a look of a loop, and note how it ended."""
    began, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "ok"
    except StoreUnavailableError:
        outcome = "unavailable"
        raise
    finally:
        metrics.LOOK_SECONDS.labels(loop, outcome).observe(time.monotonic() - began)


def count_verdict(rollout: Rollout, record: Record) -> None:
    """Count what the newest look at a canary came to, and keep its evidence."""
    for outcome in Outcome:
        metrics.VERDICTS.labels(rollout.name, outcome)  # from 0 on: a rate sees nothing of what begins at 1
    metrics.VERDICTS.labels(rollout.name, record.samples[0].outcome).inc()
    for one in record.verdict(settings_of(rollout)).metrics:
        for claim, value, needed in (
            ("worse", one.worse_e_value, one.worse_threshold),
            ("not-worse", one.not_worse_e_value, one.not_worse_threshold),
        ):
            metrics.ROLLOUT_E_VALUE.labels(rollout.name, one.metric, claim).set(value)
            metrics.ROLLOUT_E_VALUE_NEEDED.labels(rollout.name, one.metric, claim).set(needed)
