import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.benchmarks.distribution import Distribution, histogram, percentile

SAMPLES = st.lists(st.floats(0.001, 10_000), min_size=1, max_size=300)


def test_the_figures_of_a_known_sample() -> None:
    values = list(range(101))
    random.shuffle(values)

    assert Distribution(101, 0, 50, 90, 95, 99, 100) == Distribution.of(values)


def test_one_value_is_every_figure() -> None:
    assert Distribution(1, 7, 7, 7, 7, 7, 7) == Distribution.of([7])


def test_between_two_values_a_percentile_is_in_proportion() -> None:
    assert percentile([10, 20], 25) == 12.5


@given(st.lists(st.floats(0.001, 10_000), min_size=2, max_size=300))
def test_percentiles_are_those_of_the_standard_library(values: list[float]) -> None:
    expected = statistics.quantiles(values, n=100, method="inclusive")

    assert [percentile(sorted(values), share) for share in range(1, 100)] == pytest.approx(expected)


@given(SAMPLES)
def test_figures_rise_from_the_smallest_to_the_largest_value(values: list[float]) -> None:
    figures = Distribution.of(values)
    rising = [figures.min, figures.p50, figures.p90, figures.p95, figures.p99, figures.max]

    assert min(values) == figures.min
    assert max(values) == figures.max
    assert all(left <= right or left == pytest.approx(right) for left, right in pairwise(rising))


@given(SAMPLES)
def test_a_histogram_counts_every_value_once_on_a_screen(values: list[float]) -> None:
    lines = list(histogram(values))

    assert len(values) == sum(_count(line) for line in lines)
    assert len(lines) <= 18
    assert all(len(line) <= 80 for line in lines)


def test_a_histogram_has_round_ranges_and_a_last_one_for_what_lies_above() -> None:
    values = [6.1, 7.2, *[9.0] * 50, *[9.6] * 100, *[10.2] * 3, 120.0]

    assert list(histogram(values)) == [
        "      6 – 6.5         1  #",
        "    6.5 – 7           0",
        "      7 – 7.5         1  #",
        "    7.5 – 8           0",
        "      8 – 8.5         0",
        "    8.5 – 9           0",
        "      9 – 9.5        50  #########################",
        "    9.5 – 10        100  ##################################################",
        "     10 – 10.5        3  ##",
        "   10.5 – …           1  #",
    ]


def _count(line: str) -> int:
    return int(line.rstrip("#").split()[-1])
