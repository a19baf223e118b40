"""Traefik's matchers: their names, how many values each takes, and what it asks of those.

Source: pkg/muxer/http/matcher.go, and CheckRule in pkg/rules/parser.go.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from provider.domain.rules.literals import quote
from provider.domain.rules.never import (
    complain_of_host,
    complain_of_path,
    complain_of_placeholder,
    complain_of_template,
)
from provider.domain.rules.regexps import complain_of_regexp, cost_of_regexp

# Takes the matcher's name and a value; says what is wrong with the value, if anything.
_Check = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class _Matcher:
    example: str
    checks: tuple[_Check, ...]
    required: int

    @property
    def takes(self) -> str:
        if self.required < len(self.checks):
            return "a name and at most one value"
        return "one value" if self.required == 1 else "a name and a value"


def _anything(_matcher: str, _value: str) -> str | None:
    return None


def _host(matcher: str, value: str) -> str | None:
    return _ascii(matcher, value) or complain_of_host(value)


def _ascii(matcher: str, value: str) -> str | None:
    if value.isascii():
        return None
    return f"`{matcher}` takes ASCII only: write an international name like xn--bcher-kva.example"


def _regexp(_matcher: str, value: str) -> str | None:
    complaint = complain_of_regexp(value)
    return f"no regular expression that Traefik takes: {complaint}" if complaint else None


def _host_regexp(matcher: str, value: str) -> str | None:
    return _ascii(matcher, value) or complain_of_placeholder(value) or _regexp(matcher, value)


def _path(matcher: str, value: str) -> str | None:
    if not value.startswith("/"):
        return f"a path begins with /: write {matcher}({quote(f'/{value}')})"
    return complain_of_path(matcher, value)


def _address(_matcher: str, value: str) -> str | None:
    # Python takes netmasks and zones too, which Go does not. Both take host bits and zeros before the length.
    try:
        if re.fullmatch(r"[0-9A-Fa-f.:]+(/[0-9]+)?", value):
            ipaddress.ip_interface(value)
            return None
    except ValueError:
        pass
    return f"{quote(value)} is no IP address or CIDR range, such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32"


def _matcher(example: str, *checks: _Check, required: int | None = None) -> _Matcher:
    return _Matcher(example, checks, len(checks) if required is None else required)


_MATCHERS = {
    "ClientIP": _matcher("ClientIP(`10.0.0.0/8`)", _address),
    "Header": _matcher("Header(`X-Canary`, `always`)", _anything, _anything),
    "HeaderRegexp": _matcher("HeaderRegexp(`X-Canary`, `^(always|yes)$`)", _anything, _regexp),
    "Host": _matcher("Host(`example.com`)", _host),
    "HostRegexp": _matcher("HostRegexp(`^[a-z]+\\.example\\.com$`)", _host_regexp),
    "Method": _matcher("Method(`GET`)", _anything),
    "Path": _matcher("Path(`/shop`)", _path),
    "PathPrefix": _matcher("PathPrefix(`/shop`)", _path),
    "PathRegexp": _matcher("PathRegexp(`^/(shop|cart)/`)", _regexp),
    "Query": _matcher("Query(`canary`, `always`)", _anything, _anything, required=1),
    # Alone, the first value is a name and nothing is compiled.
    "QueryRegexp": _matcher("QueryRegexp(`canary`, `^(always|yes)$`)", _anything, _regexp, required=1),
}
_COMPILED = frozenset({_regexp, _host_regexp})
# pkg/rules/parser.go registers exactly these four cases of each name.
_NAMES = {variant: name for name in _MATCHERS for variant in (name, name.lower(), name.upper(), name.capitalize())}
_V2 = {"Headers": "Header", "HeadersRegexp": "HeaderRegexp", "HostHeader": "Host"}
_TCP = {"HostSNI", "HostSNIRegexp", "ALPN"}
_OPERATORS = {"and": "&&", "or": "||", "not": "!"}
_EMPTY = {"Header": "HeaderRegexp({}, `^$`)", "HeaderRegexp": "HeaderRegexp({}, `^$`)", "Query": "Query({})"}


def canonical_name(name: str) -> str | None:
    """Return the matcher's name as the documentation spells it, or None if Traefik has no such matcher."""
    return _NAMES.get(name)


def example_of(matcher: str) -> str:
    """Return a use of the matcher to show in a message."""
    return _MATCHERS[matcher].example


def complain_of_name(name: str) -> str:
    """Say what to write instead of a name that is no matcher."""
    if name.lower() in _OPERATORS:
        return f"write {_OPERATORS[name.lower()]} for `{name}`"
    if name in _V2:
        return f"`{name}` is Traefik v2 syntax; v3 writes {example_of(_V2[name])}"
    if name in _TCP:
        return f"`{name}` is for TCP routers; an HTTP router writes {example_of('Host')}"
    lowered = {known.lower(): known for known in _MATCHERS}
    close = get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f"unknown matcher `{name}`; did you mean `{lowered[close[0]]}`?"
    return f"unknown matcher `{name}`; Traefik has {', '.join(_MATCHERS)}"


def cost_of(matcher: str, values: list[str]) -> int:
    """Return what the regular expressions of a matcher cost, in instructions."""
    checks = _MATCHERS[matcher].checks
    return sum(cost_of_regexp(value) for check, value in zip(checks, values, strict=False) if check in _COMPILED)


def complain_of_count(matcher: str, values: list[str]) -> str | None:
    """Say how to write a matcher that was given too many or too few values, or return None."""
    known = _MATCHERS[matcher]
    if known.required <= len(values) <= len(known.checks):
        return None
    if len(known.checks) == 1 < len(values):
        alternatives = " || ".join(f"{matcher}({quote(value)})" for value in values)
        return f"`{matcher}` takes one value since Traefik v3, not {len(values)}: write {alternatives}"
    return f"`{matcher}` takes {known.takes}, not {len(values)}: write for example {known.example}"


def complain_of_value(matcher: str, values: list[str], index: int) -> str | None:
    """Say what is wrong with one of a matcher's values, or return None if Traefik takes it."""
    if values[index]:
        if complaint := complain_of_template(values[index]):
            return complaint
        if matcher == "Query" and len(values) == 1 and "=" in values[0]:
            parts = ", ".join(quote(part) for part in values[0].split("=", 1) if part)
            return f"`Query` takes name and value apart: write Query({parts})"
        return _MATCHERS[matcher].checks[index](matcher, values[index])
    if index == 1 and values[0] and matcher in _EMPTY:
        return f"`{matcher}` takes no empty value: write {_EMPTY[matcher].format(quote(values[0]))}"
    return f"`{matcher}` takes no empty value: write for example {example_of(matcher)}"
