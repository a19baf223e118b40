"""How a canary is to be judged: the `analysis` document of a rollout's spec. Every field has a default."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, WithJsonSchema, model_serializer, model_validator

from provider.analysis.checks import Check
from provider.analysis.fields import DurationOrZero, Number, PrometheusUrl
from provider.analysis.presets import NUMBERS, Origin, Preset, filled
from provider.analysis.statuses import GRPC_ERRORS, ErrorsField, ErrorStatuses
from provider.documents import Document, write
from provider.documents.fields import Duration, Rule, WholeNumber


class Prometheus(Document):
    """Where a Prometheus that scrapes the Traefiks can be asked."""

    url: PrometheusUrl
    """Its address."""


class Source(Document):
    """Where the counts come from: the Traefiks' own /metrics, written `traefik`, or a Prometheus."""

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
    """At which durations the responses of both sides are compared.

    A canary fails if it has more responses above the bucket edges of Traefik's metrics than stable. It is known to be
    good by its slow responses alone: those above the first bucket edge that is no lower than `above`.
    """

    above: Duration = timedelta(seconds=1.2)
    """Responses that take longer are slow."""
    edges: tuple[Duration, ...] | None = Field(default=None, min_length=1, max_length=20)
    """The bucket edges that are compared; every edge by default. Each must be an edge of Traefik's buckets."""


class Limits(Document):
    """Plain limits that the canary must keep whatever stable does.

    A limit fails the canary when a sequential test shows that the canary breaks it, not when chance does. It is kept
    when the observed value keeps it, from `minRequests` on. A step does not end with success before all limits are
    kept.
    """

    success_rate: Number | None = Field(default=None, gt=0, le=100)
    """Percent of the responses that are no errors, at least."""
    latency_p50: Duration | None = None
    """The longest that half of the responses may take; not below the first bucket edge of Traefik's metrics."""
    latency_p90: Duration | None = None
    """The same of 90 percent."""
    latency_p95: Duration | None = None
    """The same of 95 percent."""
    latency_p99: Duration | None = None
    """The same of 99 percent."""

    @property
    def count(self) -> int:
        """Return how many limits are set."""
        return len(self.latencies()) + (self.success_rate is not None)

    def latencies(self) -> dict[int, timedelta]:
        """Give the longest duration allowed by percentile, where there is one."""
        by_percentile = {50: self.latency_p50, 90: self.latency_p90, 95: self.latency_p95, 99: self.latency_p99}
        return {percentile: limit for percentile, limit in by_percentile.items() if limit is not None}


class Undecided(StrEnum):
    """What to do when the time is over and nothing is known."""

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
    """How a canary is judged.

    It is looked at every `interval`, of a second at least. `alpha` is how often a canary that is no worse may be
    called worse, at most; `beta` how often one that is worse than `margin` times stable may be called good. A canary
    that is shown to have less than `tolerated` per cent of errors, and of slow answers, passes without a comparison,
    unless that shows it to be worse. `dispersion` is how many bad answers come as one. The three limits count
    verdicts as Argo Rollouts counts measurements; by default any number may be inconclusive: a quiet night is no
    reason to stop.
    """

    preset: Preset | None = None
    """The numbers to start from: careful, balanced (the defaults) or fast. Numbers that are given beside it win."""
    source: Annotated[Source, WithJsonSchema(_SOURCE_SCHEMA)] = Source(prometheus=None)
    """Where the counts come from: `traefik`, the Traefiks' own /metrics, or `{prometheus: {url: …}}`."""
    interval: Duration = timedelta(seconds=5)
    """How often is looked, a second at least."""
    warm_up: DurationOrZero = timedelta(seconds=30)
    """After the start, a weight increase and scaling, samples are not judged for this long; `0s` for no warm-up."""
    metrics: tuple[Metric, ...] = Field(default=("errors", "latency"), min_length=1, max_length=2)
    """What is compared."""
    errors: ErrorsField = ErrorStatuses(grpc=GRPC_ERRORS)
    """Which responses are errors: a pattern of HTTP statuses such as 5..|429, or `{http: …, grpc: [codes]}`."""
    client_errors: ClientErrors = ClientErrors.PAUSE
    """What to do when the canary has more 4xx responses that are no errors than stable: `ignore` compares none."""
    latency: Latency = Latency()
    """Which answers are slow."""
    margin: Number = Field(default=2, ge=1.05, le=100)
    """A canary that is known to have less than this many times the bad responses of stable passes. One with up to
    about 1.4 times as many is usually not rolled back."""
    worse_than: Number = Field(default=1.25, ge=1, le=100)
    """A canary with up to this many times the bad responses of stable is not rolled back, but by chance (`alpha`)."""
    alpha: Number = Field(default=0.05, ge=1e-6, le=0.5)
    """How often a canary that is no worse is called worse, at most."""
    beta: Number = Field(default=0.05, ge=1e-6, le=0.5)
    """How often one that is worse than `margin` is called good, at most."""
    dispersion: Number = Field(default=1, ge=1, le=1_000)
    """How many bad answers come as one."""
    sustained: DurationOrZero = timedelta(seconds=30)
    """Evidence that rests on any one time of this length does not fail a canary; `0s` turns this off."""
    tolerated: Number = Field(default=0.2, ge=0.001, le=50)
    """A canary that is known to have less than this percentage of bad responses passes without a comparison."""
    limits: Limits = Limits()
    """What the canary must keep whatever stable does."""
    checks: tuple[Check, ...] | None = Field(default=None, min_length=1, max_length=10)
    """What else must hold."""
    min_requests: WholeNumber = Field(default=100, ge=1, le=10**9)
    """What the canary must have had before it may go on."""
    at_least: DurationOrZero = timedelta(minutes=5)
    """How long a step with `until: known` judges at least before a good canary advances, or until its `deadline`."""
    ignore: tuple[Rule, ...] | None = Field(default=None, min_length=1, max_length=20)
    """Rules of requests that are split but not counted, such as PathPrefix(`/health`). Needs Traefik 3.3."""
    count_overrides: StrictBool | None = None
    """Whether the requests that overrides send to a side count as that side's; not if left out."""
    on_undecided: Undecided = Undecided.HOLD
    """What a deadline does when nothing is known."""
    failure_limit: WholeNumber = Field(default=0, ge=0, le=1_000)
    """So many failed looks are let pass."""
    inconclusive_limit: WholeNumber | None = Field(default=None, ge=0, le=1_000_000)
    """So many looks without an answer are let pass; any number if left out."""
    consecutive_error_limit: WholeNumber = Field(default=4, ge=0, le=1_000)
    """After more errors of its sources in a row, and `errorLimit`, the canary is held."""
    error_limit: DurationOrZero = timedelta(minutes=5)
    """A canary that cannot be measured for this long is held, until its sources respond again."""
    max_tries: WholeNumber | None = Field(default=None, ge=1, le=1_000_000)
    """After so many tries of the same canary, `retry` is refused unless it is forced. Default: no limit."""

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
            raise ValueError("metrics must not name the same one twice")
        return self

    @model_validator(mode="after")
    def _each_edge_once(self) -> Self:
        edges = self.latency.edges or ()
        if len(set(edges)) != len(edges):
            raise ValueError("latency.edges must not name the same one twice")
        return self

    @model_validator(mode="after")
    def _each_check_named_once(self) -> Self:
        names = [check.name for check in self.checks or ()]
        if len(set(names)) != len(names):
            raise ValueError("checks must not have the same name twice")
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
    def tolerated_rate(self) -> float:
        """Give `tolerated` as a share, from 0 to 1."""
        return self.tolerated / 100


def _origin(name: str, value: object, numbers: Mapping[str, object], defaults: Mapping[str, object]) -> Origin:
    if name in numbers:
        return Origin.PRESET if value == numbers[name] else Origin.SET
    return Origin.DEFAULT if value == defaults.get(name) else Origin.SET
