"""The evidence of all metrics, from window to window and through JSON."""

import json
from datetime import timedelta
from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from provider.domain.analysis import Analysis, Counts, Evidence, Histogram, Latency, Window
from provider.domain.analysis.comparison import Comparison
from provider.domain.analysis.edges import slow_edge, slower
from provider.domain.analysis.mixture import log_mean

BOTH = Analysis()


def side(requests: int, errors: int = 0, *, slow: int = 0, very_slow: int = 0) -> Counts:
    """Make answers of which some took more than 1.2 s, and of these some more than 5 s; the rest more than 0.1 s."""
    counts = (0, requests - slow, requests - very_slow)
    return Counts(requests, errors, Histogram((0.1, 1.2, 5.0), counts, requests))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    def drawn() -> Counts:
        requests = draw(st.integers(0, 500))
        slow = draw(st.integers(0, requests))
        return side(requests, draw(st.integers(0, requests)), slow=slow, very_slow=draw(st.integers(0, slow)))

    return Window(stable=drawn(), canary=drawn())


def test_no_data_are_no_evidence() -> None:
    for evidence in (Evidence(), Evidence().updated(Window(), BOTH)):
        assert Evidence() == evidence
        assert evidence.errors.worse == slower(evidence.slow, BOTH)[0] == 0


def test_errors_are_compared_with_the_settings_margin_and_dispersion() -> None:
    window = Window(stable=side(90), canary=side(10, 1))
    evidence = Evidence().updated(window, Analysis(margin=3, dispersion=2, worse_than=1.5))

    assert evidence.errors == Comparison().updated(
        canary=window.canary.failing, stable=window.stable.failing, margin=3, dispersion=2, worse_than=1.5
    )


def test_durations_are_compared_at_every_edge_and_the_mean_counts() -> None:
    evidence = Evidence().updated(Window(stable=side(90), canary=side(10, slow=2, very_slow=1)), BOTH)

    assert [edge.seconds for edge in evidence.slow] == [0.1, 1.2, 5]
    assert isclose(log_mean([edge.comparison.worse for edge in evidence.slow]), slower(evidence.slow, BOTH)[0])
    assert evidence.slow[1].comparison.worse > evidence.slow[2].comparison.worse > evidence.slow[0].comparison.worse


@pytest.mark.parametrize(("above", "edge"), [(0.1, 0.1), (0.2, 1.2), (5, 5), (6, None)])
def test_slow_begins_at_the_first_edge_that_is_no_lower(above: float, edge: float | None) -> None:
    document = Analysis(latency=Latency(above=timedelta(seconds=above)))
    evidence = Evidence().updated(Window(stable=side(90), canary=side(10)), document)
    slow = slow_edge(evidence.slow, document)

    assert edge == (slow.seconds if slow else None)


def test_edges_that_come_later_are_not_taken_up() -> None:
    few = Counts(10, 0, Histogram((1.2,), (8,), 10))
    evidence = Evidence().updated(Window(stable=few, canary=few), BOTH)

    later = evidence.updated(Window(stable=side(90), canary=side(10, slow=2)), BOTH)

    assert [edge.seconds for edge in later.slow] == [1.2]
    assert slower(later.slow, BOTH)[0] > slower(evidence.slow, BOTH)[0]


def test_edges_that_go_keep_their_evidence() -> None:
    evidence = Evidence().updated(Window(stable=side(90), canary=side(10, slow=2)), BOTH)
    other = Counts(10, 0, Histogram((0.7,), (8,), 10))

    assert evidence.slow == evidence.updated(Window(stable=other, canary=other), BOTH).slow


def test_without_stables_answers_the_canarys_edges_are_taken() -> None:
    evidence = Evidence().updated(Window(canary=side(10)), BOTH)

    assert [edge.seconds for edge in evidence.slow] == [0.1, 1.2, 5]
    assert slower(evidence.slow, BOTH)[0] == 0


def test_only_the_metrics_that_are_asked_for_are_judged() -> None:
    window = Window(stable=side(90), canary=side(10, 2, slow=2))

    assert Evidence().updated(window, Analysis(metrics=("errors",))).slow == ()
    assert Comparison() == Evidence().updated(window, Analysis(metrics=("latency",))).errors


@settings(deadline=None)
@given(st.lists(windows(), max_size=3))
def test_evidence_goes_to_json_and_back(seen: list[Window]) -> None:
    evidence = Evidence()
    for window in seen:
        evidence = evidence.updated(window, BOTH)

    assert Evidence.from_document(json.loads(json.dumps(evidence.as_document()))) == evidence


def test_its_document_is_small_and_in_camel_case() -> None:
    document = Evidence().updated(Window(stable=side(90), canary=side(10, 2, slow=2)), BOTH).as_document()

    assert {"errors", "slow", "limits", "clientErrors", "baseline"} == set(document)
    assert {"evidence", "notWorse"} == set(document["errors"])
    assert len(json.dumps(document)) < 4_000


@pytest.mark.parametrize(
    "document",
    [{"errors": {"evidence": {"sums": [0.0]}}}, {"errors": {"notWorse": float("nan")}}, {"other": 1}, []],
    ids=str,
)
def test_a_document_that_is_no_evidence_is_refused(document: object) -> None:
    with pytest.raises(ValidationError):
        Evidence.from_document(document)
