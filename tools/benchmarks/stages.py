"""Where the time of a shift goes, at each size: `python -m tools.benchmarks.stages`.

The same system as in `tools.benchmarks.propagation`, observed at two points: Traefik polls through a relay that notes
what passes when, and Valkey reports when it runs which command. Both cost a little, so the
whole is timed without them.
"""

import argparse
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from zlib import crc32

import redis

from provider.demo.parts import ProviderProcess
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.peers import Bench
from tools.benchmarks.propagation import SIZES, Lane
from tools.benchmarks.system import HOST, ROLLOUT
from tools.benchmarks.wire import Reader, WireError

STAGES = (
    "the call, until the store is asked to write",
    "store, feed, render, until an answer begins",
    "until Traefik has the whole answer",
    "Traefik, until it asks again: it has read it",
    "Traefik, from there until traffic: rebuilt",
)
_SHIFTS = 20
_PAUSE_SECONDS = 0.3
_CHUNK = 1 << 20


@dataclass
class _Poll:
    """One poll: when it was asked (`time.perf_counter`), when its answer began and ended, and which body that was."""

    asked: float
    began: float = 0.0
    ended: float = 0.0
    body: int = 0


@dataclass
class _Relay:
    """Passes polls on to a provider, and notes them."""

    provider: ProviderProcess
    polls: list[_Poll] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen until the context is left; where."""
        with socket.create_server((HOST, 0)) as server:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
            yield f"http://{HOST}:{server.getsockname()[1]}"

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                threading.Thread(target=self._pass, args=(server.accept()[0],), daemon=True).start()

    def _pass(self, traefik: socket.socket) -> None:
        with traefik, socket.create_connection((HOST, self.provider.port)) as upstream, suppress(OSError, WireError):
            for each in (traefik, upstream):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while question := traefik.recv(_CHUNK):
                poll = _Poll(time.perf_counter())
                self.polls.append(poll)
                upstream.sendall(question)
                self._answer(poll, upstream, traefik)

    def _answer(self, poll: _Poll, upstream: socket.socket, traefik: socket.socket) -> None:
        reader = Reader()
        answer = None
        while answer is None:
            piece = upstream.recv(_CHUNK)
            poll.began = poll.began or time.perf_counter()
            traefik.sendall(piece)
            answer = reader.add(piece)
        poll.ended = time.perf_counter()
        poll.body = crc32(answer.body)


class _Ear:
    """Hears from a Valkey when it was told to run a script on the rollout that shifts."""

    def __init__(self, url: str) -> None:
        self.writes: list[float] = []
        self._client = redis.Redis.from_url(url)
        self._monitor = self._client.monitor().__enter__()  # type: ignore[no-untyped-call]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(redis.RedisError, OSError, ValueError):  # the server ends before us
            for heard in self._monitor.listen():
                if heard["command"].startswith("EVALSHA") and f"rollout/{ROLLOUT} " in heard["command"]:
                    self.writes.append(heard["time"] - time.time() + time.perf_counter())


def measure(size: int, shifts: int, *, gateways: int = 1) -> Mapping[str, Sequence[float]]:
    """Give the seconds of each stage of so many shifts. Raises MeasurementError, ProcessFailedError, WireError."""
    with Bench.of(size, gateways=gateways) as bench, ExitStack() as stack:
        ears: list[tuple[_Relay, _Ear]] = []

        def through(provider: ProviderProcess, store: str) -> str:
            relay = _Relay(provider)
            ears.append((relay, _Ear(store)))
            return stack.enter_context(relay.listening())

        lane = stack.enter_context(Lane(stack.enter_context(bench.provider(through=through)), size=size))
        for _ in range(3):
            lane.shift()
        stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
        for _ in range(shifts):
            time.sleep(_PAUSE_SECONDS)
            for stage, seconds in zip(STAGES, _timed(lane, *ears[0]), strict=True):
                stages[stage].append(seconds)
        return stages


def _timed(lane: Lane, relay: _Relay, ear: _Ear) -> Sequence[float]:
    known = [poll.body for poll in relay.polls if poll.ended][-1]
    began = time.perf_counter()
    arrived = began + lane.shift()
    told = next((poll for poll in relay.polls if poll.ended > began and poll.body != known), None)
    write = next((at for at in ear.writes if at > began), None)
    if told is None or write is None:
        raise MeasurementError("a shift arrived that nobody was told of")
    again = next((poll.asked for poll in relay.polls if poll.asked > told.ended), arrived)
    moments = [began, write, told.began, told.ended, again, arrived]
    return [later - earlier for earlier, later in pairwise(moments)]


def table(found: Mapping[int, Mapping[str, Sequence[float]]]) -> Iterator[str]:
    """Give the median of each stage, in milliseconds, with a column for each size."""
    yield f"{'milliseconds, p50':<46}" + "".join(f"{size:>9,}" for size in found)
    for stage in STAGES:
        yield f"{stage:<46}" + "".join(f"{median(stages[stage]) * 1_000:>9.1f}" for stages in found.values())


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.stages", description=str(__doc__).splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="how many rollouts, separated by commas")
    parser.add_argument("--shifts", type=int, default=_SHIFTS, help="at each size")
    parser.add_argument(
        "--gateways", type=int, default=1, help="each carries a part of the rollouts; one is measured"
    )
    options = parser.parse_args()
    found = {
        size: measure(size, options.shifts, gateways=options.gateways) for size in map(int, options.sizes.split(","))
    }
    sys.stdout.write("".join(f"{line}\n" for line in table(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
