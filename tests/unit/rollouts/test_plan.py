"""The plan of a rollout's steps: stretches of weights, forecasts and warnings."""

from decimal import Decimal
from math import inf
from typing import Any

import pytest

from provider.domain.rollouts import ExpectedTraffic, Rollout, TrafficSource, plan_of
from provider.domain.rollouts.plan import WarningCode
from provider.domain.rollouts.stages import stages
from tests.world import Clock, spec

NOW = Clock().time
STEPS: list[dict[str, Any]] = [
    {"setWeight": 5},
    {"analysis": {"duration": "10m"}},
    {"ramp": {"from": 10, "to": 50, "by": 10, "every": "2m"}},
    {"setMirror": 10},
    {"pause": {}},
    {"analysis": {"until": "known", "deadline": "1h"}},
]


def rollout(steps: list[dict[str, Any]] = STEPS, **changes: Any) -> Rollout:
    return Rollout.create("shop", spec(steps=steps, **changes), now=NOW)


def traffic(requests: float | None, errors: float = 0.5) -> ExpectedTraffic:
    source = TrafficSource.GIVEN if requests else TrafficSource.UNKNOWN
    return ExpectedTraffic(
        requests_per_second=requests,
        requests_source=source,
        errors=errors,
        slow=errors,
        errors_source=TrafficSource.ASSUMED,
    )


def codes(made: Rollout, requests: float | None) -> list[tuple[str, str]]:
    return [(one.pointer, one.reason_code) for one in plan_of(made, traffic(requests)).warnings]


def test_steps_that_wait_are_stages_with_the_weights_before_them() -> None:
    found = [(one.index, [*map(int, one.weights)], one.seconds, one.is_judged) for one in stages(rollout().spec)]

    assert found == [
        (1, [5], 600, True),
        (2, [10, 20, 30, 40, 50], 600, False),
        (4, [50], None, False),
        (5, [50], 3_600, True),
    ]


def test_with_an_analysis_in_the_spec_every_stage_is_judged() -> None:
    assert all(one.is_judged for one in stages(rollout(analysis={}).spec))


@pytest.mark.parametrize(
    ("ramp", "first", "last", "seconds"),
    [
        ({"from": 5, "to": 50, "by": 20, "every": "1m"}, 5, 50, 240),
        ({"from": 0, "to": 100, "by": 0.01, "every": "1s"}, 0, 100, 10_001),
    ],
)
def test_a_ramp_has_all_its_time_in_few_weights(ramp: dict[str, Any], first: int, last: int, seconds: int) -> None:
    (stage,) = stages(rollout([{"ramp": ramp}]).spec)

    assert len(stage.weights) <= 40
    assert (Decimal(first), Decimal(last)) == (stage.weights[0], stage.weights[-1])
    assert pytest.approx(stage.seconds) == seconds


def test_each_step_says_what_can_be_expected() -> None:
    first, ramp, pause, known = plan_of(rollout(), traffic(20)).steps

    assert (first.index, first.seconds, first.is_analyzed, first.canary_requests) == (1, 600, True, 600)
    assert Decimal(5) == first.weight
    assert [one.factor for one in first.detections] == [2, 5, None]
    probabilities = [one.probability or 0 for one in first.detections]
    assert sorted(probabilities) == probabilities
    assert probabilities[-1] > 0.99
    assert (ramp.canary_requests, ramp.detections) == (3_600, ())
    assert (pause.seconds, pause.canary_requests, pause.is_analyzed) == (None, None, False)
    assert known.success_median_seconds is not None
    assert known.success_median_seconds < (first.success_median_seconds or 0)


def test_a_later_step_catches_at_least_as_much() -> None:
    steps: list[dict[str, Any]] = [
        {"setWeight": 5},
        {"analysis": {"duration": "10m"}},
        {"setWeight": 25},
        {"analysis": {"duration": "10m"}},
    ]
    first, second = plan_of(rollout(steps), traffic(5), factors=(2.0, inf)).steps

    for early, late in zip(first.detections, second.detections, strict=True):
        assert (early.probability or 0) <= (late.probability or 0)


def test_without_a_number_of_requests_there_are_weights_and_times_only() -> None:
    made = plan_of(rollout(), traffic(None))

    assert TrafficSource.UNKNOWN is made.traffic.requests_source
    assert [one.seconds for one in made.steps] == [600, 600, None, 3_600]
    assert all(not one.detections and one.canary_requests is None for one in made.steps)
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        (None, []),
        (50, []),
        (1, [("/spec/steps/1", WarningCode.TOO_FEW_REQUESTS), ("/spec/steps/5", WarningCode.UNDECIDED_AT_DEADLINE)]),
    ],
)
def test_steps_that_cannot_conclude_are_warned_of(
    requests: float | None, expected: list[tuple[str, WarningCode]]
) -> None:
    steps = [*STEPS[:2], *STEPS[2:5], {"analysis": {"until": "known", "deadline": "5m"}}]
    assert codes(rollout(steps), requests) == expected


def test_the_warning_says_what_the_step_will_see() -> None:
    (warning, *_) = plan_of(rollout(), traffic(1)).warnings

    assert "step 2 (5%, 10m): about 30 canary requests" in warning.detail
    assert warning.detail.endswith("inconclusive steps wait for approval")


def test_an_analysis_at_weight_0_is_warned_of_whatever_the_traffic() -> None:
    steps: list[dict[str, Any]] = [{"analysis": {"duration": "10m"}}, {"setWeight": 5}, {"pause": {}}]

    assert codes(rollout(steps), None) == [("/spec/steps/0", WarningCode.NO_REQUESTS)]


def test_without_steps_there_is_nothing_to_plan() -> None:
    assert plan_of(Rollout.create("shop", spec(), now=NOW), traffic(5)).steps == ()
