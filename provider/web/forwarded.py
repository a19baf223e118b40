"""What a reverse proxy says of the request that it forwards: the path in front of ours, and the scheme."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from wsgiref.types import WSGIApplication

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}){1,16}")


def behind_prefix(application: WSGIApplication) -> WSGIApplication:
    """Have an application make its links below `X-Forwarded-Prefix`, as Traefik's StripPrefix names it.

    The proxy has removed the prefix from the path. A header that holds no plain path is ignored: a link made of it
    could lead to another site.
    """

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        prefix = prefix_of(environ.get("HTTP_X_FORWARDED_PREFIX", ""))
        if prefix:
            environ["SCRIPT_NAME"] = prefix
        return application(environ, start_response)

    return serve


def prefix_of(header: str) -> str:
    """Return the path in front of ours, without a slash at its end; empty where there is none.

    Proxies behind each other name theirs one after the other.
    """
    prefix = "".join(part.strip().rstrip("/") for part in header.split(","))
    return prefix if _PREFIX.fullmatch(prefix) else ""


def is_https(header: str) -> bool:
    """Tell from `X-Forwarded-Proto` whether the client uses TLS: the first of several proxies is the nearest."""
    return header.partition(",")[0].strip().lower() == "https"
