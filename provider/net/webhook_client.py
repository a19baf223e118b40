"""One message to one webhook, and what became of it. Nothing here waits longer than a few seconds."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from typing import Protocol

import requests
import urllib3

from provider.domain.fields.addresses import Networks
from provider.domain.notifications import Message
from provider.net.deadlines import Deadline
from provider.net.ssrf_guard import ANYWHERE, RefusedAddressError, new_session

TIMEOUT_SECONDS = 5.0
# What requests lets through beside its own: a host that no resolver takes is a ValueError.
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError)


@dataclass(frozen=True)
class Outcome:
    """What a receiver answered; `status` is None where nobody did. `retry_after_seconds` is what it asked for."""

    status: int | None
    detail: str
    retry_after_seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        """Tell whether it was taken: by a 2xx, and by nothing else."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Tell whether the receiver asked never to be called again."""
        return self.status == HTTPStatus.GONE


class Post(Protocol):
    """Sends a message."""

    def __call__(self, url: str, message: Message) -> Outcome:
        """Send once, and tell what became of it. Never raises for what a receiver does."""
        ...


def post(url: str, message: Message, *, networks: Networks = ANYWHERE) -> Outcome:
    """Send a message by POST. Redirects are not followed, and of the answer only its head is read."""
    deadline = Deadline(TIMEOUT_SECONDS)
    try:
        with (
            deadline,
            _session(networks) as session,
            session.post(
                url,
                data=message.body,
                headers=dict(message.headers),
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            # A header that the deadline has cut off reads as one that is complete.
            return _late() if deadline.is_over else _outcome(response)
    except requests.Timeout:
        return _late()
    except RefusedAddressError as error:
        return Outcome(None, f"it is not called: {error}")
    except _FAILURES as error:
        if deadline.is_over:
            return _late()
        # Not the error's words: they hold the address, and with it what lets anybody write there.
        return Outcome(None, f"it cannot be reached: {type(error).__name__}")


def poster(networks: Networks) -> Post:
    """Give what sends messages to such networks only."""
    return partial(post, networks=networks)


def _session(networks: Networks) -> requests.Session:
    session = new_session(networks)
    # A proxy of the environment is wanted, a password from ~/.netrc is not.
    session.auth = _as_it_is
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _late() -> Outcome:
    return Outcome(None, f"it does not answer within {TIMEOUT_SECONDS:g} s")


def _outcome(response: requests.Response) -> Outcome:
    status = response.status_code
    if status == HTTPStatus.GONE:
        why = ": it is gone, and nothing more is sent until the webhook is changed"
    else:
        why = "; redirects are not followed" if 300 <= status < 400 else ""
    return Outcome(status, f"it answers {status}{why}", _retry_after(response))


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(text)) if text[:1].isdecimal() else _until(text)
    except (ValueError, OverflowError):
        return 0.0


def _until(date: str) -> float:
    return (
        max(0.0, (parsedate_to_datetime(date).astimezone(UTC) - datetime.now(UTC)).total_seconds()) if date else 0.0
    )
