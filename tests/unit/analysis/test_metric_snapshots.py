"""From Traefik's counters to windows: resets, services that come and go, several gateways."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from provider.domain.analysis import Counts, Histogram, Sample, Series, Snapshot, Window, snapshot, window_between
from tests.traefik_page import PAGE

STABLE, CANARY = "shop_1@http", "shop_2@http"


def series(status: str, edge: float | None = None, *, method: str = "GET") -> Series:
    return Series(status=status, method=method, protocol="http", edge=edge)


def counted(*, started: float | None = 1, **by_service: Mapping[str, float]) -> Snapshot:
    """Make a snapshot of `stable={"200": 5}`."""
    names = {"stable": STABLE, "canary": CANARY}
    services = {
        names[side]: {series(status): value for status, value in counts.items()}
        for side, counts in by_service.items()
    }
    return Snapshot(services=services, started=started)


def between(before: Snapshot, after: Snapshot, *, errors: str = "5..") -> Window:
    return window_between({"edge": before}, {"edge": after}, stable=STABLE, canary=CANARY, errors=errors)


def test_a_snapshot_holds_what_traefik_counts_by_service() -> None:
    samples: list[Sample] = [sample for family in text_string_to_metric_families(PAGE) for sample in family.samples]

    seen = snapshot(samples)

    assert seen.started == 1_795_552_246.42
    assert {series("200"): 3, series("200", 0.1): 2, series("200", inf): 3} == seen.services[STABLE]
    assert {series("502"): 1} == seen.services[CANARY]


def test_a_window_is_what_was_counted_between_two_looks() -> None:
    before = counted(stable={"200": 100, "500": 3}, canary={"200": 10, "404": 1})
    after = counted(stable={"200": 150, "500": 4}, canary={"200": 15, "404": 1, "503": 2})

    assert Window(stable=Counts(51, 1), canary=Counts(7, 2)) == between(before, after)


def test_the_pattern_says_which_statuses_are_errors() -> None:
    after = counted(stable={"200": 4, "429": 2, "502": 1, "504": 1})

    assert Counts(8, 3) == between(counted(), after, errors="429|50[0-3]").stable


def test_every_method_counts() -> None:
    after = Snapshot(services={STABLE: {series("500"): 1, series("500", method="POST"): 2}})

    assert Counts(3, 3) == between(Snapshot(), after).stable


def test_a_counter_that_falls_began_again_from_zero() -> None:
    before = counted(stable={"200": 100, "500": 3})

    assert Counts(42, 2) == between(before, counted(stable={"200": 40, "500": 2})).stable


def test_one_counter_that_fell_tells_for_all_of_its_service() -> None:
    # 120 is more than before, and yet all of it came after the reset, as that of 500 says.
    before = counted(stable={"200": 100, "500": 3})

    assert Counts(121, 1) == between(before, counted(stable={"200": 120, "500": 1})).stable
    assert Counts(120, 0) == between(before, counted(stable={"200": 120})).stable


def test_another_start_of_the_process_began_everything_again() -> None:
    before = counted(stable={"200": 100}, started=1)

    assert Counts(120, 0) == between(before, counted(stable={"200": 120}, started=2)).stable


def test_a_service_that_appears_began_at_zero() -> None:
    assert Counts(7, 0) == between(counted(stable={"200": 5}), counted(stable={"200": 5}, canary={"200": 7})).canary


def test_a_service_that_vanishes_adds_nothing() -> None:
    assert Window() == between(counted(canary={"200": 7}), counted())


def test_a_service_that_was_away_is_counted_from_zero() -> None:
    looks = [counted(canary={"200": 7}), counted(), counted(canary={"200": 9})]

    total = between(looks[0], looks[1]) + between(looks[1], looks[2])

    assert Counts(9, 0) == total.canary


def test_gateways_are_summed() -> None:
    window = window_between(
        {"a": counted(stable={"200": 1}), "b": counted(stable={"200": 100})},
        {"a": counted(stable={"200": 3}), "b": counted(stable={"200": 104, "500": 1})},
        stable=STABLE,
        canary=CANARY,
        errors="5..",
    )

    assert Counts(7, 1) == window.stable


def test_a_gateway_of_only_one_look_adds_nothing() -> None:
    # It may have been counting for days before the first look at it.
    seen = counted(stable={"200": 1_000_000})

    for before, after in (({}, {"new": seen}), ({"gone": seen}, {})):
        assert Window() == window_between(before, after, stable=STABLE, canary=CANARY, errors="5..")


def durations(status: str, *counts: int) -> Mapping[Series, float]:
    """Make the buckets up to 0.1 s, 1.2 s and any duration."""
    return {series(status, edge): count for edge, count in zip((0.1, 1.2, inf), counts, strict=True)}


def test_durations_are_summed_over_statuses() -> None:
    before = Snapshot(services={STABLE: durations("200", 5, 8, 9)})
    after = Snapshot(services={STABLE: {**durations("200", 6, 10, 12), **durations("500", 0, 0, 2)}})

    assert Histogram(edges=(0.1, 1.2), counts=(1, 2), total=5) == between(before, after).stable.latency


def test_buckets_that_fell_one_by_one_make_no_nonsense() -> None:
    before = Snapshot(services={STABLE: durations("200", 5, 10, 10)})
    after = Snapshot(services={STABLE: durations("200", 7, 8, 8)})

    assert Histogram(edges=(0.1, 1.2), counts=(7, 8), total=8) == between(before, after).stable.latency


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5), st.booleans()), max_size=12))
def test_resets_lose_nothing_that_was_seen(steps: list[tuple[int, int, bool]]) -> None:
    """Whenever the process starts anew right after a look, the windows still add up to all that was answered."""
    state = counted(stable={"200": 0, "500": 0})
    total = Window()
    for good, bad, restarts in steps:
        base = {} if restarts else state.services[STABLE]
        grown = {
            series("200"): base.get(series("200"), 0) + good,
            series("500"): base.get(series("500"), 0) + bad,
        }
        after = replace(state, services={STABLE: grown}, started=(state.started or 0) + restarts)
        total += between(state, after)
        state = after

    assert sum(good + bad for good, bad, _ in steps) == total.stable.requests
    assert sum(bad for _, bad, _ in steps) == total.stable.errors


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_nothing_new_is_an_empty_window(value: float) -> None:
    look = counted(stable={"200": value}, canary={"500": value})

    assert Window() == between(look, look)
