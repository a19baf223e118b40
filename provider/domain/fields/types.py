"""The kinds of value that documents are written with: weights, durations, names, addresses.

Each is a pydantic type that refuses what Traefik would misread later, in words that say what would be right.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from provider.domain.fields.hosts import is_metadata, written_address
from provider.domain.fields.quotes import quoted
from provider.domain.rules import RuleError, parse_rule

NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNIT_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_LONGEST_DURATION = timedelta(days=366)
_HOST_PATTERN = r"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$"
_HOST = re.compile(_HOST_PATTERN)
# What nearly all weights are, read with every rollout; frozen as all values are.
_WHOLE_WEIGHTS = tuple(round(Decimal(weight), 2) for weight in range(101))
# What nearly all servers are, read with every rollout: nothing in here can be wrong, but that a cloud hands out
# credentials there.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PLAIN_SERVER = re.compile(
    rf"http://(?!169\.|100\.100\.|192\.0\.0\.|168\.63\.){_OCTET}(?:\.{_OCTET}){{3}}:[1-9][0-9]{{0,3}}"
)
_IPV6 = re.compile(r"^[0-9A-Fa-f:.]+$")


def parse_weight(value: object) -> Decimal:
    """Read a per cent from 0 to 100 with at most two decimals; ValueError says what would be right."""
    if type(value) is int and 0 <= value <= 100:
        return _WHOLE_WEIGHTS[value]
    problem = f"must be a number from 0 to 100 with at most two decimals, not {quoted(value)}"
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(problem)  # noqa: TRY004 what pydantic turns into a mistake
    weight = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not weight.is_finite() or not 0 <= weight <= 100 or weight != round(weight, 2):
        raise ValueError(problem)
    return round(weight, 2)


def weight_number(weight: Decimal) -> int | float:
    """Give a weight as the plainest JSON number: 25, not 25.00."""
    return int(weight) if weight == int(weight) else float(weight)


def parse_duration(value: object) -> timedelta:
    """Read a duration as Go writes it (``500ms``, ``1.2s``, ``1h30m``), to the millisecond."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or len(value) > 40 or not re.fullmatch(_DURATION_PATTERN, value):
        raise ValueError(f"must be a duration such as 500ms, 10s, 5m or 1h30m, not {quoted(value)}")
    milliseconds = sum(Decimal(number) * _UNIT_MILLISECONDS[unit] for number, unit in _DURATION_PART.findall(value))
    if milliseconds > _LONGEST_DURATION / timedelta(milliseconds=1):
        raise ValueError(f"must be at most 8784h (a year), not {value}")
    if milliseconds != int(milliseconds) or milliseconds == 0:
        raise ValueError(f"must be a whole number of milliseconds and at least 1, not {value}")
    return timedelta(milliseconds=int(milliseconds))


def format_duration(duration: timedelta) -> str:
    """Write a duration as Go and Traefik read it: ``1h30m``, ``1.2s``, ``500ms``."""
    milliseconds = round(duration / timedelta(milliseconds=1))
    if 0 < milliseconds < 1_000:
        return f"{milliseconds}ms"
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds = f"{Decimal(rest) / 1_000:f}s" if rest or not (hours or minutes) else ""
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + seconds


def _whole_number(value: object) -> object:
    # JSON Schema calls 20.0 an integer; pydantic's lax mode, which agrees, takes "20" and true as well.
    if isinstance(value, str | bool):
        raise ValueError(f"must be a whole number, not {quoted(value)}")  # noqa: TRY004 pydantic collects ValueErrors
    return value


def _server_url(url: str) -> str:
    if _PLAIN_SERVER.fullmatch(url):
        return url
    problem = url_problem(url, schemes={"http", "https", "h2c"}, has_path=False)
    if problem:
        raise ValueError(f"must be a server URL such as http://10.0.0.1:8080: {problem}")
    address = written_address(urlsplit(url).hostname or "")
    if address and is_metadata(address):
        raise ValueError("must not be link-local: cloud metadata services provide credentials there")
    return url.removesuffix("/")


def url_problem(url: str, *, schemes: set[str], has_path: bool) -> str | None:
    """Say what is wrong with an address, if anything is."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "only printable ASCII without spaces is allowed"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return str(error)
    return next(_faults_of_url(url, parts, host, port, schemes=schemes, has_path=has_path), None)


def _faults_of_url(
    url: str, parts: SplitResult, host: str | None, port: int | None, *, schemes: set[str], has_path: bool
) -> Iterator[str]:
    if parts.scheme not in schemes:
        yield f"the scheme must be {' or '.join(sorted(schemes))}"
    if not host:
        yield "it has no host"
    elif not (_IPV6 if ":" in host else _HOST).fullmatch(host):
        yield "the host is not valid"
    if port == 0 or parts.netloc.endswith(":"):
        yield "the port must be from 1 to 65535"
    if "@" in parts.netloc:
        yield "it must not contain a user or password"
    if not has_path and parts.path not in {"", "/"}:
        yield "it must not have a path: Traefik would ignore it"
    if "?" in url or "#" in url:
        yield "it must not have a query or fragment"


def _rule(text: str) -> str:
    try:
        parse_rule(text)
    except RuleError as error:
        raise ValueError(str(error)) from error
    return text


def _matching(pattern: str, words: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        # fullmatch, as `$` alone would let a trailing newline pass.
        if not compiled.fullmatch(text):
            raise ValueError(f"must be {words}, not {quoted(text)}")
        return text

    return check


def _reference(value: str) -> str:
    if value.endswith("@http"):
        raise ValueError("must not end in @http: these services belong to this provider and change")
    if value.endswith("@internal"):
        raise ValueError("must not end in @internal: this would expose Traefik's API and configuration")
    return value


_REFERENCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*@[a-z][a-z0-9-]*$"
_TOKEN_PATTERN = r"^[A-Za-z0-9!#$%&'*+.^_|~-]+$"  # noqa: S105 an HTTP token, RFC 9110

# What Go's url.Parse reads as a relative URL without a host: // would begin a host, and escapes outside of the query
# are decoded. Source: newRequest in Traefik's pkg/healthcheck/healthcheck.go.
_IN_PATH = r"[!\"$&-.0->@-~]|%[0-9A-Fa-f]{2}"
_CHECKED_PATH_PATTERN = rf"^/(({_IN_PATH})({_IN_PATH}|/)*)?(\?[!\"$-~]*)?(#({_IN_PATH}|[/?#])*)?$"

Weight = Annotated[
    Decimal,
    PlainValidator(parse_weight),
    PlainSerializer(weight_number, return_type=int | float),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01}),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["10m", "1.5s"]}),
]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Name = Annotated[
    str,
    AfterValidator(_matching(NAME_PATTERN, "1 to 63 lowercase letters, digits and inner hyphens, such as shop-api")),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
]
HostName = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": _HOST_PATTERN}),
    AfterValidator(_matching(_HOST_PATTERN, "a DNS name such as shop-v2 or _http._tcp.shop.internal")),
]
EntryPoint = Annotated[
    str,
    AfterValidator(_matching(r"^[A-Za-z0-9_-]{1,63}$", "the name of an entry point such as web")),
    Field(json_schema_extra={"pattern": r"^[A-Za-z0-9_-]{1,63}$"}),
]
Reference = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": _REFERENCE_PATTERN}),
    AfterValidator(_matching(_REFERENCE_PATTERN, "NAME@PROVIDER, such as shop-v2@docker")),
    AfterValidator(_reference),
]
Token = Annotated[
    str,
    Field(max_length=128, json_schema_extra={"pattern": _TOKEN_PATTERN}),
    AfterValidator(_matching(_TOKEN_PATTERN, "a name of letters, digits and hyphens, such as X-Canary")),
]
HeaderValue = Annotated[
    str,
    Field(max_length=512, json_schema_extra={"pattern": r"^[!-~]([ -~]*[!-~])?$"}),
    AfterValidator(_matching(r"^[!-~]([ -~]*[!-~])?$", "printable ASCII without leading or trailing spaces")),
]
CookieValue = Annotated[
    str,
    Field(max_length=512, json_schema_extra={"pattern": r"^[!#-+\--:<-\[\]-~]+$"}),
    AfterValidator(_matching(r"^[!#-+\--:<-\[\]-~]+$", "a cookie's value: no space, quote, comma, ; or \\")),
]
UrlPath = Annotated[
    str,
    Field(max_length=1024, json_schema_extra={"pattern": "^/[!-~]*$"}),
    AfterValidator(_matching(r"^/[!-~]*$", "a path that begins with /, such as /healthz")),
]
CheckedPath = Annotated[
    str,
    Field(max_length=1024, json_schema_extra={"pattern": _CHECKED_PATH_PATTERN}),
    AfterValidator(
        _matching(_CHECKED_PATH_PATTERN, "a path that begins with one / and has complete escapes such as %20")
    ),
]
ServerUrl = Annotated[
    str,
    Field(max_length=512, json_schema_extra={"format": "uri", "examples": ["http://10.0.0.1:8080"]}),
    AfterValidator(_server_url),
]
Rule = Annotated[
    str,
    AfterValidator(_rule),
    Field(json_schema_extra={"examples": ["Host(`shop.localhost`) && PathPrefix(`/api`)"]}),
]


def _utc_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    AwareDatetime,
    PlainSerializer(_utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
