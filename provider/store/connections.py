"""Which server has a namespace's keys, and how it is asked: in bounded time, and again where it has changed."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisClusterException, TryAgainError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

from provider.store.addresses import Address, Kind, read_address

T = TypeVar("T")

_CONNECT_SECONDS = 1.0
_SENTINEL_SECONDS = 0.5
# Another node has the slot, or soon will. Of these nothing was done by the node that was asked.
_ELSEWHERE = (MovedError, AskError, TryAgainError, ClusterDownError, redis.exceptions.ReadOnlyError)


class _Connection(SentinelManagedConnection):
    """To the primary that Sentinels name; it ends when an answer does not come in time.

    redis-py's own would be kept: the next question would get the answer of the one before.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        return super().read_response(*args, **{"disconnect_on_error": True, **options})


class _TlsConnection(_Connection, SentinelManagedSSLConnection):
    """The same, by TLS."""


class Server(Protocol):
    """The server that has the keys of one namespace, whichever that is just now."""

    def ask(self, question: Callable[[Any], T]) -> T:
        """Ask a redis-py client of it, perhaps more than once. Raises what redis-py raises."""
        ...


def connect(url: str, *, key: str, answer_seconds: float, asks_again: bool = True) -> Server:
    """Give the server of a URL that has a key; it connects when it is first asked. ValueError where the URL is none.

    An answer is waited for `answer_seconds`. Unless it `asks_again`, a question whose connection ended is an error.
    """
    address = read_address(url)
    common: dict[str, Any] = {
        "decode_responses": True,
        # A document that somebody broke must not hide all others.
        "encoding_errors": "replace",
        "socket_connect_timeout": _CONNECT_SECONDS,
        "socket_timeout": answer_seconds,
        "health_check_interval": 30,
    }
    match address.kind:
        case Kind.ONE:
            return _Primary(redis.Redis.from_url(url, retry=_retry(2 * asks_again), **common))
        case Kind.SENTINEL:
            # Each try asks all Sentinels, and both the connection and the command are tried again: twice twice.
            return _Primary(_named_by_sentinels(address, retry=_retry(1 * asks_again), **common))
        case Kind.CLUSTER:
            return _NodeOfCluster(address, key=key, asks_again=asks_again, **common)


class _Primary:
    """One server, or the one that Sentinels name whenever a connection is made."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ask(self, question: Callable[[Any], T]) -> T:
        """Ask it; redis-py connects anew where a connection has ended."""
        return question(self._client)


class _NodeOfCluster:
    """The node of a Cluster that has the slot of all our keys.

    redis-py's Cluster client knows the map of the slots; its client of that node is asked, as of one server: a
    Cluster pipeline has no TIME, MGET or EVALSHA, and would not keep a write and its WAIT on one connection.
    """

    def __init__(self, address: Address, *, key: str, asks_again: bool, **options: Any) -> None:
        self._key = key
        self._asks_again = asks_again
        self._nodes = address.nodes
        self._options: dict[str, Any] = {**address.server_options, **address.tls, **options}
        self._cluster: Any = None

    def ask(self, question: Callable[[Any], T]) -> T:
        """Ask the node; where it is gone, or another one has the slot, look at the map anew and ask once more."""
        cluster = self._connected()
        node = cluster.get_node_from_key(self._key)
        try:
            return question(cluster.get_redis_connection(node))
        except redis.AuthenticationError:
            raise
        except (*_ELSEWHERE, redis.ConnectionError):
            self._look_again(cluster, node)
            if not self._asks_again:
                raise
            node = cluster.get_node_from_key(self._key)
            return question(cluster.get_redis_connection(node))
        except redis.TimeoutError:
            # Who asked has waited long enough; the next one finds whoever took over.
            self._look_again(cluster, node)
            raise

    def _connected(self) -> Any:
        cluster = self._cluster
        if cluster is None:
            # Each of several threads may make one while there is none: a lock would have them wait for each other.
            nodes = [ClusterNode(host, port) for host, port in self._nodes]  # type: ignore[no-untyped-call]
            # The slots of others are none of our business.
            cluster = RedisCluster(
                startup_nodes=nodes, require_full_coverage=False, retry=Retry(NoBackoff(), 1), **self._options
            )
            self._cluster = cluster
        return cluster

    def _look_again(self, cluster: Any, node: Any) -> None:
        try:
            cluster.nodes_manager.initialize(last_failed_node_name=node.name)
        except RedisClusterException:
            # None of the nodes found before answers: begin with those of the URL, whose names may lead elsewhere.
            self._cluster = None
            raise


def _named_by_sentinels(address: Address, **common: Any) -> Any:
    seconds = {"socket_timeout": _SENTINEL_SECONDS, "socket_connect_timeout": _SENTINEL_SECONDS}
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
        address.nodes,
        # There are others to ask, and the question is asked again.
        sentinel_kwargs={**seconds, "retry": Retry(NoBackoff(), 0), **address.sentinel_login, **address.tls},
    )
    kind = _TlsConnection if address.is_tls else _Connection
    return sentinel.master_for(
        address.service, connection_class=kind, **address.server_options, **address.tls, **common
    )


def _retry(times: int) -> Retry:
    # A request waits for this: rather few quick tries and a clear answer than many slow ones. One that was not
    # answered in time is not tried again, as every try, and every connection before it, would wait as long.
    return Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.25), times, supported_errors=(redis.ConnectionError,))
