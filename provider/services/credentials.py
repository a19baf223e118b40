"""Credentials of gateways: documents name secrets, and the files that hold them never leave this process."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from provider.domain.gateways import GatewaySpec
from provider.net.ssrf_guard import Credential, CredentialError
from provider.replica import Feed

_LARGEST_BYTES = 65_536


class GatewayCredentials:
    """Finds the credential for a URL of a gateway's API or metrics. Secrets are read anew each time: they rotate.

    Without a directory there are none: an admin could have any file of a directory sent to a URL, so it must be one
    that holds nothing else.
    """

    def __init__(self, feed: Feed, directory: Path | None = None) -> None:
        self._feed = feed
        self._directory = directory

    def __call__(self, url: str) -> Credential | None:
        """Return the credential that a URL needs, None where none does. Raises CredentialError."""
        spec = self._feed.read(
            lambda image: next((one for one in image.gateways.values() if _covers(one, url)), None)
        )
        if spec is None:
            return None
        ca_file = str(self._file(spec.ca)) if spec.ca else None
        return Credential(headers=dict(self._headers(spec)), ca_file=ca_file)

    def _headers(self, spec: GatewaySpec) -> Iterator[tuple[str, str]]:
        if spec.basic_auth:
            secret = self._line(spec.basic_auth)
            if ":" not in secret:
                raise CredentialError(f"the secret {spec.basic_auth} must contain USER:PASSWORD")
            yield "Authorization", f"Basic {b64encode(secret.encode()).decode()}"
        if spec.header:
            yield spec.header.name, self._line(spec.header.secret)

    def _line(self, name: str) -> str:
        path = self._file(name)
        try:
            with path.open("rb") as file:
                text = file.read(_LARGEST_BYTES).decode("ascii").rstrip("\r\n")
        except (OSError, UnicodeError) as error:
            raise CredentialError(f"the secret {name} in {self._directory} cannot be read as ASCII") from error
        if not text or not text.isprintable():
            raise CredentialError(f"the secret {name} must contain one line of printable ASCII")
        return text

    def _file(self, name: str) -> Path:
        if self._directory is None:
            raise CredentialError(f"the secret {name} cannot be read: CANARY_SECRETS_DIR is not set")
        path = self._directory / name
        if not path.is_file():
            raise CredentialError(f"there is no secret {name} in {self._directory} (CANARY_SECRETS_DIR)")
        return path


def _covers(spec: GatewaySpec, url: str) -> bool:
    """Tell whether a gateway has credentials, and a URL is that of its metrics or below its API."""
    if not (spec.ca or spec.basic_auth or spec.header):
        return False
    return url in spec.metrics_urls or any(url.startswith(f"{api}/") for api in spec.apis)
