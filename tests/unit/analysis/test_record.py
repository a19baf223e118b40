"""What is remembered of a canary from look to look, and what is forgotten when."""

import json
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.analysis import Analysis, CheckResult, Measurement, Outcome, Record, Series, Snapshot
from provider.domain.fields import read

STABLE, CANARY = "shop_1@http", "shop_2@http"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = Analysis(tolerated=1, sustained=timedelta())
Pair = tuple[int, int]


def series(requests: int, errors: int) -> dict[Series, float]:
    counts = {"200": requests - errors, "500": errors}
    return {
        Series(status, "GET", "http", edge): count
        for status, count in counts.items()
        for edge in (None, 0.1, 1.2, inf)
    }


def counted(stable: Pair, canary: Pair, *, gateway: str = "edge", started: float = 1.0) -> dict[str, Snapshot]:
    return {gateway: Snapshot({STABLE: series(*stable), CANARY: series(*canary)}, started)}


def looked(record: Record, measurement: Measurement, settings: Analysis = SETTINGS) -> Record:
    """Look once more, 5 s after the look before."""
    now = (record.looked_at or T0) + timedelta(seconds=5)
    return record.looked(measurement, settings, stable=STABLE, canary=CANARY, now=now)


def saw(record: Record, stable: Pair, canary: Pair, **options: Any) -> Record:
    return looked(record, Measurement(counted(stable, canary, **options)))


def requests(record: Record) -> tuple[int, int]:
    """Give how many of the canary's requests were seen in all, and in the step."""
    return record.whole.totals.canary.requests, record.in_step.totals.canary.requests


@pytest.fixture
def begun() -> Record:
    """Give a record that has seen where the counters stand."""
    return saw(Record("one"), (1_000, 10), (100, 1))


# Windows


def test_what_was_counted_before_the_first_look_tells_nothing(begun: Record) -> None:
    assert requests(begun) == (0, 0)
    assert (begun.samples[0].canary_requests, begun.samples[0].stable_requests) == (0, 0)
    assert Outcome.INCONCLUSIVE is begun.samples[0].outcome


def test_each_look_adds_what_happened_since_the_one_before(begun: Record) -> None:
    record = saw(saw(begun, (1_200, 11), (130, 2)), (1_500, 11), (200, 2))

    assert requests(record) == (100, 100)
    assert record.whole.totals.stable.requests == 500
    assert record.whole.totals.canary.errors == 1
    assert [(look.canary_requests, look.stable_requests) for look in record.samples] == [(70, 300), (30, 200), (0, 0)]
    assert T0 + timedelta(seconds=15) == record.looked_at == record.samples[0].at


def test_after_errors_the_next_window_reaches_back_over_them(begun: Record) -> None:
    away = looked(looked(begun, Measurement(error="edge is away")), Measurement(error="edge is away"))
    back = saw(away, (1_500, 10), (150, 1))

    assert (away.samples[0].outcome, away.samples[0].reason) == (Outcome.ERROR, "edge is away")
    assert (begun.counters, begun.whole) == (away.counters, away.whole)
    assert (away.tally.consecutive_errors, back.tally.consecutive_errors) == (2, 0)
    assert requests(back) == (50, 50)


def test_a_gateway_that_a_look_misses_is_made_up_for_when_it_is_back(begun: Record) -> None:
    without = looked(begun, Measurement({}))
    back = saw(without, (1_500, 10), (150, 1))

    assert requests(without) == (0, 0)
    assert requests(back) == (50, 50)


def test_a_traefik_that_began_again_counts_from_nothing(begun: Record) -> None:
    assert requests(saw(begun, (300, 1), (30, 0))) == (30, 30)
    assert requests(saw(begun, (1_300, 11), (130, 2), started=T0.timestamp() + 7)) == (130, 130)


def test_a_gateway_that_is_new_adds_nothing_yet(begun: Record) -> None:
    both = {**counted((1_100, 10), (110, 1)), **counted((9_000, 0), (900, 0), gateway="core")}
    first = looked(begun, Measurement(both))
    then = looked(first, Measurement({**both, **counted((9_100, 0), (905, 0), gateway="core")}))

    assert requests(first) == (10, 10)
    assert requests(then) == (15, 15)


def test_counters_that_contradict_each_other_are_an_error(begun: Record) -> None:
    counters = {**series(2_000, 0), Series("200", "GET", "http", 0.1): 10**9}
    record = looked(begun, Measurement({"edge": Snapshot({STABLE: counters, CANARY: counters}, 1.0)}))

    assert Outcome.ERROR is record.samples[0].outcome
    assert "inconsistent counts: the counts of a histogram" in record.samples[0].reason
    assert begun.counters == record.counters


# Attempts and steps


def test_a_new_step_begins_its_sums_anew_while_the_whole_goes_on(begun: Record) -> None:
    checked = looked(begun, Measurement(counted((1_500, 10), (150, 1)), (CheckResult("a", Outcome.SUCCESSFUL, ""),)))
    next_step = checked.about("one", "1@now")
    record = saw(next_step, (1_600, 10), (170, 1))

    assert requests(next_step) == (50, 0)
    assert next_step.checks == ()
    assert (checked.samples, checked.tally) == (next_step.samples, next_step.tally)
    assert requests(record) == (70, 20)


def test_the_same_step_goes_on(begun: Record) -> None:
    assert begun is begun.about("one", "")


def test_another_attempt_begins_anew(begun: Record) -> None:
    assert Record("two", "1@now") == begun.about("two", "1@now")
    assert requests(saw(begun.about("two", ""), (5_000, 0), (500, 0))) == (0, 0)


# Findings


BAD: tuple[Pair, Pair] = ((3_000, 12), (300, 21))
GOOD: tuple[Pair, Pair] = ((21_000, 110), (2_100, 9))


def test_in_a_step_that_step_counts_unless_the_whole_has_failed(begun: Record) -> None:
    assert Outcome.SUCCESSFUL is saw(begun, *GOOD).finding(SETTINGS)[0]
    assert Outcome.INCONCLUSIVE is saw(begun, *GOOD).about("one", "1@now").finding(SETTINGS)[0]
    assert Outcome.FAILED is saw(begun, *BAD).about("one", "1@now").finding(SETTINGS)[0]


@pytest.mark.parametrize(
    ("seen", "outcomes", "outcome", "words"),
    [
        (GOOD, [Outcome.SUCCESSFUL], Outcome.SUCCESSFUL, "canary errors 0.4% against 0.5%"),
        (GOOD, [Outcome.SUCCESSFUL, Outcome.INCONCLUSIVE], Outcome.INCONCLUSIVE, "check 1: so it said"),
        (GOOD, [Outcome.INCONCLUSIVE, Outcome.FAILED], Outcome.FAILED, "check 1: so it said"),
        (GOOD, [Outcome.FAILED, Outcome.FAILED], Outcome.FAILED, "check 0: so it said; check 1: so it said"),
        (BAD, [Outcome.SUCCESSFUL], Outcome.FAILED, "canary errors 10% against 0.1%"),
        (BAD, [Outcome.FAILED], Outcome.FAILED, "; check 0: so it said"),
    ],
)
def test_a_finding_is_the_worst_of_the_verdict_and_the_checks(
    begun: Record, seen: tuple[Pair, Pair], outcomes: list[Outcome], outcome: Outcome, words: str
) -> None:
    checks = tuple(CheckResult(f"check {number}", one, "so it said") for number, one in enumerate(outcomes))
    record = looked(begun, Measurement(counted(*seen), checks))
    found, reason = record.finding(SETTINGS)

    assert outcome is found
    assert words in reason
    assert (found, reason) == (record.samples[0].outcome, record.samples[0].reason)
    assert outcome is Outcome.SUCCESSFUL or "check 0: so it said" not in reason or outcomes[0] is outcome


# Kept


def test_the_latest_looks_are_kept_and_all_are_tallied() -> None:
    record = Record("one")
    for number in range(50):
        record = looked(record, Measurement(error=str(number)))

    assert [str(number) for number in range(49, 29, -1)] == [look.reason for look in record.samples]
    assert record.tally.consecutive_errors == 50


_COUNTS = st.tuples(st.integers(0, 5_000), st.floats(0, 1)).map(lambda both: (both[0], int(both[0] * both[1])))
_CHECKS = st.lists(
    st.builds(CheckResult, st.text(max_size=5), st.sampled_from(Outcome), st.text(max_size=5)), max_size=2
).map(tuple)
_MEASUREMENTS = st.one_of(
    st.builds(
        lambda stable, canary, gateway, started, checks: Measurement(
            counted(stable, canary, gateway=gateway, started=started), checks
        ),
        _COUNTS,
        _COUNTS,
        st.sampled_from(["edge", "core"]),
        st.sampled_from([1.0, 1_795_552_246.42, None]),
        _CHECKS,
    ),
    st.text(min_size=1, max_size=8).map(lambda error: Measurement(error=error)),
    st.just(Measurement({"edge": Snapshot()})),
)


@given(measurements=st.lists(_MEASUREMENTS, max_size=6), step=st.sampled_from(["", "1@now"]))
def test_a_record_comes_back_from_json_as_it_was_and_goes_on_the_same(
    measurements: list[Measurement], step: str
) -> None:
    settings = read(Analysis, {"latency": {"above": "100ms"}})
    record = Record("one")
    for measurement in measurements:
        record = looked(record, measurement, settings)
        kept = Record.from_document(json.loads(json.dumps(record.as_document(), allow_nan=False)))
        assert record == kept
        record = kept.about("one", step)

    assert min(20, len(measurements)) == len(record.samples)
    assert record.whole.totals.canary.requests >= record.in_step.totals.canary.requests
