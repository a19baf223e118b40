"""Visitors of the provider: event streams, open pages, waits, registering instances, and rollouts that move."""

import http.client
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import requests

from tools.chaos.canaries import Canaries
from tools.chaos.line import HOST, NoAnswerError
from tools.chaos.system import QUIET, SHOPS, TIMED, System
from tools.chaos.waiting import NotInTimeError

_STREAMS, _STREAM_SECONDS = 10, 5.0
# Times are not judged here.
_PATIENCE_SECONDS = 60.0
_INSTANCES, _LEASE = 20, "10s"
_SCALED = "scaled"
_PAGES = (
    "/",
    f"/rollouts/{QUIET}",
    f"/rollouts/{TIMED}",
    "/gateways",
    "/tokens",
    "/docs",
    "/metrics",
    "/openapi.json",
)
_FAILURES = (NoAnswerError, NotInTimeError, requests.RequestException, OSError, http.client.HTTPException)


class Visitors:
    """Visitors that come and go until they are stopped.

    `done` counts their visits by kind, `failed` those that failed, by kind and reason.
    """

    def __init__(self, system: System, canaries: Canaries) -> None:
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._system, self._canaries = system, canaries
        self._is_ending = threading.Event()
        jobs: list[tuple[str, Callable[[], None], float]] = [
            *[("stream", self._stream, 0.1)] * _STREAMS,
            ("page", self._browser(), 0.2),
            ("wait", self._wait, 0.1),
            ("instance", self._fleet(), 0.2),
            ("rollout", self._promotion, 1.0),
            ("bad canary", self._bad_canary, 5.0),
        ]
        self._threads = [threading.Thread(target=self._run, args=job) for job in jobs]

    def start(self) -> None:
        """Let them come."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let them go."""
        self._is_ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, kind: str, visit: Callable[[], None], pause_seconds: float) -> None:
        while not self._is_ending.wait(pause_seconds):
            try:
                visit()
                self.done[kind] += 1
            except _FAILURES as error:
                self.failed[f"{kind}: {type(error).__name__}: {error}"[:300]] += 1

    def _stream(self) -> None:
        """Read a stream of events for some seconds, and close the connection in the middle of it."""
        connection = http.client.HTTPConnection(HOST, self._system.port, timeout=_PATIENCE_SECONDS)
        headers = {"Authorization": f"Bearer {self._system.token}", "Accept": "text/event-stream"}
        with suppress(TimeoutError):
            connection.request("GET", "/api/v1/events", headers=headers)
            response = connection.getresponse()
            end = time.monotonic() + _STREAM_SECONDS
            while time.monotonic() < end and not self._is_ending.is_set():
                response.read1(65_536)
        connection.close()

    def _browser(self) -> Callable[[], None]:
        """Sign in, and return what opens one page after another."""
        system, root = self._system, f"http://{HOST}:{self._system.port}"
        session = requests.Session()
        session.trust_env = False
        link = system.done("POST", "/sign-in-links", {})["path"]
        form = session.get(f"{root}{link}", timeout=_PATIENCE_SECONDS).text
        csrf = re.findall('name="csrf" value="([^"]+)"', form)[0]
        session.post(f"{root}{link}", data={"csrf": csrf}, timeout=_PATIENCE_SECONDS).raise_for_status()
        numbers = count()

        def visit() -> None:
            page = _PAGES[next(numbers) % len(_PAGES)]
            session.get(f"{root}{page}", timeout=_PATIENCE_SECONDS).raise_for_status()

        return visit

    def _wait(self) -> None:
        """Wait for a phase that does not come."""
        with self._system.line(seconds=_PATIENCE_SECONDS) as line:
            line.ask("GET", f"/api/v1/rollouts/{SHOPS[0]}/wait?for=paused&timeout=2")

    def _fleet(self) -> Callable[[], None]:
        """Return what registers one instance after another, and deregisters every third."""
        system, numbers = self._system, count()
        spec = {**system.spec(QUIET), "rule": f"Host(`{_SCALED}.localhost`)"}
        system.done("PUT", f"/rollouts/{_SCALED}", {"spec": {name: spec[name] for name in spec if name != "canary"}})

        def visit() -> None:
            number = next(numbers)
            path = f"/rollouts/{_SCALED}/groups/v2/servers/{number % _INSTANCES}-{secrets.token_hex(2)}"
            system.done("PUT", path, {"url": f"http://{HOST}:{system.app_ports[1]}", "ttl": _LEASE}, seconds=20)
            if number % 3 == 0:
                system.done("DELETE", path, seconds=20)

        return visit

    def _promotion(self) -> None:
        """Let a rollout go through its steps."""
        canary = self._system.done("GET", f"/rollouts/{TIMED}")["spec"]["stable"]
        self._system.done("PUT", f"/rollouts/{TIMED}/canary", canary)
        self._system.done("GET", f"/rollouts/{TIMED}/wait?for=healthy&timeout=5", seconds=30)

    def _bad_canary(self) -> None:
        """Start a canary that fails, and wait until it is aborted."""
        self._canaries.begin().end()
