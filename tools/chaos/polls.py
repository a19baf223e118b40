"""A poll that is held beside those of Traefik, to see when it is answered, and with what."""

import threading
import time
from dataclasses import dataclass, field

from tools.chaos.line import NoAnswerError
from tools.chaos.system import ROLLOUTS, System

# What traefik/traefik.yml asks for, and how much later an answer may be. Traefik itself waits for ten seconds.
_HOLD_SECONDS, _MARGIN_SECONDS = 1, 1.0
POLL_SECONDS = _HOLD_SECONDS + _MARGIN_SECONDS
_PATIENCE_SECONDS = 10.0
_BETWEEN_SECONDS = 0.01


@dataclass
class Watch:
    """Polls as Traefik does.

    A poll is late where it is answered a second after its hold was over, or later; failed where there was no answer,
    or another than 200; and wrong where it was 200 without all the rollouts, which would take them from Traefik.
    """

    system: System
    polls: int = 0
    late: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_ending = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Poll no more."""
        self._is_ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        line = self.system.line(seconds=_PATIENCE_SECONDS)
        while not self._is_ending.wait(_BETWEEN_SECONDS):
            started = time.monotonic()
            try:
                answer = line.ask("GET", "/traefik/config?gateway=watch", headers={"Prefer": f"wait={_HOLD_SECONDS}"})
            except NoAnswerError as error:
                self.failed.append(str(error))
                self._is_ending.wait(0.5)  # as Traefik does at first
                continue
            self.polls += 1
            self._judge(answer.status, answer.body, time.monotonic() - started)
        line.close()

    def _judge(self, status: int, body: bytes, seconds: float) -> None:
        if status != 200:
            self.failed.append(str(status))
        elif missing := [name for name in ROLLOUTS if f'"{name}"'.encode() not in body]:
            self.wrong.append(f"without {', '.join(missing)}")
        if seconds > POLL_SECONDS:
            self.late.append(seconds)
