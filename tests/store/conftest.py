import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from provider.server.embedded_valkey import EmbeddedServer
from provider.store import MemoryStore, RedisStore, Store
from provider.store.keys import Keys
from tests.store.tls import Certificate, make_certificate, tls_front
from tools.chaos.servers import HOST, Cluster, Node, Sentinels, free_ports

# Where one server on a socket is not the whole truth: all of the contract is asked of these with `-m slow`.
ELSEWHERE = ["sentinel", "cluster", "tls"]


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


@pytest.fixture(scope="session")
def sentinel_url() -> Iterator[str]:
    """Give the URL of a server that a Sentinel knows."""
    with (
        tempfile.TemporaryDirectory() as path,
        Sentinels(Path(path), replicas=0, sentinels=1, down_after_seconds=60) as servers,
    ):
        yield servers.url


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Run a Cluster of three."""
    with tempfile.TemporaryDirectory() as path, Cluster(Path(path)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster_url(cluster: Cluster) -> str:
    """Give the URL of a Cluster of three."""
    return cluster.url


@pytest.fixture(scope="session")
def tls_url(shared_tls: Certificate) -> Iterator[str]:
    """Give the URL of a server that is reached by TLS."""
    port = free_ports(1)[0]
    with (
        tempfile.TemporaryDirectory() as path,
        Node(Path(path)) as node,
        tls_front(shared_tls.context(), port=port, to_port=node.port),
    ):
        yield f"rediss://{HOST}:{port}?ssl_ca_certs={shared_tls.certificate}"


@pytest.fixture(scope="session")
def shared_tls() -> Iterator[Certificate]:
    """Give the certificate of servers that are reached by TLS."""
    with tempfile.TemporaryDirectory() as path:
        yield make_certificate(Path(path))


@pytest.fixture(params=["memory", "valkey", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ELSEWHERE)])
def store(request: pytest.FixtureRequest, keys: Keys) -> Store:
    """Give an empty store of each kind."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "valkey":
        valkey: RedisStore = request.getfixturevalue("valkey")
        return valkey
    return RedisStore(request.getfixturevalue(f"{request.param}_url"), namespace=keys.namespace)


@pytest.fixture(params=ELSEWHERE)
def store_elsewhere(request: pytest.FixtureRequest, keys: Keys) -> RedisStore:
    """Give an empty store that is not just one server on a socket."""
    return RedisStore(request.getfixturevalue(f"{request.param}_url"), namespace=keys.namespace)
