"""Traefik's own API, asked what it carries."""

from collections.abc import Mapping
from typing import Any

import requests

from provider.documents import NotJsonError, decode_json

Json = dict[str, Any]

_PAGE = 1_000


class GatewayUnreachableError(Exception):
    """A Traefik's API does not answer, or not as Traefik does."""


class TraefikApi:
    """One Traefik's API, at the address where its dashboard is (`http://edge:8080`)."""

    def __init__(self, url: str, *, timeout_seconds: float = 2.0) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._session = requests.Session()

    def show(self, path: str) -> Json | None:
        """Read one part below `/api/http/`, such as `routers/shop@http`; None where Traefik has none.

        Raises GatewayUnreachableError.
        """
        response = self._get(path, {})
        return None if response.status_code == 404 else _object(response)

    def show_all(self, section: str) -> Mapping[str, Json]:
        """Read all `routers` or `services`, by path as `show` takes it. Raises GatewayUnreachableError."""
        found: dict[str, Json] = {}
        page, following = 0, 1
        # Traefik names page 1 as the next one behind the last.
        while following > page:
            page = following
            response = self._get(section, {"per_page": str(_PAGE), "page": str(page)})
            found.update({f"{section}/{part['name']}": part for part in _list(response)})
            named = response.headers.get("X-Next-Page", "")
            following = int(named) if named.isdecimal() else 0
        return found

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _get(self, path: str, query: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.get(
                f"{self._url}/api/http/{path}", params=query, timeout=self._timeout, allow_redirects=False
            )
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
        raise GatewayUnreachableError(f"{response.url} does not answer as Traefik does")
    return document


def _list(response: requests.Response) -> list[Json]:
    document = _json(response)
    if not isinstance(document, list) or not all(isinstance(part, dict) and "name" in part for part in document):
        raise GatewayUnreachableError(f"{response.url} does not answer as Traefik does")
    return document
