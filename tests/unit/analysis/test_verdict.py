"""Verdicts: Successful, Failed or Inconclusive, with numbers and reasons."""

from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.analysis import (
    Analysis,
    Counts,
    Evidence,
    Histogram,
    MetricVerdict,
    Outcome,
    Verdict,
    Window,
    judge,
)
from provider.domain.analysis.comparison import ODDS, Comparison
from provider.domain.analysis.context import Context
from provider.domain.analysis.mixture import Mixture
from provider.domain.fields import read

ERRORS = Analysis(metrics=("errors",))


def side(requests: int, errors: int = 0, *, slow: int = 0) -> Counts:
    return Counts(requests, errors, Histogram((1.2,), (requests - slow,), requests))


def judged(*windows: Window, settings: Analysis = ERRORS) -> Verdict:
    evidence = Evidence()
    for window in windows:
        evidence = evidence.updated(window, settings)
    return judge(evidence, sum(windows, Window()), settings)


def only(verdict: Verdict) -> MetricVerdict:
    (metric,) = verdict.metrics
    return metric


@pytest.mark.parametrize("document", [{}, {"limits": {"successRate": 99, "latencyP95": "1s"}}], ids=str)
@pytest.mark.parametrize("windows", [(), (Window(),), (Window(stable=side(1_000, 500)),)], ids=len)
def test_no_data_are_inconclusive(windows: tuple[Window, ...], document: dict[str, Any]) -> None:
    verdict = judged(*windows, settings=read(Analysis, document))

    assert Outcome.INCONCLUSIVE is verdict.outcome
    assert verdict.reason == "no requests to the canary yet"
    assert {Outcome.INCONCLUSIVE} == {metric.outcome for metric in verdict.metrics}
    assert [metric.worse_e_value for metric in verdict.metrics] == [1, 1]


def test_a_canary_that_is_worse_fails() -> None:
    verdict = judged(Window(stable=side(900, 2), canary=side(100, 4)))

    assert Outcome.FAILED is verdict.outcome
    assert verdict.reason == "canary errors 4% against 0.22%, e-value 58 of 20"
    assert only(verdict).canary_rate == 0.04
    assert only(verdict).stable_rate == 2 / 900
    assert 20 == only(verdict).worse_threshold == only(verdict).not_worse_threshold
    assert 57 < only(verdict).worse_e_value < 59


def test_several_metrics_share_alpha() -> None:
    window = Window(stable=side(900, 1), canary=side(100, 4))

    assert judged(window, settings=Analysis()).metrics[0].worse_threshold == 40
    assert Outcome.FAILED is judged(window, settings=Analysis()).outcome
    assert Outcome.INCONCLUSIVE is judged(window, settings=Analysis(alpha=0.012)).outcome


def test_a_canary_that_is_slower_fails() -> None:
    verdict = judged(Window(stable=side(900, 3, slow=3), canary=side(100, slow=6)), settings=Analysis())

    assert Outcome.FAILED is verdict.outcome
    assert verdict.reason.startswith("canary slow responses 6% against 0.33%, e-value ")


def test_a_canary_that_is_shown_to_keep_within_the_margin_passes() -> None:
    verdict = judged(Window(stable=side(5_000, 100), canary=side(5_000, 100)))

    assert Outcome.SUCCESSFUL is verdict.outcome
    assert verdict.reason.startswith("canary errors 2% against 2%, less than 2 times as bad, e-value ")


def test_a_canary_that_is_a_little_worse_is_not_rolled_back_unless_worse_than_says_so() -> None:
    window = Window(stable=side(1_000_000, 10_000), canary=side(1_000_000, 12_000))

    assert Outcome.SUCCESSFUL is judged(window).outcome
    assert only(judged(window)).worse_e_value < 1
    assert Outcome.FAILED is judged(window, settings=Analysis(metrics=("errors",), worse_than=1)).outcome


def test_a_canary_that_was_good_for_hours_and_breaks_fails() -> None:
    good, bad = Window(stable=side(10_000, 50), canary=side(10_000, 50)), Window(side(1_000, 5), side(1_000, 60))
    evidence = Evidence()
    for period, window in enumerate([*[good] * 100, bad]):
        evidence = evidence.updated(window, ERRORS, Context(period=period))
    verdict = judge(evidence, sum([good] * 100, bad), ERRORS)

    assert only(verdict).not_worse_e_value > only(verdict).not_worse_threshold
    assert Outcome.FAILED is verdict.outcome


def test_a_canary_that_is_good_by_itself_passes_where_nothing_can_be_compared() -> None:
    for stable in (side(10_000), side(0)):
        verdict = judged(Window(stable=stable, canary=side(2_100)))

        assert Outcome.SUCCESSFUL is verdict.outcome
        assert only(verdict).not_worse_e_value == 1
        assert verdict.reason.endswith(", below the tolerated 0.2%")


def test_worse_is_worse_even_below_what_is_tolerated() -> None:
    verdict = judged(Window(stable=side(100_000, 2), canary=side(100_000, 60)))

    assert only(verdict).canary_rate_upper_bound < ERRORS.tolerated_rate
    assert Outcome.FAILED is verdict.outcome


def test_success_takes_every_metric() -> None:
    verdict = judged(Window(stable=side(50_000), canary=side(2_100, slow=8)), settings=Analysis())

    assert [metric.outcome for metric in verdict.metrics] == [Outcome.SUCCESSFUL, Outcome.FAILED]
    assert Outcome.FAILED is verdict.outcome

    verdict = judged(Window(stable=side(5_000, slow=18), canary=side(2_100, slow=8)), settings=Analysis())

    assert [metric.outcome for metric in verdict.metrics] == [Outcome.SUCCESSFUL, Outcome.INCONCLUSIVE]
    assert Outcome.INCONCLUSIVE is verdict.outcome


def test_a_broken_limit_fails_a_canary_that_is_as_good_as_stable() -> None:
    settings = read(Analysis, {"metrics": ["errors"], "limits": {"successRate": 99}})
    verdict = judged(Window(stable=side(5_000, 100), canary=side(5_000, 100)), settings=settings)

    assert Outcome.FAILED is verdict.outcome
    assert verdict.reason == "success rate 98%, required at least 99%, e-value over a million of 40"
    assert Outcome.SUCCESSFUL is only(verdict).outcome


def test_what_is_not_known_yet_is_said_with_what_is_wanting() -> None:
    verdict = judged(Window(stable=side(90), canary=side(10, 1)))

    assert Outcome.INCONCLUSIVE is verdict.outcome
    assert (
        verdict.reason == "canary errors 10% against 0%, undecided: "
        "e-value 3.2 of 20 for worse, e-value 0.55 of 20 for not worse"
    )


def test_a_latency_that_no_bucket_tells_is_inconclusive() -> None:
    verdict = judged(Window(stable=Counts(9_000), canary=Counts(2_100)), settings=Analysis())

    assert Outcome.INCONCLUSIVE is verdict.outcome
    assert verdict.reason == "no data on the canary's slow responses"


def test_at_the_end_a_canary_that_did_not_fail_goes_on() -> None:
    verdict = judged(Window(stable=side(900, 3), canary=side(100, 1)))
    assert Outcome.INCONCLUSIVE is verdict.outcome

    assert Outcome.SUCCESSFUL is verdict.at_end(ERRORS).outcome
    assert verdict.at_end(ERRORS).reason.startswith("no failure before the deadline: canary errors 1% against 0.33%")


def test_at_the_end_too_few_requests_stay_inconclusive() -> None:
    verdict = judged(Window(stable=side(900, 3), canary=side(99, 1))).at_end(ERRORS)

    assert Outcome.INCONCLUSIVE is verdict.outcome
    assert verdict.reason == "too few requests: 99 of 100"


@pytest.mark.parametrize(("errors", "outcome"), [(1, Outcome.SUCCESSFUL), (2, Outcome.INCONCLUSIVE)])
def test_at_the_end_a_single_error_is_no_reason_to_hold_a_canary(errors: int, outcome: Outcome) -> None:
    verdict = judged(Window(stable=side(900), canary=side(100, errors)), settings=Analysis(metrics=("errors",)))

    assert outcome is verdict.at_end(ERRORS).outcome


@pytest.mark.parametrize(("limits", "outcome"), [("99", Outcome.SUCCESSFUL), ("99.8", Outcome.INCONCLUSIVE)])
def test_at_the_end_a_limit_that_was_not_kept_needs_a_person(limits: str, outcome: Outcome) -> None:
    settings = read(Analysis, {"metrics": ["errors"], "limits": {"successRate": float(limits)}})
    verdict = judged(Window(stable=side(900, 3), canary=side(200, 1)), settings=settings)

    assert Outcome.INCONCLUSIVE is verdict.outcome
    assert outcome is verdict.at_end(settings).outcome


def test_at_the_end_what_is_known_stays_as_it_is() -> None:
    for errors in (0, 50):
        verdict = judged(Window(stable=side(900, 3), canary=side(2_100, errors)))

        assert verdict.at_end(ERRORS) == verdict


def test_evidence_beyond_all_floats_is_a_number_still() -> None:
    evidence = Evidence(errors=Comparison(evidence=Mixture(sums=(5_000.0,) * len(ODDS)), not_worse=-5_000.0))
    verdict = judge(evidence, Window(stable=side(900), canary=side(100, 90)), ERRORS)

    assert only(verdict).worse_e_value > 1e300
    assert only(verdict).not_worse_e_value == 0
    assert verdict.reason == "canary errors 90% against 0%, e-value over a million of 20"


@hypothesis.settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.data())
def test_every_verdict_has_a_reason_and_goes_to_json_and_back(canary: int, stable: int, data: st.DataObject) -> None:
    def drawn(requests: int) -> Counts:
        return side(requests, data.draw(st.integers(0, requests)), slow=data.draw(st.integers(0, requests)))

    settings = read(Analysis, {"limits": {"successRate": 99, "latencyP95": "1s"}})
    verdict = judged(Window(stable=drawn(stable), canary=drawn(canary)), settings=settings)

    assert verdict.reason
    assert Verdict.from_document(verdict.as_document()) == verdict
