"""Traefik's own API, asked what it carries."""

import io
import tarfile
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from provider.domain.fields import NotJsonError, decode_json
from provider.domain.fields.addresses import Networks
from provider.domain.json_object import Json
from provider.net.http_client import Source, SourceError, asked, printable
from provider.net.off_loop import run_sized
from provider.net.ssrf_guard import ANYWHERE, Credentials, new_session, none_needed

_PAGE = 1_000
_MOST_PAGES = 200
# Of what Traefik says is wrong with a part, which may hold what a rule of anybody's holds.
_ERRORS, _ERROR_CHARACTERS = 20, 1_000
# Of a section with all of its pages, and of any other response, once unpacked.
_SIZE_OF_PAGES, _SIZE = 128 * 1024 * 1024, 4 * 1024 * 1024
_STATIC_SIZE = 16 * 1024 * 1024
# So many times the wait for a byte are all of a response, and all pages of a section: Traefik sorts it for each page.
_PATIENCE, _PATIENCE_FOR_PAGES = 5, 15


class GatewayUnreachableError(Exception):
    """A Traefik's API does not answer, or not as Traefik does."""


@dataclass(frozen=True)
class Overview:
    """How many routers and services Traefik has, and with how many of them something is wrong."""

    total: int
    wrong: int


@dataclass(frozen=True)
class _Answer:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class _Budget:
    """The bytes and the time that are left for one question, with all of its pages."""

    size: int
    end: float


class TraefikApi:
    """One Traefik's API, at the address where its dashboard is (`http://edge:8080`)."""

    def __init__(
        self,
        url: str,
        *,
        networks: Networks = ANYWHERE,
        credentials: Credentials = none_needed,
        timeout_seconds: float = 2.0,
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._session = new_session(networks, credentials=credentials)

    def show(self, path: str) -> Json | None:
        """Read one part below `/api/http/`, such as `routers/shop@http`; None where Traefik has none.

        Raises GatewayUnreachableError.
        """
        answer = self._get(f"http/{path}")
        if answer.status != 404:
            return _part(answer, _object(answer))
        _insist_on_traefiks_404(answer)
        return None

    def show_all(self, section: str) -> Mapping[str, Json]:
        """Read all of a section such as `routers`, by path as `show` takes it. Raises GatewayUnreachableError."""
        found: dict[str, Json] = {}
        budget = self._budget(_PATIENCE_FOR_PAGES, size=_SIZE_OF_PAGES)
        page, following = 0, 1
        # Traefik names page 1 as the next one behind the last.
        for _ in range(_MOST_PAGES):
            page = following
            answer = self._get(f"http/{section}", f"?per_page={_PAGE}&page={page}", budget=budget)
            found.update({f"{section}/{part['name']}": _part(answer, part) for part in _list(answer)})
            following = _next_page(answer)
            if following <= page:
                return found
        raise GatewayUnreachableError(f"{self._url} has more than {_MOST_PAGES} pages of {section}")

    def overview(self) -> Overview:
        """Count its parts: cheap for Traefik, however many there are. Raises GatewayUnreachableError."""
        answer = self._get("overview")
        document = _object(answer)
        try:
            parts = [document["http"][section] for section in ("routers", "services")]
            return Overview(
                total=sum(_count(part["total"]) for part in parts),
                wrong=sum(_count(part["errors"]) + _count(part["warnings"]) for part in parts),
            )
        except (KeyError, TypeError) as error:
            raise _not_traefik(answer) from error

    def version(self) -> str | None:
        """Tell which version of Traefik it is; None where it does not say. Raises GatewayUnreachableError."""
        answer = self._get("version")
        version = _object(answer).get("Version") if answer.status == 200 else None
        return printable(version, length=64) if isinstance(version, str) else None

    def static(self) -> Json | None:
        """Read its static configuration, with Traefik's defaults; None where it gives none. Raises as `show`.

        It is part of what Traefik makes for its support (`pkg/api/handler_support_dump.go`). Addresses are `xxxx`
        there, and `false` is left out.
        """
        answer = self._get("support-dump", budget=self._budget(size=_SIZE_OF_PAGES))
        if answer.status != 200:
            return None
        try:
            with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz") as archive:
                file = archive.extractfile("static-config.json")
                document = decode_json(file.read(_STATIC_SIZE)) if file else None
        except (tarfile.TarError, NotJsonError, KeyError, EOFError, OSError, zlib.error) as error:
            raise _not_traefik(answer) from error
        return document if isinstance(document, dict) else None

    def entry_points(self) -> Sequence[Json]:
        """List its entry points. Raises as `show`."""
        return _list(self._get("entrypoints"))

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _budget(self, patience: int = _PATIENCE, *, size: int = _SIZE) -> _Budget:
        return _Budget(size=size, end=time.monotonic() + patience * self._timeout)

    def _get(self, path: str, query: str = "", *, budget: _Budget | None = None) -> _Answer:
        left = budget or self._budget()
        source = Source(
            name=self._url,
            timeout_seconds=self._timeout,
            deadline_seconds=max(0.0, left.end - time.monotonic()),
            size=left.size,
        )
        url = f"{self._url}/api/{path}{query}"
        try:
            with asked(self._session, "GET", url, source=source) as reply:
                answer = _Answer(url, reply.status, reply.headers, reply.body())
        except SourceError as error:
            raise GatewayUnreachableError(str(error)) from error
        left.size -= len(answer.body)
        return answer


def _json(answer: _Answer) -> object:
    if answer.status != 200:
        hint = _HINTS.get(answer.status)
        raise GatewayUnreachableError(f"{answer.url} answers {answer.status}{f': {hint}' if hint else ''}")
    try:
        return run_sized(partial(decode_json, answer.body), size=len(answer.body))
    except NotJsonError as error:
        raise GatewayUnreachableError(f"{answer.url} does not answer JSON: {_NOT_ITS_API}") from error


_NOT_ITS_API = (
    "this is not Traefik's API; give the address in front of /api, such as http://edge:8080, "
    "without /dashboard, and the port of the API, not one that serves traffic"
)
_NOT_PERMITTED = "it wants credentials; name them with basicAuth or header"
_HINTS = {401: _NOT_PERMITTED, 403: _NOT_PERMITTED, 404: _NOT_ITS_API}


def _insist_on_traefiks_404(answer: _Answer) -> None:
    """Tell a part that is missing from a server that is none of Traefik's API: both answer 404."""
    try:
        document = run_sized(partial(decode_json, answer.body), size=len(answer.body))
    except NotJsonError as error:
        raise GatewayUnreachableError(f"{answer.url} answers 404: {_NOT_ITS_API}") from error
    if not isinstance(document, dict) or not isinstance(document.get("message"), str):
        raise GatewayUnreachableError(f"{answer.url} answers 404: {_NOT_ITS_API}")


def _object(answer: _Answer) -> Json:
    document = _json(answer)
    if not isinstance(document, dict):
        raise _not_traefik(answer)
    return document


def _list(answer: _Answer) -> list[Json]:
    document = _json(answer)
    if not isinstance(document, list) or not all(
        isinstance(part, dict) and isinstance(part.get("name"), str) for part in document
    ):
        raise _not_traefik(answer)
    return document


def _part(answer: _Answer, part: Json) -> Json:
    """Return a router, service or middleware whose status and errors have the types that Traefik gives them."""
    errors = part.get("error", [])
    has_texts = isinstance(errors, list) and all(isinstance(error, str) for error in errors)
    if not has_texts or not isinstance(part.get("status", ""), str):
        raise _not_traefik(answer)
    if errors:
        part["error"] = [printable(error, length=_ERROR_CHARACTERS) for error in errors[:_ERRORS]]
    return part


def _next_page(answer: _Answer) -> int:
    named = answer.headers.get("X-Next-Page", "")
    if len(named) > 9:
        raise _not_traefik(answer)
    return int(named) if named.isdecimal() else 0


def _count(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a whole number")
    return value


def _not_traefik(answer: _Answer) -> GatewayUnreachableError:
    return GatewayUnreachableError(f"{answer.url} does not answer as Traefik does")
