import socket
import threading
from collections.abc import Iterator

import pytest

from provider.server.port_probe import bind_patiently


@pytest.fixture
def busy() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_port_that_is_left_meanwhile_can_be_used(busy: socket.socket) -> None:
    address = busy.getsockname()
    threading.Timer(0.1, busy.close).start()
    with socket.socket() as probe:
        bind_patiently(probe, address, patience_seconds=20)

        assert probe.getsockname() == address


def test_a_port_that_stays_in_use_is_told(busy: socket.socket) -> None:
    with socket.socket() as probe, pytest.raises(OSError, match="already in use"):
        bind_patiently(probe, busy.getsockname(), patience_seconds=0.1)
