"""Gateways whose polls are held by a real worker; how long anything takes is no test's business."""

import pytest

from tools.benchmarks.holding import Plan, as_text, figures, measure

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_a_few_gateways_are_held_and_told_of_each_change() -> None:
    outcome = measure(Plan(gateways=20, rollouts=3, idle_seconds=1, changes=2))

    assert [len(times) for times in outcome.arrivals] == [20, 20]
    assert {"holding.cpu", "holding.memory", "holding.last"} == figures(outcome).keys()
    assert all(value >= 0 for value in figures(outcome).values())
    assert "20 gateways on one worker" in as_text(outcome)
