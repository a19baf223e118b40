"""Names in the DNS as servers: asked for as often as an answer holds, by a library that reads its time to live."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
from dns.rdatatype import RdataType

from provider.domain.fields.addresses import Networks
from provider.domain.rollouts import MOST_SERVERS, Dns, Server

_ANSWER_SECONDS = 2.0
_LOOKUP_SECONDS = 5.0
_MOST_TARGETS = 50
_ADDRESSES = {"A": RdataType.A, "AAAA": RdataType.AAAA}


class NothingFoundError(Exception):
    """The name has no address that a server may have; the words say so."""


class NotAnsweredError(Exception):
    """Nobody could tell what the name has."""


@dataclass(frozen=True)
class Lookup:
    """What a name has now, in a steady order, and for how many seconds that holds."""

    servers: Sequence[Server]
    seconds: float


def look_up(source: Dns, networks: Networks) -> Lookup:
    """Ask for a name's servers; addresses that servers may not have are left out.

    Raises NothingFoundError, NotAnsweredError.
    """
    asking = _Asking(source)
    targets = list(asking.targets())
    refusals = {address: networks.refusal(ip_address(address)) for _, address, _ in targets}
    allowed = {
        Server(url=_url(source.scheme, address, port), weight=weight)
        for port, address, weight in targets
        if not refusals[address]
    }
    servers = sorted(allowed, key=lambda server: (server.url, server.weight or 0))[:MOST_SERVERS]
    if not servers:
        why = next((f"{address}: {refusal}" for address, refusal in refusals.items() if refusal), None)
        raise NothingFoundError(
            f"{source} has only addresses that are not allowed ({why})" if why else f"{source} has no address"
        )
    return Lookup(servers, asking.seconds)


class _Asking:
    """One look at a name: what it leads to, and the shortest time that any of the answers holds."""

    def __init__(self, source: Dns) -> None:
        self._source = source
        self._end = time.monotonic() + _LOOKUP_SECONDS
        self.seconds = float("inf")

    def targets(self) -> Iterator[tuple[int, str, int | None]]:
        """Give port, address and weight of every server."""
        if self._source.type != "SRV":
            for address in self._addresses(self._source.name, _ADDRESSES[self._source.type]):
                yield self._source.port or 0, address, None
            return
        records = self._ask(self._source.name, RdataType.SRV)
        # Those of a higher number stand by for those of the lowest; Traefik has no such thing for servers.
        first = min((record.priority for record in records), default=0)
        leading = sorted((record for record in records if record.priority == first), key=str)
        for record in leading[:_MOST_TARGETS]:
            for address in self._addresses(record.target.to_text(), RdataType.A, RdataType.AAAA):
                yield record.port, address, max(record.weight, 1)

    def _addresses(self, name: str, *types: RdataType) -> Iterator[str]:
        for kind in types:
            for record in self._ask(name, kind):
                yield record.address

    def _ask(self, name: str, kind: RdataType) -> Sequence[Any]:
        left = self._end - time.monotonic()
        if left <= 0:
            raise NotAnsweredError(
                f"{self._source} could not be looked up: it takes over {_LOOKUP_SECONDS:g} s in all"
            )
        try:
            lifetime = min(_ANSWER_SECONDS, left)
            answer = _resolver(self._source.resolver).resolve(name, kind, lifetime=lifetime, search=True)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            # Its words tell how long it took; these are the same every time, and said once.
            why = "no name server answered" if isinstance(error, dns.exception.Timeout) else type(error).__name__
            raise NotAnsweredError(f"{self._source} could not be looked up: {why}") from error
        self.seconds = min(self.seconds, float(answer.rrset.ttl) if answer.rrset else 0.0)
        return list(answer)


@lru_cache(maxsize=64)
def _resolver(address: str | None) -> dns.resolver.Resolver:
    """Make who asks; the system's name servers are read once, as a process of theirs does."""
    if address is None:
        return dns.resolver.Resolver()
    parts = urlsplit(f"//{address}")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [parts.hostname or ""]
    resolver.port = parts.port or 53
    return resolver


def _url(scheme: str, address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{port}"
