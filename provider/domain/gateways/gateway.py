"""The spec of a gateway, and the state of its polls."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from provider.domain.fields import Document, Moment
from provider.domain.fields.addresses import asked_url_problem
from provider.domain.fields.types import Token

# The name of a Traefik that polls without one.
DEFAULT_GATEWAY = "default"


_LONGEST_URL = 512
_MOST_URLS = 16
_URL_SCHEMA: dict[str, Any] = {"type": "string", "format": "uri", "maxLength": _LONGEST_URL}


def _endpoint(url: object) -> str:
    if not isinstance(url, str):
        raise ValueError("must be a URL, or a list of URLs")  # noqa: TRY004 pydantic reports a ValueError
    if len(url) > _LONGEST_URL:
        raise ValueError(f"must have at most {_LONGEST_URL} characters")
    problem = asked_url_problem(url)
    if problem:
        raise ValueError(f"must be a URL such as http://edge:8080: {problem}")
    return url.removesuffix("/")


def _endpoints(urls: object) -> str | tuple[str, ...]:
    if not isinstance(urls, list | tuple):
        return _endpoint(urls)
    if not 1 <= len(urls) <= _MOST_URLS:
        raise ValueError(f"must have 1 to {_MOST_URLS} URLs, one for each instance")
    found = tuple(map(_endpoint, urls))
    if len(set(found)) < len(found):
        raise ValueError("must not have the same URL twice: each one is that of another instance")
    return found


# A URL, or those of all instances that poll under one name.
Endpoints = Annotated[
    str | tuple[str, ...],
    PlainValidator(_endpoints),
    PlainSerializer(lambda urls: urls if isinstance(urls, str) else list(urls)),
    WithJsonSchema(
        {
            "anyOf": [
                _URL_SCHEMA,
                {"type": "array", "items": _URL_SCHEMA, "minItems": 1, "maxItems": _MOST_URLS, "uniqueItems": True},
            ]
        }
    ),
]


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

    api: Endpoints | None = None
    """URL of Traefik's API, or a list with the URL of each instance. Without it, the provider cannot confirm that
    Traefik applied a configuration, and counts no requests."""
    metrics: Endpoints | None = None
    """URL of Traefik's Prometheus metrics, or a list with the URL of each instance. Default: the path `/metrics`
    below each `api`."""
    traefik_version: str | None = Field(
        default=None, pattern=r"^v?[0-9]{1,4}\.[0-9]{1,4}[ -~]{0,48}$", examples=["3.6.2"]
    )
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
            raise ValueError("credentials require api or metrics")
        if self.basic_auth and self.header and self.header.name.lower() == "authorization":
            raise ValueError("basicAuth and the header Authorization are mutually exclusive")
        if self.ca and not any(url.startswith("https://") for url in (*self.apis, *_listed(self.metrics))):
            raise ValueError("ca requires an https URL")
        return self

    @property
    def apis(self) -> tuple[str, ...]:
        """URLs of the APIs of its instances."""
        return _listed(self.api)

    @property
    def metrics_urls(self) -> tuple[str, ...]:
        """URLs of the metrics of its instances: below their APIs unless something else is said."""
        return _listed(self.metrics) or tuple(f"{api}/metrics" for api in self.apis)


def metrics_sources(name: str, spec: GatewaySpec) -> Mapping[str, str]:
    """Return the metrics URLs of a gateway by the names under which its instances are counted."""
    urls = spec.metrics_urls
    if len(urls) <= 1:
        return dict.fromkeys([name], urls[0]) if urls else {}
    return {f"{name} ({url.partition('://')[2]})": url for url in urls}


def _listed(urls: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (urls,) if isinstance(urls, str) else urls or ()


class Sighting(Document):
    """What one worker last saw of one instance of a gateway."""

    gateway: str
    address: str
    last_poll: Moment
    revision_served: int
    digest: str
    long_poll_seconds: int | None = None
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
        if self.long_poll_seconds:
            return self.revision_taken >= version or self.taken == digest
        return self.revision_served >= version or self.digest == digest
