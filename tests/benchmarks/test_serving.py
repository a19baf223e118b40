"""What is said of a provider beside nginx; the real ones are measured by `python -m tools.benchmarks.serving`."""

import pytest

from provider.replica import Image
from tools.benchmarks.serving import Outcome, Plan, Server, as_text, figures
from tools.benchmarks.stored import at_rest, contents


def outcome() -> Outcome:
    provider = Server("http://a", 1, by_clock=[900, 1_000, 500], by_cpu=[1_000, 1_100, 900])
    nginx = Server("http://b", 2, by_clock=[3_000, 2_000, 1_000], by_cpu=[4_000, 5_500, 3_000])
    return Outcome(Plan(rollouts=7, rounds=3), "2 cores", 330_000, provider, nginx)


def test_rounds_are_compared_one_by_one_so_that_a_slow_moment_falls_on_both() -> None:
    assert {"serving": pytest.approx(0.25)} == figures(outcome())


def test_the_text_has_both_ways_to_count_and_the_target() -> None:
    _, plan, _, clock, cpu, _, target = as_text(outcome()).splitlines()

    assert "7 rollouts at rest are 330 kB" in plan
    assert clock.split() == ["by", "the", "clock", "900", "2,000", "0.50"]
    assert cpu.split() == ["by", "CPU", "time", "1,000", "4,000", "0.25"]
    assert target.endswith("reached")


def test_rollouts_at_rest_are_such_as_a_worker_takes() -> None:
    image = Image()
    image.replace(contents(at_rest(300)))

    assert image.unreadable == {}
    assert len(image.rollouts) == 300
    assert b"http://10.0.1.43:8080" in image.bodies.body("edge").as_json
