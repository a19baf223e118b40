"""The spec of a gateway, and the state of its polls."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from provider.domain.fields import Document, Moment
from provider.domain.fields.addresses import asked_url_problem
from provider.domain.fields.types import Token

# The name of a Traefik that polls without one.
DEFAULT_GATEWAY = "default"


def _endpoint(url: str) -> str:
    problem = asked_url_problem(url)
    if problem:
        raise ValueError(f"must be an address such as http://edge:8080: {problem}")
    return url.removesuffix("/")


Endpoint = Annotated[str, Field(max_length=512, json_schema_extra={"format": "uri"}), AfterValidator(_endpoint)]


_NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$"


def _secret(name: str) -> str:
    if not re.fullmatch(_NAME_PATTERN, name) or name.endswith("\n"):
        raise ValueError(
            "must be the name of a file in CANARY_SECRETS_DIR, such as edge-password; not a secret itself"
        )
    return name


SecretName = Annotated[str, AfterValidator(_secret), Field(json_schema_extra={"pattern": _NAME_PATTERN})]


class SecretHeader(Document):
    """A header with a secret value."""

    name: Token
    """Name of the header, such as `X-Api-Key`."""
    secret: SecretName
    """Name of the secret that contains the value."""


class GatewaySpec(Document):
    """URLs and credentials of a gateway's API and metrics.

    Credentials are names of secrets: files in `CANARY_SECRETS_DIR` of every provider and controller. The files are
    read for each request. Their contents are neither stored nor shown.
    """

    api: Endpoint | None = None
    """URL of Traefik's API. Without it, the provider cannot confirm that Traefik applied a configuration, and
    counts no requests."""
    metrics: Endpoint | None = None
    """URL of Traefik's Prometheus metrics. Default: the path `/metrics` below `api`."""
    traefik: str | None = Field(default=None, pattern=r"^v?[0-9]{1,4}\.[0-9]{1,4}[ -~]{0,48}$", examples=["3.6.2"])
    """Oldest Traefik version of the gateway; the served configuration is compatible with it. Default: the version
    that the controller reads from the API."""
    basic_auth: SecretName | None = None
    """Name of the secret that contains `USER:PASSWORD` for API and metrics."""
    header: SecretHeader | None = None
    """Header for API and metrics, such as `Authorization` with a bearer token."""
    ca: SecretName | None = None
    """Name of the secret that contains the PEM CA certificates for `https` URLs."""

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        if not (self.api or self.metrics) and (self.basic_auth or self.header or self.ca):
            raise ValueError("credentials go with api or metrics")
        if self.basic_auth and self.header and self.header.name.lower() == "authorization":
            raise ValueError("basicAuth and the header Authorization exclude each other")
        if self.ca and not any((url or "").startswith("https://") for url in (self.api, self.metrics)):
            raise ValueError("ca goes with an https URL")
        return self

    @property
    def metrics_url(self) -> str | None:
        """Where its counters are read: beside its API unless something else is said."""
        return self.metrics or (f"{self.api}/metrics" if self.api else None)


class Sighting(Document):
    """What one worker last saw of one instance of a gateway."""

    gateway: str
    address: str
    last_poll: Moment
    revision_served: int
    digest: str
    hold_seconds: int | None = None
    """How long it asked for its polls to be held; 0 is not at all, None was written by an older provider."""
    is_authenticated: bool = False
    """Whether the poll carried a token that permits polling."""
    taken: str = ""
    """The digest that it was served before its newest poll: it has read that body, as it polls again afterward."""
    revision_taken: int = 0
    """The revision that it was served before its newest poll."""
    worker: str = ""
    """The worker that noted it."""

    def has_taken(self, version: int, *, digest: str | None) -> bool:
        """Return whether the instance has read a body of at least this revision, or the one with this digest.

        A response to a long poll waits in a buffer if Traefik hangs: only its next poll shows that it was read. A
        request that is not held is answered while Traefik waits for it.
        """
        if self.hold_seconds:
            return self.revision_taken >= version or self.taken == digest
        return self.revision_served >= version or self.digest == digest
