"""Users, who may come through either Traefik, and what they are answered."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.chaos.line import Line, NoAnswerError
from tools.chaos.system import QUIET, SHOPS, VERSIONS, System, host_of

_PATIENCE_SECONDS, _CHECK_SECONDS = 10.0, 0.1


@dataclass
class Users:
    """Clients that send requests at a steady rate, through either Traefik.

    A client that gets no answer at all from one asks the other, once; what comes back then, or does not, counts. One
    that gave no answer is left out until it answers for a rollout, as whoever stands before several Traefiks has to
    check: a Traefik that starts listens before it has a configuration, and answers 404 until then.
    """

    system: System
    clients: int = 2
    rate: float = 100.0
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_ending = threading.Event()
        self._lock = threading.Lock()
        self._left_out: set[int] = set()
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(self.clients)]
        self._threads.append(threading.Thread(target=self._check))

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._is_ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, index: int) -> None:
        chance = random.Random(index)  # noqa: S311 a game, no secret
        lines = {port: Line(port, seconds=_PATIENCE_SECONDS) for port in self.system.web_ports}
        while not self._is_ending.wait(self.clients / self.rate):
            said = self._visit(lines, host_of(chance.choice((*SHOPS, QUIET))), chance)
            with self._lock:
                self.requests += 1
                if said not in VERSIONS:
                    self.failures.append(said)
        for line in lines.values():
            line.close()

    def _visit(self, lines: Mapping[int, Line], host: str, chance: random.Random) -> str:
        said = ""
        # Those that are left out come last.
        for port in sorted(chance.sample(list(lines), len(lines)), key=self._left_out.__contains__):
            try:
                answer = lines[port].ask("GET", "/", headers={"Host": host})
            except NoAnswerError as error:
                said = str(error)
                with self._lock:
                    self._left_out.add(port)
                continue
            return answer.body.decode(errors="replace").strip() if answer.status == 200 else str(answer.status)
        return said

    def _check(self) -> None:
        while not self._is_ending.wait(_CHECK_SECONDS):
            for port in list(self._left_out):
                if self.system.sees(port, QUIET):
                    with self._lock:
                        self._left_out.discard(port)
