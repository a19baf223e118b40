"""Where the servers of a side are looked for, when they are not written down."""

from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from provider.documents import Document, exactly_one, one_of
from provider.documents.fields import HostName, Name, WholeNumber
from provider.documents.quoting import quoted


def _resolver(text: str) -> str:
    parts = urlsplit(f"//{text}")
    try:
        ip_address(parts.hostname or "")
        is_right = parts.netloc == text and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(
            f"must be the address of a name server, such as 10.0.0.53 or 127.0.0.1:8600, not {quoted(text)}"
        )
    return text


class Dns(Document):
    """A name that has an address for every server; asked for again when its answer's time is over."""

    name: HostName
    """The name that is looked up."""
    type: Literal["A", "AAAA", "SRV"] = "A"
    """Which records: A and AAAA have addresses, SRV has ports and weights too."""
    port: WholeNumber | None = Field(default=None, ge=1, le=65_535)
    """Where each address listens; SRV says it by itself."""
    scheme: Literal["http", "https", "h2c"] = "http"
    """How the servers are spoken to."""
    resolver: Annotated[str, AfterValidator(_resolver)] | None = Field(
        default=None,
        max_length=60,
    )
    """The name server to ask, as ADDRESS or ADDRESS:PORT; those of the system if left out."""

    @model_validator(mode="after")
    def _port_by_type(self) -> Self:
        if self.type == "SRV" and self.port is not None:
            raise ValueError("port goes with A and AAAA; an SRV record says its own")
        if self.type != "SRV" and self.port is None:
            raise ValueError("port is missing: an address alone does not say where the server listens")
        return self

    def __str__(self) -> str:
        """Say what is looked up: `shop-v2:8080 (A)`."""
        where = f"{self.name}:{self.port}" if self.port else self.name
        return f"{where} ({self.type})"


class Discover(Document):
    """How servers are found: by a name in the DNS, or as instances that register under the name of their group."""

    model_config = one_of("dns", "registered")

    dns: Dns | None = None
    """By a name in the DNS."""
    registered: Name | None = None
    """The group of instances that announce themselves, such as v2."""

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
