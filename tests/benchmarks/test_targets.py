import pytest

from tools.benchmarks.targets import TARGETS, Target, table, verdict

FLOOR = Target("requests", 10, "a second", is_floor=True)
CEILING = Target("memory", 10, "MB")


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        (FLOOR, 10, "reached"),
        (FLOOR, 9.9, "NOT reached"),
        (CEILING, 10, "reached"),
        (CEILING, 10.1, "NOT reached"),
        (CEILING, 0, "reached"),
    ],
)
def test_a_target_is_reached_on_its_own_side_of_the_goal(target: Target, value: float, expected: str) -> None:
    assert verdict(target, value) == expected


def test_a_margin_tells_how_many_times_better_than_the_goal() -> None:
    assert FLOOR.margin(20) == 2
    assert CEILING.margin(5) == 2
    assert CEILING.margin(20) == 0.5


def test_a_table_names_each_figure_its_target_and_whether_that_is_reached() -> None:
    _, missed, reached = table({"holding.last": 1_500, "serving": 0.25})

    assert missed.startswith(TARGETS["holding.last"].what)
    assert missed.split()[-2:] == ["NOT", "reached"]
    assert "1,500 ms" in missed
    assert "≥ 0.2 times" in reached
    assert reached.endswith("1.25  reached")
