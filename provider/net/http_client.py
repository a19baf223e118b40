"""One question over HTTP, whose answer is bounded in time and size whatever it is that answers."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies, select_proxy

from provider.net.deadlines import Deadline
from provider.net.ssrf_guard import CredentialError, RefusedAddressError

_LONGEST_CHAIN = 6
_BLOCK = 256 * 1024


class SourceError(Exception):
    """A source that cannot be asked, or that does not answer as it should, in words for an operator."""


@dataclass(frozen=True)
class Source:
    """What is asked: how it is called in words, and how much of it is borne.

    `timeout_seconds` is for each wait, `deadline_seconds` for everything from the connection to the last byte, `size`
    its bytes once unpacked.
    """

    name: str
    timeout_seconds: float
    deadline_seconds: float
    size: int

    def fail(self, words: str) -> SourceError:
        """Make the error that says of this source what is wrong."""
        return SourceError(f"{self.name} {words}")


@dataclass(frozen=True)
class Reply:
    """An answer whose body is still to come, block by block."""

    status: int
    headers: Mapping[str, str]
    blocks: Iterator[bytes]

    def body(self) -> bytes:
        """Read the whole body."""
        return b"".join(self.blocks)


@contextmanager
def asked(session: requests.Session, method: str, url: str, *, source: Source, **content: Any) -> Iterator[Reply]:
    """Ask, and give the answer while it comes in; redirects are not followed.

    `content` is what requests takes: `data`, `json`. Raises SourceError, for what the block reads as well.
    """
    with Deadline(source.deadline_seconds) as deadline:
        try:
            with _request(session, method, url, source=source, deadline=deadline, **content) as response:
                blocks = _blocks(response.raw.read1, source=source, deadline=deadline)
                yield Reply(response.status_code, response.headers, blocks)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise _late(source, deadline) or source.fail(
                f"does not answer within {_seconds(source.timeout_seconds)}"
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            proxy = proxy_for(url) if session.trust_env else None
            raise _late(source, deadline) or source.fail(f"does not answer: {_cause(error)}{_by(proxy)}") from error


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, without its password; None where it names none."""
    proxy = select_proxy(url, get_environ_proxies(url))
    return proxy.rpartition("@")[2].rpartition("//")[2] if proxy else None


def _by(proxy: str | None) -> str:
    return f", by the proxy {proxy} of HTTP_PROXY or HTTPS_PROXY; NO_PROXY excludes hosts" if proxy else ""


def _cause(error: BaseException) -> str:
    """Name the kind of an error; of a certificate that is not trusted, also what OpenSSL finds wrong with it."""
    for found in _chain(error):
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({found.verify_message})"
        for kind, words in _CAUSES.items():
            if isinstance(found, kind):
                return words
    return type(error).__name__


_CAUSES: Mapping[type[BaseException], str] = {
    ConnectionRefusedError: "connection refused",
    ConnectionResetError: "connection reset",
    socket.gaierror: "its host name cannot be resolved",
}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it: the libraries keep the cause in several places."""
    found: object = error
    for _ in range(_LONGEST_CHAIN):
        if not isinstance(found, BaseException):
            return
        yield found
        nested = (getattr(found, "reason", None), *found.args, found.__cause__, found.__context__)
        found = next((one for one in nested if isinstance(one, BaseException)), None)


def shown(url: str) -> str:
    """Give an address as it may be told: without what could be a secret, a user and password or a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def place(url: str) -> str:
    """Give of an address only where it is: a webhook's path is often its secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def printable(text: str, *, length: int) -> str:
    """Give what somebody else says as one short line."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _request(
    session: requests.Session, method: str, url: str, *, source: Source, deadline: Deadline, **content: Any
) -> requests.Response:
    words = f"does not answer within {_seconds(source.deadline_seconds)}"
    try:
        response = session.request(
            method, url, timeout=source.timeout_seconds, allow_redirects=False, stream=True, **content
        )
    except requests.Timeout as error:
        raise source.fail(f"does not answer within {_seconds(source.timeout_seconds)}") from error
    except requests.RequestException as error:
        if deadline.is_over:
            raise source.fail(words) from error
        raise
    except (RefusedAddressError, CredentialError) as error:
        raise source.fail(f"is not asked: {error}") from error
    except ValueError as error:  # for a host that no resolver takes
        raise source.fail(f"does not answer: {type(error).__name__}") from error
    # A header that the deadline has cut off reads as one that is complete.
    if deadline.is_over:
        response.close()
        raise source.fail(words)
    return response


def _blocks(read: Callable[..., bytes], *, source: Source, deadline: Deadline) -> Iterator[bytes]:
    # A read of a whole block would wait for a server that sends a byte a second; read1 gives what is there.
    size = 0
    while block := read(_BLOCK, decode_content=True):
        size += len(block)
        if size > source.size:
            raise source.fail(f"answers more than {source.size:,} bytes")
        if late := _late(source, deadline):
            raise late
        yield block
        time.sleep(0)  # a fast sender never makes the reader wait: let others of this process have a turn
    # A body without a length that the deadline has cut off reads as one that is complete.
    if late := _late(source, deadline):
        raise late
    deadline.stop()


def _late(source: Source, deadline: Deadline) -> SourceError | None:
    if not deadline.is_over:
        return None
    return source.fail(f"does not answer all within {_seconds(source.deadline_seconds)}")


def _seconds(value: float) -> str:
    # What is left of a deadline that several calls share is a few microseconds short of it.
    return f"{value:.3g} s"
