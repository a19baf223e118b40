"""What a WSGI application is, to the type checker."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

WSGI = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]
