"""The REST API, as commands call it."""

import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from provider.cli.errors import CommandError, TimedOutError
from provider.cli.failures import is_broken, problem_of, refused, unanswered
from provider.domain.json_object import Json

if TYPE_CHECKING:
    import requests

_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 30
# A proxy on the way may cut what takes longer; a long wait is made of short ones.
_LONGEST_HOLD_SECONDS = 20
_TRACEPARENT = r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
# A connection that broke is tried again after each of these: a provider that restarts is away for moments.
_PAUSES_SECONDS = (0.05, 0.4)


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

    def part(self, name: str) -> "Write":
        """Give what goes with one of several calls: a key is for one request, so that each gets its own."""
        return replace(self, idempotency_key=f"{self.idempotency_key}:{name}") if self.idempotency_key else self


class Client:
    """Calls a provider. Every method raises CommandError when the answer is not the one asked for."""

    def __init__(
        self, url: str, token: str, *, request_id: str = "", answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        # requests takes 100 ms to import, and `--help` needs none of it.
        import requests  # noqa: PLC0415

        def bear(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
            request.headers["Authorization"] = f"Bearer {token}"
            return request

        self.url = url
        self._root = f"{url.rstrip('/')}/api/v1"
        self._timeout = (_CONNECT_SECONDS, answer_seconds)
        self._session = requests.Session()
        # As a mere header it would give way to a password for this host in ~/.netrc, or in the URL.
        self._session.auth = bear
        self._session.headers["Accept"] = "application/json"
        # All calls of a command are one request to who reads the log.
        self._session.headers["X-Request-Id"] = request_id or secrets.token_hex(16)
        # How jobs are told the span that they are part of.
        if re.fullmatch(_TRACEPARENT, traceparent := os.environ.get("TRACEPARENT", "")):
            self._session.headers["traceparent"] = traceparent

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()

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

    def delete(self, path: str, write: Write, **query: str) -> None:
        """Remove something."""
        query |= {"reason": write.reason} if write.reason else {}
        answer = self._send("DELETE", path, headers=write.headers, query=query)
        if answer.status_code != 204:
            # Many a web server is pleased with everything.
            raise refused(self.url, answer)

    def wait(self, name: str, goal: str, *, seconds: float, attempt: int | None = None) -> Json:
        """Wait until a rollout is there; TimedOutError when it is not in time."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            query = {"for": goal, "timeout": f"{min(left, _LONGEST_HOLD_SECONDS):.3f}"}
            if attempt is not None:
                query["attempt"] = str(attempt)
            answer = self._answer("GET", rollout_path(name, "wait"), query=query)
            # A proxy has a 504 of its own.
            if answer.status_code != 504 or problem_of(answer) is None:
                return self._document(self._accepted(answer))
            if left <= _LONGEST_HOLD_SECONDS:
                raise TimedOutError(refused(self.url, answer).message)

    def _send(self, method: str, path: str, **options: Any) -> "requests.Response":
        return self._accepted(self._answer(method, path, **options))

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

        pauses = iter(_PAUSES_SECONDS)
        while True:
            try:
                return self._session.request(
                    method,
                    f"{self._root}/{path}",
                    json=document,
                    headers=headers,
                    params=query,
                    timeout=self._timeout,
                    # A redirect would turn a PUT into a GET, and carry the token elsewhere.
                    allow_redirects=False,
                )
            except (requests.RequestException, ValueError) as error:
                pause_seconds = next(pauses, None) if is_broken(error) else None
                if pause_seconds is None:
                    raise unanswered(self.url, error) from error
                time.sleep(pause_seconds)

    def _accepted(self, answer: "requests.Response") -> "requests.Response":
        if answer.status_code >= 300:
            raise refused(self.url, answer)
        return answer

    def _document(self, answer: "requests.Response") -> Json:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise refused(self.url, answer)
        return document


def rollout_path(name: str, *rest: str) -> str:
    """Give the path of a rollout, or of something of it."""
    return path_of("rollouts", name, *rest)


def path_of(collection: str, name: str, *rest: str) -> str:
    """Give the path of something that has a name.

    CommandError for what would be another path: an unset variable of a shell is an empty name.
    """
    if not re.fullmatch(r"[^/]*[^/.][^/]*", name):
        raise CommandError(f"{name!r} is not a valid name; use lowercase letters, digits and inner hyphens")
    return "/".join((collection, quote(name, safe=""), *rest))
