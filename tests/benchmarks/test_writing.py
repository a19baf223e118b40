"""Real clients of real providers; how long anything takes is no test's business."""

import pytest

from tools.benchmarks.writing import LOADS, TOGETHER, Plan, as_text, figures, measure

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_every_load_is_written_on_every_disk_and_counted_in_the_store() -> None:
    outcome = measure(Plan(rounds=1, seconds=0.3))

    assert 2 * len(LOADS) == len(outcome.written)
    assert all(written.seconds for written in outcome.written.values())
    assert not any(written.refused for (load, _), written in outcome.written.items() if load is not TOGETHER)
    assert {"writing.one.p50", "writing.fifty.rate", "writing.fifty.p99"} == figures(outcome).keys()
    assert "the same rollout" in as_text(outcome)
