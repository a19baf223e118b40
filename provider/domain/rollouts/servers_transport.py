"""TLS settings of the connections from Traefik to the servers of a side."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from provider.domain.fields import Document
from provider.domain.fields.types import HeaderValue

_PEM, _CERTIFICATE = "-----BEGIN ", "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_LONGEST_CA = 32_768


def _path(text: str) -> str:
    if _PEM in text:
        raise ValueError(
            "must be the path of a file on the Traefik host, not PEM: specs are stored in Redis and shown"
        )
    if not text.startswith("/") or not text.isprintable():
        raise ValueError("must be the absolute path of a file on the Traefik host, such as /etc/traefik/client.crt")
    return text


def _authority(text: str) -> str:
    if not text.startswith(_PEM):
        return _path(text)
    blocks = text.count(_PEM)
    if not text.isascii() or not blocks == text.count(_CERTIFICATE) == text.count(_END):
        raise ValueError("must contain only PEM certificates, from BEGIN CERTIFICATE to END CERTIFICATE")
    return text


FilePath = Annotated[str, Field(max_length=1_024, json_schema_extra={"examples": ["/a.crt"]}), AfterValidator(_path)]
Authority = Annotated[
    str,
    Field(max_length=_LONGEST_CA, json_schema_extra={"examples": ["/etc/traefik/ca.crt"]}),
    AfterValidator(_authority),
]


class ClientCertificate(Document):
    """A client certificate for mutual TLS, as paths of files on the Traefik host."""

    cert_file: FilePath
    """Path of the PEM certificate, followed by its intermediates."""
    key_file: FilePath
    """Path of the PEM private key. Only the path is stored."""


class ServersTransport(Document):
    """TLS settings of the connections to the servers of a side, named as in Traefik's `serversTransport`.

    If Traefik cannot read a file, it logs an error and uses its default transport.
    """

    server_name: HeaderValue | None = None
    """Server name for SNI and certificate verification. Default: the host of the URL."""
    insecure_skip_verify: StrictBool | None = None
    """Accept any certificate. Default: `false`."""
    root_cas: tuple[Authority, ...] | None = Field(default=None, alias="rootCAs", min_length=1, max_length=16)
    """Trusted CAs instead of the system's: paths of files on the Traefik host, or PEM certificates."""
    certificates: tuple[ClientCertificate, ...] | None = Field(default=None, min_length=1, max_length=16)
    """Client certificates for mutual TLS."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must have at least one field; omit it for Traefik's default")
        return self
