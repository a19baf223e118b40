"""Hosts as they are written in addresses, and those that nothing ever points to. Pure."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_network

IpAddress = IPv4Address | IPv6Address

# Where clouds hand out credentials to whoever asks from inside. fd00:ec2::254 is AWS' over IPv6.
_METADATA = tuple(ip_network(network) for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"))
# An IPv4 address inside an IPv6 one, as a translator of networks reads it (RFC 6052).
_TRANSLATED = ip_network("64:ff9b::/96")
# What nearly all are written as; read with every server of every rollout.
_PLAIN = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_C_NUMBER = re.compile(r"0[xX](?P<hex>[0-9A-Fa-f]+)|0(?P<octal>[0-7]*)|(?P<decimal>[1-9][0-9]*)")
_BASES = {"hex": 16, "octal": 8, "decimal": 10}


def is_metadata(address: IpAddress) -> bool:
    """Tell whether it is link-local, or one of a cloud's for credentials, in whatever clothes."""
    bare = unwrapped(address)
    return any(bare in network for network in _METADATA)


def unwrapped(address: IpAddress) -> IpAddress:
    """Give the IPv4 address that an IPv6 one stands for; any other as it is."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


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
