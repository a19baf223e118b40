"""Durations compared at every bucket edge: shifts that are found, and those that are too small to matter."""

from bisect import bisect_left
from math import exp, inf, log
from random import Random
from typing import Any

import pytest

from provider.domain.analysis import Analysis, Counts, Evidence, Histogram, Outcome, Verdict, Window, judge
from provider.domain.analysis.context import Context
from provider.domain.analysis.edges import MOST_EDGES, Edge, edges_of, slower
from provider.domain.fields import read

TRAEFIK = (0.1, 0.3, 1.2, 5.0)
FINE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0, 10.0)


def settings_of(**latency: Any) -> Analysis:
    return read(Analysis, {"metrics": ["latency"], "latency": latency})


def side(draw: Random, requests: int, median: float, edges: tuple[float, ...] = FINE) -> Counts:
    """Draw log-normal durations with a median in seconds."""
    buckets = [0] * (len(edges) + 1)
    for _ in range(requests):
        buckets[bisect_left(edges, median * exp(draw.gauss(0, 0.5)))] += 1
    counts = tuple(sum(buckets[: index + 1]) for index in range(len(edges)))
    return Counts(requests, 0, Histogram(edges, counts, requests))


def canary_requests_until_failed(
    stable_median: float,
    canary_median: float,
    *,
    seed: int,
    edges: tuple[float, ...] = FINE,
    most: int = 2_000,
    settings: Analysis | None = None,
) -> int | None:
    """Return how many requests to the canary, 10 in a window and 90 to stable, it takes; None if it does not fail."""
    draw, evidence, totals = Random(seed), Evidence(), Window()  # noqa: S311 simulated traffic, no secret
    settings = settings or Analysis()
    for number in range(most // 10):
        window = Window(stable=side(draw, 90, stable_median, edges), canary=side(draw, 10, canary_median, edges))
        evidence, totals = evidence.updated(window, settings, Context(period=number // 60)), totals + window
        if judge(evidence, totals, settings).outcome is Outcome.FAILED:
            return 10 * (number + 1)
    return None


@pytest.mark.parametrize(
    ("stable", "canary", "edges", "most"),
    [
        (0.02, 0.04, FINE, 100),
        (0.01, 0.02, FINE, 100),
        (0.1, 0.2, FINE, 100),
        (0.1, 0.2, TRAEFIK, 200),
    ],
)
def test_a_shift_of_the_median_fails_the_canary(
    stable: float, canary: float, edges: tuple[float, ...], most: int
) -> None:
    failed = [canary_requests_until_failed(stable, canary, edges=edges, seed=seed) for seed in range(8)]

    assert all(one is not None and one <= most for one in failed)


@pytest.mark.parametrize(("stable", "canary"), [(0.02, 0.02), (0.1, 0.1), (0.1, 0.102)])
def test_a_canary_that_is_as_fast_does_not_fail(stable: float, canary: float) -> None:
    failed = [canary_requests_until_failed(stable, canary, seed=seed, most=800) for seed in range(12)]

    assert sum(one is not None for one in failed) <= 1


def test_the_reason_names_the_edge_that_says_most() -> None:
    verdict = judged(Window(stable=slow_at(900, 0.1, 30), canary=slow_at(100, 0.1, 60)), settings_of())

    assert Outcome.FAILED is verdict.outcome
    assert verdict.reason.startswith("canary responses above 100 ms 60% against 3.3%, e-value ")


def test_good_slow_responses_do_not_hide_a_shift_below_them() -> None:
    settings = settings_of(above="1.2s")
    verdict = judged(Window(stable=slow_at(30_000, 0.1, 1_000), canary=slow_at(3_000, 0.1, 1_800)), settings)

    assert verdict.metrics[0].canary_rate_upper_bound < settings.tolerated_rate
    assert Outcome.FAILED is verdict.outcome


def test_an_edge_that_is_known_to_be_good_counts_nothing() -> None:
    settings = settings_of()
    window = Window(stable=slow_at(100_000, 0.1, 50_000), canary=slow_at(100_000, 0.1, 50_000))
    edges = tuple(edge.updated(window, settings, Context()) for edge in edges_of(window, settings.latency))
    by_seconds = {edge.seconds: edge for edge in edges}

    assert by_seconds[0.1].acquittal > -log(settings.beta)
    assert slower([by_seconds[0.1]], settings)[0] == -inf
    assert slower(edges, settings)[0] == pytest.approx(log(3 / 4))


def test_an_edge_that_was_good_for_hours_is_judged_again_as_soon_as_it_breaks() -> None:
    settings = settings_of()
    good = Window(stable=slow_at(900, 0.1, 300), canary=slow_at(100, 0.1, 33))
    bad = Window(stable=slow_at(900, 0.1, 300), canary=slow_at(100, 0.1, 80))
    edge = Edge(0.1)
    for period in range(70):
        edge = edge.updated(good, settings, Context(period=period))
    assert slower([edge], settings)[0] == -inf
    for _ in range(2):
        edge = edge.updated(bad, settings, Context(period=70))

    assert slower([edge], settings)[0] > log(settings.failed_at)


@pytest.mark.parametrize(
    ("latency", "edges"),
    [
        ({}, TRAEFIK),
        ({"edges": ["300ms"]}, (0.3, 1.2)),
        ({"edges": ["1.2s", "5s"]}, (1.2, 5.0)),
        ({"edges": ["300ms"], "above": "6s"}, (0.3,)),
        ({"edges": ["200ms"]}, (1.2,)),
    ],
    ids=str,
)
def test_the_settings_choose_the_edges(latency: dict[str, Any], edges: tuple[float, ...]) -> None:
    window = Window(stable=slow_at(10, 0.1, 1), canary=slow_at(10, 0.1, 1))

    assert tuple(edge.seconds for edge in edges_of(window, settings_of(**latency).latency)) == edges


def test_an_edge_that_no_bucket_has_is_named_and_nothing_is_known_to_be_good() -> None:
    window = Window(stable=slow_at(9_000, 0.1, 0), canary=slow_at(9_000, 0.1, 0))
    verdict = judged(window, settings_of(edges=["30ms", "1.2s"]))

    assert Outcome.INCONCLUSIVE is verdict.outcome
    assert (
        verdict.reason
        == "latency.edges has 30 ms, where Traefik has no bucket edge; choose from 100 ms, 300 ms, 1.2 s, 5 s, "
        "or add it to metrics.prometheus.buckets in Traefik"
    )
    assert Outcome.INCONCLUSIVE is verdict.at_end(settings_of(edges=["30ms", "1.2s"])).outcome


def test_of_many_edges_a_bounded_number_is_compared() -> None:
    edges = tuple(0.01 * number for number in range(1, 101))
    histogram = Histogram(edges, (1,) * 100, 1)
    window = Window(stable=Counts(1, 0, histogram), canary=Counts(1, 0, histogram))
    chosen = [edge.seconds for edge in edges_of(window, settings_of(above="505ms").latency)]

    assert MOST_EDGES < len(chosen) + 1 <= MOST_EDGES + 2
    assert (edges[0], edges[-1]) == (chosen[0], chosen[-1])
    assert 0.51 in chosen


def test_without_edges_nothing_is_telling() -> None:
    assert slower((), settings_of()) == (0, None)


def slow_at(requests: int, edge: float, slow: int) -> Counts:
    """Make responses of which some took more than an edge, and all less than the next one."""
    counts = tuple(requests - slow if one <= edge else requests for one in TRAEFIK)
    return Counts(requests, 0, Histogram(TRAEFIK, counts, requests))


def judged(window: Window, settings: Analysis) -> Verdict:
    return judge(Evidence().updated(window, settings), window, settings)
