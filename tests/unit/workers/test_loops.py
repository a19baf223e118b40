"""Threads that run as long as the process does: they say that they live, and survive what fails in them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider.observability import metrics
from provider.replica import Feed, SnapshotFile
from provider.store import Contents
from provider.web.poll import SightingBook
from provider.workers import Controller, Discovering, Messenger, Watcher
from tests.world import ME, World, spec, wait_until


class FailingSnapshot(SnapshotFile):
    """Fails at the first write in a way that nobody has thought of."""

    writes = 0

    def write(self, contents: Contents) -> bool:
        self.writes += 1
        if self.writes == 1:
            raise RuntimeError("unheard of")
        return super().write(contents)


@pytest.fixture
def snapshot(tmp_path: Path) -> FailingSnapshot:
    return FailingSnapshot(tmp_path / "snapshot.json")


@pytest.fixture
def followed(world: World, snapshot: FailingSnapshot) -> Iterator[Feed]:
    feed = Feed(world.store, snapshot=snapshot)
    yield feed
    feed.close()


def last_round(loop: str) -> float:
    moment: float = metrics.LAST_ROUND.labels(loop)._value.get()
    return moment


def test_every_loop_tells_when_it_went_round_last(world: World, followed: Feed) -> None:
    began = time.time()
    for loop in (Controller, Watcher, Discovering, Messenger):
        loop(world.operations).start()
    SightingBook(world.store, world.feed).start()
    followed.start()

    loops = ["controller", "watcher", "discovery", "webhooks", "replica", "snapshot", "polls"]
    assert wait_until(lambda: all(last_round(loop) >= began for loop in loops), seconds=20)


def test_the_snapshot_is_written_after_a_failure_of_any_kind(
    world: World, followed: Feed, snapshot: FailingSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    followed.start()
    world.operations.rollouts.create("shop", spec(), ME)

    assert wait_until(lambda: snapshot.writes > 1, seconds=20)
    assert "snapshot.failed" in caplog.messages
