"""Peers that misbehave, over HTTP and DNS: `python peers.py KIND HTTP_PORT DNS_PORT`.

Each is a process of its own, so that the work of a peer does not slow down the load. The module imports nothing of
the project.
"""

import contextlib
import json
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import chain, repeat

HOST = "127.0.0.1"
_DRIP_SECONDS = 0.2
_BLOCK_BYTES = 65_536
_BOMB_BYTES = 256 * 1_024 * 1_024
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BEGIN = b'{"verdict": "yes", "status": "success", "data": "'
_TRUNCATED, _RESPONSE = 0x0200, 0x8180


class Kind(StrEnum):
    """The ways to misbehave."""

    DRIPPING = "dripping"
    """The response arrives byte by byte and does not end."""
    BOMBING = "bombing"
    """A small response that is huge after decompression; over DNS, as many records as fit."""
    ENDLESS = "endless"
    """The response is sent at full speed and does not end."""
    HANGING = "hanging"
    """The peer accepts connections and never responds."""
    BROKEN = "broken"
    """The peer responds with 503, and with an error over DNS."""


def http_response(kind: Kind, bomb: bytes) -> Iterator[bytes]:
    """Yield the pieces of a response, without an end where it has none."""
    match kind:
        case Kind.DRIPPING:
            return chain([_HEAD], repeat(b"X-More: 1\r\n"))
        case Kind.BOMBING:
            head = _HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
            return iter([head, bomb])
        case Kind.ENDLESS:
            block = b"%x\r\n%b\r\n" % (_BLOCK_BYTES, b"x" * _BLOCK_BYTES)
            begin = b"%x\r\n%b\r\n" % (len(_BEGIN), _BEGIN)
            return chain([_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + begin], repeat(block))
        case Kind.HANGING:
            return iter([])
        case Kind.BROKEN:
            body = json.dumps({"error": "down for maintenance"}).encode()
            return iter([b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)])


def dns_response(kind: Kind, query: bytes) -> Iterator[bytes]:
    """Yield the pieces of a response over TCP, its length first."""
    match kind:
        case Kind.DRIPPING:
            return chain([b"\xff\xff"], repeat(b"\0"))
        case Kind.BOMBING:
            record = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 1, 4, 127, 0, 0, 1)
            count = (0xFFFF - len(query)) // len(record)
            message = _dns_header(query, answers=count) + query[12:] + record * count
            return iter([struct.pack("!H", len(message)) + message])
        case Kind.ENDLESS:
            return chain([b"\xff\xff"], repeat(b"x" * _BLOCK_BYTES))
        case Kind.HANGING:
            return iter([])
        case Kind.BROKEN:
            message = _dns_header(query, code=2) + query[12:]
            return iter([struct.pack("!H", len(message)) + message])


def bomb() -> bytes:
    """Compress a body of 256 MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"y" * (1 << 20)
    pieces = [packer.compress(_BEGIN), *(packer.compress(block) for _ in range(_BOMB_BYTES // len(block)))]
    return b"".join([*pieces, packer.compress(b'"}'), packer.flush()])


def _dns_header(query: bytes, *, answers: int = 0, flags: int = 0, code: int = 0) -> bytes:
    return query[:2] + struct.pack("!HHHHH", _RESPONSE | flags | code, 1, answers, 0, 0)


def _serve(port: int, respond: Callable[[bytes], Iterator[bytes]], *, is_slow: bool, stays: bool) -> None:
    """Accept connections for ever, each in a thread, and send the response to the first request of each."""

    def handle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            for piece in respond(connection.recv(_BLOCK_BYTES)):
                connection.sendall(piece)
                if is_slow:
                    time.sleep(_DRIP_SECONDS)
            while stays and connection.recv(_BLOCK_BYTES):
                """Keep the connection until the client closes it."""

    with socket.create_server((HOST, port), backlog=256) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()


def _serve_datagrams(port: int, kind: Kind) -> None:
    """Refer each query over UDP to TCP, or leave it without a response."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind((HOST, port))
        while True:
            query, client = endpoint.recvfrom(_BLOCK_BYTES)
            if kind is not Kind.HANGING:
                endpoint.sendto(_dns_header(query, flags=_TRUNCATED) + query[12:], client)


def main() -> None:
    """Serve until the process is killed."""
    kind, http_port, dns_port = Kind(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    packed = bomb() if kind is Kind.BOMBING else b""
    # Only one that hangs holds a connection for good; the others end or never stop sending.
    options = {"is_slow": kind is Kind.DRIPPING, "stays": kind is Kind.HANGING}
    jobs: list[Callable[[], None]] = [
        lambda: _serve_datagrams(dns_port, kind),
        # A query over TCP begins with its length.
        lambda: _serve(dns_port, lambda query: dns_response(kind, query[2:]), **options),
    ]
    for job in jobs:
        threading.Thread(target=job, daemon=True).start()
    _serve(http_port, lambda _: http_response(kind, packed), **options)


if __name__ == "__main__":
    main()
