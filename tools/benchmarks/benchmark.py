"""The benchmark: both ways in turns, so that whatever else this machine does falls on both."""

import math
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from provider.demo.gateway import traefik_binary
from provider.demo.processes import Processes
from tools.benchmarks import machine
from tools.benchmarks.measuring import Arrival, Meter, Traffic, metered
from tools.benchmarks.system import DEFAULT_POLL_SECONDS, HOST, SHIPPED, UNTUNED, System
from tools.benchmarks.wire import Connection

_WARM_UP_CHANGES = 20
# Far from the 10 ms of Traefik's ticker, and random: no change may keep step with a poll.
_PAUSE_SECONDS = (0.05, 0.3)
_DISK_WRITES = 20

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    changes: int = 200
    other_rollouts: int = 0
    peer_changes: int = 6

    @property
    def rounds(self) -> Sequence[int]:
        """Tell how many changes each round has; in each, the peer has one."""
        rounds = max(1, self.peer_changes)
        return [self.changes * (index + 1) // rounds - self.changes * index // rounds for index in range(rounds)]


@dataclass
class Outcome:
    """What was measured, in seconds, and of what."""

    plan: Plan
    machine: str
    traffic: Traffic
    disk: list[float] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    watched: list[Arrival] = field(default_factory=list)
    peer: list[Arrival] = field(default_factory=list)


def run(plan: Plan, *, say: Say) -> Outcome:
    """Start everything, measure, end everything. Raises MeasurementError, WireError, ProcessFailedError."""
    before = _machine()
    with tempfile.TemporaryDirectory(prefix="traefik-canary-bench-") as path, ExitStack() as stack:
        directory = Path(path)
        system = System(directory, stack.enter_context(Processes(directory)))
        say(f"starting the provider, Traefik, two versions of an app and {plan.other_rollouts} other rollouts")
        system.start(other_rollouts=plan.other_rollouts)
        meter = stack.enter_context(metered(system, SHIPPED))
        _changes(meter, _WARM_UP_CHANGES)
        meter.traffic = Traffic()
        outcome = Outcome(plan, before, meter.traffic)
        for index, changes in enumerate(plan.rounds):
            say(f"round {index + 1} of {len(plan.rounds)}: {changes} changes")
            outcome.arrivals += _changes(meter, changes)
            with Connection(HOST, system.provider.port) as watch:
                outcome.watched += _changes(meter, math.ceil(changes / 4), watch=watch)
            outcome.disk += _disk_writes(directory)
            if plan.peer_changes:
                outcome.peer.append(_peer_change(system, share=(index + random.random()) / plan.peer_changes))  # noqa: S311
                meter.settle()
        return outcome


def _changes(meter: Meter, count: int, *, watch: Connection | None = None) -> list[Arrival]:
    pauses = (random.uniform(*_PAUSE_SECONDS) for _ in range(count))  # noqa: S311 nothing secret
    return [meter.change(after_seconds=seconds, watch=watch) for seconds in pauses]


def _peer_change(system: System, *, share: float) -> Arrival:
    """Measure one change at Traefik's defaults, made when `share` of the time between two polls is over.

    Shares that are spread evenly tell with few changes what chance would tell with many. Its Traefik runs for this
    one change only: it takes nothing from the others.
    """
    with metered(system, UNTUNED) as meter:
        return meter.change(after_seconds=share * DEFAULT_POLL_SECONDS)


def _disk_writes(directory: Path) -> Iterator[float]:
    """Time what Valkey does before it acknowledges a change: a small write, forced to this disk."""
    with (directory / "disk").open("ab", buffering=0) as file:
        for _ in range(_DISK_WRITES):
            began = time.perf_counter()
            file.write(b"." * 1_000)
            os.fdatasync(file.fileno())
            yield time.perf_counter() - began
            time.sleep(0.005)


def _machine() -> str:
    """Say what is measured on, and how busy it is before anything of ours runs."""
    version = subprocess.run([traefik_binary(), "version"], capture_output=True, text=True, check=True).stdout
    return f"{machine.description()}, Traefik {version.split()[1]}"
