"""Keeps the embedded Valkey running.

No failure of it ends the provider: polls are answered from memory or snapshot.
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from provider.server.embedded_valkey import EmbeddedServerError, Pulse

log = logging.getLogger(__name__)

# A server that ends again and again, on a full disk for one, is started ever more seldom.
_AGAIN_SECONDS, _LONGEST_AGAIN_SECONDS, _WELL_SECONDS = 0.1, 30.0, 30.0
_PING_SECONDS = 1.0
# A server that answers nothing for so long hangs; one that has not answered yet may be opening a large file.
_HUNG_SECONDS, _HUNG_AT_START_SECONDS = 6.0, 60.0


class Server(Protocol):
    """The server that is kept, as `EmbeddedServer` is."""

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        ...

    def launch(self) -> None:
        """Start the process. Raises OSError, EmbeddedServerError."""
        ...

    def pulse(self) -> Pulse:
        """Ask whether it is ready."""
        ...

    def kill(self) -> None:
        """End a process that hangs."""
        ...

    def last_words(self) -> str:
        """Return the end of its log."""
        ...


class ValkeyKeeper:
    """Starts a server, starts it again when it has died or hangs, and says so in the log."""

    def __init__(self, server: Server, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._launched: float | None = None
        self._answered = 0.0
        self._asked = 0.0
        self._is_ready = False
        self._was_ready = False
        self._pause = _AGAIN_SECONDS
        self._retry = clock()

    def tend(self) -> None:
        """Look at the server, and do what is due. To be called several times a second."""
        now = self._clock()
        if self._server.is_running:
            self._look(now)
            return
        if self._launched is not None:
            self._mourn(now, self._launched)
        if now >= self._retry:
            self._launch(now)

    def _launch(self, now: float) -> None:
        try:
            self._server.launch()
        except (OSError, EmbeddedServerError) as error:
            log.error("valkey.cannot_start", extra={"error": str(error)})  # noqa: TRY400 its words say it all
            self._put_off(now, lasted=0.0)
            return
        self._launched = self._answered = now
        self._asked, self._is_ready = 0.0, False

    def _look(self, now: float) -> None:
        if self._is_ready and now - self._asked < _PING_SECONDS:
            return
        pulse = self._server.pulse()
        if pulse is not Pulse.NONE:
            self._asked = self._answered = self._clock()
            self._note_ready(pulse)
            return
        silent = self._clock() - self._answered
        if silent > (_HUNG_SECONDS if self._is_ready else _HUNG_AT_START_SECONDS):
            log.error("valkey.unresponsive", extra={"silent_seconds": round(silent, 1)})
            self._server.kill()

    def _note_ready(self, pulse: Pulse) -> None:
        if pulse is not Pulse.READY or self._is_ready:
            return
        if self._was_ready or self._pause > _AGAIN_SECONDS:
            log.info("valkey.restarted")
        self._is_ready = self._was_ready = True

    def _mourn(self, now: float, launched: float) -> None:
        lasted = now - launched
        if self._is_ready:
            log.error("valkey.died", extra={"lasted_seconds": round(lasted, 1)})
        else:
            log.error("valkey.cannot_start", extra={"error": self._server.last_words()})
        self._put_off(now, lasted=lasted)

    def _put_off(self, now: float, *, lasted: float) -> None:
        self._launched = None
        is_well = self._is_ready and lasted > _WELL_SECONDS
        self._retry = now if is_well else now + self._pause
        self._pause = _AGAIN_SECONDS if is_well else min(2 * self._pause, _LONGEST_AGAIN_SECONDS)
        self._is_ready = False
