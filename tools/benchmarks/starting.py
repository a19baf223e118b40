"""How long a worker takes to start with 10,000 rollouts: `python -m tools.benchmarks.starting`.

From the feed's start to the first body, without a snapshot on disk: everything is read from Valkey, validated,
rendered, checked and joined. Each start is a process of its own (`tools/benchmarks/start.py`). Besides: how long
`serve` takes until its first answer, what memory a rollout takes, and what one change costs then.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from provider.demo.parts import free_port
from provider.demo.processes import Processes
from provider.web.poll.application import PATH
from tools.benchmarks import machine
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.stored import at_rest, stored
from tools.benchmarks.system import HOST
from tools.benchmarks.targets import Figures, table
from tools.benchmarks.wire import Connection, WireError, request

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.01
_POLL = request("GET", PATH, headers={"Host": "provider"})


@dataclass(frozen=True)
class Plan:
    """How many rollouts are stored, and how often a worker starts."""

    rollouts: int = 10_000
    starts: int = 7


@dataclass(frozen=True)
class Outcome:
    """What was measured: what each start printed, and the seconds of the whole process each time."""

    plan: Plan
    machine: str
    starts: Sequence[Mapping[str, float]]
    whole: Sequence[float]

    def middle(self, name: str) -> float:
        """Give the figure in the middle of all starts."""
        return median(start[name] for start in self.starts)


def measure(plan: Plan) -> Outcome:
    """Start several times. Raises MeasurementError, ProcessFailedError, EmbeddedServerError."""
    before = machine.description()
    starts, whole = [], []
    with (
        tempfile.TemporaryDirectory(prefix="canary-bench-") as path,
        Processes(Path(path)) as processes,
        stored(Path(path), at_rest(plan.rollouts)) as url,
    ):
        for number in range(plan.starts):
            starts.append(_start(url))
            whole.append(_serve(processes, Path(path) / f"data-{number}", url))
    return Outcome(plan, before, starts, whole)


def _start(url: str) -> Mapping[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tools.benchmarks.start", url], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MeasurementError(f"a start has failed: {done.stderr[-1_000:]}")
    printed: Mapping[str, float] = json.loads(done.stdout)
    return printed


def _serve(processes: Processes, directory: Path, url: str) -> float:
    """Start a whole provider of one worker; the seconds until a poll is answered with a configuration."""
    port = free_port()
    environment = {
        "CANARY_BIND": f"{HOST}:{port}",
        "CANARY_DATA_DIR": str(directory),
        "CANARY_REDIS_URL": url,
        "CANARY_WORKERS": "1",
        "CANARY_ADMIN_TOKEN": "of-no-use-to-anybody-here",
    }
    began = time.perf_counter()
    child = processes.start("provider", [sys.executable, "-m", "provider", "serve"], environment=environment)
    while not _is_answered(port):
        processes.check()
        if time.perf_counter() - began > _PATIENCE_SECONDS:
            raise MeasurementError(f"no configuration after {_PATIENCE_SECONDS:g} s")
        time.sleep(_LOOK_SECONDS)
    took = time.perf_counter() - began
    child.stop()
    processes.forget(child)
    return took


def _is_answered(port: int) -> bool:
    try:
        with Connection(HOST, port) as connection:
            return connection.ask(_POLL).status == 200
    except (OSError, WireError):
        return False


def figures(outcome: Outcome) -> Figures:
    """Give what has a target."""
    return {"starting": 1_000 * outcome.middle("start")}


def as_text(outcome: Outcome) -> str:
    """Give what fits on a screen."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    plan = outcome.plan
    yield outcome.machine
    yield f"{plan.rollouts:,} rollouts at rest, {plan.starts} starts; milliseconds, in the middle of all starts"
    rows = {
        "from the feed's start to the first body": "start",
        "  CPU time of it": "startCpu",
        "  by itself: reading from Valkey": "reading",
        "  by itself: validating, rendering, checking": "rendering",
        "  by itself: joining the body": "joining",
        "imports, before it": "imports",
    }
    for words, name in rows.items():
        yield _row(words, 1_000 * outcome.middle(name))
    yield _row("the whole of serve, until a poll is answered", 1_000 * median(outcome.whole))
    yield _row("memory of a rollout, kB", outcome.middle("bytes") / plan.rollouts / 1_000)
    changes = {
        "a change of one: taking it over": "change",
        "  by itself: reading its document": "changeRead",
        "  by itself: rendering and checking its fragment": "changeRender",
        "then joining the body": "changeJoin",
    }
    for words, name in changes.items():
        yield _row(words, 1_000 * outcome.middle(name), decimals=3)
    yield from table(figures(outcome))


def _row(words: str, value: float, *, decimals: int = 1) -> str:
    return f"{words:<52}{value:>9.{decimals}f}"


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.starting", description=str(__doc__).splitlines()[0])
    parser.add_argument("--rollouts", type=int, default=Plan.rollouts)
    parser.add_argument("--starts", type=int, default=Plan.starts)
    plan = Plan(**vars(parser.parse_args()))
    sys.stdout.write(as_text(measure(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
