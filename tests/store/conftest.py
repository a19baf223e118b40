import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from provider.store import EmbeddedServer, MemoryStore, RedisStore, Store
from provider.store.keys import Keys


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """Give a directory whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="store-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[EmbeddedServer]:
    """Run the server of all tests that leave it as it is."""
    with tempfile.TemporaryDirectory(prefix="store-") as path, EmbeddedServer(Path(path), appendfsync="no") as server:
        yield server


@pytest.fixture
def server(short_dir: Path) -> Iterator[EmbeddedServer]:
    """Run a server for one test, to be done anything to."""
    with EmbeddedServer(short_dir) as server:
        yield server


@pytest.fixture
def keys() -> Keys:
    """Give the keys of a namespace that nobody else uses."""
    return Keys(uuid4().hex)


@pytest.fixture
def valkey(shared_server: EmbeddedServer, keys: Keys) -> RedisStore:
    """Give an empty store on the shared server."""
    return RedisStore(shared_server.url, namespace=keys.namespace)


@pytest.fixture
def hand(shared_server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Give what an operator would type into the shared server by hand."""
    with redis.Redis.from_url(shared_server.url) as client:
        yield client


@pytest.fixture(params=["memory", "valkey"])
def store(request: pytest.FixtureRequest) -> Store:
    """Give an empty store of either kind."""
    if request.param == "memory":
        return MemoryStore()
    valkey: RedisStore = request.getfixturevalue("valkey")
    return valkey
