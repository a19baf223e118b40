"""Bad canaries: how long one that fails every request keeps its traffic, as its users see it."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tools.chaos.line import Line, NoAnswerError
from tools.chaos.system import BAD, System, host_of
from tools.chaos.waiting import NotInTimeError, wait_for

_PAUSE_SECONDS, _PATIENCE_SECONDS = 0.04, 1.0
# An aborted canary gets no request in this time, and stable gets this many.
_QUIET_SECONDS, _QUIET_REQUESTS = 1.5, 20
_REACH_SECONDS, _ABORT_SECONDS = 20.0, 30.0
_ANALYSIS = {"interval": "1s", "minRequests": 20, "warmUp": "0s", "sustained": "0s"}
_STEPS = [{"setWeight": 50}, {"analysis": {"duration": "10m"}}]


@dataclass
class Canaries:
    """A rollout whose canary fails every request. `checks` are those of its analysis, from the next canary on."""

    system: System
    checks: Sequence[Mapping[str, Any]] = ()

    def begin(self, *, seconds: float = _REACH_SECONDS) -> "Episode":
        """Start a canary at 50%, and wait for its first failed request. Raise NotInTimeError if there is none."""
        system = self.system
        checks = {"checks": list(self.checks)} if self.checks else {}
        spec = {**system.spec(BAD), "steps": _STEPS, "analysis": {**_ANALYSIS, **checks}}
        system.done("PUT", f"/rollouts/{BAD}?allowShrink=true", {"spec": spec})
        episode = Episode(system)
        episode.start()
        try:
            system.done("PUT", f"/rollouts/{BAD}/canary", system.side(system.bad_port))
            wait_for(lambda: episode.first > 0, what="the bad canary gets traffic", seconds=seconds)
        except NotInTimeError:
            episode.stop()
            raise
        return episode


@dataclass
class Episode:
    """Users of one bad canary: about 25 requests a second through each Traefik.

    `first` and `last` are the times of the first and the last request that the canary failed, 0 if there is none.
    """

    system: System
    first: float = 0.0
    last: float = 0.0
    good: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(port,)) for port in self.system.web_ports]

    def start(self) -> None:
        """Send requests."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop sending."""
        self._is_ending.set()
        for thread in self._threads:
            thread.join()

    def end(self) -> float:
        """Wait until the canary is aborted, and return the time of its last failed request.

        Return the present time if it is not aborted in time.
        """
        try:
            wait_for(self._is_over, what="the bad canary is aborted", seconds=_ABORT_SECONDS)
        except NotInTimeError:
            return time.monotonic()
        finally:
            self.stop()
        return self.last

    def _is_over(self) -> bool:
        is_quiet = time.monotonic() - self.last > _QUIET_SECONDS
        return is_quiet and sum(1 for at in list(self.good) if at > self.last) >= _QUIET_REQUESTS

    def _run(self, port: int) -> None:
        with Line(port, seconds=_PATIENCE_SECONDS) as line:
            while not self._is_ending.wait(_PAUSE_SECONDS):
                with suppress(NoAnswerError):
                    self._note(line.ask("GET", "/", headers={"Host": host_of(BAD)}).status)

    def _note(self, status: int) -> None:
        now = time.monotonic()
        if status == 500:
            self.first, self.last = self.first or now, now
        elif status == 200:
            self.good.append(now)
