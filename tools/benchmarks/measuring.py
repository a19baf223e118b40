"""One thread, two or three sockets: a change of weight is asked for, and requests tell when it has arrived."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from select import select

from tools.benchmarks.system import HOST, ROLLOUT, SITE, Contender, System
from tools.benchmarks.wire import Answer, Connection, request

_LONGEST_SECONDS = 60.0
_WEIGHTS = {"v1": 0, "v2": 100}
_PROBE = request("GET", "/", headers={"Host": SITE})


class MeasurementError(Exception):
    """A change was refused, or never arrived."""


@dataclass(frozen=True)
class Arrival:
    """One change of weight, in seconds since the first byte of the call was sent."""

    called: float  # the API has answered
    served: float | None  # the provider has answered a poll of ours that was held, where there was one
    arrived: float  # the other version has answered a request


@dataclass
class Traffic:
    """What the requests through Traefik saw, over all changes."""

    requests: int = 0
    failed: int = 0
    stale: int = 0  # answered by the old version after the new one had answered already
    gaps: list[float] = field(default_factory=list)


class Meter:
    """Sends requests through one Traefik without a pause, and changes the weight in between."""

    def __init__(self, system: System, contender: Contender, traffic: Connection, call: Connection) -> None:
        self.traffic = Traffic()
        self._contender = contender
        self._provider = system.provider
        self._probing = traffic
        self._calling = call
        self._headers = {"Host": "provider", "Authorization": f"Bearer {system.provider.token}"}
        self._version = "v1"

    def settle(self) -> None:
        """Wait until Traefik has what the provider says now, whatever was changed before."""
        answer = self._calling.ask(request("GET", f"/api/v1/rollouts/{ROLLOUT}", headers=self._headers))
        self._version = "v2" if json.loads(answer.body)["status"]["weight"] else "v1"
        deadline = time.perf_counter() + _LONGEST_SECONDS
        while self._seen(self._probing.ask(_PROBE)) != self._version:
            if time.perf_counter() > deadline:
                raise MeasurementError(f"{self._contender.name} does not come to {self._version}")

    def change(self, *, after_seconds: float, watch: Connection | None = None) -> Arrival:
        """Send traffic for a time, then all of it to the other version; tell when that was so.

        `watch` is a connection to the provider on which a poll is then held, as a gateway's is.
        """
        if watch:
            self._hold(watch)
        self._send_traffic(after_seconds)
        self._version = "v1" if self._version == "v2" else "v2"
        return self._timed(watch)

    def _hold(self, watch: Connection) -> None:
        # Without Prefer the answer comes at once; a poll on the same connection is then held until another is due.
        poll = {"Host": "provider"}
        watch.ask(request("GET", "/traefik/config?gateway=watch", headers=poll))
        watch.send(request("GET", "/traefik/config?gateway=watch", headers=poll | {"Prefer": "wait=8"}))

    def _send_traffic(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        before = None
        while (now := time.perf_counter()) < end:
            if before:
                self.traffic.gaps.append(now - before)
            before = now
            seen = self._seen(self._probing.ask(_PROBE))
            self.traffic.stale += seen not in {self._version, None}

    def _timed(self, watch: Connection | None) -> Arrival:
        weight = json.dumps({"weight": _WEIGHTS[self._version]})
        call = request("PUT", f"/api/v1/rollouts/{ROLLOUT}/weight", headers=self._headers, body=weight)
        pending = {self._probing, self._calling} | ({watch} if watch else set())
        times: dict[Connection, float] = {}
        began = time.perf_counter()
        self._calling.send(call)
        self._probing.send(_PROBE)
        for connection, answer in self._answers(pending, until=began + _LONGEST_SECONDS):
            now = time.perf_counter()
            if connection is self._probing and self._seen(answer) != self._version:
                self._probing.send(_PROBE)
                continue
            if answer.status != 200:
                raise MeasurementError(f"a change was answered {answer.status}: {answer.body!r}")
            pending.remove(connection)
            times[connection] = now - began
        return Arrival(times[self._calling], times[watch] if watch else None, times[self._probing])

    def _answers(self, pending: set[Connection], *, until: float) -> Iterator[tuple[Connection, Answer]]:
        while pending:
            readable, _, _ = select(pending, [], [], max(0.0, until - time.perf_counter()))
            if not readable:
                raise MeasurementError(f"a change has not reached {self._contender.name} in {_LONGEST_SECONDS:g} s")
            for connection in readable:
                answer = connection.receive()
                if answer:
                    yield connection, answer

    def _seen(self, answer: Answer) -> str | None:
        """Give the version that has answered; None where the request failed, which is counted."""
        self.traffic.requests += 1
        if answer.status != 200:
            self.traffic.failed += 1
            return None
        return answer.body.decode().strip()


@contextmanager
def metered(system: System, contender: Contender) -> Iterator[Meter]:
    """Run a contender's Traefik and measure at it."""
    with ExitStack() as stack:
        web_port = stack.enter_context(system.gateway(contender))
        traffic = stack.enter_context(Connection(HOST, web_port))
        call = stack.enter_context(Connection(HOST, system.provider.port))
        meter = Meter(system, contender, traffic, call)
        meter.settle()
        yield meter
