"""The rules of the routers beside a rollout's main one: its own rule, and what else must hold of a request."""

from collections.abc import Sequence

from provider.domain.rollouts import Override
from provider.domain.rules import quote


def override_rule(rule: str, override: Override) -> str:
    """Return the rule of the requests that an override sends to one side."""
    return f"{_enclosed(rule)} && {_match(override)}"


def ignored_rule(rule: str, ignored: Sequence[str]) -> str:
    """Return the rule of the requests that match one of the `ignored` rules as well."""
    alternatives = " || ".join(map(_enclosed, ignored))
    return f"{_enclosed(rule)} && ({alternatives})"


def _enclosed(rule: str) -> str:
    # A newline may end a rule, but not stand before a parenthesis.
    return f"({rule.strip()})"


def _match(override: Override) -> str:
    if override.header:
        return f"Header({quote(override.header.name)}, {quote(override.header.value)})"
    assert override.cookie is not None  # noqa: S101 an override has a header or a cookie
    # Traefik has no matcher for cookies, and a client may send several in one header.
    pair = f"{_literal(override.cookie.name)}={_literal(override.cookie.value)}"
    return f"HeaderRegexp({quote('Cookie')}, {quote(f'(^|; ?){pair}(;|$)')})"


def _literal(text: str) -> str:
    """Escape what means something in a regular expression of Go."""
    return "".join(f"\\{character}" if character in r"\.+*?()|[]{}^$" else character for character in text)
