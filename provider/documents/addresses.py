"""Addresses that this program asks by itself, on behalf of whoever wrote them into a document."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import urlsplit

from provider.documents.fields import url_problem

# Where clouds hand out credentials to whoever asks from inside. fd00:ec2::254 is AWS' over IPv6.
_REFUSED = tuple(ip_network(network) for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"))
_C_NUMBER = re.compile(r"0[xX](?P<hex>[0-9A-Fa-f]+)|0(?P<octal>[0-7]*)|(?P<decimal>[1-9][0-9]*)")
_BASES = {"hex": 16, "octal": 8, "decimal": 10}


def asked_url_problem(url: str) -> str | None:
    """Say what is wrong with an http or https address that is to be asked, if anything is.

    Addresses of link-local metadata services are refused as far as they are written out: a name is not resolved here.
    """
    problem = url_problem(url, schemes={"http", "https"}, has_path=True)
    if problem:
        return problem
    address = _address(urlsplit(url).hostname or "")
    if address and any(address in network for network in _REFUSED):
        return "link-local and metadata addresses are never asked: a cloud hands out credentials there"
    return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    if ":" not in host:
        return _ipv4(host.removesuffix("."))
    address = IPv6Address(host)
    return address.ipv4_mapped or address


def _ipv4(host: str) -> IPv4Address | None:
    """Read an address as the C library's inet_aton does: 169.254.1.1, but 2852039166 and 0xa9fea9fe as well."""
    parts = [_C_NUMBER.fullmatch(part) for part in host.split(".")]
    numbers = [_number(part) for part in parts if part]
    if len(numbers) != len(parts) or len(parts) > 4:
        return None
    *high, low = numbers
    if any(number > 255 for number in high) or low >= 256 ** (4 - len(high)):
        return None
    return IPv4Address(low + sum(number << (24 - 8 * place) for place, number in enumerate(high)))


def _number(match: re.Match[str]) -> int:
    base = match.lastgroup or "decimal"
    return int(match[base] or "0", _BASES[base])
