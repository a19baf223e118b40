"""Traefik's own API, asked what it carries."""

import io
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from provider.documents import NotJsonError, decode_json
from provider.documents.addresses import Networks
from provider.reaching import ANYWHERE, RefusedAddressError, new_session

Json = dict[str, Any]

_PAGE = 1_000


class GatewayUnreachableError(Exception):
    """A Traefik's API does not answer, or not as Traefik does."""


@dataclass(frozen=True)
class Overview:
    """How many routers and services Traefik has, and with how many of them something is wrong."""

    total: int
    wrong: int


class TraefikApi:
    """One Traefik's API, at the address where its dashboard is (`http://edge:8080`)."""

    def __init__(self, url: str, *, networks: Networks = ANYWHERE, timeout_seconds: float = 2.0) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._session = new_session(networks)

    def show(self, path: str) -> Json | None:
        """Read one part below `/api/http/`, such as `routers/shop@http`; None where Traefik has none.

        Raises GatewayUnreachableError.
        """
        response = self._get(f"http/{path}", {})
        return None if response.status_code == 404 else _object(response)

    def show_all(self, section: str) -> Mapping[str, Json]:
        """Read all of a section such as `routers`, by path as `show` takes it. Raises GatewayUnreachableError."""
        found: dict[str, Json] = {}
        page, following = 0, 1
        # Traefik names page 1 as the next one behind the last.
        while following > page:
            page = following
            response = self._get(f"http/{section}", {"per_page": str(_PAGE), "page": str(page)})
            found.update({f"{section}/{part['name']}": part for part in _list(response)})
            named = response.headers.get("X-Next-Page", "")
            following = int(named) if named.isdecimal() else 0
        return found

    def overview(self) -> Overview:
        """Count its parts: cheap for Traefik, however many there are. Raises GatewayUnreachableError."""
        response = self._get("overview", {})
        document = _object(response)
        try:
            parts = [document["http"][section] for section in ("routers", "services")]
            return Overview(
                total=sum(part["total"] for part in parts),
                wrong=sum(part["errors"] + part["warnings"] for part in parts),
            )
        except (KeyError, TypeError) as error:
            raise _not_traefik(response) from error

    def version(self) -> str | None:
        """Tell which version of Traefik it is; None where it does not say. Raises GatewayUnreachableError."""
        response = self._get("version", {})
        version = _object(response).get("Version") if response.status_code == 200 else None
        return version[:64] if isinstance(version, str) else None

    def static(self) -> Json | None:
        """Read its static configuration, with Traefik's defaults; None where it gives none. Raises as `show`.

        It is part of what Traefik makes for its support (`pkg/api/handler_support_dump.go`). Addresses are `xxxx`
        there, and `false` is left out.
        """
        response = self._get("support-dump", {})
        if response.status_code != 200:
            return None
        try:
            with tarfile.open(fileobj=io.BytesIO(response.content), mode="r:gz") as archive:
                file = archive.extractfile("static-config.json")
                document = decode_json(file.read()) if file else None
        except (tarfile.TarError, NotJsonError, KeyError, EOFError, OSError, zlib.error) as error:
            raise _not_traefik(response) from error
        return document if isinstance(document, dict) else None

    def entry_points(self) -> Sequence[Json]:
        """List its entry points. Raises as `show`."""
        return _list(self._get("entrypoints", {}))

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _get(self, path: str, query: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.get(
                f"{self._url}/api/{path}", params=query, timeout=self._timeout, allow_redirects=False
            )
        except RefusedAddressError as error:
            raise GatewayUnreachableError(f"{self._url} is not asked: {error}") from error
        except (requests.RequestException, ValueError) as error:  # the latter for a host that no resolver takes
            raise GatewayUnreachableError(f"{self._url} does not answer: {type(error).__name__}") from error


def _json(response: requests.Response) -> object:
    if response.status_code != 200:
        raise GatewayUnreachableError(f"{response.url} answers {response.status_code}")
    try:
        return decode_json(response.content)
    except NotJsonError as error:
        raise GatewayUnreachableError(f"{response.url} does not answer JSON") from error


def _object(response: requests.Response) -> Json:
    document = _json(response)
    if not isinstance(document, dict):
        raise _not_traefik(response)
    return document


def _list(response: requests.Response) -> list[Json]:
    document = _json(response)
    if not isinstance(document, list) or not all(isinstance(part, dict) and "name" in part for part in document):
        raise _not_traefik(response)
    return document


def _not_traefik(response: requests.Response) -> GatewayUnreachableError:
    return GatewayUnreachableError(f"{response.url} does not answer as Traefik does")
