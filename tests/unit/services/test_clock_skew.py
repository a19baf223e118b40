"""A clock that is not the store's is reported in the log, by /readyz and as a metric."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from provider.services.clock_skew import ClockSkew
from provider.store import MemoryStore
from tests.world import World, wait_until


def store_behind(seconds: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) - timedelta(seconds=seconds)


@pytest.mark.parametrize(("behind", "is_reported"), [(0, False), (4, False), (6, True), (-6, True)])
def test_a_skew_above_5_seconds_is_a_problem(
    behind: float, is_reported: bool, caplog: pytest.LogCaptureFixture
) -> None:
    skew = ClockSkew(MemoryStore(clock=store_behind(behind)))
    for _ in range(2):
        skew.measure()

    assert skew.ahead_seconds == pytest.approx(behind, abs=1)
    assert (skew.problem is not None) == is_reported
    assert [record.message for record in caplog.records] == ["clock.skewed"] * is_reported


def test_a_skew_that_ends_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    times = [timedelta(seconds=60), timedelta()]
    skew = ClockSkew(MemoryStore(clock=lambda: datetime.now(UTC) + times[0]))
    skew.measure()
    times.pop(0)
    skew.measure()

    assert [record.message for record in caplog.records] == ["clock.skewed", "clock.right"]
    assert skew.problem is None


def test_a_worker_measures_until_its_feed_closes(world: World) -> None:
    skew = world.operations.clock_skew
    skew.start(world.feed)
    assert wait_until(lambda: skew.problem is not None)  # the store's clock stands still, a long time ago
    world.feed.close()
    assert wait_until(lambda: "clock" not in {thread.name for thread in threading.enumerate()})

    assert skew.ahead_seconds > 0
