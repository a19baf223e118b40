"""A provider without processes: the real feed and use cases over the store in memory, with a clock of the test's."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from provider.domain.fields import read
from provider.domain.rollouts import Spec
from provider.replica import Feed, State
from provider.services import Call, Operations
from provider.store import MemoryStore

# Who tests something else may empty what is served.
ME = Call(actor="test", allow_shrink=True)


@dataclass
class Clock:
    """A clock that only moves when it is told to."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_time(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class World:
    """The parts of one worker, running."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock)
        self.feed = Feed(self.store)
        self.operations = Operations(self.store, self.feed)

    def start(self) -> None:
        self.feed.start()
        assert wait_until(lambda: self.feed.state is State.FOLLOWING)

    def caught_up(self) -> None:
        """Wait until the feed has everything that was written."""
        assert self.feed.wait_until(lambda image: image.revision >= self.store.revision()[1], seconds=5)


def wait_until(holds: Callable[[], bool], *, seconds: float = 5) -> bool:
    """Wait for something that happens soon; False when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.002)
    return holds()


def spec(**changes: Any) -> Spec:
    """Make a spec with two sides; None leaves a field out."""
    document = {
        "rule": "Host(`shop.localhost`)",
        "stable": {"servers": [{"url": "http://127.0.0.1:9001"}]},
        "canary": {"servers": [{"url": "http://127.0.0.1:9002"}]},
        **changes,
    }
    return read(Spec, {name: value for name, value in document.items() if value is not None})
