import socket
from collections.abc import Iterator

import pytest

from provider.net.deadlines import Deadline, guard_connection, is_too_late
from tests.world import wait_until


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(30)
        theirs.settimeout(30)
        yield ours, theirs


def test_a_guarded_connection_is_shut_down_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(0.05) as deadline:
        guard_connection(pair[0])

        assert pair[0].recv(1) == b""
        assert deadline.is_over


def test_a_connection_that_is_guarded_too_late_is_shut_down_at_once(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    first = socket.socketpair()
    with first[0], first[1], Deadline(0.01):
        guard_connection(first[0])
        first[0].recv(1)
        guard_connection(pair[0])

        assert pair[0].recv(1) == b""
        assert is_too_late()


def test_a_deadline_that_was_stopped_leaves_its_connection_alone(pair: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(0.05) as deadline:
        guard_connection(pair[0])
        deadline.stop()

        assert wait_until(lambda: deadline.is_over, seconds=5)
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"


def test_a_connection_outside_of_a_deadline_is_left_alone(pair: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(30):
        pass

    assert pair[0] is guard_connection(pair[0])
    assert not is_too_late()
