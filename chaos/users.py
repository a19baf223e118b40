"""Users, who may come through either Traefik, and what they are answered."""

import random
import threading
from dataclasses import dataclass, field

from chaos.line import Line, NoAnswerError
from chaos.system import SHOPS, QUIET, VERSIONS, System, host_of

_PATIENCE_SECONDS = 10.0


@dataclass
class Users:
    """Clients that send requests at a steady rate.

    As those who find two addresses under a name do, a client that gets no answer at all from one Traefik asks the other
    one, once. What comes back then, or does not, counts.
    """

    system: System
    clients: int = 2
    rate: float = 100.0
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_ending = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(self.clients)]

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
        lines = [Line(port, seconds=_PATIENCE_SECONDS) for port in self.system.web_ports]
        while not self._is_ending.wait(self.clients / self.rate):
            chance.shuffle(lines)
            said = _visit(lines, host_of(chance.choice((*SHOPS, QUIET))))
            with self._lock:
                self.requests += 1
                if said not in VERSIONS:
                    self.failures.append(said)


def _visit(lines: list[Line], host: str) -> str:
    said = ""
    for line in lines:
        try:
            answer = line.ask("GET", "/", headers={"Host": host})
        except NoAnswerError as error:
            said = str(error)
            continue
        return answer.body.decode(errors="replace").strip() if answer.status == 200 else str(answer.status)
    return said
