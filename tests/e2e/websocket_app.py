"""A WebSocket server that accepts every handshake, and clients that stay connected for a while."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.e2e.harness import HOST

_UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
# The key and its answer of RFC 6455, section 1.3.
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Handler(StreamRequestHandler):
    def handle(self) -> None:
        """Accept, and stay connected until the client leaves."""
        while self.rfile.readline() not in {b"\r\n", b""}:
            continue
        self.wfile.write(_UPGRADED)
        self.rfile.read()


@contextmanager
def websocket_server() -> Iterator[int]:
    """Give the port of a server."""
    with _Server((HOST, 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@contextmanager
def websocket_clients(port: int, *, host: str, clients: int, seconds: float) -> Iterator[None]:
    """Let clients connect again and again, each time for so long."""
    ends = threading.Event()

    def run() -> None:
        while not ends.is_set():
            with socket.create_connection((HOST, port), timeout=10) as connection:
                connection.sendall(
                    f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n\r\n".encode()
                )
                connection.recv(4096)
                ends.wait(seconds)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        for thread in threads:
            thread.join()
