import json

import pytest

from tools.benchmarks.benchmark import Outcome, Plan
from tools.benchmarks.measuring import Arrival, Traffic
from tools.benchmarks.report import as_document, as_text


def outcome(*, peer: bool = True) -> Outcome:
    return Outcome(
        plan=Plan(changes=3, other_rollouts=4, peer_changes=int(peer)),
        machine="2 cores",
        traffic=Traffic(requests=100, failed=1, stale=2, gaps=[0.0005, 0.0005]),
        disk=[0.003],
        arrivals=[Arrival(called=0.004, served=None, arrived=seconds) for seconds in (0.008, 0.010, 0.030)],
        watched=[Arrival(called=0.004, served=0.006, arrived=0.009)],
        peer=[Arrival(called=0.004, served=None, arrived=2.5)] if peer else [],
    )


def test_the_document_holds_milliseconds_and_what_they_come_from() -> None:
    document = json.loads(json.dumps(as_document(outcome())))

    assert document["requests"] == {"sent": 100, "failed": 1, "stale": 2}
    assert pytest.approx(document["ratio"]) == 250
    assert pytest.approx(document["milliseconds"]["arrived"]["p50"]) == 10
    assert pytest.approx(document["milliseconds"]["servedToArrived"]["max"]) == 3
    assert document["samples"]["arrived"] == [8, 10, 30]
    assert "probeGap" not in document["samples"]


def test_without_a_peer_nothing_is_compared() -> None:
    document = as_document(outcome(peer=False))

    assert document["ratio"] is None
    assert "peerArrived" not in document["milliseconds"]
    assert "peer" not in as_text(outcome(peer=False))


def test_the_text_has_a_row_for_each_figure_and_says_what_was_compared() -> None:
    text = as_text(outcome())

    assert "1 rollout that changes, 4 at rest" in text
    assert "change reaches traffic (3)                              8.0     10.0     26.0" in text
    assert "Its median is 250 times as long." in text
    assert "100 requests meanwhile: 1 failed, 2 went back." in text


@pytest.mark.parametrize(("changes", "peer_changes"), [(200, 6), (1, 6), (5, 0), (7, 7)])
def test_the_rounds_share_the_changes(changes: int, peer_changes: int) -> None:
    rounds = Plan(changes=changes, peer_changes=peer_changes).rounds

    assert sum(rounds) == changes
    assert max(1, peer_changes) == len(rounds)
    assert max(rounds) - min(rounds) <= 1
