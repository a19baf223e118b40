"""Why a call was not done, in words: the network's reasons, the provider's, and those of what else answers there."""

from typing import TYPE_CHECKING, Any

from provider.cli.errors import CommandError

if TYPE_CHECKING:
    import requests

_PROBLEM_TYPES = "urn:traefik-canary:"
_OTHER_STABLE = {"stable-changed", "spec-outdated"}


class NotFoundError(CommandError):
    """There is no such thing at the provider."""


class OtherStableError(CommandError):
    """A spec names another stable version than the one that serves; `is_lagging` where a promotion replaced it."""

    def __init__(self, message: str, *, is_lagging: bool) -> None:
        self.is_lagging = is_lagging
        super().__init__(message)


def is_broken(error: Exception) -> bool:
    """Tell whether a connection could not be made, or broke: worth another try. One that takes too long is not."""
    import requests  # noqa: PLC0415 as in the client

    if isinstance(error, requests.Timeout | requests.exceptions.SSLError):
        return False
    return isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)


def unanswered(url: str, error: Exception) -> CommandError:
    """Say why there is no answer."""
    import requests  # noqa: PLC0415
    from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema  # noqa: PLC0415

    from provider.net.http_client import proxy_for  # noqa: PLC0415

    match error:
        case requests.Timeout():
            words = f"timed out waiting for the provider at {url}"
        case requests.exceptions.SSLError():
            words = f"TLS handshake with {url} failed: its certificate is not trusted, or it serves plain http://"
        case requests.ConnectionError():
            proxy = proxy_for(url)
            by = f" by the proxy {proxy} (HTTP_PROXY, HTTPS_PROXY; NO_PROXY excludes hosts)" if proxy else ""
            words = f"cannot reach the provider at {url}{by}; is it running? Set its URL with --url or CANARY_URL"
        case InvalidURL() | InvalidSchema() | MissingSchema():
            words = _no_address(url)
        case requests.RequestException():
            words = f"the response from {url} is incomplete or not HTTP; try again"
        case _:  # a host's name that can be none
            words = _no_address(url)
    return CommandError(words)


def refused(url: str, answer: "requests.Response") -> CommandError:
    """Say why an answer is a refusal, each mistake of a document on a line of its own."""
    problem = problem_of(answer)
    if problem is None:
        return CommandError(_foreign(url, answer))
    words = str(problem["detail"] or problem["title"])
    if mistakes := problem.get("errors"):
        words = "validation failed:" + "".join(f"\n  {one['pointer'] or '/'}: {one['detail']}" for one in mistakes)
    elif answer.status_code == 401:
        words += " (set CANARY_TOKEN or --token)"
    kind = str(problem["type"]).removeprefix(_PROBLEM_TYPES)
    if kind in _OTHER_STABLE:
        return OtherStableError(words, is_lagging=kind == "spec-outdated")
    return (NotFoundError if answer.status_code == 404 else CommandError)(words)


def problem_of(answer: "requests.Response") -> dict[str, Any] | None:
    """Give the problem that an answer holds; None where it is not a provider that speaks."""
    try:
        problem: dict[str, Any] = answer.json()
        is_ours = problem["type"].startswith(_PROBLEM_TYPES) and "detail" in problem
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return problem if is_ours else None


def _no_address(url: str) -> str:
    return f"{url!r} is not a provider URL such as http://127.0.0.1:8080; set it with --url or CANARY_URL"


def _foreign(url: str, answer: "requests.Response") -> str:
    if answer.is_redirect:
        return f"{url} redirects to {answer.headers['Location']}; set the target URL with --url or CANARY_URL"
    status = f"{answer.status_code} {answer.reason}".rstrip()
    if answer.status_code in {502, 503, 504}:
        return f"the proxy at {url} cannot reach the provider: {status}"
    return f"the server at {url} is not a traefik-canary provider: {status}"
