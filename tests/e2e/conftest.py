from collections.abc import Iterator
from pathlib import Path

import pytest

from provider.demo.processes import Processes
from tests.e2e.harness import Stack, started


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Give the whole system with processes of its own, for tests that break it."""
    with Processes(tmp_path) as processes:
        stack = started(tmp_path, processes)
        yield stack
        stack.disconnect()


@pytest.fixture(scope="module")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the whole system to a module whose tests leave it as they found it."""
    directory = tmp_path_factory.mktemp("stack")
    with Processes(directory) as processes:
        stack = started(directory, processes, CANARY_WORKERS="1")
        yield stack
        stack.disconnect()
