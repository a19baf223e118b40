"""Forecasts against the real judge: samples of simulated traffic, judged as the controller judges them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, inf
from random import Random

import pytest

from provider.domain.analysis import (
    Analysis,
    Exposure,
    Forecast,
    Measurement,
    Outcome,
    Rates,
    Record,
    Series,
    Snapshot,
    Stretch,
)
from provider.domain.analysis.expected_windows import expected_windows
from provider.domain.analysis.forecast import most_tolerable
from provider.domain.analysis.remaining import roughly, seconds_until_known
from provider.domain.fields import read
from provider.domain.rollouts.shares import compared_share
from tests.world import spec

START = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS = read(Analysis, {"metrics": ["errors"], "warmUp": "0s"})
RUNS = 40
BESIDE = spec(baseline={"servers": [{"url": "http://127.0.0.1:9003"}]})
# By so much may a share of the runs be off by chance.
CHANCE = 0.15


@dataclass(frozen=True)
class Life:
    """A canary's traffic: requests a second, its share, stable's errors and the canary's."""

    rate: float
    share: float
    stable: float
    canary: float
    baseline: float = 0

    def decided(self, settings: Analysis, *, seed: int, within: float) -> tuple[Outcome, float]:
        """Return the first verdict and the seconds until it; the last one if there was none in time."""
        random, counts = Random(seed), {"s": [0, 0], "c": [0, 0], "b": [0, 0]}  # noqa: S311 simulated traffic
        record, seconds = self._looked(Record("a"), settings, counts, 0.0), 0.0
        interval = settings.interval.total_seconds()
        while seconds < within:
            seconds += interval
            rest = 1 - self.share - self.baseline
            sides = [("s", rest, self.stable), ("c", self.share, self.canary)]
            sides += [("b", self.baseline, self.stable)] if self.baseline else []
            for name, part, bad in sides:
                requests = poisson(random, self.rate * part * interval)
                failing = sum(random.random() < bad for _ in range(requests))
                counts[name][0] += requests - failing
                counts[name][1] += failing
            record = self._looked(record, settings, counts, seconds)
            if record.samples[0].outcome in {Outcome.FAILED, Outcome.SUCCESSFUL}:
                return record.samples[0].outcome, seconds
        return Outcome.INCONCLUSIVE, inf

    def _looked(self, record: Record, settings: Analysis, counts: dict[str, list[int]], seconds: float) -> Record:
        services = {
            name: {Series("200", "GET", "http"): float(good), Series("500", "GET", "http"): float(bad)}
            for name, (good, bad) in counts.items()
        }
        measurement = Measurement({"edge": Snapshot(services, started=1.0)})
        now = START + timedelta(seconds=seconds)
        exposure = Exposure(weight=100 * self.share, baseline=100 * self.baseline)
        beside = "b" if self.baseline else None
        return record.looked(
            measurement, settings, stable="s", canary="c", baseline=beside, now=now, exposure=exposure
        )


def poisson(random: Random, mean: float) -> int:
    limit, count, product = exp(-mean), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count


def times(life: Life, settings: Analysis, wanted: Outcome, *, runs: int, within: float) -> Sequence[float]:
    """Return in how many seconds each run came to the wanted verdict, in order; infinity where it did not."""
    found = (life.decided(settings, seed=seed, within=within) for seed in range(runs))
    return sorted(seconds if outcome is wanted else inf for outcome, seconds in found)


@pytest.mark.no_cover  # thousands of verdicts, slow to trace; others cover the same code
@pytest.mark.parametrize(
    ("rate", "share", "stable", "factor"),
    [(5, 0.25, 0.005, 5), (20, 0.1, 0.01, 3), (50, 0.05, 0.005, 5), (1, 0.05, 0.005, inf), (0.2, 0.25, 0.005, inf)],
)
def test_a_regression_is_caught_when_the_forecast_says(
    rate: float, share: float, stable: float, factor: float
) -> None:
    forecast = Forecast(ERRORS, Rates(rate, stable, stable))
    median = forecast.caught_after(share, factor)
    assert median is not None
    life = Life(rate, share, stable, min(1.0, factor * stable))
    found = times(life, ERRORS, Outcome.FAILED, runs=RUNS, within=2.6 * median + 10)
    interval = ERRORS.interval.total_seconds()

    def caught(within: float) -> float:
        return sum(seconds <= within + interval / 2 for seconds in found) / RUNS

    assert found[RUNS // 2] == pytest.approx(median, rel=0.3, abs=2 * interval)
    for moment in (median, 2 * median):
        # The probability rises steeply with time: it must be right at a time that is at most 30% away.
        forecast_share = forecast.caught([Stretch(share, moment)], factor)
        assert caught(0.7 * moment) - CHANCE <= forecast_share <= caught(1.3 * moment) + CHANCE


@pytest.mark.no_cover  # thousands of verdicts, slow to trace; others cover the same code
@pytest.mark.parametrize(
    ("rate", "share", "stable"), [(50, 0.05, 0.005), (5, 0.5, 0.0), (20, 0.25, 0.02), (50, 0.5, 0.0005)]
)
def test_a_good_canary_is_known_when_the_forecast_says(rate: float, share: float, stable: float) -> None:
    median = Forecast(ERRORS, Rates(rate, stable, stable)).known_good_after(share)
    assert median is not None
    life = Life(rate, share, stable, stable)
    found = times(life, ERRORS, Outcome.SUCCESSFUL, runs=31, within=2 * median + 60)

    assert found[15] == pytest.approx(median, rel=0.3, abs=10)


@pytest.mark.parametrize(("rate", "share", "factor"), [(20, 0.25, 5), (50, 0.1, 3), (1, 0.25, inf)])
def test_a_regression_beside_a_baseline_is_caught_when_the_forecast_says(
    rate: float, share: float, factor: float
) -> None:
    baseline = compared_share(BESIDE)(share)
    median = Forecast(ERRORS, Rates(rate, 0.01, 0.01), compared_share(BESIDE)).caught_after(share, factor)
    assert median is not None
    life = Life(rate, share, 0.01, min(1.0, factor * 0.01), baseline)
    found = times(life, ERRORS, Outcome.FAILED, runs=31, within=2.6 * median + 10)

    assert found[15] == pytest.approx(median, rel=0.3, abs=10)


def test_a_good_canary_beside_a_baseline_is_known_when_the_forecast_says() -> None:
    median = Forecast(ERRORS, Rates(20, 0.02, 0.02), compared_share(BESIDE)).known_good_after(0.25)
    assert median is not None
    found = times(Life(20, 0.25, 0.02, 0.02, 0.25), ERRORS, Outcome.SUCCESSFUL, runs=31, within=2 * median + 60)

    assert found[15] == pytest.approx(median, rel=0.3, abs=10)


def test_evidence_adds_up_over_the_stretches() -> None:
    forecast = Forecast(ERRORS, Rates(5, 0.005, 0.005))
    one, both = [Stretch(0.05, 600)], [Stretch(0.05, 600), Stretch(0.25, 600)]

    assert 0 <= forecast.caught(one, 5) < forecast.caught(both, 5) <= 1
    assert forecast.caught([], 5) == 0
    assert forecast.caught([Stretch(0, 600)], inf) == 0


def test_at_full_weight_the_canary_is_compared_with_what_stable_was() -> None:
    forecast = Forecast(ERRORS, Rates(50, 0.005, 0.005))

    assert forecast.caught([Stretch(1, 600)], 10) == 0
    assert forecast.caught([Stretch(0.01, 600), Stretch(1, 600)], 10) > 0.9
    assert forecast.caught([Stretch(1, 600)], inf) > 0.99


@pytest.mark.parametrize("dispersed", [{"dispersion": 5}, {"alpha": 0.001}, {"worseThan": 1.9}])
def test_stricter_settings_take_longer(dispersed: dict[str, float]) -> None:
    rates = Rates(20, 0.01, 0.01)
    loose = Forecast(ERRORS, rates).caught_after(0.1, 3)
    strict = Forecast(read(Analysis, {"metrics": ["errors"], "warmUp": "0s", **dispersed}), rates).caught_after(
        0.1, 3
    )

    assert loose is not None
    assert strict is not None
    assert loose < strict


def test_evidence_waits_for_the_warm_up_and_a_plain_failure_does_not() -> None:
    rates, share = Rates(50, 0.005, 0.005), 0.25
    cold = Forecast(read(Analysis, {"metrics": ["errors"], "warmUp": "5m"}), rates)
    warm, late = Forecast(ERRORS, rates).caught_after(share, 5), cold.caught_after(share, 5)

    assert warm is not None
    assert pytest.approx(warm + 300, rel=0.01) == late
    assert (cold.caught_after(share, inf) or inf) < 10
    assert cold.caught([Stretch(share, 300), Stretch(share, 300)], 5) > 0.9
    assert cold.known_good(share, 299) == 0


def test_windows_are_closed_as_the_judge_closes_them() -> None:
    slow, fast = expected_windows(0.2, 0.05, 5), expected_windows(50, 0.25, 5)
    assert slow is not None
    assert fast is not None

    assert all(canary >= 3 and stable >= 1 for canary, stable in slow.requests)
    assert pytest.approx(slow.seconds, rel=0.15) == 300
    assert fast.seconds == 5
    assert expected_windows(5, 0, 5) is None
    assert all(canary >= 20 and stable == 0 for canary, stable in _all_of_it())


def _all_of_it() -> Sequence[tuple[int, int]]:
    found = expected_windows(1, 1, 5)
    assert found is not None
    return found.requests


def test_so_many_bad_responses_are_tolerable() -> None:
    assert most_tolerable(100, Analysis(tolerated=1)) == -1
    assert most_tolerable(420, Analysis(tolerated=1)) == 0
    assert 50 < most_tolerable(10_000, Analysis(tolerated=1)) < 100


def test_what_is_left_until_a_verdict_shrinks_as_evidence_comes_in() -> None:
    life, forecast = Life(5, 0.25, 0.005, 0.005), Forecast(ERRORS, Rates(5, 0.005, 0.005))
    left = []
    for minutes in (8, 16):
        record = _after(life, minutes)
        left.append(seconds_until_known(record.verdict(ERRORS), forecast, 0.25))

    early, late = left
    assert early is not None
    assert late is not None
    assert 0 < late < early


def test_a_verdict_that_is_there_leaves_nothing_to_wait_for() -> None:
    forecast = Forecast(ERRORS, Rates(5, 0.005, 0.005))

    assert seconds_until_known(Record("a").verdict(ERRORS), forecast, 0.25) is None


def _after(life: Life, minutes: int) -> Record:
    """Return a record after so many minutes with exactly the expected counts."""
    record = Record("a")
    for sample in range(minutes + 1):
        seconds = 60.0 * sample
        stable, canary = round(life.rate * (1 - life.share) * seconds), round(life.rate * life.share * seconds)
        bad = {"s": round(stable * life.stable), "c": round(canary * life.canary)}
        counts = {"s": [stable - bad["s"], bad["s"]], "c": [canary - bad["c"], bad["c"]]}
        record = life._looked(record, ERRORS, counts, seconds)
    return record


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (10, "less than a minute"),
        (60, "about a minute"),
        (95, "about 2 minutes"),
        (2_400, "about 40 minutes"),
        (7_200, "about 2 hours"),
        (200_000, "about 2 days"),
    ],
)
def test_a_time_is_said_with_one_number(seconds: float, words: str) -> None:
    assert roughly(seconds) == words
