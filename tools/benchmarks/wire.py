"""A kept-alive HTTP connection that costs next to nothing, so that what is timed is not the client."""

import re
import socket
from dataclasses import dataclass
from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+) *\r\n", re.IGNORECASE)
_SECONDS = 30.0
_END_OF_HEADERS = b"\r\n\r\n"


class WireError(Exception):
    """An answer that cannot be read, or none at all."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status and the body."""

    status: int
    body: bytes


class Reader:
    """Puts answers together from pieces."""

    def __init__(self) -> None:
        self._received = b""

    def add(self, piece: bytes) -> Answer | None:
        """Take a piece; the answer once it is whole. Raises WireError."""
        if not piece:
            raise WireError("the connection was closed before the answer was whole")
        self._received += piece
        head, separator, body = self._received.partition(_END_OF_HEADERS)
        if not separator:
            return None
        length = _LENGTH.search(head + b"\r\n")
        if not length:
            raise WireError(f"an answer without Content-Length: {head!r}")
        if len(body) < int(length[1]):
            return None
        self._received = b""
        return Answer(int(head.split(b" ", 2)[1]), body)


class Connection:
    """One request at a time over one TCP connection; `select` tells when there is something to receive."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = Reader()

    def __enter__(self) -> Self:
        """Stay connected."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Disconnect."""
        self._socket.close()

    def fileno(self) -> int:
        """Give what `select` waits on."""
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        """Send a request, whose answer is then to be received."""
        self._socket.sendall(request)

    def receive(self) -> Answer | None:
        """Take what has come; the answer once it is whole. Raises WireError."""
        return self._reader.add(self._socket.recv(1 << 20))

    def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        self.send(request)
        return self.answer()

    def answer(self) -> Answer:
        """Wait for the answer to what was sent."""
        while (answer := self.receive()) is None:
            pass
        return answer


def request(method: str, path: str, *, headers: dict[str, str], body: str = "") -> bytes:
    """Write a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*lines, "", body]).encode()
