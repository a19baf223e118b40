"""What holds for all tests."""

import os
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from provider.demo import parts
from tests.e2e.harness import eventually
from tests.marked import command_of, marked_processes

# Tests run in several processes at once. A port that is free may be taken by another before it is used: each has
# ports of its own.
_PROCESSES = 8
# Two runs that go side by side count their processes from different numbers.
_NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_NUMBER += int(os.environ.get("CANARY_TEST_PORTS", "0"))
parts._PORTS = parts._PORTS[_NUMBER % _PROCESSES :: _PROCESSES]

_RUN = "CANARY_TEST_RUN"


@pytest.fixture(scope="session", autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Insist that every process that the tests have started has ended after them."""
    run = os.environ[_RUN] = uuid4().hex
    yield
    if sys.platform == "linux":
        eventually(lambda: not _left(run), what=f"the tests leave no process behind: {_left(run)}")


def _left(run: str) -> list[str]:
    # Python ends the resource tracker of a spawned pool with the process that started it.
    commands = {pid: command_of(pid) for pid in marked_processes(run, variable=_RUN)}
    return [
        f"{pid} {command}" for pid, command in commands.items() if "multiprocessing.resource_tracker" not in command
    ]
