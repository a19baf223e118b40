"""A connection to one server that is kept, as browsers and Traefik keep theirs."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"


class NoAnswerError(Exception):
    """Nothing came back: refused, cut off, or not in time."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Tell whether it was done."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Read the body."""
        return json.loads(self.body)


class Line:
    """Ask one server, one question after another, on a connection that is kept.

    A GET whose kept connection turns out to be closed is asked again on a new one, as every HTTP client does: the
    server had let it go while nothing was asked.
    """

    def __init__(self, port: int, *, seconds: float, token: str = "") -> None:
        self._port = port
        self._seconds = seconds
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, document: object = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask, and give the answer. Raises NoAnswerError."""
        body = None if document is None else json.dumps(document)
        kind = {} if body is None else {"Content-Type": "application/json"}
        sent = {**self._headers, **kind, **(headers or {})}
        was_kept = self._connection is not None
        try:
            return self._answer(method, path, body, sent)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            if not was_kept or method != "GET":
                raise NoAnswerError(type(error).__name__) from error
        except (http.client.HTTPException, OSError) as error:
            raise NoAnswerError(type(error).__name__) from error
        return self.ask(method, path, document, headers=headers)

    def close(self) -> None:
        """Let the connection go."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        """Connect when something is asked."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the connection go."""
        self.close()

    def _answer(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(HOST, self._port, timeout=self._seconds)
        try:
            self._connection.request(method, path, body=body, headers=dict(headers))
            answer = self._connection.getresponse()
            content = answer.read()
        except BaseException:
            self.close()
            raise
        if answer.will_close:
            self.close()
        return Answer(answer.status, content)
