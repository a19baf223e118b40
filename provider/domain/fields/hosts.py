"""Hosts as they are written in addresses, and those that nothing ever points to. Pure."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network

IpAddress = IPv4Address | IPv6Address

# Where clouds hand out credentials to whoever asks from inside: link-local, then AWS over IPv6, Alibaba, Google over
# IPv6, Oracle and Azure.
_METADATA = tuple(
    ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "fd20:ce::254/128"),
        *("192.0.0.192/32", "168.63.129.16/32"),
    )
)
# An IPv4 address inside an IPv6 one, as a translator of networks reads it (RFC 6052), and the deprecated ::a.b.c.d.
_TRANSLATED = tuple(ip_network(network) for network in ("64:ff9b::/96", "::/96"))
# Here each network decides where in the address it stands (RFC 8215).
_LOCALLY_TRANSLATED = ip_network("64:ff9b:1::/48")
_LOOPBACK_OR_NONE = 1
# What nearly all are written as; read with every server of every rollout.
_PLAIN = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_C_NUMBER = re.compile(r"0[xX](?P<hex>[0-9A-Fa-f]+)|0(?P<octal>[0-7]*)|(?P<decimal>[1-9][0-9]*)")
_BASES = {"hex": 16, "octal": 8, "decimal": 10}


def is_metadata(address: IpAddress) -> bool:
    """Tell whether it is link-local, or one of a cloud's for credentials, in whatever clothes."""
    return any(bare in network for bare in _readings(address) for network in _METADATA)


def unwrapped(address: IpAddress) -> IpAddress:
    """Give the IPv4 address that an IPv6 one stands for; any other as it is."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in _TRANSLATED) and int(address) > _LOOPBACK_OR_NONE:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _readings(address: IpAddress) -> Iterator[IpAddress]:
    """Yield every address that one may stand for."""
    yield unwrapped(address)
    if isinstance(address, IPv4Address):
        return
    if address in _LOCALLY_TRANSLATED:
        # RFC 6052, 2.2: after 48, 56, 64 or 96 bits; bits 64 to 71 are skipped.
        packed = address.packed
        for start in (6, 7, 8, 12):
            octets = [packed[place] for place in range(start, 16) if start == 12 or place != 8]
            yield IPv4Address(bytes(octets[:4]))
    if address.teredo:
        yield from address.teredo


def written_address(host: str) -> IpAddress | None:
    """Read a host that is written as an address, in any form that a resolver takes; None for a name."""
    if ":" in host:
        try:
            return IPv6Address(host)
        except ValueError:
            return None
    return _ipv4(host.removesuffix("."))


def _ipv4(host: str) -> IPv4Address | None:
    """Read an address as the C library's inet_aton does: 169.254.1.1, but 2852039166 and 0xa9fea9fe as well."""
    if _PLAIN.fullmatch(host):
        octets = tuple(map(int, host.split(".")))
        return IPv4Address(bytes(octets)) if max(octets) < 256 else None
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
