"""A server that never comes to an end: each connection gets a beginning, and then more and more of the same."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def dripping_server(begin: bytes, again: bytes, *, pause_seconds: float = 0.2, first: bytes = b"") -> Iterator[str]:
    """Give the URL of a server that sends `again` after every pause, until its caller or the block is done.

    With `first`, that is the response to the first request of each connection.
    """
    is_closing = threading.Event()
    threads: list[threading.Thread] = []

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            connection.recv(65_536)
            if first:
                connection.sendall(first)
                connection.recv(65_536)
            connection.sendall(begin)
            while not is_closing.wait(pause_seconds):
                connection.sendall(again)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while not is_closing.is_set():
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=drip, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=accept, args=(listener,)))
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            is_closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
