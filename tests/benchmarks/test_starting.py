"""Real starts with a few rollouts; how long anything takes is no test's business."""

import pytest

from tools.benchmarks.starting import Plan, as_text, figures, measure

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_starts_are_measured_part_by_part_and_as_a_whole() -> None:
    outcome = measure(Plan(rollouts=20, starts=2))

    assert 2 == len(outcome.starts) == len(outcome.whole)
    assert all(seconds > 0 for start in outcome.starts for name, seconds in start.items() if name != "bytes")
    assert {"starting"} == figures(outcome).keys()
    assert "20 rollouts at rest, 2 starts" in as_text(outcome)
