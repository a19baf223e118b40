"""Plain limits: the success rate and the quantiles of the duration."""

from math import inf, isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.analysis import Analysis, Counts, Histogram, Outcome
from provider.analysis.limits import check_limits, quantile
from provider.documents import read

HISTOGRAM = Histogram(edges=(0.1, 0.3, 1.2, 5.0), counts=(50, 90, 98, 99), total=100)


def limited(**limits: Any) -> Analysis:
    return read(Analysis, {"limits": limits, "minRequests": 100})


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
    assert () == check_limits(Counts(1_000, 1_000), Analysis())


@pytest.mark.parametrize(
    ("errors", "outcome"), [(0, Outcome.SUCCESSFUL), (2, Outcome.SUCCESSFUL), (3, Outcome.FAILED)]
)
def test_the_success_rate_must_be_reached(errors: int, outcome: Outcome) -> None:
    (verdict,) = check_limits(Counts(200, errors), limited(successRate=99))

    assert outcome is verdict.outcome
    assert isclose(100 - errors / 2, verdict.value or 0)


@pytest.mark.parametrize(
    ("limit", "outcome"), [("800ms", Outcome.FAILED), ("863ms", Outcome.SUCCESSFUL), ("1s", Outcome.SUCCESSFUL)]
)
def test_a_quantile_must_not_be_exceeded(limit: str, outcome: Outcome) -> None:
    (verdict,) = check_limits(Counts(100, 0, HISTOGRAM), limited(latencyP95=limit))

    assert outcome is verdict.outcome
    assert "latencyP95" == verdict.name
    assert isclose(0.8625, verdict.value or 0)


@pytest.mark.parametrize(("limit", "outcome"), [("5s", Outcome.FAILED), ("6s", Outcome.INCONCLUSIVE)])
def test_above_the_last_edge_a_quantile_is_only_known_to_be_more(limit: str, outcome: Outcome) -> None:
    histogram = Histogram(edges=(5.0,), counts=(90,), total=100)
    (verdict,) = check_limits(Counts(100, 0, histogram), limited(latencyP95=limit))

    assert outcome is verdict.outcome
    assert verdict.value is None
    assert f"p95 above 5 s, the last bucket's edge; at most {limit[0]} s wanted" == verdict.reason


@pytest.mark.parametrize("canary", [Counts(), Counts(99, 99, Histogram((5.0,), (0,), 99))], ids=["none", "few"])
def test_too_few_requests_break_no_limit(canary: Counts) -> None:
    verdicts = check_limits(canary, limited(successRate=99, latencyP95="500ms"))

    assert [Outcome.INCONCLUSIVE] * 2 == [verdict.outcome for verdict in verdicts]
    assert f"success rate: {canary.requests} of 100 requests" == verdicts[0].reason


def test_each_limit_has_a_verdict_in_words() -> None:
    verdicts = check_limits(Counts(100, 4, HISTOGRAM), limited(successRate=99.5, latencyP50="200ms"))

    assert [
        "success rate 96 %, at least 99.5 % wanted",
        "p50 100 ms, at most 200 ms wanted",
    ] == [verdict.reason for verdict in verdicts]
