from collections.abc import Iterator

import pytest

from tests.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """Give a running worker without processes."""
    world = World()
    world.start()
    yield world
    world.feed.close()
