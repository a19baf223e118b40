"""How many weights a second are written: `python -m tools.benchmarks.writing`.

`PUT /api/v1/rollouts/NAME/weight` at `traefik-canary serve` with its two workers, over connections that are kept: one
client, fifty that write a rollout each, and fifty that all write the same one. Each twice over: with a Valkey that
forces every write to disk before it acknowledges it, as the embedded one does, and with one that does so once a
second. Both run at once and take turns. `TMPDIR` says on which disk; on one in memory both are alike.

A client waits for each answer before it writes again. Every 200 must be a revision of the store, or measuring fails.
"""

import argparse
import selectors
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median

from provider.demo.parts import ProviderProcess
from provider.demo.processes import Processes
from provider.store import RedisStore
from tools.benchmarks import machine
from tools.benchmarks.distribution import Distribution
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.stored import shifted, stored
from tools.benchmarks.system import HOST
from tools.benchmarks.targets import Figures, table
from tools.benchmarks.wire import Connection, request

_CLIENTS = 50
_WARM_UP_SECONDS = 1.0
_DISKS = {"forced to disk": "always", "once a second": "everysec"}
_FORCED = "forced to disk"


@dataclass(frozen=True)
class Load:
    """Clients that write at once, and the rollouts that they share."""

    name: str
    clients: int
    rollouts: int


ONE = Load("one client", 1, 1)
FIFTY = Load(f"{_CLIENTS} clients, a rollout each", _CLIENTS, _CLIENTS)
TOGETHER = Load(f"{_CLIENTS} clients, the same rollout", _CLIENTS, 1)
LOADS = (ONE, FIFTY, TOGETHER)


@dataclass(frozen=True)
class Plan:
    """How often every load is measured on every disk, and how long each time."""

    rounds: int = 3
    seconds: float = 3.0


@dataclass
class Written:
    """What became of the writes of a load: the seconds of each that was done, round by round how many a second."""

    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    refused: int = 0
    """Those that were answered 409 or 503, as others wrote the same rollout all the while: none of them is stored."""


@dataclass(frozen=True)
class Outcome:
    """What was measured, by load and by disk."""

    plan: Plan
    machine: str
    written: Mapping[tuple[Load, str], Written]


class Clients:
    """Connections that write weights in a loop, driven by one thread."""

    def __init__(self, provider: ProviderProcess, load: Load) -> None:
        self._calls: dict[Connection, Iterator[bytes]] = {}
        for number in range(load.clients):
            connection = Connection(HOST, provider.port)
            self._calls[connection] = cycle(_calls(provider.token, client=number, rollout=number % load.rollouts))
            # Each writes as soon as it is connected: were all to wait for the last, the first worker would have most.
            connection.send(next(self._calls[connection]))
        for connection in self._calls:
            connection.answer()

    def write(self, seconds: float) -> Written:
        """Write for so long, and wait for the answers that are due then. Raises MeasurementError, WireError."""
        written = Written()
        began = time.perf_counter()
        sent: dict[Connection, float] = {}
        with selectors.DefaultSelector() as selector:
            for connection in self._calls:
                selector.register(connection, selectors.EVENT_READ, connection)
                self._send(connection, sent)
            while sent:
                for key, _ in selector.select():
                    answer = key.data.receive()
                    if answer is None:
                        continue
                    self._note(written, answer.status, time.perf_counter() - sent.pop(key.data))
                    if time.perf_counter() - began < seconds:
                        self._send(key.data, sent)
        written.rates.append(len(written.seconds) / (time.perf_counter() - began))
        return written

    def _send(self, connection: Connection, sent: dict[Connection, float]) -> None:
        call = next(self._calls[connection])
        sent[connection] = time.perf_counter()
        connection.send(call)

    @staticmethod
    def _note(written: Written, status: int, seconds: float) -> None:
        if status == 200:
            written.seconds.append(seconds)
        elif status in {409, 503}:
            written.refused += 1
        else:
            raise MeasurementError(f"a weight was answered {status}")

    def close(self) -> None:
        """Disconnect all."""
        for connection in self._calls:
            connection.__exit__()


def _calls(token: str, *, client: int, rollout: int) -> Sequence[bytes]:
    """Write one call after the other of a client, whose weights are its own: what is there already is not written."""
    headers = {"Host": "provider", "Authorization": f"Bearer {token}"}
    path = f"/api/v1/rollouts/shop-{rollout}/weight"
    bodies = (f'{{"weight": {weight + client / 100:.2f}}}' for weight in range(1, 99))
    return [request("PUT", path, headers=headers, body=body) for body in bodies]


@dataclass(frozen=True)
class Lane:
    """A provider and its store, on one way of writing to disk."""

    provider: ProviderProcess
    store: RedisStore

    def write(self, load: Load, seconds: float) -> Written:
        """Have a load write for a while. Raises MeasurementError where answers and revisions differ."""
        clients = Clients(self.provider, load)
        clients.write(_WARM_UP_SECONDS)
        _, before = self.store.revision()
        written = clients.write(seconds)
        _, after = self.store.revision()
        clients.close()
        if after - before != len(written.seconds):
            raise MeasurementError(f"{len(written.seconds)} weights were acknowledged, {after - before} are stored")
        return written


def measure(plan: Plan) -> Outcome:
    """Measure all in turns. Raises MeasurementError, ProcessFailedError, WireError."""
    before = machine.description()
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as path, ExitStack() as stack:
        processes = stack.enter_context(Processes(Path(path)))
        lanes = {disk: _lane(stack, processes, Path(path) / fsync, fsync) for disk, fsync in _DISKS.items()}
        written = {(load, disk): Written() for load in LOADS for disk in lanes}
        for _ in range(plan.rounds):
            for (load, disk), sum_of in written.items():
                part = lanes[disk].write(load, plan.seconds)
                sum_of.seconds += part.seconds
                sum_of.rates += part.rates
                sum_of.refused += part.refused
    return Outcome(plan, before, written)


def _lane(stack: ExitStack, processes: Processes, directory: Path, fsync: str) -> Lane:
    directory.mkdir()
    url = stack.enter_context(stored(directory, shifted(_CLIENTS), appendfsync=fsync))
    provider = ProviderProcess()
    environment = {"CANARY_REDIS_URL": url, "CANARY_RATE_LIMIT": "0"}
    child = provider.start(processes, data_dir=directory / "data", environment=environment)
    # It must end before its store does.
    stack.callback(child.stop)
    stack.callback(processes.forget, child)
    return Lane(provider, RedisStore(url))


def figures(outcome: Outcome) -> Figures:
    """Give what has a target: what is forced to disk."""
    one, fifty = (outcome.written[load, _FORCED] for load in (ONE, FIFTY))
    return {
        "writing.one.p50": 1_000 * Distribution.of(one.seconds).p50,
        "writing.fifty.rate": median(fifty.rates),
        "writing.fifty.p99": 1_000 * Distribution.of(fifty.seconds).p99,
    }


def as_text(outcome: Outcome) -> str:
    """Give what fits on a screen."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    plan = outcome.plan
    yield outcome.machine
    yield f"{plan.rounds} rounds of {plan.seconds:g} s in turns"
    yield f"{'':<32}{'':<16}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'refused':>9}"
    for (load, disk), written in outcome.written.items():
        of = Distribution.of([1_000 * seconds for seconds in written.seconds])
        share = written.refused / (written.refused + of.count)
        yield f"{load.name:<32}{disk:<16}{median(written.rates):>10,.0f}{of.p50:>9.1f}{of.p99:>9.1f}{share:>9.1%}"
    yield from table(figures(outcome))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.writing", description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of each load on each disk, each round")
    plan = Plan(**vars(parser.parse_args(arguments)))
    sys.stdout.write(as_text(measure(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
