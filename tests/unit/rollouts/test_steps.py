"""What each kind of step takes, and what a list of them must have."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from provider.domain.fields import InvalidDocumentError, read, write
from provider.domain.rollouts import Ramp, Spec, Step
from provider.domain.rollouts.steps import AnalysisStep
from tests.world import spec

HEADER = {"name": "X-Canary", "value": "always"}


def mistakes(model: type[BaseModel], document: object) -> dict[str, str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read(model, document)
    return {mistake.pointer: mistake.detail for mistake in caught.value.mistakes}


@pytest.mark.parametrize(
    "steps", [[{"setWeight": 100}], [{"setWeight": 5}, {"setWeight": 50}], [{"setMirror": 50}, {"setOverride": []}]]
)
def test_steps_that_never_wait_are_refused(steps: object) -> None:
    words = "steps must contain a pause, an analysis or a ramp; otherwise the canary becomes stable at once"

    assert {"": words} == mistakes(Spec, write(spec()) | {"steps": steps})


RAMP = {"from": 5, "to": 50, "by": 5, "every": "2m"}


@pytest.mark.parametrize(
    "step",
    [
        {"pause": {}},
        {"pause": {"duration": "1m"}},
        {"analysis": {"until": "known"}},
        {"analysis": {"duration": "5m"}},
        {"ramp": RAMP},
    ],
)
def test_one_step_that_waits_is_enough(step: dict[str, Any]) -> None:
    assert [step] == write(spec(steps=[step]))["steps"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"from": 50}, {"": "from must be below to"}),
        ({"from": 50.01}, {"": "from must be below to"}),
        ({"by": 0}, {"": "by must be above 0"}),
        ({"by": -1}, {"/by": "must be a number from 0 to 100 with at most two decimals, not -1"}),
        ({"to": 101}, {"/to": "must be a number from 0 to 100 with at most two decimals, not 101"}),
        ({"every": "0s"}, {"/every": "must be a whole number of milliseconds and at least 1, not 0s"}),
    ],
)
def test_a_ramp_that_does_not_rise_is_refused(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert mistakes(Ramp, RAMP | changes) == expected


@pytest.mark.parametrize(
    ("by", "weight", "above"),
    [
        (5, "0", "5"),
        (5, "5", "10"),
        (5, "9.99", "10"),
        (5, "45", "50"),
        (5, "50", "50"),
        (20, "25", "45"),
        (20, "45", "50"),
        (100, "5", "50"),
        (0.01, "5", "5.01"),
    ],
)
def test_a_ramp_has_even_steps_and_ends_exactly(by: float, weight: str, above: str) -> None:
    assert Decimal(above) == read(Ramp, RAMP | {"by": by}).weight_above(Decimal(weight))


def test_only_an_analysis_until_it_is_known_has_a_deadline() -> None:
    document = {"until": "known", "deadline": "1h"}

    assert write(read(AnalysisStep, document)) == document
    assert mistakes(AnalysisStep, {"duration": "5m", "deadline": "1h"}) == {
        "": "deadline requires until; a duration needs no deadline"
    }


@pytest.mark.parametrize("percent", [0, 1, 100])
def test_a_step_may_set_any_per_cent_of_copies(percent: int) -> None:
    assert read(Step, {"setMirror": percent}).set_mirror == percent


@pytest.mark.parametrize(
    ("percent", "detail"),
    [
        (-1, "must be greater than or equal to 0"),
        (101, "must be less than or equal to 100"),
        (0.5, "must be a valid integer, got a number with a fractional part"),
    ],
)
def test_what_is_no_whole_per_cent_of_copies_is_refused(percent: float, detail: str) -> None:
    assert {"/setMirror": detail} == mistakes(Step, {"setMirror": percent})


@pytest.mark.parametrize("overrides", [[], [{"header": HEADER, "to": "canary"}] * 32])
def test_a_step_may_set_any_overrides_and_none(overrides: list[Any]) -> None:
    assert {"setOverride": overrides} == write(read(Step, {"setOverride": overrides}))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([{"header": HEADER, "to": "canary"}] * 33, {"/setOverride": "must have at most 32"}),
        ([{"to": "canary"}], {"/setOverride/0": "must have exactly one of header or cookie"}),
        ({}, {"/setOverride": "must be a list"}),
    ],
)
def test_a_step_sets_overrides_as_the_spec_has_them(overrides: object, expected: dict[str, str]) -> None:
    assert mistakes(Step, {"setOverride": overrides}) == expected


@pytest.mark.parametrize(
    ("step", "wait"),
    [
        ({"pause": {"duration": "10m"}}, "10m"),
        ({"analysis": {"duration": "10m"}}, "10m"),
        ({"analysis": {"until": "known", "deadline": "10m"}}, "10m"),
        ({"ramp": RAMP}, "2m"),
    ],
)
def test_progress_has_more_time_than_a_step_takes_for_itself(step: dict[str, Any], wait: str) -> None:
    document = write(spec()) | {"steps": [{"pause": {"duration": "1s"}}, step]}
    words = f"progressDeadline must be longer than the longest step, {wait}"

    assert {"": words} == mistakes(Spec, {**document, "progressDeadline": wait})
    assert read(Spec, {**document, "progressDeadline": "10m0.001s"}).progress_deadline


@pytest.mark.parametrize("steps", [None, [{"pause": {}}], [{"analysis": {"until": "known"}}]])
def test_what_waits_without_an_end_takes_any_deadline(steps: object) -> None:
    assert timedelta(milliseconds=1) == spec(steps=steps, progressDeadline="1ms").progress_deadline


def test_the_weight_of_a_step_is_exact() -> None:
    assert Decimal("0.1") == read(Step, {"setWeight": 0.1}).set_weight
