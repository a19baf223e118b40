"""Users of a scenario: requests at a steady rate from several threads, and what came of them."""

import threading
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import requests

_TIMEOUT_SECONDS = 10.0


class Traffic:
    """Requests that run while something is done; leaving the context ends them.

    `answers` counts by what the app said of itself (its version, or X-App-Version), and by the status or the error of
    whatever went wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        host: str = "",
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        threads: int = 4,
        rate: float = 200.0,
    ) -> None:
        self._url = url
        self._headers = {**({"Host": host} if host else {}), **(headers or {})}
        self._method = method
        self._pause = threads / rate
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        # Each begins a little later than the one before, or they would all ask at once and wait at once.
        delays = [number / rate for number in range(threads)]
        self._threads = [threading.Thread(target=self._run, args=(delay,), daemon=True) for delay in delays]

    def __enter__(self) -> Self:
        """Begin to send."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send no more, and wait for what is under way."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    @property
    def answers(self) -> Mapping[str, int]:
        """How many requests each version has answered well, as of now."""
        with self._lock:
            return dict(self._answers)

    @property
    def failures(self) -> Mapping[str, int]:
        """How many were not, by what went wrong, as of now."""
        with self._lock:
            return dict(self._failures)

    @property
    def sent(self) -> int:
        """How many requests have ended, well or not."""
        with self._lock:
            return self._answers.total() + self._failures.total()

    def _run(self, delay: float) -> None:
        self._is_over.wait(delay)
        with requests.Session() as session:
            session.trust_env = False  # it is here, and the environment may change meanwhile
            while not self._is_over.wait(self._pause):
                version, failure = self._ask(session)
                with self._lock:
                    if failure:
                        self._failures[failure] += 1
                    else:
                        self._answers[version] += 1

    def _ask(self, session: requests.Session) -> tuple[str, str]:
        try:
            answer = session.request(self._method, self._url, headers=self._headers, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return "", type(error).__name__
        if not answer.ok:
            return "", str(answer.status_code)
        return answer.headers.get("X-App-Version") or answer.text.strip(), ""
