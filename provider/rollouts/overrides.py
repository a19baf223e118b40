"""Requests that go to one side whatever the weight."""

from typing import Literal, Self

from pydantic import model_validator

from provider.documents import Document, exactly_one, one_of
from provider.documents.fields import CookieValue, HeaderValue, Token

MOST_OVERRIDES = 32


class HeaderMatch(Document):
    """A request header with just this value."""

    name: Token
    value: HeaderValue


class CookieMatch(Document):
    """A request cookie with just this value."""

    name: Token
    value: CookieValue


class Override(Document):
    """Requests that go to one side whatever the weight."""

    model_config = one_of("header", "cookie")

    header: HeaderMatch | None = None
    cookie: CookieMatch | None = None
    to: Literal["stable", "canary"]

    @model_validator(mode="after")
    def _one_match(self) -> Self:
        exactly_one(self, "header", "cookie")
        return self
