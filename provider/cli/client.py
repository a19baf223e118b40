"""The REST API, as commands call it."""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from provider.cli.errors import CommandError, TimedOutError

if TYPE_CHECKING:
    import requests

Json = dict[str, Any]

_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 30
# A proxy on the way may cut what takes longer; a long wait is made of short ones.
_LONGEST_HOLD_SECONDS = 20
_ATTEMPTS = 3


class NotFoundError(CommandError):
    """There is no such thing at the provider."""


@dataclass(frozen=True)
class Write:
    """What goes with a writing call besides its body."""

    reason: str = ""
    if_match: str = ""
    idempotency_key: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that say it. A call that is sent again after a broken connection must happen once."""
        headers = {"Idempotency-Key": self.idempotency_key or secrets.token_hex(16)}
        return headers | ({"If-Match": self.if_match} if self.if_match else {})


class Client:
    """Calls a provider. Every method raises CommandError when the answer is not the one asked for."""

    def __init__(self, url: str, token: str) -> None:
        # requests takes 100 ms to import, and `--help` needs none of it.
        import requests  # noqa: PLC0415
        from requests.adapters import HTTPAdapter  # noqa: PLC0415
        from urllib3 import Retry  # noqa: PLC0415

        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        again = Retry(_ATTEMPTS - 1, backoff_factor=0.2, allowed_methods=None, raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def get(self, path: str, **query: str | float) -> Json:
        """Read a document."""
        return self._document(self._send("GET", path, query=query))

    def pages(self, path: str, field: str, cursor: str, **query: str | float) -> Iterator[Json]:
        """Read a list to its end; `cursor` is both the answer's field and the parameter that asks for the next."""
        while True:
            page = self.get(path, **query)
            yield from page[field]
            if cursor not in page:
                return
            query[cursor] = page[cursor]

    def write(self, method: str, path: str, document: Json, write: Write, **query: str) -> Json:
        """Send a document; the answer is what is there now."""
        body = {**document, **({"reason": write.reason} if write.reason else {})}
        return self._document(self._send(method, path, document=body, headers=write.headers, query=query))

    def delete(self, path: str, write: Write) -> None:
        """Remove something."""
        query = {"reason": write.reason} if write.reason else {}
        self._send("DELETE", path, headers=write.headers, query=query)

    def wait(self, name: str, goal: str, *, seconds: float) -> Json:
        """Wait until a rollout is there; TimedOutError when it is not in time."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            query = {"for": goal, "timeout": f"{min(left, _LONGEST_HOLD_SECONDS):.3f}"}
            answer = self._answer("GET", rollout_path(name, "wait"), query=query)
            if answer.status_code != 504:
                return self._document(_accepted(answer))
            if left <= _LONGEST_HOLD_SECONDS:
                raise TimedOutError(_problem(answer))

    def _send(self, method: str, path: str, **options: Any) -> "requests.Response":
        return _accepted(self._answer(method, path, **options))

    def _answer(
        self,
        method: str,
        path: str,
        *,
        document: Json | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> "requests.Response":
        import requests  # noqa: PLC0415

        try:
            return self._session.request(
                method,
                f"{self._url}/api/v1/{path}",
                json=document,
                headers=headers,
                params=query,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                # A redirect would turn a PUT into a GET, and carry the token elsewhere.
                allow_redirects=False,
            )
        except requests.Timeout as error:
            raise CommandError(f"the provider at {self._url} does not answer in time") from error
        except (requests.ConnectionError, requests.exceptions.RetryError) as error:
            raise CommandError(
                f"cannot reach the provider at {self._url}; is it running? Name another one with --url or CANARY_URL"
            ) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, ValueError) as error:
            raise CommandError(f"{self._url} is not the address of a provider; try http://127.0.0.1:8080") from error

    def _document(self, answer: "requests.Response") -> Json:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise CommandError(f"what answers at {self._url} is not a traefik-canary provider")
        return document


def rollout_path(name: str, *rest: str) -> str:
    """Give the path of a rollout, or of something of it."""
    return "/".join(("rollouts", quote(name, safe=""), *rest))


def _accepted(answer: "requests.Response") -> "requests.Response":
    if answer.status_code < 300:
        return answer
    raise (NotFoundError if answer.status_code == 404 else CommandError)(_problem(answer))


def _problem(answer: "requests.Response") -> str:
    """Give what went wrong in the provider's words, each mistake of a document on a line of its own."""
    try:
        problem = answer.json()
        mistakes = [f"\n  {mistake['pointer'] or '/'}: {mistake['detail']}" for mistake in problem.get("errors", ())]
        hint = {401: " (set CANARY_TOKEN, or --token)"}.get(answer.status_code, "")
        return (f"{problem['title']}:" if mistakes else f"{problem['detail']}{hint}") + "".join(mistakes)
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"the answer was {answer.status_code} {answer.reason}, and not from a traefik-canary provider"
