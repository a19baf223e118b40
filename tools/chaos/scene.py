"""A system under load, and all that is seen of it."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tools.chaos.canaries import Canaries
from tools.chaos.polls import Watch
from tools.chaos.register import Entry, lost, violations
from tools.chaos.system import SHOPS, System
from tools.chaos.users import Users
from tools.chaos.writers import Writers, history_of, state_of


@dataclass
class Scene:
    """Users, writers and polls on a system; between two checks the writers' histories are whole."""

    system: System
    users: Users
    writers: Writers
    watch: Watch
    canaries: Canaries
    chance: random.Random
    since: dict[str, Entry] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    aborted: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Remember the state that all that follows builds upon; nobody may be writing."""
        self.since = {name: state_of(self.system, name) for name in SHOPS}

    def check(self) -> None:
        """Hold the writers, compare what they saw with the history, and begin anew."""
        self.writers.hold()
        for name, since in self.since.items():
            history, seen = history_of(self.system, name, since=since), self.writers.take(name)
            self.lost += [f"{name}: {one.id} at version {one.version}" for one in lost(history, seen)]
            self.violations += [f"{name}: {words}" for words in violations(history, seen)]
        self.begin()

    def forget(self) -> Sequence[str]:
        """Give all that was found wrong, and begin with nothing."""
        found = [*self.violations]
        self.lost, self.violations = [], []
        return found


@contextmanager
def under_load(system: System, *, seed: int) -> Iterator[Scene]:
    """Have users, writers and polls at work, the writers held at first."""
    users, writers, watch = Users(system), Writers(system), Watch(system)
    scene = Scene(system, users, writers, watch, Canaries(system), random.Random(seed))  # noqa: S311 a game, no secret
    scene.begin()
    parts = (users, watch, writers)
    for part in parts:
        part.start()
    try:
        yield scene
    finally:
        for part in parts:
            part.stop()
