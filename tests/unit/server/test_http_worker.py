from types import SimpleNamespace

import gevent

from provider.server.http_worker import HttpWorker


def test_the_first_header_of_a_connection_has_less_time_than_a_pause_between_requests() -> None:
    worker = HttpWorker.__new__(HttpWorker)
    worker.cfg = SimpleNamespace(keepalive=75)

    def connection() -> list[float | None]:
        return [worker.timeout_ctx().seconds for _ in range(3)]

    connections = [gevent.spawn(connection) for _ in range(2)]
    gevent.joinall(connections)

    assert [one.value for one in connections] == [[10, 75, 75]] * 2
