"""How Traefik connects to the servers of a side that speak TLS."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from provider.documents import Document
from provider.documents.fields import HeaderValue

_PEM, _CERTIFICATE = "-----BEGIN ", "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_LONGEST_CA = 32_768


def _path(text: str) -> str:
    if _PEM in text:
        raise ValueError(
            "must be the path of a file where Traefik runs, not PEM: what a spec holds is stored in Redis and shown"
        )
    if not text.startswith("/") or not text.isprintable():
        raise ValueError("must be the absolute path of a file where Traefik runs, such as /etc/traefik/client.crt")
    return text


def _authority(text: str) -> str:
    if not text.startswith(_PEM):
        return _path(text)
    blocks = text.count(_PEM)
    if not text.isascii() or not blocks == text.count(_CERTIFICATE) == text.count(_END):
        raise ValueError("must hold certificates in PEM only, from BEGIN CERTIFICATE to END CERTIFICATE")
    return text


FilePath = Annotated[str, Field(max_length=1_024, json_schema_extra={"examples": ["/a.crt"]}), AfterValidator(_path)]
Authority = Annotated[
    str,
    Field(max_length=_LONGEST_CA, json_schema_extra={"examples": ["/etc/traefik/ca.crt"]}),
    AfterValidator(_authority),
]


class ClientCertificate(Document):
    """A certificate that Traefik presents to servers, by the paths of its files where Traefik runs."""

    cert_file: FilePath
    """The certificate in PEM, followed by its intermediates."""
    key_file: FilePath
    """Its private key in PEM. Only the path is stored."""


class ServersTransport(Document):
    """TLS to the servers of a side, in the words of Traefik's `serversTransport`.

    Traefik falls back to its default transport, and logs an error, where it cannot read a file.
    """

    server_name: HeaderValue | None = None
    """The name that is sent as SNI and that the certificate must be for; default: the host of the URL."""
    insecure_skip_verify: StrictBool | None = None
    """Accept any certificate. Default: false."""
    root_cas: tuple[Authority, ...] | None = Field(default=None, alias="rootCAs", min_length=1, max_length=16)
    """CAs that are trusted instead of the system's: paths of files where Traefik runs, or certificates in PEM."""
    certificates: tuple[ClientCertificate, ...] | None = Field(default=None, min_length=1, max_length=16)
    """Client certificates for mutual TLS."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must have at least one field; leave it out to have Traefik's default")
        return self
