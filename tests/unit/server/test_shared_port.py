"""Sockets on one port, by the real system."""

import logging
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from gunicorn.config import Config

from provider.demo.parts import free_port
from provider.server.shared_port import SharedSocket, let_pass_by

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="Linux spreads connections over such sockets")
HOST = "127.0.0.1"
MANY = 40


@pytest.fixture
def pair() -> Iterator[tuple[SharedSocket, SharedSocket]]:
    """Give two sockets on one port that do not listen yet."""
    address = (HOST, free_port())
    one, other = (SharedSocket(address, Config(), logging.getLogger(__name__)) for _ in range(2))
    yield one, other
    one.close()
    other.close()


def callers(address: tuple[str, int], stack: ExitStack) -> list[socket.socket]:
    """Begin to connect, many times at once."""
    found = [stack.enter_context(socket.socket()) for _ in range(MANY)]
    for caller in found:
        caller.setblocking(False)
        caller.connect_ex(address)
    return found


def accepted(listener: SharedSocket) -> int:
    """Accept all that waits."""
    count = 0
    while select.select([listener.sock], [], [], 0)[0]:
        listener.accept()[0].close()
        count += 1
    return count


def test_nobody_comes_to_a_socket_before_it_listens(pair: tuple[SharedSocket, SharedSocket]) -> None:
    joined, waiting = pair
    joined.listen(MANY)
    with ExitStack() as stack:
        callers(joined.getsockname(), stack)
        assert accepted(joined) == MANY

    waiting.listen(MANY)
    with ExitStack() as stack:
        callers(joined.getsockname(), stack)
        shares = (accepted(joined), accepted(waiting))

    assert sum(shares) == MANY
    assert all(shares)


def test_who_calls_a_socket_that_is_about_to_close_comes_to_the_other_one(
    pair: tuple[SharedSocket, SharedSocket],
) -> None:
    staying, leaving = pair
    staying.listen(MANY)
    leaving.listen(MANY)
    let_pass_by([leaving])
    with ExitStack() as stack:
        waiting = callers(staying.getsockname(), stack)
        at_once = accepted(staying)
        came_there = accepted(leaving)
        leaving.close()
        later = 0
        # Their system sends what was dropped again after a second.
        while at_once + later < MANY and select.select([staying.sock], [], [], 5)[0]:
            later += accepted(staying)
        failed = [caller for caller in waiting if caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]

    assert came_there == 0
    assert at_once + later == MANY
    assert later > 0
    assert not failed
