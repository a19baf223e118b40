"""What lies between provider and Redis does what its weather says."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tools.chaos.waiting import wait_for
from tools.chaos.wire import HOST, Weather, Wire


@pytest.fixture
def echo() -> Iterator[int]:
    """Run a server that says back what it is told, and give its port."""
    listener = socket.create_server((HOST, 0))

    def repeat(connection: socket.socket) -> None:
        with connection:
            while told := connection.recv(100):
                connection.sendall(told)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=repeat, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def asked(connection: socket.socket) -> float:
    """Have a word said back, and tell how many seconds that took."""
    started = time.monotonic()
    connection.sendall(b"word")
    assert connection.recv(100) == b"word"
    return time.monotonic() - started


def can_connect(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_what_is_sent_arrives_and_later_where_it_is_slow(echo: int) -> None:
    with Wire(echo) as wire, socket.create_connection((HOST, wire.port), timeout=5) as connection:
        asked(connection)
        with wire.under(Weather(delay_seconds=0.1)):
            assert asked(connection) >= 0.2


def test_what_is_lost_arrives_when_it_is_sent_again(echo: int) -> None:
    with Wire(echo, seed=1) as wire, socket.create_connection((HOST, wire.port), timeout=30) as connection:
        asked(connection)
        with wire.under(Weather(loss=0.5)):
            assert sum(asked(connection) for _ in range(3)) >= 0.2


def test_a_cut_wire_ends_connections_and_refuses_new_ones_until_it_is_mended(echo: int) -> None:
    with Wire(echo) as wire, socket.create_connection((HOST, wire.port), timeout=5) as connection:
        asked(connection)
        with wire.under(Weather(is_cut=True)):
            assert connection.recv(1) == b""
            assert not can_connect(wire.port)
        wait_for(lambda: can_connect(wire.port), what="it is mended")


def test_another_server_is_found_when_the_first_is_gone(echo: int) -> None:
    with socket.create_server((HOST, 0)) as gone:
        port = gone.getsockname()[1]
    with Wire(port, echo) as wire, socket.create_connection((HOST, wire.port), timeout=5) as connection:
        assert asked(connection) < 5
