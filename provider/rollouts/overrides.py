"""Requests that go to one side whatever the weight."""

from typing import Literal, Self

from pydantic import model_validator

from provider.documents import Document, exactly_one, one_of
from provider.documents.fields import CookieValue, HeaderValue, Token

MOST_OVERRIDES = 32


class HeaderMatch(Document):
    """A request header with just this value."""

    name: Token
    """The header's name."""
    value: HeaderValue
    """Its value, compared exactly."""


class CookieMatch(Document):
    """A request cookie with just this value."""

    name: Token
    """The cookie's name."""
    value: CookieValue
    """Its value, compared exactly."""


class Override(Document):
    """Requests that go to one side whatever the weight."""

    model_config = one_of("header", "cookie")

    header: HeaderMatch | None = None
    """By a header."""
    cookie: CookieMatch | None = None
    """By a cookie."""
    to: Literal["stable", "canary"]
    """The side that they go to."""

    @model_validator(mode="after")
    def _one_match(self) -> Self:
        exactly_one(self, "header", "cookie")
        return self
