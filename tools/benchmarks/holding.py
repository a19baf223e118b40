"""What 5,000 held polls cost a worker, and how soon all have a change: `python -m tools.benchmarks.holding`.

As many gateways, each with a name, a connection and a held poll of its own, on one worker. The control loop runs in a
process of its own, as in compose.yaml. The gateways are this process; it and the worker have a core each.

A poll is held for 8 s at the most, as Traefik must be able to end. So a worker has two costs while nothing changes:
that of holding, measured while all polls are held and none is due, and that of answering each poll every 8 s.
"""

import argparse
import selectors
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from provider.demo.parts import ProviderProcess
from provider.demo.processes import Processes
from provider.web.poll.application import LONGEST_HOLD_SECONDS, PATH
from tools.benchmarks import machine
from tools.benchmarks.distribution import Distribution
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.stored import at_rest, side, stored
from tools.benchmarks.system import HOST
from tools.benchmarks.targets import Figures, table
from tools.benchmarks.wire import Connection, request

_WORKER_CORE, _GATEWAYS_CORE = 0, 1
# Beside the connections: logs, the store, metrics.
_OTHER_FILES = 500
# What the last polls may need until they are held, and how long before the first one is due measuring ends.
_SETTLE_SECONDS, _EARLY_SECONDS = 1.0, 0.5
_PATIENCE_SECONDS = 60.0
_SHIFTED = "shop-0"


@dataclass(frozen=True)
class Plan:
    """How many gateways and rollouts there are, for how long nothing happens, and how often something does."""

    gateways: int = 5_000
    rollouts: int = 100
    idle_seconds: float = 20.0
    changes: int = 5


@dataclass(frozen=True)
class Outcome:
    """What was measured: shares of a core, bytes, and for each change the seconds until each gateway had it."""

    plan: Plan
    machine: str
    size: int
    holding: float
    answering: float
    empty_bytes: int
    holding_bytes: int
    arrivals: Sequence[Sequence[float]]
    used_seconds: float
    """CPU time of the worker from a change to the last answer, in the middle of the changes."""


class Gateways:
    """Connections with a poll each, driven by one thread."""

    def __init__(self, port: int, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._polls: dict[Connection, bytes] = {}
        self._bodies: dict[Connection, bytes] = {}
        for index in range(count):
            connection = Connection(HOST, port)
            path = f"{PATH}?gateway=gateway-{index}"
            # Without Prefer the answer comes at once: the first poll of a gateway that has just started.
            self._bodies[connection] = connection.ask(request("GET", path, headers={"Host": "provider"})).body
            headers = {"Host": "provider", "Prefer": f"wait={LONGEST_HOLD_SECONDS}"}
            self._polls[connection] = request("GET", path, headers=headers)
            self._selector.register(connection, selectors.EVENT_READ)

    @property
    def size(self) -> int:
        """The bytes of a body."""
        return len(next(iter(self._bodies.values())))

    def poll(self) -> None:
        """Send every gateway's poll, which is then held."""
        for connection, poll in self._polls.items():
            connection.send(poll)

    def answers(self, *, since: float, are_new: bool) -> Sequence[float]:
        """Wait until every poll is answered; after how many seconds each was. Raises MeasurementError.

        `are_new` says whether all are to have one other body than before, or the same.
        """
        before = dict(self._bodies)
        times: list[float] = []
        while len(times) < len(self._polls):
            ready = self._selector.select(_PATIENCE_SECONDS)
            if not ready:
                raise MeasurementError(f"{len(self._polls) - len(times)} polls are not answered")
            for key, _ in ready:
                connection = key.fileobj
                assert isinstance(connection, Connection)  # noqa: S101 no other is registered
                answer = connection.receive()
                if answer:
                    times.append(time.perf_counter() - since)
                    self._bodies[connection] = answer.body
        if (
            any((self._bodies[one] != before[one]) is not are_new for one in before)
            or len(set(self._bodies.values())) > 1
        ):
            raise MeasurementError("a gateway has another body than it should")
        return times

    def close(self) -> None:
        """Disconnect all."""
        for connection in self._polls:
            connection.__exit__()
        self._selector.close()


def measure(plan: Plan) -> Outcome:
    """Measure all. Raises MeasurementError, ProcessFailedError, WireError, and OSError where files are too few."""
    before = machine.description()
    machine.allow_open_files(plan.gateways + _OTHER_FILES)
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as path, ExitStack() as stack:
        directory = Path(path)
        processes = stack.enter_context(Processes(directory))
        store = stack.enter_context(stored(directory, at_rest(plan.rollouts)))
        provider = ProviderProcess()
        worker = _start(processes, provider, directory, store)
        empty_bytes = machine.resident_bytes(worker)
        stack.enter_context(machine.on_core(_GATEWAYS_CORE))
        gateways = Gateways(provider.port, plan.gateways)
        stack.callback(gateways.close)
        holding, answering = _idle(plan, gateways, worker)
        arrivals, used = [], []
        for number in range(plan.changes):
            gateways.poll()
            time.sleep(_SETTLE_SECONDS)
            used_before = machine.cpu_seconds(worker)
            arrivals.append(_change(provider, gateways, number=number))
            used.append(machine.cpu_seconds(worker) - used_before)
        holding_bytes = machine.resident_bytes(worker)
        return Outcome(
            plan, before, gateways.size, holding, answering, empty_bytes, holding_bytes, arrivals, median(used)
        )


def _start(processes: Processes, provider: ProviderProcess, directory: Path, store: str) -> int:
    """Start a worker and, beside it, the control loop; the worker's process id."""
    environment = {
        "CANARY_REDIS_URL": store,
        "CANARY_RATE_LIMIT": "0",
        "CANARY_WORKERS": "1",
        "CANARY_CONTROLLER": "false",
    }
    with machine.on_core(_WORKER_CORE):
        child = provider.start(processes, data_dir=directory / "data", environment=environment)
    (worker,) = machine.children(child.process.pid)
    canary = {"spec": {"rule": "Host(`shop-0.localhost`)", "stable": side("10.0.0.0"), "canary": side("10.9.9.9")}}
    provider.call("PUT", f"/rollouts/{_SHIFTED}", canary)
    with machine.on_core(_GATEWAYS_CORE):
        environment = {"CANARY_REDIS_URL": store, "CANARY_DATA_DIR": str(directory / "controller")}
        processes.start("controller", [sys.executable, "-m", "provider", "controller"], environment=environment)
    return worker


def _idle(plan: Plan, gateways: Gateways, worker: int) -> tuple[float, float]:
    """Give the share of a core while all polls are held and none is due, and over all of the time."""
    began, used_before = time.perf_counter(), machine.cpu_seconds(worker)
    still_seconds = still_used = 0.0
    while still_seconds < plan.idle_seconds:
        asked = time.perf_counter()
        gateways.poll()
        time.sleep(_SETTLE_SECONDS)
        still_began, still_before = time.perf_counter(), machine.cpu_seconds(worker)
        time.sleep(max(0.0, asked + LONGEST_HOLD_SECONDS - _EARLY_SECONDS - still_began))
        still_used += machine.cpu_seconds(worker) - still_before
        still_seconds += time.perf_counter() - still_began
        gateways.answers(since=asked, are_new=False)
    share = (machine.cpu_seconds(worker) - used_before) / (time.perf_counter() - began)
    return still_used / still_seconds, share


def _change(provider: ProviderProcess, gateways: Gateways, *, number: int) -> Sequence[float]:
    """Shift a rollout while all polls are held; after how many seconds each gateway had it."""
    headers = {"Host": "provider", "Authorization": f"Bearer {provider.token}"}
    path, weight = f"/api/v1/rollouts/{_SHIFTED}/weight", f'{{"weight": {number + 1}}}'
    with Connection(HOST, provider.port) as connection:
        began = time.perf_counter()
        connection.send(request("PUT", path, headers=headers, body=weight))
        times = gateways.answers(since=began, are_new=True)
        answer = connection.answer()
    if answer.status != 200:
        raise MeasurementError(f"a change was answered {answer.status}: {answer.body!r}")
    return times


def figures(outcome: Outcome) -> Figures:
    """Give what has a target; of the changes the one in the middle, as others may take the worker's core."""
    return {
        "holding.cpu": 100 * outcome.holding,
        "holding.memory": outcome.holding_bytes / 1e6,
        "holding.last": 1_000 * median(map(max, outcome.arrivals)),
    }


def as_text(outcome: Outcome) -> str:
    """Give what fits on a screen."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    plan = outcome.plan
    before, after = outcome.empty_bytes / 1e6, outcome.holding_bytes / 1e6
    yield outcome.machine
    size = f"bodies of {outcome.size / 1e3:,.0f} kB"
    yield f"{plan.gateways:,} gateways on one worker, {plan.rollouts:,} rollouts: {size}"
    yield f"holding, while none is due  {outcome.holding:9.2%} of a core, over {plan.idle_seconds:g} s and more"
    yield f"and each answered every {LONGEST_HOLD_SECONDS} s  {outcome.answering:9.2%}"
    each_kb = 1e3 * (after - before) / plan.gateways
    yield f"memory of the worker        {after:9.0f} MB; {before:.0f} before, {each_kb:.0f} kB a gateway"
    yield f"{'milliseconds from a change to its answer':<42}{'first':>9}{'median':>9}{'last':>9}"
    each = [Distribution.of([1_000 * seconds for seconds in times]) for times in outcome.arrivals]
    columns = [[one.min for one in each], [one.p50 for one in each], [one.max for one in each]]
    for name, row in (("median", map(median, columns)), ("worst", map(max, columns))):
        yield f"  {f'{name} of {len(each)} changes':<40}" + "".join(f"{value:>9.0f}" for value in row)
    yield f"  CPU time of the worker for all of them {1_000 * outcome.used_seconds:>28.0f}"
    yield from table(figures(outcome))


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.holding", description=str(__doc__).splitlines()[0])
    parser.add_argument("--gateways", type=int, default=Plan.gateways)
    parser.add_argument("--rollouts", type=int, default=Plan.rollouts, help="how many each gateway is told of")
    parser.add_argument("--idle-seconds", type=float, default=Plan.idle_seconds)
    parser.add_argument("--changes", type=int, default=Plan.changes)
    plan = Plan(**vars(parser.parse_args()))
    sys.stdout.write(as_text(measure(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
