"""Measured with real connections to the sample app, and to one that keeps none."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provider.demo.sample_app import Behaviour, SampleApp
from provider.traefik.doctor import BackendError, IdleTimes, measure_idle_times


@contextmanager
def running(idle_seconds: float) -> Iterator[str]:
    app = SampleApp(("127.0.0.1", 0), version="v1", behaviour=Behaviour(), idle_seconds=idle_seconds)
    thread = threading.Thread(target=app.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{app.server_address[1]}"
    finally:
        app.shutdown()
        thread.join()
        app.server_close()


def test_each_connection_is_followed_until_the_backend_closes_it() -> None:
    with running(0.1) as url:
        times = measure_idle_times(url, up_to_seconds=30)

    assert 3 == len(times.closed) == times.asked


def test_a_backend_that_closes_later_than_is_waited_for_closed_none() -> None:
    with running(30) as url:
        times = measure_idle_times(url, up_to_seconds=0.05)

    assert times.closed == []
    assert times.keep_alive_timeout is None


@pytest.mark.parametrize(
    ("closed", "told"),
    [
        ([5.003, 5.01], "5s"),
        ([4.998], "5s"),
        ([2.46, 2.0], "2s"),
        ([0.53], "0.5s"),
        ([0.01], "0.1s"),
        ([75.01], "75s"),
    ],
)
def test_the_shortest_is_what_to_set(closed: list[float], told: str) -> None:
    assert IdleTimes(closed).keep_alive_timeout == told


def test_a_backend_that_is_not_there_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BackendError, match="does not answer: ConnectionRefusedError"):
            measure_idle_times(f"http://127.0.0.1:{taken.getsockname()[1]}", up_to_seconds=1)
