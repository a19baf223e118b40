"""Sessions that connect only to where they may: the address that a name leads to is checked first.

A name that is checked and then resolved again may lead elsewhere by then (DNS rebinding). So it is resolved once, and
what is connected to is the very address that was checked. Where a proxy of the environment is used, it is the proxy
that resolves: only an address that is written out is checked then.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from provider.domain.fields.addresses import Networks
from provider.domain.fields.hosts import written_address
from provider.net.deadlines import guard_connection, is_too_late

# At a time, and of one host; more are possible, but their connections are not kept.
_CONNECTIONS = 16
_CONNECT_SECONDS = 1.0
_PORTS = {"http": 80, "h2c": 80, "https": 443}
ANYWHERE = Networks()


class RefusedAddressError(ValueError):
    """An address that must not be connected to. Not one of OSError's kind: urllib3 would wrap it."""


class CredentialError(ValueError):
    """A credential that cannot be had; the words name it, and never hold it."""


@dataclass(frozen=True)
class Credential:
    """What a server wants to see, and the file of the CAs that its certificate is verified by."""

    headers: Mapping[str, str]
    ca_file: str | None = None


Credentials = Callable[[str], Credential | None]
"""Find what a URL needs; None where it needs nothing. May raise CredentialError."""


def none_needed(url: str) -> None:
    """Return no credential for any URL."""


def new_session(networks: Networks = ANYWHERE, *, credentials: Credentials = none_needed) -> requests.Session:
    """Make a session that several threads can use at once: nothing an answer says is kept in it.

    What it sends raises RefusedAddressError where the networks do not allow the address, and CredentialError.
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(networks, credentials))
    return session


class _Adapter(HTTPAdapter):
    def __init__(self, networks: Networks, credentials: Credentials) -> None:
        self._networks = networks
        self._credentials = credentials
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._networks)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if isinstance(manager, ProxyManager) and proxy.startswith("http"):  # those for SOCKS connect on their own
            manager.pool_classes_by_scheme = _pools(ANYWHERE)
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        written = written_address(urlsplit(request.url or "").hostname or "")
        if written:
            _insist(self._networks, str(written))
        if credential := self._credentials(request.url or ""):
            request.headers.update(credential.headers)
            kwargs["verify"] = credential.ca_file or kwargs.get("verify", True)
        return super().send(request, *args, **kwargs)


@lru_cache(maxsize=8)
def _pools(networks: Networks) -> dict[str, type[HTTPConnectionPool]]:
    """Make the classes of urllib3 that connect within networks; the only way to tell its connections of them."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, super()._new_conn, networks)

        def request(self, *args: Any, **kwargs: Any) -> None:
            _guard(self)
            super().request(*args, **kwargs)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, super()._new_conn, networks)

        def request(self, *args: Any, **kwargs: Any) -> None:
            _guard(self)
            super().request(*args, **kwargs)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _connected(connection: HTTPConnection, connect: Callable[[], socket.socket], networks: Networks) -> socket.socket:
    """Connect to the first address of a host that answers, once it is known to be allowed."""
    named = connection._dns_host
    failure: Exception | None = None
    for address in _resolved(connection):
        _insist(networks, address)
        # urllib3 takes from here what to connect to, and later the name that a certificate must be for.
        connection._dns_host = address
        try:
            return guard_connection(connect())
        except (NewConnectionError, ConnectTimeoutError) as error:
            failure = error
        finally:
            connection._dns_host = named
        if is_too_late():
            break
    raise failure or NewConnectionError(connection, "the name has no address")


class Reachability(StrEnum):
    """What became of one attempt to connect to a server."""

    OPEN = "open"
    REFUSED = "refused"
    """The host answers, and nothing listens at the port."""
    UNKNOWN = "unknown"
    """There is no route, no answer in time or no address, or connecting to it is not allowed."""


def reachability(url: str, networks: Networks = ANYWHERE) -> Reachability:
    """Connect once to a server, where connecting to its address is allowed."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    try:
        for *_, address in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM):
            _insist(networks, str(address[0]))
            with socket.create_connection((str(address[0]), port), timeout=_CONNECT_SECONDS):
                return Reachability.OPEN
    except ConnectionRefusedError:
        return Reachability.REFUSED
    except (OSError, RefusedAddressError):
        return Reachability.UNKNOWN
    return Reachability.UNKNOWN


def takes_connections(url: str, networks: Networks = ANYWHERE) -> bool:
    """Tell whether somebody listens at a server's address, where connecting to it is allowed."""
    return reachability(url, networks) is Reachability.OPEN


def _guard(connection: HTTPConnection) -> None:
    """Put a connection that was kept under the deadline of the call that uses it now."""
    if connection.sock:
        guard_connection(connection.sock)


def _resolved(connection: HTTPConnection) -> Iterator[str]:
    host, port = connection._dns_host.strip("[]"), connection.port
    try:
        found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    return (str(address[0]) for *_, address in found)


def _insist(networks: Networks, address: str) -> None:
    refusal = networks.refusal(ip_address(address))
    if refusal:
        raise RefusedAddressError(refusal)
