"""Where servers are looked for as a line of text: `dns shop-v2:8080`, `registered v2`. Pure."""

import re

from provider.domain.json_object import Json

_FORM = "must be such as `dns shop-v2:8080`, `dns _http._tcp.shop.internal SRV` or `registered v2`"
_DNS = re.compile(
    r"dns\s+(?P<name>[^\s:]+)(:(?P<port>[0-9]{1,5}))?(\s+(?P<type>A|AAAA|SRV))?"
    r"(\s+scheme\s+(?P<scheme>\S+))?(\s+resolver\s+(?P<resolver>\S+))?"
)
_REGISTERED = re.compile(r"registered\s+(?P<group>\S+)")


def is_discover(line: str) -> bool:
    """Tell whether a line says where servers are looked for."""
    return line.split(maxsplit=1)[0] in {"dns", "registered"}


def discover_of(line: str) -> Json:
    """Read a line; ValueError says how one is written."""
    registered, dns = _REGISTERED.fullmatch(line), _DNS.fullmatch(line)
    if registered:
        return {"registered": registered["group"]}
    if not dns:
        raise ValueError(_FORM)
    said = {name: value for name, value in dns.groupdict().items() if value}
    return {"dns": {**said, **({"port": int(said["port"])} if "port" in said else {})}}


def line_of(discover: Json) -> str:
    """Write a line that `discover_of` reads as the same."""
    if "registered" in discover:
        return f"registered {discover['registered']}"
    dns = discover["dns"]
    parts = [f"dns {dns['name']}" + (f":{dns['port']}" if "port" in dns else "")]
    if dns.get("type", "A") != "A":
        parts.append(dns["type"])
    if dns.get("scheme", "http") != "http":
        parts.append(f"scheme {dns['scheme']}")
    if "resolver" in dns:
        parts.append(f"resolver {dns['resolver']}")
    return " ".join(parts)
