"""What a URL of a store says: one server, the Sentinels that know one, or some nodes of a Cluster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from redis.connection import parse_url

_URL = re.compile(
    r"(?P<scheme>[a-z]+(?:\+[a-z]+)?)://(?:(?P<login>[^/?#]*)@)?(?P<hosts>[^@/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?P<host>[^:\s\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_QUOTED = "a password's own /, ? or # are written as %2F, %3F or %23"
_DATABASE = re.compile(r"[0-9]{1,6}")
_SENTINEL_PORT = 26_379
_SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS = (*_TLS_FILES, "ssl_ca_path", "ssl_password", "ssl_cert_reqs", "ssl_check_hostname")
_EVERYWHERE = ("username", "password", "client_name", "max_connections", "socket_keepalive")


class Kind(StrEnum):
    """What stands behind a URL."""

    ONE = "one"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_FORMS = {
    Kind.ONE: "redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH",
    Kind.SENTINEL: "redis+sentinel://HOST:26379,HOST:26379/SERVICE (rediss+sentinel:// for TLS)",
    Kind.CLUSTER: "redis+cluster://HOST:6379,HOST:6379 (rediss+cluster:// for TLS)",
}
_SCHEMES = {("unix", ""), *((scheme, name) for scheme in ("redis", "rediss") for name in ("", "sentinel", "cluster"))}


@dataclass(frozen=True)
class Address:
    """Where a store is. `options` are redis-py's, read from the URL; `service` is a name that the Sentinels know."""

    kind: Kind
    is_tls: bool
    nodes: tuple[tuple[str, int], ...]
    service: str
    options: Mapping[str, Any]

    @property
    def tls(self) -> Mapping[str, Any]:
        """The options of TLS alone; Sentinels share them."""
        chosen = {name: value for name, value in self.options.items() if name in _TLS}
        return {"ssl": True, **chosen} if self.is_tls else {}

    @property
    def sentinel_login(self) -> Mapping[str, Any]:
        """User and password of the Sentinels, who have their own."""
        login = {name.removeprefix("sentinel_"): self.options.get(name) for name in _SENTINEL_LOGIN}
        return {name: value for name, value in login.items() if value}

    @property
    def server_options(self) -> Mapping[str, Any]:
        """What holds for the servers with the data."""
        return {name: value for name, value in self.options.items() if name not in (*_TLS, *_SENTINEL_LOGIN)}


def read_address(url: str) -> Address:
    """Read a URL; ValueError says what would be right, and repeats nothing that may be a secret."""
    match = _URL.fullmatch(url)
    scheme, _, name = match["scheme"].partition("+") if match else ("", "", "")
    is_known = (
        scheme in {"redis", "rediss"} and name in {"", Kind.SENTINEL, Kind.CLUSTER}
    ) or scheme + name == "unix"
    if not match or not is_known or match["scheme"].endswith("+"):
        raise ValueError(f"{', '.join(_FORMS.values())}; {_QUOTED}")
    kind = Kind(name or Kind.ONE)
    query = dict(parse_qsl(match["query"] or ""))
    path = (match["path"] or "").strip("/")
    is_tls = scheme == "rediss"
    _check_options(kind, query, is_tls=is_tls)
    if kind is Kind.ONE:
        _check_server(match, query)
        return Address(kind, is_tls, (), "", _options(kind, url))
    nodes = _nodes(kind, match["hosts"])
    service, _, number = path.partition("/")
    if kind is Kind.CLUSTER and path not in {"", "0"}:
        raise ValueError(f"{_FORMS[kind]}; a Cluster has no databases to choose from")
    if kind is Kind.SENTINEL and not service:
        raise ValueError(f"{_FORMS[kind]}; the name of the service is missing")
    if number and not number.isdecimal():
        raise ValueError(f"{_FORMS[kind]}; a database after it is a number, as in /SERVICE/0")
    database = f"/{number}" if number else ""
    options = _options(kind, f"redis://{match['login'] or ''}@_{database}?{match['query'] or ''}")
    return Address(kind, is_tls, nodes, unquote(service), options)


def _check_server(match: re.Match[str], query: Mapping[str, str]) -> None:
    """Refuse what redis-py would ignore, and connect to database 0 instead."""
    path = match["path"] or ""
    if match["scheme"] == "unix":
        if match["hosts"] or not path.strip("/"):
            raise ValueError(f"{_FORMS[Kind.ONE]}; a socket has an absolute path, as in unix:///run/redis.sock")
    elif path not in {"", "/"} and not _DATABASE.fullmatch(path[1:]):
        raise ValueError(f"{_FORMS[Kind.ONE]}; the database after the host is a number, as in /0")
    if "db" in query and not _DATABASE.fullmatch(query["db"]):
        raise ValueError(f"{_FORMS[Kind.ONE]}; db is a number, as in db=0")


def _check_options(kind: Kind, query: Mapping[str, str], *, is_tls: bool) -> None:
    known = [*_EVERYWHERE]
    known += ["db"] if kind is not Kind.CLUSTER else []
    known += _TLS if is_tls else []
    known += _SENTINEL_LOGIN if kind is Kind.SENTINEL else []
    for name in query:
        if name not in known:
            hint = "; the options of TLS need rediss" if name in _TLS else ""
            raise ValueError(f"{_FORMS[kind]} with options out of {', '.join(known)}{hint}")
    if query.get("ssl_cert_reqs", "required") not in {"required", "optional", "none"}:
        raise ValueError(f"{_FORMS[kind]} with ssl_cert_reqs required, optional or none")
    for name in _TLS_FILES:
        if name in query and not Path(query[name]).is_file():
            raise ValueError(f"{_FORMS[kind]} with a file that is there as {name}")


def _options(kind: Kind, url: str) -> Mapping[str, Any]:
    """Have redis-py read login and query, so that all is typed and unquoted as its users know it."""
    try:
        options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError:
        # What it says may hold the password.
        raise ValueError(_FORMS[kind]) from None
    if kind is not Kind.ONE:
        options.pop("host", None)
    return options


def _nodes(kind: Kind, hosts: str) -> tuple[tuple[str, int], ...]:
    matches = [_HOST.fullmatch(unquote(host)) for host in hosts.split(",")]
    default = _SENTINEL_PORT if kind is Kind.SENTINEL else 6_379
    nodes = [(match["host"].strip("[]"), int(match["port"] or default)) for match in matches if match]
    if len(nodes) != len(matches) or not all(0 < port < 65_536 for _, port in nodes):
        raise ValueError(f"{_FORMS[kind]}; each host is a name or an address, with a port; {_QUOTED}")
    return tuple(nodes)
