"""How long a backend really keeps a connection that idles: measured, as its configuration may be anywhere."""

import contextlib
import http.client
import selectors
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import socket

_CONNECTIONS = 3
_PATIENCE_SECONDS = 10.0


class BackendError(Exception):
    """A backend that cannot be measured; the words say why."""


@dataclass(frozen=True)
class IdleTimes:
    """After how many seconds each connection was closed; those that were not in time are not in it."""

    closed: Sequence[float]
    asked: int = _CONNECTIONS

    @property
    def keep_alive_timeout(self) -> str | None:
        """Give the shortest as `keepAliveTimeout` takes it; None where none was closed."""
        return f"{max(round(min(self.closed), 1), 0.1):g}s" if self.closed else None


def measure_idle_times(url: str, *, up_to_seconds: float) -> IdleTimes:
    """Ask once on each of some connections, and wait until the backend closes them. Raises BackendError."""
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(_CONNECTIONS):
            connection = stack.enter_context(contextlib.closing(_connect(url)))
            _ask(connection, url)
            connection.sock.setblocking(False)
            selector.register(connection.sock, selectors.EVENT_READ, (connection.sock, time.monotonic()))
        return IdleTimes(list(_closed(selector, up_to_seconds)))


def _closed(selector: selectors.BaseSelector, up_to_seconds: float) -> Iterator[float]:
    deadline = time.monotonic() + up_to_seconds
    while selector.get_map() and (left := deadline - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            connection, since = key.data
            if _has_ended(connection):
                selector.unregister(connection)
                yield time.monotonic() - since


def _has_ended(connection: "socket.socket") -> bool:
    try:
        return not connection.recv(4096)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False  # TLS sends tickets of its own
    except OSError:
        return True


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        # It is timed, not trusted; Traefik decides whom it trusts.
        context = ssl._create_unverified_context()  # noqa: S323
        return http.client.HTTPSConnection(parts.netloc, timeout=_PATIENCE_SECONDS, context=context)
    return http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE_SECONDS)


def _ask(connection: http.client.HTTPConnection, url: str) -> None:
    try:
        connection.request("GET", urlsplit(url).path or "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        raise BackendError(f"{url} does not answer: {type(error).__name__}") from error
    if connection.sock is None:
        raise BackendError(f"{url} closes each connection after its response, so no keepAliveTimeout is needed")
