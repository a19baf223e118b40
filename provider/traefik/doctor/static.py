"""Traefik's static configuration: what of it makes a canary slow, blind or lossy. Asks nobody."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provider.traefik.doctor.findings import Finding, Severity

# pkg/provider/http/http.go, pkg/config/static/static_config.go, pkg/types/metrics.go, pkg/server/service/transport.go
_POLL_INTERVAL, _POLL_TIMEOUT, _THROTTLE, _IDLE = "5s", "5s", "2s", "90s"
_BUCKETS = (0.1, 0.3, 1.2, 5.0)
_REDACTED = "xxxx"
# Node, Apache and uvicorn close after it.
_COMMON_KEEP_ALIVE_SECONDS = 5.0
# Traefik cannot cancel a poll: when told to end it waits for one or two more.
_LONGEST_GOOD_HOLD_SECONDS = 2
# Buckets that tell shifts of a few milliseconds apart, as in traefik/traefik.yml.
_FINE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0, 10.0)
_FEWEST_BUCKETS, _HIGHEST_FIRST_BUCKET = 8, 0.025
# The bucket's edge that stands for a bound may be so many times as high.
_NEAR_ENOUGH = 1.25
_HEADERS = 'headers:\n      Prefer: "wait=1"\n      Accept: application/yaml'
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


class StaticError(ValueError):
    """A static configuration that is none; the words name the field and what would be right."""


@dataclass(frozen=True)
class LatencyBound:
    """A latency that a rollout is judged by, and the field that says so.

    A limit cannot be judged below the first bucket edge; an edge must be one exactly.
    """

    rollout: str
    field: str
    seconds: float
    is_limit: bool = False
    is_edge: bool = False


@dataclass(frozen=True)
class Static:
    """What a static configuration says, with Traefik's defaults; times in seconds.

    `hold` is 0 where polls are not held, `is_named` None where it is not shown.
    """

    has_api: bool
    has_provider: bool
    is_named: bool | None
    poll_interval: float
    poll_timeout: float
    hold: int
    throttle: float
    has_metrics: bool
    has_service_labels: bool
    buckets: tuple[float, ...]
    idle: float


def read_static(document: Mapping[str, Any], *, is_shown_by_traefik: bool = False) -> Static:
    """Read a static configuration out of a file, or out of what Traefik itself shows. Raises StaticError."""
    # What is left out of a file has its default. Traefik leaves out what is 0 or false where it shows it.
    root = _Section("", document)
    http, prometheus = root.section("providers", "http"), root.section("metrics", "prometheus")
    headers = http.section("headers")
    wait = re.search(r"wait=(\d+)", str(headers.get("prefer", "")))
    return Static(
        has_api=root.has("api"),
        has_provider=root.has("providers", "http"),
        is_named=_is_named(str(http.get("endpoint", "")), headers),
        poll_interval=http.seconds("pollInterval", _POLL_INTERVAL),
        poll_timeout=http.seconds("pollTimeout", _POLL_TIMEOUT),
        hold=int(wait[1]) if wait else 0,
        throttle=root.section("providers").seconds(
            "providersThrottleDuration", "0s" if is_shown_by_traefik else _THROTTLE
        ),
        has_metrics=root.has("metrics", "prometheus"),
        has_service_labels=str(prometheus.get("addServicesLabels", not is_shown_by_traefik)).lower() == "true",
        buckets=prometheus.numbers("buckets", _BUCKETS),
        idle=root.section("serversTransport", "forwardingTimeouts").seconds("idleConnTimeout", _IDLE),
    )


def examine_static(static: Static, bounds: Iterable[LatencyBound] = ()) -> Iterator[Finding]:
    """Find what is set badly; `bounds` are the latencies that rollouts are judged by."""
    if not static.has_api:
        yield _error(
            "api",
            "its API is disabled: the provider cannot confirm that a weight is applied",
            "api:\n  insecure: true",
        )
    yield from _of_polls(static)
    if static.throttle:
        yield _warning(
            "throttle",
            f"a change that follows another waits for up to {static.throttle:g} s",
            "providers:\n  providersThrottleDuration: 0s",
        )
    if static.idle >= _COMMON_KEEP_ALIVE_SECONDS:
        yield _warning(
            "idle-connections",
            f"it keeps idle connections to backends for {static.idle:g} s: one that closes before (Node, Apache and "
            "uvicorn after 5 s) loses POSTs with 502, unless its side has a keepAliveTimeout",
            "serversTransport:\n  forwardingTimeouts:\n    idleConnTimeout: 4s",
        )
    yield from _of_metrics(static, bounds)


def _of_polls(static: Static) -> Iterator[Finding]:
    if not static.has_provider:
        yield _error(
            "provider",
            "no HTTP provider configured: Traefik polls nothing",
            _http('endpoint: "http://provider:8080/traefik/config?gateway=edge"'),
        )
        return
    if static.is_named is False:
        yield unnamed()
    if not static.hold:
        yield not_held(f"a change waits for up to {static.poll_interval:g} s")
        return
    if static.poll_interval > static.hold:
        yield _warning(
            "poll-gap",
            f"Traefik waits between two long polls for {static.poll_interval - static.hold:g} s",
            _http("pollInterval: 10ms"),
        )
    if static.hold >= static.poll_timeout:
        yield _error(
            "poll-timeout",
            f"long polls of {static.hold} s need a pollTimeout above {static.poll_timeout:g} s: idle polls fail",
            _http("pollTimeout: 10s"),
        )
    if static.hold > _LONGEST_GOOD_HOLD_SECONDS:
        yield _warning(
            "long-hold",
            f"long polls of {static.hold} s delay the shutdown of Traefik, which may panic",
            _http('headers:\n      Prefer: "wait=1"'),
        )


def not_held(cost: str) -> Finding:
    """Say that polls are not held, and what that costs."""
    return _error(
        "held-polls",
        f"no long polling: {cost}",
        _http(f"pollInterval: 10ms\n    pollTimeout: 10s\n    {_HEADERS}"),
    )


def unnamed() -> Finding:
    """Say that a Traefik polls without a name."""
    return _warning(
        "gateway-name",
        "it polls without a name, as `default`: no rollout can be meant for it alone, and two of them are mixed up",
        _http('endpoint: "http://provider:8080/traefik/config?gateway=edge"'),
    )


def _of_metrics(static: Static, bounds: Iterable[LatencyBound]) -> Iterator[Finding]:
    if not static.has_metrics:
        yield _error("metrics", "no metrics: canaries cannot be analyzed", _prometheus("addServicesLabels: true"))
        return
    if not static.has_service_labels:
        yield _error(
            "service-labels",
            "metrics without service labels: canaries cannot be analyzed",
            _prometheus("addServicesLabels: true"),
        )
    judged_by = tuple(bounds)
    for bound in judged_by:
        yield from _of_buckets(static.buckets, bound)
    if len(static.buckets) < _FEWEST_BUCKETS or min(static.buckets) > _HIGHEST_FIRST_BUCKET:
        yield _coarse(static.buckets, judged_by)


def _coarse(buckets: tuple[float, ...], bounds: Iterable[LatencyBound]) -> Finding:
    named = ", ".join(f"{edge:g}" for edge in buckets)
    fine = ", ".join(f"{edge:g}" for edge in sorted({*_FINE_BUCKETS, *buckets, *(one.seconds for one in bounds)}))
    return _warning(
        "coarse-buckets",
        f"its metrics have buckets at {named} s alone: a slowdown between them is not detected",
        _prometheus(f"buckets: [{fine}]"),
    )


def _of_buckets(buckets: tuple[float, ...], bound: LatencyBound) -> Iterator[Finding]:
    problem = _bucket_problem(buckets, bound)
    if problem:
        edges = ", ".join(f"{value:g}" for value in sorted({*buckets, bound.seconds}))
        yield _error(
            "buckets",
            f"{bound.field} of {bound.rollout}, {bound.seconds:g} s, {problem} of the metrics' buckets",
            _prometheus(f"buckets: [{edges}]"),
        )


def _bucket_problem(buckets: tuple[float, ...], bound: LatencyBound) -> str:
    """Say how a latency lies beside the edges; empty if an edge stands for it."""
    edge = min((edge for edge in buckets if edge >= bound.seconds), default=None)
    if edge is None:
        return "is above the last edge"
    if bound.is_edge:
        return "" if edge == bound.seconds else "is no edge"
    if bound.is_limit and bound.seconds < min(buckets):
        return f"cannot be judged: it lies below {edge:g} s, the first edge"
    return "" if edge <= bound.seconds * _NEAR_ENOUGH else f"is judged at {edge:g} s, the next edge"


def _http(text: str) -> str:
    return f"providers:\n  http:\n    {text}"


def _prometheus(text: str) -> str:
    return f"metrics:\n  prometheus:\n    {text}"


def _error(check: str, detail: str, change: str) -> Finding:
    return Finding(check, Severity.ERROR, detail, change)


def _warning(check: str, detail: str, change: str) -> Finding:
    return Finding(check, Severity.WARNING, detail, change)


def _is_named(endpoint: str, headers: "_Section") -> bool | None:
    if "gateway=" in endpoint or headers.has("x-canary-gateway"):
        return True
    return None if endpoint == _REDACTED else False


class _Section:
    """A part of the configuration. Traefik reads names of fields whatever their case."""

    def __init__(self, path: str, document: object) -> None:
        # `metrics: {prometheus:}` is a section with all its defaults.
        if document is not None and not isinstance(document, Mapping):
            raise StaticError(f"{path or 'the configuration'} must be a section of fields, not {document!r}")
        self._path = path
        self._fields = {str(name).lower(): value for name, value in (document or {}).items()}

    def get(self, name: str, default: object) -> object:
        return self._fields.get(name.lower(), default)

    def has(self, *names: str) -> bool:
        *parents, last = names
        return last.lower() in self.section(*parents)._fields

    def section(self, *names: str) -> "_Section":
        found = self
        for name in names:
            found = _Section(f"{found._path}.{name}".lstrip("."), found.get(name, None))
        return found

    def seconds(self, name: str, default: str) -> float:
        value = str(self.get(name, default))
        if value.isdecimal():
            return float(value)  # a bare number is in seconds
        if not re.fullmatch(f"(?:{_PART.pattern})+", value):
            raise StaticError(f"{self._path}.{name} must be a duration such as 2s or 500ms, not {value}")
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))

    def numbers(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        value = self.get(name, default)
        if not isinstance(value, (list, tuple)) or not all(type(item) in {int, float} for item in value):
            raise StaticError(f"{self._path}.{name} must be a list of seconds such as [0.1, 0.3, 1.2], not {value!r}")
        return tuple(map(float, value)) or default
