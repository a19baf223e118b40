"""Addresses that documents name: servers, and what this program asks by itself on behalf of whoever wrote them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel

from provider.domain.fields.hosts import IpAddress, is_metadata, unwrapped, written_address
from provider.domain.fields.parsing import InvalidDocumentError, Mistake, write
from provider.domain.fields.types import url_problem

METADATA_WORDS = (
    "link-local and metadata addresses are not allowed: cloud metadata services provide credentials there"
)
# Every field, of every kind of document, that holds an address.
_FIELDS = frozenset({"url", "api", "metrics", "resolver"})
# A mapping whose keys are the writer's own.
_FREE = "headers"


def asked_url_problem(url: str) -> str | None:
    """Say what is wrong with an http or https address that is to be asked, if anything is.

    Addresses of link-local metadata services are refused as far as they are written out: a name is not resolved here.
    """
    problem = url_problem(url, schemes={"http", "https"}, has_path=True)
    if problem:
        return problem
    address = written_address(urlsplit(url).hostname or "")
    return METADATA_WORDS if address and is_metadata(address) else None


@dataclass(frozen=True)
class Networks:
    """Where addresses may point to: the networks that are named, anywhere if none is; never to metadata services."""

    allowed: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a list such as `10.0.0.0/8, fd00::/8`; ValueError names what is none."""
        return cls(tuple(_network(part) for part in text.replace(",", " ").split()))

    def refusal(self, address: IpAddress) -> str | None:
        """Say why nothing may point to an address, if nothing may."""
        if is_metadata(address):
            return METADATA_WORDS
        bare = unwrapped(address)
        if self.allowed and not any(bare in network for network in self.allowed):
            return "it is outside the allowed networks (CANARY_ALLOW_NETWORKS)"
        return None

    def check(self, document: BaseModel, *, pointer: str = "") -> None:
        """Insist that the addresses written in a document may be pointed to; InvalidDocumentError lists the others.

        A name is not resolved: where it leads may change with every question.
        """
        mistakes = [
            Mistake(where, f"must be within the allowed networks: {problem}")
            for where, url in _addresses(write(document), pointer)
            if (problem := self._problem(url))
        ]
        if mistakes:
            raise InvalidDocumentError(mistakes)

    def _problem(self, url: str) -> str | None:
        address = written_address(urlsplit(url if "//" in url else f"//{url}").hostname or "")
        return self.refusal(address) if address else None


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"networks such as 10.0.0.0/8, separated by commas, not {text}") from error


def _addresses(part: object, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in _FIELDS and isinstance(value, str):
                yield f"{pointer}/{name}", value
            elif name in _FIELDS and isinstance(value, Sequence):
                yield from ((f"{pointer}/{name}/{place}", url) for place, url in enumerate(value))
            elif name != _FREE:
                yield from _addresses(value, f"{pointer}/{name}")
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for place, value in enumerate(part):
            yield from _addresses(value, f"{pointer}/{place}")
