"""What a rollout's steps can be expected to show of a canary: a forecast for each step, and warnings."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from math import inf

from pydantic import Field

from provider.domain.analysis import Forecast, Rates, Stretch
from provider.domain.fields import Document, Moment, format_duration, weight_number
from provider.domain.fields.types import Weight
from provider.domain.rollouts.attempt_record import settings_of
from provider.domain.rollouts.rollout import Rollout
from provider.domain.rollouts.shares import compared_share
from provider.domain.rollouts.stages import Stage, stages

FACTORS = (2.0, 5.0, inf)
# A forecast below this is not worth waiting for.
_LIKELY = 0.5


class TrafficSource(StrEnum):
    """Source of a traffic figure."""

    MEASURED = "measured"
    GIVEN = "given"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"


class ExpectedTraffic(Document):
    """Traffic that a forecast is based on: both sides together, shares of bad responses in percent."""

    requests_per_second: float | None = None
    """Requests per second; absent if neither measured nor given."""
    requests_source: TrafficSource
    errors: float
    slow: float
    errors_source: TrafficSource
    measured_at: Moment | None = None
    """When the measured figures are from."""

    @property
    def rates(self) -> Rates | None:
        """Return the traffic as rates from 0 to 1; None if the number of requests is not known."""
        if self.requests_per_second is None:
            return None
        return Rates(self.requests_per_second, self.errors / 100, self.slow / 100)


class Detection(Document):
    """Detection of a regression. `factor` is the canary's errors as a multiple of stable's, null for a total failure.

    `probability` is the probability that the canary fails by the end of the step, null for a step without an end.
    `median_seconds` is the median time until it fails at the step's weight alone, null if longer than thirty days.
    """

    factor: float | None
    probability: float | None = None
    median_seconds: float | None = None


class PlannedStep(Document):
    """A step that waits, with its forecast.

    `weight` is the last weight of the step. `seconds` is null for a step that ends by manual approval or a verdict.
    `success_median_seconds` is the median time until a canary like stable is known to be good at this weight, null if
    longer than thirty days.
    """

    index: int
    weight: Weight
    seconds: float | None = None
    is_analyzed: bool
    canary_requests: int | None = None
    detections: tuple[Detection, ...] = ()
    success_median_seconds: float | None = None


class WarningCode(StrEnum):
    """Why a step is unlikely to reach a verdict."""

    NO_REQUESTS = "no-requests"
    TOO_FEW_REQUESTS = "too-few-requests"
    UNDECIDED_AT_DEADLINE = "undecided-at-deadline"


class StepWarning(Document):
    """A step that is unlikely to reach a verdict. `pointer` is its location in the rollout."""

    reason_code: WarningCode
    pointer: str
    detail: str


class Plan(Document):
    """Forecast of each waiting step, with the traffic that it is based on."""

    traffic: ExpectedTraffic
    steps: tuple[PlannedStep, ...]
    warnings: tuple[StepWarning, ...] = Field(default=())


def plan_of(rollout: Rollout, traffic: ExpectedTraffic, *, factors: Sequence[float] = FACTORS) -> Plan:
    """Make the plan of a rollout's steps; without a number of requests it has only weights and times."""
    found, passed = [], list[Stretch]()
    forecast = _forecast(rollout, traffic)
    for stage in stages(rollout.spec):
        stretches = _stretches(stage)
        if stage.is_judged:
            passed += stretches
        found.append(_planned(stage, passed if stretches else [], forecast, factors))
    return Plan(traffic=traffic, steps=tuple(found), warnings=tuple(warnings_of(rollout, traffic)))


def warnings_of(rollout: Rollout, traffic: ExpectedTraffic) -> Iterator[StepWarning]:
    """Yield a warning for each analysis step that cannot be expected to come to a verdict."""
    forecast = _forecast(rollout, traffic)
    for stage in stages(rollout.spec):
        if not stage.step.analysis:
            continue
        found = _no_requests(stage) if stage.weights[-1] == 0 else _undecided(stage, forecast)
        if found:
            code, detail = found
            yield StepWarning(reason_code=code, pointer=f"/spec/steps/{stage.index}", detail=detail)


def _forecast(rollout: Rollout, traffic: ExpectedTraffic) -> Forecast | None:
    return Forecast(settings_of(rollout), traffic.rates, compared_share(rollout.spec)) if traffic.rates else None


def _planned(
    stage: Stage, passed: Sequence[Stretch], forecast: Forecast | None, factors: Iterable[float]
) -> PlannedStep:
    step = PlannedStep(
        index=stage.index, weight=stage.weights[-1], seconds=stage.seconds, is_analyzed=stage.is_judged
    )
    if forecast is None:
        return step
    share = _share(stage)
    detections = [
        Detection(
            factor=None if factor == inf else factor,
            probability=_rounded(forecast.caught(passed, factor), 3) if passed else None,
            median_seconds=_rounded(forecast.caught_after(share, factor)),
        )
        for factor in factors
    ]
    return step.model_copy(
        update={
            "canary_requests": _expected_requests(stage, forecast.rates),
            "detections": tuple(detections) if stage.is_judged else (),
            "success_median_seconds": _rounded(forecast.known_good_after(share)) if stage.is_judged else None,
        }
    )


def _stretches(stage: Stage) -> list[Stretch]:
    if stage.each is None:
        return []
    return [Stretch(float(weight) / 100, stage.each.total_seconds()) for weight in stage.weights]


def _share(stage: Stage) -> float:
    return float(stage.weights[-1]) / 100


def _expected_requests(stage: Stage, rates: Rates) -> int | None:
    if stage.each is None:
        return None
    return round(sum(one.share * one.seconds for one in _stretches(stage)) * rates.requests)


def _no_requests(stage: Stage) -> tuple[WarningCode, str]:
    return (
        WarningCode.NO_REQUESTS,
        f"step {stage.index + 1} analyzes the canary at a weight of 0: it receives no requests",
    )


def _undecided(stage: Stage, forecast: Forecast | None) -> tuple[WarningCode, str] | None:
    if forecast is None or stage.each is None or stage.step.analysis is None:
        return None
    settings, requests = forecast.settings, _expected_requests(stage, forecast.rates) or 0
    where = f"step {stage.index + 1} ({weight_number(stage.weights[-1])}%, {format_duration(stage.each)})"
    if stage.step.analysis.duration:
        if requests >= settings.min_requests:
            return None
        return WarningCode.TOO_FEW_REQUESTS, (
            f"{where}: about {requests} canary requests expected, fewer than minRequests ({settings.min_requests}); "
            "inconclusive steps wait for approval"
        )
    if forecast.known_good(_share(stage), stage.each.total_seconds()) >= _LIKELY:
        return None
    return WarningCode.UNDECIDED_AT_DEADLINE, (
        f"{where}: about {requests} canary requests expected, rarely enough for a verdict; "
        f"at the deadline, onUndecided ({settings.on_undecided}) applies"
    )


def _rounded(value: float | None, digits: int = 0) -> float | None:
    return None if value is None else round(value, digits)
