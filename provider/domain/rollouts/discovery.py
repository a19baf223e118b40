"""Service discovery: how the servers of a side are found when the spec does not list them."""

from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from provider.domain.fields import Document, exactly_one, one_of
from provider.domain.fields.quotes import quoted
from provider.domain.fields.types import HostName, Name, WholeNumber


def _resolver(text: str) -> str:
    parts = urlsplit(f"//{text}")
    try:
        ip_address(parts.hostname or "")
        is_right = parts.netloc == text and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(
            f"must be the address of a DNS server, such as 10.0.0.53 or 127.0.0.1:8600, not {quoted(text)}"
        )
    return text


class Dns(Document):
    """DNS discovery: one server per address of a name. The name is resolved again when the records' TTL expires."""

    name: HostName
    """DNS name to resolve."""
    type: Literal["A", "AAAA", "SRV"] = "A"
    """Record type: `A` and `AAAA` contain addresses, `SRV` also ports and weights."""
    port: WholeNumber | None = Field(default=None, ge=1, le=65_535)
    """Port of the servers; required for `A` and `AAAA`, not allowed for `SRV`."""
    scheme: Literal["http", "https", "h2c"] = "http"
    """Scheme of the servers' URLs."""
    resolver: Annotated[str, AfterValidator(_resolver)] | None = Field(
        default=None,
        max_length=60,
    )
    """DNS server as `ADDRESS` or `ADDRESS:PORT`. Default: the DNS servers of the system."""

    @model_validator(mode="after")
    def _port_by_type(self) -> Self:
        if self.type == "SRV" and self.port is not None:
            raise ValueError("port requires type A or AAAA; an SRV record contains the port")
        if self.type != "SRV" and self.port is None:
            raise ValueError("port is required for A and AAAA records")
        return self

    def __str__(self) -> str:
        """Say what is looked up: `shop-v2:8080 (A)`."""
        where = f"{self.name}:{self.port}" if self.port else self.name
        return f"{where} ({self.type})"


class Discover(Document):
    """Service discovery by DNS, or by instances that register in a group."""

    model_config = one_of("dns", "registered")

    dns: Dns | None = None
    """Discover servers by DNS."""
    registered: Name | None = None
    """Name of the group that instances register in, such as `v2`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        exactly_one(self, "dns", "registered")
        return self

    def key(self, rollout: str) -> str:
        """Name what is found: the same name looked up the same way is the same for all rollouts, a group is not."""
        if self.dns is None:
            return registered_key(rollout, str(self.registered))
        dns = self.dns
        return f"dns:{dns.type}:{dns.scheme}:{dns.name}:{dns.port or ''}:{dns.resolver or ''}"

    def __str__(self) -> str:
        """Say where is looked: `shop-v2:8080 (A)`, `instances of v2`."""
        return str(self.dns) if self.dns else f"instances of {self.registered}"


def registered_key(rollout: str, group: str) -> str:
    """Name what registered for a group of a rollout."""
    return f"registered:{rollout}:{group}"
