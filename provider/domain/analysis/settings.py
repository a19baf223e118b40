"""Settings of the canary analysis: the `analysis` document of a rollout's spec. Every field has a default."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from math import sqrt
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, WithJsonSchema, model_serializer, model_validator

from provider.domain.analysis.checks import Check
from provider.domain.analysis.fields import DurationOrZero, Number, PrometheusUrl
from provider.domain.analysis.presets import NUMBERS, Origin, Preset, filled
from provider.domain.analysis.statuses import GRPC_ERRORS, ErrorsField, ErrorStatuses
from provider.domain.fields import Document, write
from provider.domain.fields.types import Duration, Rule, WholeNumber


class Prometheus(Document):
    """A Prometheus server that scrapes the gateways."""

    url: PrometheusUrl
    """URL of the Prometheus server."""


class Source(Document):
    """Source of the request counts: `traefik`, the gateways' own metrics endpoints, or a Prometheus server."""

    prometheus: Prometheus | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if value == "traefik":
            return {"prometheus": None}
        if not value or isinstance(value, str):
            raise ValueError("must be traefik, or an object with prometheus")
        return value

    @model_serializer
    def _write(self) -> str | dict[str, Any]:
        return {"prometheus": self.prometheus.model_dump(mode="json")} if self.prometheus else "traefik"


_SOURCE_SCHEMA = {
    "oneOf": [
        {"const": "traefik"},
        {
            "type": "object",
            "properties": {
                "prometheus": {
                    "type": "object",
                    "properties": {"url": {"type": "string", "format": "uri", "maxLength": 512}},
                    "required": ["url"],
                    "additionalProperties": False,
                }
            },
            "required": ["prometheus"],
            "additionalProperties": False,
        },
    ]
}


class Latency(Document):
    """Durations at which the responses of both sides are compared.

    A canary fails if more of its responses than of stable's exceed an edge of Traefik's histogram buckets. To pass,
    only slow responses count: those above the first bucket edge at or above `above`.
    """

    above: Duration = timedelta(seconds=1.2)
    """Responses that take longer than this are slow."""
    edges: tuple[Duration, ...] | None = Field(default=None, min_length=1, max_length=20)
    """Bucket edges to compare; each must be an edge of Traefik's histogram buckets. Default: all edges."""


class Limits(Document):
    """Absolute limits for the canary, independent of stable.

    A limit fails the canary when a sequential test shows that the canary violates it, not on a chance fluctuation. A
    limit passes when the observed value is within it, from `minRequests` on. A step succeeds only when all limits
    pass.
    """

    success_rate: Number | None = Field(default=None, gt=0, le=100)
    """Minimum percentage of responses that are not errors."""
    latency_p50: Duration | None = None
    """Maximum 50th percentile of the response time; at least the first bucket edge of Traefik's metrics."""
    latency_p90: Duration | None = None
    """Maximum 90th percentile of the response time."""
    latency_p95: Duration | None = None
    """Maximum 95th percentile of the response time."""
    latency_p99: Duration | None = None
    """Maximum 99th percentile of the response time."""

    @property
    def count(self) -> int:
        """Return how many limits are set."""
        return len(self.latencies()) + (self.success_rate is not None)

    def latencies(self) -> dict[int, timedelta]:
        """Give the longest duration allowed by percentile, where there is one."""
        by_percentile = {50: self.latency_p50, 90: self.latency_p90, 95: self.latency_p95, 99: self.latency_p99}
        return {percentile: limit for percentile, limit in by_percentile.items() if limit is not None}


class Undecided(StrEnum):
    """What to do when the deadline passes without a verdict."""

    HOLD = "hold"
    PROMOTE = "promote"
    ABORT = "abort"


class ClientErrors(StrEnum):
    """What to do with a canary that has more client errors than stable."""

    PAUSE = "pause"
    ABORT = "abort"
    IGNORE = "ignore"


Metric = Literal["errors", "latency"]


class Analysis(Document):
    """Settings of the canary analysis.

    The controller takes a measurement every `interval`. `alpha` bounds the probability that a canary that is no worse
    than stable fails. `beta` bounds the probability that a canary that is worse than `margin` times stable passes. A
    canary whose percentage of errors and of slow responses is shown to be below `tolerated` passes without a
    comparison, unless the comparison shows that it is worse. `failureLimit`, `inconclusiveLimit` and
    `consecutiveErrorLimit` count measurements as Argo Rollouts does. By default, the number of inconclusive
    measurements is not limited, so that low traffic does not stop a rollout.
    """

    preset: Preset | None = None
    """Set of defaults: `careful`, `balanced` or `fast`. Fields that are set explicitly take precedence. Default:
    the values of `balanced`."""
    source: Annotated[Source, WithJsonSchema(_SOURCE_SCHEMA)] = Source(prometheus=None)
    """Source of the request counts: `traefik`, the gateways' own metrics endpoints, or `{prometheus: {url: …}}`."""
    interval: Duration = timedelta(seconds=5)
    """Time between two measurements; at least `1s`."""
    warm_up: DurationOrZero = timedelta(seconds=30)
    """Time after the start, a change of the weight or scaling during which measurements are not evaluated. `0s`
    disables the warm-up."""
    metrics: tuple[Metric, ...] = Field(default=("errors", "latency"), min_length=1, max_length=2)
    """Metrics to compare between canary and stable."""
    errors: ErrorsField = ErrorStatuses(grpc=GRPC_ERRORS)
    """Responses that count as errors: a pattern of HTTP statuses such as `5..|429`, or `{http: …, grpc: [codes]}`."""
    client_errors: ClientErrors = ClientErrors.PAUSE
    """What to do when the canary has more 4xx responses than stable, apart from those that count as errors.
    `ignore` disables the comparison."""
    latency: Latency = Latency()
    """Responses that count as slow."""
    margin: Number = Field(default=2, ge=1.05, le=100)
    """A canary passes when it is shown to have fewer than this many times stable's bad responses. A canary with up
    to about 1.4 times as many is usually not rolled back."""
    worse_than: Number = Field(default=1.25, ge=1, le=100)
    """A canary with up to this many times stable's bad responses does not count as worse: it is rolled back only
    with probability `alpha`."""
    alpha: Number = Field(default=0.05, ge=1e-6, le=0.5)
    """Maximum probability that a canary that is no worse than stable fails."""
    beta: Number = Field(default=0.05, ge=1e-6, le=0.5)
    """Maximum probability that a canary that is worse than `margin` passes."""
    dispersion: Number = Field(default=1, ge=1, le=1_000)
    """Number of bad responses that typically occur together and count as one."""
    sustained: DurationOrZero = timedelta(seconds=30)
    """A canary does not fail on evidence from a single period of this length. `0s` disables this."""
    tolerated: Number = Field(default=0.2, ge=0.001, le=50)
    """A canary passes without a comparison when its percentage of bad responses is shown to be below this."""
    limits: Limits = Limits()
    """Absolute limits for the canary, independent of stable."""
    checks: tuple[Check, ...] | None = Field(default=None, min_length=1, max_length=10)
    """Additional checks that must pass."""
    min_requests: WholeNumber = Field(default=100, ge=1, le=10**9)
    """Minimum number of canary requests before the rollout may advance."""
    at_least: DurationOrZero = timedelta(minutes=5)
    """Minimum duration of a step with `until: known` before a good canary advances, limited by the step's
    `deadline`."""
    ignore: tuple[Rule, ...] | None = Field(default=None, min_length=1, max_length=20)
    """Rules of requests that are split but not counted, such as ``PathPrefix(`/health`)``. Requires Traefik 3.3."""
    count_overrides: StrictBool | None = None
    """Count requests that overrides route to a side. Default: `false`."""
    on_undecided: Undecided = Undecided.HOLD
    """What to do when a deadline passes without a verdict."""
    failure_limit: WholeNumber = Field(default=0, ge=0, le=1_000)
    """Number of failed measurements to allow."""
    inconclusive_limit: WholeNumber | None = Field(default=None, ge=0, le=1_000_000)
    """Number of inconclusive measurements to allow. Default: unlimited."""
    consecutive_error_limit: WholeNumber = Field(default=4, ge=0, le=1_000)
    """The canary is held after more than this many consecutive source errors, once they have lasted for
    `errorLimit`."""
    error_limit: DurationOrZero = timedelta(minutes=5)
    """The canary is held when it could not be measured for this long. It resumes when its sources respond again."""
    max_attempts: WholeNumber | None = Field(default=None, ge=1, le=1_000_000)
    """Maximum number of tries of the same canary. Further retries are refused unless forced. Default: no limit."""

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, document: object) -> object:
        return filled(document)

    @model_validator(mode="after")
    def _not_too_often(self) -> Self:
        if self.interval < timedelta(seconds=1):
            raise ValueError("interval must be 1s at least")
        return self

    @model_validator(mode="after")
    def _each_metric_once(self) -> Self:
        if len(set(self.metrics)) != len(self.metrics):
            raise ValueError("metrics must not contain duplicates")
        return self

    @model_validator(mode="after")
    def _each_edge_once(self) -> Self:
        edges = self.latency.edges or ()
        if len(set(edges)) != len(edges):
            raise ValueError("latency.edges must not contain duplicates")
        return self

    @model_validator(mode="after")
    def _each_check_named_once(self) -> Self:
        names = [check.name for check in self.checks or ()]
        if len(set(names)) != len(names):
            raise ValueError("checks must have unique names")
        return self

    def origins(self) -> dict[str, tuple[object, Origin]]:
        """Return each setting's effective value and its origin, by its name in the document, such as minRequests.

        The stored document has every value, so a value that equals the preset's, or the default, counts as that.
        """
        numbers, defaults = NUMBERS[self.preset] if self.preset else {}, write(type(self)())
        values = {name: value for name, value in write(self).items() if name != "preset"}
        return {name: (value, _origin(name, value, numbers, defaults)) for name, value in values.items()}

    @property
    def failed_at(self) -> float:
        """Return the e-value that fails a canary: α is shared out among everything that can fail it.

        β is not shared out, as all of it must be good.
        """
        causes = len(self.metrics) + self.limits.count + (self.client_errors is ClientErrors.ABORT)
        return causes / self.alpha

    @property
    def worse_than_odds(self) -> float:
        """Return the odds ratio up to which a canary does not count as worse; never above `margin`."""
        return min(self.worse_than, self.margin)

    @property
    def slower_than_odds(self) -> float:
        """Return the same for durations, halfway between `worseThan` and `margin`.

        Equal versions differ more in durations than in errors: by the machine, its neighbors and its load.
        """
        return sqrt(self.worse_than_odds * self.margin)

    @property
    def tolerated_rate(self) -> float:
        """Give `tolerated` as a share, from 0 to 1."""
        return self.tolerated / 100


def _origin(name: str, value: object, numbers: Mapping[str, object], defaults: Mapping[str, object]) -> Origin:
    if name in numbers:
        return Origin.PRESET if value == numbers[name] else Origin.SET
    return Origin.DEFAULT if value == defaults.get(name) else Origin.SET
