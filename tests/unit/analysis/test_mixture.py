"""Mixtures over start times, and evidence that must not rest on a short time."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.analysis import Analysis, Measurement, Outcome, Record, Series, Snapshot
from provider.domain.analysis.mixture import OMITTED, Mixture, log_mean
from tools.simulation.draws import binomial, poisson

STABLE, CANARY = "shop_1@http", "shop_2@http"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
GAINS = st.tuples(st.floats(-5, 5), st.floats(-5, 5))
UNITS = st.lists(st.tuples(st.integers(0, 3), GAINS), min_size=1, max_size=8)


def after(steps: list[tuple[int, tuple[float, float]]], *, is_sustained: bool = True) -> Mixture:
    """Return the mixture after windows; each lies so many units after the one before."""
    mixture, unit = Mixture(), 0
    for units, gains in steps:
        unit += units
        mixture = mixture.updated(gains, unit=unit if is_sustained else None)
    return mixture


@given(UNITS)
def test_leaving_time_out_never_adds_evidence(steps: list[tuple[int, tuple[float, float]]]) -> None:
    assert after(steps).value <= after(steps, is_sustained=False).value + 1e-9


@given(UNITS)
def test_what_counts_is_at_most_four_times_the_least_without_two_units_in_a_row(
    steps: list[tuple[int, tuple[float, float]]],
) -> None:
    by_unit: dict[int, list[tuple[float, float]]] = {}
    unit = 0
    for units, gains in steps:
        unit += units
        by_unit.setdefault(unit, []).append(gains)

    def product(alternative: int, out: int | None) -> float:
        kept = [
            gains
            for number, all_gains in by_unit.items()
            if out is None or number - out not in {0, 1}
            for gains in all_gains
        ]
        return log(0.9) + sum(gains[alternative] for gains in kept)

    outs = [None, *range(-1, unit + 1)]
    least = [min(product(alternative, out) for out in outs) for alternative in range(2)]

    def value(logs: list[float]) -> float:
        return log_mean([log_mean(logs), log(0.1)]) + log(2)

    everything = [product(alternative, None) for alternative in range(2)]
    assert after(steps).value == pytest.approx(min(value(everything), value(least) + OMITTED))


def test_evidence_of_two_units_is_bounded_and_that_of_three_is_not() -> None:
    assert after([(0, (9.0, 9.0)), (1, (9.0, 9.0))]).value <= OMITTED
    assert after([(0, (9.0, 9.0)), (1, (9.0, 9.0)), (1, (9.0, 9.0))]).value > 8


def test_a_burst_long_ago_does_not_raise_what_a_later_failure_needs() -> None:
    def broken(burst: float) -> float:
        mixture = Mixture().updated([0.0], period=0, unit=0)
        mixture = mixture.updated([burst], period=0, unit=4)
        for period in range(1, 50):
            mixture = mixture.updated([-2.0], period=period, unit=20 * period)
        for unit in range(3):
            mixture = mixture.updated([9.0], period=50, unit=1_000 + unit)
        return mixture.value

    assert broken(10.0) >= broken(0.0) - 1e-9


def test_it_can_be_turned_off_and_on() -> None:
    mixture = Mixture().updated([5.0], unit=0).updated([5.0])
    assert mixture.value == pytest.approx(Mixture().updated([10.0]).value)
    again = mixture.updated([5.0], unit=0)

    # Only what came since it is on again can be left out: a quarter of the evidence must remain.
    assert again.value == pytest.approx(mixture.value + OMITTED, abs=1e-3)
    assert Mixture.from_document(json.loads(json.dumps(again.as_document()))) == again


def test_what_is_kept_is_bounded() -> None:
    mixture = Mixture()
    for number in range(1_000):
        mixture = mixture.updated([0.1, -0.1], period=number // 10, unit=number)

    assert (len(mixture.sums), len(mixture.without), [len(one) for one in mixture.before]) == (2, 2, [2, 2])


@pytest.mark.parametrize(("sustained", "outcome"), [(30, Outcome.INCONCLUSIVE), (0, Outcome.FAILED)])
def test_a_burst_of_errors_fails_a_canary_only_where_nothing_must_be_sustained(
    sustained: int, outcome: Outcome
) -> None:
    looks = played(lambda number: 0.3 if 20 <= number < 23 else 0.005, sustained=sustained)

    assert (outcome is Outcome.FAILED) == (Outcome.FAILED in looks)


def test_errors_that_last_fail_a_canary_within_a_minute() -> None:
    looks = played(lambda _: 0.05, sustained=30)

    assert 6 <= looks.index(Outcome.FAILED) <= 12


def played(rate: Callable[[int], float], *, sustained: int) -> list[Outcome]:
    """Return the outcomes of 40 samples, 5 s apart, at 50 requests a second and 25% for the canary."""
    settings = Analysis(metrics=("errors",), sustained=timedelta(seconds=sustained))
    draw, record = Random(1), Record("one")  # noqa: S311 simulated traffic, no secret
    counters: dict[str, dict[Series, float]] = {STABLE: {}, CANARY: {}}
    outcomes = []
    for number in range(40):
        for service, mean, errors in ((STABLE, 187.5, 0.005), (CANARY, 62.5, rate(number))):
            count = poisson(mean, draw)
            bad = binomial(count, errors, draw)
            for status, added in (("200", count - bad), ("500", bad)):
                for edge in (None, 1.2, inf):
                    series = Series(status, "GET", "http", edge)
                    counters[service][series] = counters[service].get(series, 0) + added
        now = T0 + timedelta(seconds=5 * number)
        snapshot = Snapshot({name: dict(one) for name, one in counters.items()}, 1.0)
        record = record.looked(Measurement({"edge": snapshot}), settings, stable=STABLE, canary=CANARY, now=now)
        outcomes.append(record.samples[0].outcome)
    return outcomes
