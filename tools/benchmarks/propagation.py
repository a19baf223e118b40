"""How long a shift takes to reach traffic, beside the peers: `python -m tools.benchmarks.propagation`.

From the first byte of what makes the shift, to the last byte of the first answer of the other version. All peers run
at once with the same rollouts, and take turns, so that whatever else the machine does falls on all of them.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from select import select

from tools.benchmarks.distribution import Distribution
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.peers import Bench, Peer, version_of
from tools.benchmarks.system import HOST, SITE
from tools.benchmarks.targets import TARGETS, Figures, verdict
from tools.benchmarks.wire import Connection, WireError, request

SIZES = (1, 100, 1_000, 5_000, 10_000)
_PROBE = request("GET", "/", headers={"Host": SITE})
_PATIENCE_SECONDS = 240.0
_PAUSE_SECONDS = (0.05, 0.3)
_WARM_UP = 3
# A Traefik goes on working when a shift is in traffic: it collects garbage, the Redis provider reads all once more.
# With many rollouts nobody else is timed for so many times as long as the shift took.
SETTLING = 1.5
_MANY, _PROBE_PAUSE_SECONDS = 1_000, 0.001
# What a Traefik at its defaults waits: as a share of its poll interval, so that few changes tell what chance would.
_POLL_SECONDS = 5.0
_OTHER = {"v1": "v2", "v2": "v1"}


@dataclass(frozen=True)
class Plan:
    """Which sizes, and how many shifts of each peer; with many rollouts each takes long."""

    sizes: Sequence[int] = SIZES
    shifts: int = 60
    peers: Sequence[str] = ("canary", "redis", "file", "defaults")

    def shifts_of(self, peer: str, size: int) -> int:
        """Tell how often a peer shifts at a size."""
        if peer == "defaults":
            return 4
        return max(5, self.shifts // max(1, size // 250)) if size > 100 else self.shifts


def measure(plan: Plan, size: int) -> Mapping[str, Sequence[float]]:
    """Give the seconds of every shift by peer. Raises MeasurementError, ProcessFailedError, WireError."""
    with Bench.of(size) as bench, ExitStack() as stack:
        ways = {
            name: stack.enter_context(getattr(bench, "provider" if name == "canary" else name)())
            for name in plan.peers
            if name != "defaults" or size == 1
        }
        lanes = {name: stack.enter_context(Lane(way, size=size)) for name, way in ways.items()}
        for _ in range(_WARM_UP):
            for name, lane in lanes.items():
                if name != "defaults":
                    lane.shift()
        return _in_turns(plan, size, lanes)


def _in_turns(plan: Plan, size: int, lanes: Mapping[str, "Lane"]) -> Mapping[str, Sequence[float]]:
    counts = {name: plan.shifts_of(name, size) for name in lanes}
    seconds: dict[str, list[float]] = {name: [] for name in lanes}
    rounds = max(counts.values())
    settling = 0.0
    for index in range(rounds):
        for name, lane in lanes.items():
            # Those that shift less often do so evenly over the whole time.
            if index * counts[name] // rounds == (index - 1) * counts[name] // rounds and index:
                continue
            pause = random.uniform(*_PAUSE_SECONDS)  # noqa: S311 nothing secret
            if name == "defaults":
                pause = _POLL_SECONDS * (len(seconds[name]) + random.random()) / counts[name]  # noqa: S311
            time.sleep(pause + settling)
            seconds[name].append(lane.shift())
            settling = SETTLING * seconds[name][-1] if size >= _MANY else 0.0
    return seconds


class Lane:
    """A connection through one peer's Traefik, on which requests tell when a shift has arrived."""

    def __init__(self, peer: Peer, *, size: int) -> None:
        self._peer = peer
        # Traefik compares a request with the rules of all: without pauses that would slow down what is timed.
        self._pause_seconds = _PROBE_PAUSE_SECONDS if size >= _MANY else 0
        self._version = "v1"

    def __enter__(self) -> "Lane":
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._comes_through():
            if time.monotonic() > deadline:
                raise MeasurementError(f"{self._peer.name}: the first version is not there")
            time.sleep(0.1)
        return self

    def __exit__(self, *failure: object) -> None:
        self._probing.__exit__()

    def _comes_through(self) -> bool:
        try:
            self._probing = Connection(HOST, self._peer.web_port)
            return version_of(self._probing.ask(_PROBE)) == "v1"
        except (OSError, WireError):
            return False

    def shift(self) -> float:
        """Shift to the other version; in how many seconds that was in traffic."""
        self._version = _OTHER[self._version]
        pending = {self._probing} | ({self._peer.connection} if self._peer.connection else set())
        arrived = 0.0
        began = time.perf_counter()
        self._peer.shift(self._version)
        self._probing.send(_PROBE)
        while pending:
            readable, _, _ = select(pending, [], [], _PATIENCE_SECONDS)
            if not readable or time.perf_counter() - began > _PATIENCE_SECONDS:
                raise MeasurementError(f"{self._peer.name}: a shift has not arrived in {_PATIENCE_SECONDS:g} s")
            for connection in readable:
                answer = connection.receive()
                if answer is None:
                    continue
                if connection is self._probing and version_of(answer) != self._version:
                    time.sleep(self._pause_seconds)
                    self._probing.send(_PROBE)
                    continue
                if answer.status != 200:
                    raise MeasurementError(f"{self._peer.name}: {answer.status} {answer.body!r}")
                if connection is self._probing:
                    arrived = time.perf_counter() - began
                pending.remove(connection)
        return arrived


def table(size: int, seconds: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Give a size's part of the table, with each median as a multiple of ours."""
    ours = Distribution.of(seconds["canary"]).p50
    for name, values in seconds.items():
        figures = Distribution.of([value * 1_000 for value in values])
        ratio = figures.p50 / 1_000 / ours
        target = TARGETS.get(_target_name(name, size))
        goal = f"{verdict(target, ratio)}: {target.goal:g}" if target else ""
        yield (
            f"{size:>7,}  {name:<10}{figures.count:>5}{figures.p50:>10.1f}{figures.p95:>10.1f}{figures.p99:>10.1f}"
            f"{ratio:>9.1f}  {goal}"
        )


def figures(size: int, seconds: Mapping[str, Sequence[float]]) -> Figures:
    """Give what has a target at a size: each peer's median as a multiple of ours."""
    ours = Distribution.of(seconds["canary"]).p50
    ratios = {_target_name(name, size): Distribution.of(values).p50 / ours for name, values in seconds.items()}
    return {name: ratio for name, ratio in ratios.items() if name in TARGETS}


def _target_name(peer: str, size: int) -> str:
    return f"propagation.{peer}.{size}"


HEAD = f"{'rollouts':>7}  {'peer':<9}{'n':>5}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}{'x ours':>9}  target"


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(
        "python -m tools.benchmarks.propagation", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="how many rollouts, separated by commas")
    parser.add_argument("--shifts", type=int, default=Plan.shifts, help="of each peer, fewer with many rollouts")
    parser.add_argument("--peers", default=",".join(Plan.peers), help="which; canary is the provider")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    options = parser.parse_args()
    plan = Plan([int(size) for size in options.sizes.split(",")], options.shifts, options.peers.split(","))
    sys.stdout.write(f"{HEAD}\n")
    document = {}
    for size in plan.sizes:
        seconds = measure(plan, size)
        sys.stdout.write("".join(f"{line}\n" for line in table(size, seconds)))
        sys.stdout.flush()
        milliseconds = {name: [value * 1_000 for value in values] for name, values in seconds.items()}
        document[str(size)] = {
            name: {**asdict(Distribution.of(values)), "samples": values} for name, values in milliseconds.items()
        }
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
