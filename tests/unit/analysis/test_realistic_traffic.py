"""Verdicts in realistic traffic: little of it, none to stable, several gateways, several Traefiks at one address."""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from provider.domain.analysis import Analysis, Measurement, Outcome, Record, Series, Snapshot
from provider.domain.fields import read
from provider.domain.rollouts import Action, Rollout, Spec, current_record, settings_of
from provider.workers.decisions import Move, decide

STABLE, CANARY = "shop_1@http", "shop_2@http"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=5)
ERRORS = Analysis(metrics=("errors",), sustained=timedelta())


class Traefik:
    """The counters of one Traefik; every response takes less than 100 ms."""

    def __init__(self, started: datetime = T0) -> None:
        self.started = started.timestamp()
        self._services: dict[str, dict[Series, float]] = {}

    def serve(self, service: str, requests: int, errors: int = 0) -> None:
        counters = self._services.setdefault(service, {})
        for status, count in (("200", requests - errors), ("500", errors)):
            for edge in (None, 0.1, 1.2, inf):
                series = Series(status, "GET", "http", edge)
                counters[series] = counters.get(series, 0) + count

    def snapshot(self) -> Snapshot:
        return Snapshot({name: dict(series) for name, series in self._services.items()}, self.started)


def sampled(
    record: Record, snapshots: Mapping[str, Snapshot], *, settings: Analysis = ERRORS, missing: tuple[str, ...] = ()
) -> Record:
    """Sample once more, 5 s after the last sample."""
    now = (record.looked_at or T0) + INTERVAL
    measurement = Measurement(snapshots, missing=missing)
    return record.looked(measurement, settings, stable=STABLE, canary=CANARY, now=now)


def rollout(*, weight: int, analysis_minutes: int = 60) -> Rollout:
    spec = read(
        Spec,
        {
            "rule": "Host(`shop.example`)",
            "stable": {"servers": [{"url": "http://10.0.0.1"}]},
            "canary": {"servers": [{"url": "http://10.0.0.2"}]},
            "analysis": {},
            "steps": [{"setWeight": weight}, {"analysis": {"duration": f"{analysis_minutes}m"}}],
        },
    )
    return Rollout.create("shop", spec, now=T0)


def decisions(
    canary: Rollout, serve: Callable[[Traefik, int], None], *, samples: int, before: Callable[[Traefik], None]
) -> Iterator[tuple[int, Record, Move]]:
    """Play samples of 5 s, and give every move that is due."""
    traefik, record, now = Traefik(), current_record(None, canary), T0
    before(traefik)
    for number in range(samples):
        record = record.looked(
            Measurement({"edge": traefik.snapshot()}), settings_of(canary), stable=STABLE, canary=CANARY, now=now
        )
        move = decide(canary, record, now=now)
        if move:
            yield number, record, move
        serve(traefik, number)
        now += INTERVAL


def test_a_canary_that_fails_every_request_of_a_quiet_service_is_aborted_within_five_minutes() -> None:
    def serve(traefik: Traefik, number: int) -> None:
        if number % 2:  # one request every 10 s, every second one to the canary
            is_canary = number % 4 == 3
            traefik.serve(CANARY if is_canary else STABLE, 1, int(is_canary))

    number, record, move = next(
        decisions(rollout(weight=50), serve, samples=1_000, before=lambda traefik: traefik.serve(STABLE, 100_000))
    )

    assert Action.ABORT is move.action
    assert number * INTERVAL <= timedelta(minutes=5)
    assert record.whole.totals.canary.requests == record.whole.totals.canary.errors


@pytest.mark.parametrize(("error_rate", "most"), [(0.3, 12), (1.0, 2)])
def test_a_canary_that_breaks_at_full_weight_is_aborted(error_rate: float, most: int) -> None:
    draw = random.Random(1)  # noqa: S311 simulated traffic, no secret

    def serve(traefik: Traefik, number: int) -> None:
        is_alone = number >= 60
        canary = 250 if is_alone else 125
        rate = error_rate if is_alone else 0.005
        traefik.serve(CANARY, canary, sum(draw.random() < rate for _ in range(canary)))
        if not is_alone:
            traefik.serve(STABLE, 125, sum(draw.random() < 0.005 for _ in range(125)))

    number, _, move = next(decisions(rollout(weight=100), serve, samples=400, before=lambda _: None))

    assert Action.ABORT is move.action
    assert 60 < number <= 60 + most


def test_a_good_canary_at_full_weight_is_promoted_at_the_end_of_its_step() -> None:
    draw = random.Random(2)  # noqa: S311 simulated traffic, no secret

    def serve(traefik: Traefik, number: int) -> None:
        traefik.serve(CANARY, 250, sum(draw.random() < 0.005 for _ in range(250)))
        if number < 60:
            traefik.serve(STABLE, 125, sum(draw.random() < 0.005 for _ in range(125)))

    _, _, move = next(decisions(rollout(weight=100, analysis_minutes=10), serve, samples=400, before=lambda _: None))

    assert Action.ADVANCE is move.action


def test_an_inconclusive_step_does_not_promote_a_canary_whose_errors_are_far_above_stables() -> None:
    # 4 errors of 120 are too few to fail it, and too many to go on without a person.
    def serve(traefik: Traefik, number: int) -> None:
        traefik.serve(STABLE, 19)
        traefik.serve(CANARY, 1, int(number in {10, 40, 70, 100}))

    canary = rollout(weight=5, analysis_minutes=10).replace(
        read(
            Spec, rollout(weight=5, analysis_minutes=10).spec.model_dump(mode="json") | {"analysis": {"alpha": 1e-5}}
        ),
        now=T0,
    )
    _, record, move = next(decisions(canary, serve, samples=200, before=lambda traefik: traefik.serve(CANARY, 1)))

    assert Outcome.INCONCLUSIVE is record.finding(settings_of(canary))[0]
    assert Action.HOLD is move.action
    assert move.reason.startswith("not shown to be good: canary errors 3.3%")


def test_ten_errors_that_are_most_of_the_canarys_responses_fail_it_whatever_the_evidence_says() -> None:
    traefik, settings = Traefik(), Analysis(metrics=("errors",), alpha=1e-6)
    traefik.serve(CANARY, 1)
    record = sampled(Record("one"), {"edge": traefik.snapshot()}, settings=settings)
    traefik.serve(CANARY, 12, 9)
    nine = sampled(record, {"edge": traefik.snapshot()}, settings=settings)
    traefik.serve(CANARY, 1, 1)
    ten = sampled(nine, {"edge": traefik.snapshot()}, settings=settings)

    assert Outcome.INCONCLUSIVE is nine.samples[0].outcome
    assert Outcome.FAILED is ten.samples[0].outcome
    assert ten.samples[0].reason == "10 of the last 13 requests to the canary failed (no requests to stable)"


@pytest.mark.parametrize(("stable_errors", "is_ruined"), [(24, True), (25, False), (90, False)])
def test_an_outage_that_stable_shares_is_no_ruin(stable_errors: int, is_ruined: bool) -> None:
    traefik, settings = Traefik(), Analysis(metrics=("errors",), alpha=1e-6, dispersion=1_000)
    traefik.serve(CANARY, 1)
    traefik.serve(STABLE, 1)
    record = sampled(Record("one"), {"edge": traefik.snapshot()}, settings=settings)
    traefik.serve(CANARY, 20, 15)
    traefik.serve(STABLE, 100, stable_errors)
    record = sampled(record, {"edge": traefik.snapshot()}, settings=settings)

    assert is_ruined == (record.samples[0].outcome is Outcome.FAILED)


def test_a_canary_that_goes_down_after_a_good_time_is_ruined_by_two_samples_in_a_row() -> None:
    traefik, settings = Traefik(), Analysis(metrics=("errors",), alpha=1e-6)
    record = Record("one")
    for errors in (0, 0, 0, 0, 0, 0, 60, 0, 60, 60):
        traefik.serve(CANARY, 60, errors)
        traefik.serve(STABLE, 60)
        record = sampled(record, {"edge": traefik.snapshot()}, settings=settings)
    outcomes = [look.outcome for look in record.samples]

    assert Outcome.FAILED is outcomes[0]
    assert Outcome.FAILED not in outcomes[1:]


def test_errors_that_are_older_than_two_minutes_are_no_ruin() -> None:
    traefik, settings = Traefik(), Analysis(metrics=("errors",), alpha=1e-6, dispersion=1_000)
    traefik.serve(CANARY, 1)
    record = sampled(Record("one"), {"edge": traefik.snapshot()}, settings=settings)
    for _ in range(60):  # one error every 15 s: at most 8 within two minutes
        traefik.serve(CANARY, 1, 1)
        for _ in range(3):
            record = sampled(record, {"edge": traefik.snapshot()}, settings=settings)

    assert {Outcome.INCONCLUSIVE} == {look.outcome for look in record.samples}
    assert record.whole.totals.canary.errors == 60


def test_windows_stay_open_until_both_sides_can_be_compared() -> None:
    traefik = Traefik()
    traefik.serve(CANARY, 1)
    record = sampled(Record("one"), {"edge": traefik.snapshot()})
    for side, errors in ((STABLE, 0), (CANARY, 1), (CANARY, 1)):
        traefik.serve(side, 1, errors)
        record = sampled(record, {"edge": traefik.snapshot()})
    still_open = record
    traefik.serve(CANARY, 1, 1)
    closed = sampled(record, {"edge": traefik.snapshot()})

    assert (still_open.whole.evidence.errors.worse, still_open.whole.totals.canary.errors) == (0, 2)
    assert len(still_open.open_windows) == 1
    assert closed.whole.evidence.errors.worse > 0
    assert closed.open_windows == {}


@pytest.mark.no_cover  # thousands of verdicts, slow to trace; others cover the same code
def test_gateways_that_differ_do_not_make_an_equal_canary_look_worse() -> None:
    # Both versions alike: 0.1% errors at one gateway, 3% at the other, where the canary gets more than its share.
    failures = 0
    for run in range(20):
        draw = random.Random(run)  # noqa: S311 simulated traffic, no secret
        gateways, record = {"edge1": Traefik(), "edge2": Traefik()}, Record("one")
        record = sampled(record, {name: one.snapshot() for name, one in gateways.items()})
        for _ in range(120):
            for name, requests, share, rate in (("edge1", 1_900, 0.02, 0.001), ("edge2", 100, 0.05, 0.03)):
                canary = round(requests * share)
                for service, count in ((CANARY, canary), (STABLE, requests - canary)):
                    gateways[name].serve(service, count, _errors(draw, count, rate))
            record = sampled(record, {name: one.snapshot() for name, one in gateways.items()})
            if record.samples[0].outcome is Outcome.FAILED:
                failures += 1
                break

    assert failures <= 1


def test_several_traefiks_behind_one_address_are_an_error_and_no_window() -> None:
    draw = random.Random(1)  # noqa: S311 simulated traffic, no secret
    first, second = Traefik(T0 - timedelta(days=9)), Traefik(T0 - timedelta(days=2))
    for traefik in (first, second):
        traefik.serve(STABLE, 2_000_000, 240_000)
        traefik.serve(CANARY, 1)
    record = Record("one")
    for _ in range(60):
        for traefik in (first, second):
            traefik.serve(STABLE, 48)
            traefik.serve(CANARY, 2)
        record = sampled(record, {"edge": draw.choice((first, second)).snapshot()})

    assert {Outcome.ERROR, Outcome.INCONCLUSIVE} >= {look.outcome for look in record.samples}
    assert any("several Traefik instances respond for gateway edge" in look.reason for look in record.samples)
    assert record.whole.totals.stable.requests <= 60 * 48


def test_a_traefik_that_restarts_is_no_second_one() -> None:
    record = Record("one")
    for run in range(3):
        traefik = Traefik(T0 + run * timedelta(seconds=10))
        for _ in range(2):
            traefik.serve(STABLE, 90)
            traefik.serve(CANARY, 10)
            record = sampled(record, {"edge": traefik.snapshot()})

    assert Outcome.ERROR not in {look.outcome for look in record.samples}
    assert record.whole.totals.canary.requests == 50


def test_a_traefik_that_restarts_while_it_cannot_be_reached_is_no_second_one() -> None:
    old, new = Traefik(T0 - timedelta(days=1)), Traefik(T0 + timedelta(minutes=5))
    old.serve(CANARY, 10)
    record = sampled(Record("one"), {"edge": old.snapshot()})
    for _ in range(120):  # ten minutes without a sample
        record = record.looked(
            Measurement(error="edge does not answer"),
            ERRORS,
            stable=STABLE,
            canary=CANARY,
            now=(record.looked_at or T0) + INTERVAL,
        )
    new.serve(CANARY, 7)
    record = sampled(record, {"edge": new.snapshot()})

    assert Outcome.INCONCLUSIVE is record.samples[0].outcome
    assert record.whole.totals.canary.requests == 7


def test_a_second_traefik_is_the_only_one_once_the_first_is_gone_for_five_minutes() -> None:
    first, second = Traefik(T0 - timedelta(days=2)), Traefik(T0 - timedelta(days=9))
    second.serve(STABLE, 1_000_000, 500_000)
    second.serve(CANARY, 1)
    record = sampled(Record("one"), {"edge": first.snapshot()})
    for _ in range(61):
        second.serve(STABLE, 9)
        second.serve(CANARY, 1)
        record = sampled(record, {"edge": second.snapshot()})
    outcomes = [look.outcome for look in record.samples]

    assert outcomes[:3] == [Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Outcome.ERROR]
    assert record.whole.totals.stable.requests == 9


def test_a_source_that_is_missing_hides_no_failure_and_allows_no_success() -> None:
    bad, good = Traefik(), Traefik()
    records = {}
    for name, traefik, errors in (("bad", bad, 500), ("good", good, 0)):
        traefik.serve(STABLE, 1)
        traefik.serve(CANARY, 1)
        record = sampled(Record("one"), {"edge": traefik.snapshot()})
        traefik.serve(STABLE, 50_000)
        traefik.serve(CANARY, 5_000, errors)
        records[name] = sampled(record, {"edge": traefik.snapshot()}, missing=("gateway core does not answer",))

    assert Outcome.FAILED is records["bad"].finding(ERRORS)[0]
    assert records["good"].finding(ERRORS) == (Outcome.ERROR, "gateway core does not answer")


def test_the_life_of_a_websocket_is_no_response_time() -> None:
    def ended(count: int) -> Snapshot:
        counters: dict[Series, float] = {}
        for edge in (None, 0.1, 1.2):
            counters[Series("101", "GET", "websocket", edge)] = 0 if edge else count
        counters[Series("101", "GET", "websocket", inf)] = count
        return Snapshot({STABLE: counters, CANARY: counters}, 1.0)

    record = sampled(Record("one"), {"edge": ended(1)}, settings=Analysis())
    record = sampled(record, {"edge": ended(50)}, settings=Analysis())

    assert record.whole.totals.canary.requests == 49
    assert record.whole.totals.canary.latency.total == 0


def _errors(draw: random.Random, requests: int, rate: float) -> int:
    return sum(draw.random() < rate for _ in range(requests))


@pytest.mark.parametrize(("errors", "outcome"), [(1, Outcome.FAILED), (0, Outcome.INCONCLUSIVE)])
def test_a_few_requests_that_all_fail_are_enough_where_chance_does_not_make_that(
    errors: int, outcome: Outcome
) -> None:
    traefik, record = Traefik(), Record("one")
    record = sampled(record, {"edge": traefik.snapshot()}, settings=Analysis())
    for number in range(16):  # one request a second, 5% of them to the canary
        traefik.serve(STABLE, 5)
        traefik.serve(CANARY, number % 4 == 0, errors * (number % 4 == 0))
        record = sampled(record, {"edge": traefik.snapshot()}, settings=Analysis())

    assert record.whole.totals.canary.requests == 4
    assert record.verdict(Analysis()).outcome is outcome
