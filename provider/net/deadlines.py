"""Deadlines in wall-clock time for calls whose libraries only bound each wait for a byte."""

import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType


class Deadline:
    """Shuts down, once its time is over, the connections that are used within its block.

    A connection reports itself with `guard_connection`. Whoever uses a deadline checks `is_over`: a connection that
    was shut down looks like one that the peer has closed, and a response without a length then looks complete.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._guarded: socket.socket | None = None
        self._has_expired = False
        self._token: Token[Deadline | None] | None = None

    @property
    def is_over(self) -> bool:
        """Return whether the time is over."""
        return self._has_expired or time.monotonic() >= self._end

    def __enter__(self) -> "Deadline":
        """Start the time for the calls of this thread."""
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the time."""
        self.stop()
        if self._token:
            _current.reset(self._token)

    def stop(self) -> None:
        """Stop the time; the connection may be used for something else from now on."""
        self._timer.cancel()
        with self._lock:
            self._release()

    def guard(self, connection: socket.socket) -> None:
        """Shut this connection down when the time is over, instead of the one before."""
        # A duplicate: TLS moves the descriptor to another object, and a closed number may belong to someone else.
        duplicate = socket.fromfd(connection.fileno(), connection.family, connection.type)
        with self._lock:
            self._release()
            self._guarded = duplicate
            if self._has_expired:
                self._shut_down()

    def _expire(self) -> None:
        with self._lock:
            self._has_expired = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._guarded:
            with suppress(OSError):
                self._guarded.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._guarded:
            self._guarded.close()
            self._guarded = None


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def guard_connection(connection: socket.socket) -> socket.socket:
    """Put a connection under the deadline of the call that uses it, where there is one, and return it."""
    deadline = _current.get()
    if deadline:
        deadline.guard(connection)
    return connection


def is_too_late() -> bool:
    """Return whether the deadline of the current call is over."""
    deadline = _current.get()
    return deadline is not None and deadline.is_over
