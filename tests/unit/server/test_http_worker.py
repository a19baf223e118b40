from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent import socket
from gunicorn.workers.ggevent import GeventWorker

from provider.server.connection_limits import ConnectionLimits
from provider.server.http_worker import HttpWorker, _Server


def test_the_first_header_of_a_connection_has_less_time_than_a_pause_between_requests() -> None:
    worker = HttpWorker.__new__(HttpWorker)
    worker.cfg = SimpleNamespace(keepalive=75)

    def connection() -> list[float | None]:
        return [worker.timeout_ctx().seconds for _ in range(3)]

    connections = [gevent.spawn(connection) for _ in range(2)]
    gevent.joinall(connections)

    assert [one.value for one in connections] == [[10, 75, 75]] * 2


def test_a_worker_that_holds_all_its_connections_closes_an_idle_one_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def greet_and_read(_worker: HttpWorker, _listener: Any, client: Any, _address: Any) -> None:
        client.sendall(b"x")
        client.recv(1)

    monkeypatch.setattr(GeventWorker, "handle", greet_and_read)
    worker = HttpWorker.__new__(HttpWorker)
    worker.worker_connections = 2
    worker._connections = ConnectionLimits(client_of=lambda address: address, most=2, most_of_one=2)
    worker._connections._most_of_one = 2
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = _Server(listener, worker)
        stack.callback(server.stop, timeout=0)
        server.start()
        clients = [
            stack.enter_context(socket.create_connection(listener.getsockname(), timeout=10)) for _ in range(3)
        ]
        greetings = [client.recv(1) for client in clients]
        after = clients[0].recv(1)

    assert greetings == [b"x"] * 3
    assert after == b""
