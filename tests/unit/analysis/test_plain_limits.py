"""Plain limits: the success rate and the quantiles of the duration."""

from math import inf, isclose, log
from random import Random
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.analysis import (
    Analysis,
    Counts,
    Evidence,
    Histogram,
    LimitVerdict,
    Outcome,
    ReasonCode,
    Trials,
    Window,
)
from provider.domain.analysis.exceedance import Exceedance
from provider.domain.analysis.limits import check_limits, quantile
from provider.domain.fields import read

HISTOGRAM = Histogram(edges=(0.1, 0.3, 1.2, 5.0), counts=(50, 90, 98, 99), total=100)


def limited(**limits: Any) -> Analysis:
    return read(Analysis, {"metrics": ["errors"], "limits": limits, "minRequests": 100})


def judged(canary: Counts, settings: Analysis) -> tuple[LimitVerdict, ...]:
    """Judge responses that came in one window."""
    return check_limits(canary, settings, Evidence().updated(Window(canary=canary), settings).limits)


def requests_until_failed(true_rate: float, allowed: float, *, seed: int, most: int) -> int | None:
    """Return after how many requests, in windows of 10, a limit fails; None if it holds."""
    draw, evidence = Random(seed), Exceedance()  # noqa: S311 simulated traffic, no secret
    for number in range(most // 10):
        bad = sum(draw.random() < true_rate for _ in range(10))
        evidence = evidence.updated(Trials(10, bad), rate=allowed, dispersion=1, period=number // 40)
        if evidence.worse >= log(2 / 0.05):
            return 10 * (number + 1)
    return None


@pytest.mark.parametrize(
    ("share", "seconds"),
    [(0.25, 0.05), (0.5, 0.1), (0.7, 0.2), (0.9, 0.3), (0.95, 0.3 + 0.9 * 5 / 8), (0.99, 5), (0.995, inf)],
)
def test_a_quantile_is_interpolated_within_its_bucket(share: float, seconds: float) -> None:
    value = quantile(HISTOGRAM, share)

    assert value is not None
    assert isclose(seconds, value)


def test_empty_buckets_are_passed_over() -> None:
    histogram = Histogram(edges=(0.1, 0.3, 1.2), counts=(0, 0, 10), total=10)

    assert isclose(0.3 + 0.45, quantile(histogram, 0.5) or 0)


def test_no_answers_have_no_quantile() -> None:
    assert quantile(Histogram(), 0.95) is None
    assert quantile(Histogram((0.1,), (0,), 0), 0.95) is None


@given(st.lists(st.integers(0, 50), min_size=3, max_size=6), st.floats(0.01, 0.98))
def test_quantiles_rise_with_the_share(steps: list[int], share: float) -> None:
    counts = tuple(sum(steps[: index + 1]) for index in range(len(steps)))
    histogram = Histogram(edges=tuple(range(1, len(steps) + 1)), counts=counts, total=counts[-1] + 1)
    low, high = quantile(histogram, share), quantile(histogram, share + 0.01)

    assert low is not None
    assert high is not None
    assert low <= high


def test_without_limits_there_is_nothing_to_hold() -> None:
    assert check_limits(Counts(1_000, 1_000), Analysis()) == ()


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [
        (0, Outcome.SUCCESSFUL),
        (2, Outcome.SUCCESSFUL),
        (3, Outcome.INCONCLUSIVE),
        (6, Outcome.INCONCLUSIVE),
        (12, Outcome.FAILED),
    ],
)
def test_the_success_rate_must_be_reached_and_chance_breaks_it_not(errors: int, outcome: Outcome) -> None:
    (verdict,) = judged(Counts(200, errors), limited(successRate=99))

    assert outcome is verdict.outcome
    assert isclose(100 - errors / 2, verdict.value or 0)


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ("200ms", Outcome.FAILED),
        ("800ms", Outcome.INCONCLUSIVE),
        ("863ms", Outcome.SUCCESSFUL),
        ("1s", Outcome.SUCCESSFUL),
    ],
)
def test_a_quantile_must_not_be_exceeded(limit: str, outcome: Outcome) -> None:
    histogram = Histogram(HISTOGRAM.edges, tuple(10 * count for count in HISTOGRAM.counts), 1_000)
    (verdict,) = judged(Counts(1_000, 0, histogram), limited(latencyP95=limit))

    assert outcome is verdict.outcome
    assert verdict.name == "latencyP95"
    assert isclose(0.8625, verdict.value or 0)


@pytest.mark.parametrize(("limit", "outcome"), [("5s", Outcome.FAILED), ("6s", Outcome.INCONCLUSIVE)])
def test_above_the_last_edge_a_quantile_is_only_known_to_be_more(limit: str, outcome: Outcome) -> None:
    histogram = Histogram(edges=(5.0,), counts=(170,), total=200)
    (verdict,) = judged(Counts(200, 0, histogram), limited(latencyP95=limit))

    assert outcome is verdict.outcome
    assert verdict.value is None


@pytest.mark.parametrize("canary", [Counts(), Counts(99, 0, Histogram((5.0,), (99,), 99))], ids=["none", "few"])
def test_too_few_requests_keep_no_limit(canary: Counts) -> None:
    verdicts = judged(canary, limited(successRate=99, latencyP95="5s"))

    assert [verdict.outcome for verdict in verdicts] == [Outcome.INCONCLUSIVE] * 2
    assert [verdict.value for verdict in verdicts] == [None] * 2


def test_few_requests_break_a_limit_where_most_of_them_are_bad() -> None:
    (verdict,) = judged(Counts(20, 15), limited(successRate=99))

    assert Outcome.FAILED is verdict.outcome
    assert verdict.e_value >= verdict.threshold == 40


def test_one_error_breaks_a_success_rate_of_100_percent() -> None:
    (verdict,) = judged(Counts(100, 1), read(Analysis, {"limits": {"successRate": 100}, "dispersion": 1_000}))

    assert Outcome.FAILED is verdict.outcome


def test_every_limit_raises_what_the_evidence_must_reach() -> None:
    settings = read(Analysis, {"limits": {"successRate": 99, "latencyP50": "1s", "latencyP99": "5s"}})

    assert {100} == {round(verdict.threshold) for verdict in judged(Counts(100, 0, HISTOGRAM), settings)}


def test_each_limit_has_a_verdict_in_words() -> None:
    verdicts = judged(Counts(100, 1, HISTOGRAM), limited(successRate=99.5, latencyP50="200ms"))

    assert [verdict.reason for verdict in verdicts] == [
        "success rate 99%, required at least 99.5%, undecided: e-value 0.67 of 60",
        "p50 100 ms, required at most 200 ms",
    ]


def test_a_latency_limit_below_the_first_edge_is_never_kept() -> None:
    (verdict,) = judged(Counts(1_000, 0, Histogram((0.1, 0.3), (1_000, 1_000), 1_000)), limited(latencyP50="20ms"))

    assert (verdict.outcome, verdict.value) == (Outcome.INCONCLUSIVE, None)
    assert verdict.reason_code is ReasonCode.LIMIT_BELOW_BUCKETS
    assert "at least 100 ms" in verdict.reason


def test_a_latency_limit_below_the_first_edge_fails_where_the_first_edge_shows_that_it_is_broken() -> None:
    (verdict,) = judged(Counts(1_000, 0, Histogram((0.1, 0.3), (300, 1_000), 1_000)), limited(latencyP50="20ms"))

    assert Outcome.FAILED is verdict.outcome


@pytest.mark.no_cover  # thousands of verdicts, slow to trace; others cover the same code
@pytest.mark.parametrize("true_rate", [0.005, 0.008])
def test_chance_breaks_no_limit(true_rate: float) -> None:
    failed = [requests_until_failed(true_rate, 0.01, seed=seed, most=3_000) for seed in range(200)]

    assert sum(one is not None for one in failed) <= 2


@pytest.mark.parametrize(("true_rate", "least", "most"), [(0.03, 200, 400), (0.1, 20, 60)])
def test_a_broken_limit_fails_within_few_requests(true_rate: float, least: int, most: int) -> None:
    failed = [requests_until_failed(true_rate, 0.01, seed=seed, most=5_000) or 5_000 for seed in range(200)]

    assert least <= median(failed) <= most


def test_a_limit_that_breaks_late_fails_nearly_as_soon_as_one_that_is_broken_from_the_start() -> None:
    evidence = Exceedance()
    for period in range(72):  # six hours
        evidence = evidence.updated(Trials(1_000, 2), rate=0.01, dispersion=1, period=period)
    for _ in range(12):
        evidence = evidence.updated(Trials(100, 5), rate=0.01, dispersion=1, period=72)

    assert evidence.worse >= log(40)
