import time
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.workers.workertmp import WorkerTmp

from provider.server.heartbeat import LOAD_SECONDS, TIMEOUT_SECONDS, begin_load, is_serving, say_serving


@pytest.fixture
def heartbeat() -> Iterator[WorkerTmp]:
    made = WorkerTmp(Config())
    yield made
    made.close()


def test_a_worker_that_hangs_while_it_loads_times_out(heartbeat: WorkerTmp) -> None:
    began = time.monotonic()
    begin_load(heartbeat)
    left = heartbeat.last_update() + TIMEOUT_SECONDS - began

    assert round(left) == LOAD_SECONDS


def test_a_worker_serves_when_it_says_so_and_not_when_it_loads(heartbeat: WorkerTmp) -> None:
    begin_load(heartbeat)
    heartbeat.notify()
    is_early = is_serving(heartbeat)
    say_serving(heartbeat)

    assert not is_early
    assert is_serving(heartbeat)
