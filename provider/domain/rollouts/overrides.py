"""Requests that are routed to one side regardless of the weight."""

from typing import Literal, Self

from pydantic import model_validator

from provider.domain.fields import Document, exactly_one, one_of
from provider.domain.fields.types import CookieValue, HeaderValue, Token

MOST_OVERRIDES = 32


class HeaderMatch(Document):
    """A request header with an exact value."""

    name: Token
    """Name of the header."""
    value: HeaderValue
    """Value of the header, compared exactly."""


class CookieMatch(Document):
    """A request cookie with an exact value."""

    name: Token
    """Name of the cookie."""
    value: CookieValue
    """Value of the cookie, compared exactly."""


class Override(Document):
    """Requests that are routed to one side regardless of the weight."""

    model_config = one_of("header", "cookie")

    header: HeaderMatch | None = None
    """Match requests by a header."""
    cookie: CookieMatch | None = None
    """Match requests by a cookie."""
    to: Literal["stable", "canary"]
    """Side that receives the matching requests."""

    @model_validator(mode="after")
    def _one_match(self) -> Self:
        exactly_one(self, "header", "cookie")
        return self
