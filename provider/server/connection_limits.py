"""How many connections a worker holds, of one client and in all, and which one makes room for another.

A connection whose last poll was answered with a configuration belongs to a gateway: it never has to make room.
"""

import resource
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import gevent

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MOST_OF_ONE = 2_000
# For Redis, logs, files, and requests that the provider makes itself.
_RESERVED_FILES = 256
# A client leaves one of so many parts of all connections to others: anybody may poll where that needs no token.
_PARTS = 10


class Connection(Protocol):
    """What serves a connection, as a greenlet does."""

    def kill(self, *, block: bool) -> object:
        """End it, and close the connection."""
        ...


def most_connections(wanted: int) -> int:
    """Return how many connections a worker can have by its limit of open files: `wanted` at most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _RESERVED_FILES))


class ConnectionLimits:
    """The connections of a worker by client. `client_of` returns whose an address is."""

    def __init__(self, *, client_of: Callable[[str], str], most: int, most_of_one: int = MOST_OF_ONE) -> None:
        self._client_of = client_of
        self._most = most
        self._most_of_one = min(most_of_one, max(1, most // 2))
        self._most_with_gateways = most - most // _PARTS
        # The client of every connection.
        self._owners: dict[Connection, str] = {}
        # Of each client those that belong to no gateway; the one that has been idle for longest is the first of them.
        self._clients: dict[str, OrderedDict[Connection, bool]] = {}
        self._gateways_of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._owners)

    def admit(self, connection: Connection, address: str) -> bool:
        """Count a new connection; False where it must be closed, because no idle one can make room."""
        client = self._client_of(address)
        own = len(self._clients.get(client, ()))
        is_full = own >= self._most_of_one or own + self._gateways_of[client] >= self._most_with_gateways
        if is_full and not self._displace([client]):
            return False
        if len(self) >= self._most and not self._displace(self._largest_first()):
            return False
        self._owners[connection] = client
        self._clients.setdefault(client, OrderedDict())[connection] = True
        return True

    def begin_request(self, connection: Connection) -> None:
        """Note that a connection is busy."""
        self._note(connection, is_idle=False)

    def end_request(self, connection: Connection, *, is_gateway: bool = False) -> None:
        """Note that a connection waits for its next request, and whether it is now known to be a gateway's."""
        if is_gateway and self._forget(connection):
            self._gateways_of[self._owners[connection]] += 1
        self._note(connection, is_idle=True)

    def close(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        is_gateway = not self._forget(connection)
        client = self._owners.pop(connection, None)
        if client is None or not is_gateway:
            return
        self._gateways_of[client] -= 1
        if not self._gateways_of[client]:
            del self._gateways_of[client]

    def _own(self, connection: Connection) -> OrderedDict[Connection, bool]:
        return self._clients.get(self._owners.get(connection, ""), OrderedDict())

    def _note(self, connection: Connection, *, is_idle: bool) -> None:
        own = self._own(connection)
        if connection in own:
            own[connection] = is_idle
            own.move_to_end(connection)

    def _forget(self, connection: Connection) -> bool:
        own = self._own(connection)
        found = own.pop(connection, None) is not None
        if found and not own:
            del self._clients[self._owners[connection]]
        return found

    def _largest_first(self) -> Iterable[str]:
        return sorted(self._clients, key=lambda client: len(self._clients[client]), reverse=True)

    def _displace(self, clients: Iterable[str]) -> bool:
        """Close the connection that has been idle for longest, of the first client that has one."""
        for client in clients:
            own = self._clients.get(client, OrderedDict())
            idle = next((connection for connection, is_idle in own.items() if is_idle), None)
            if idle is not None:
                self.close(idle)
                idle.kill(block=False)
                return True
        return False


def marking_gateways(application: "WSGIApplication", *, path: str) -> "WSGIApplication":
    """Note in the greenlet of a connection that its poll was answered with a configuration."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ.get("PATH_INFO") != path:
            return application(environ, start_response)

        def start(status: str, *rest: Any) -> Any:
            connection: Any = gevent.getcurrent()
            connection.is_gateway = status.startswith("200")
            return start_response(status, *rest)

        return application(environ, start)

    return serve
