"""The warm-up: what a cold canary answers is counted and not judged, unless the canary is plainly down."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Any

import pytest

from provider.domain.analysis import Evidence, Exposure, Measurement, Outcome, Record, Series, Snapshot
from provider.domain.fields import read
from provider.domain.rollouts import Action, Rollout, Server, Spec, current_record, exposure_of, settings_of
from provider.workers.decisions import decide

STABLE, CANARY = "shop_1@http", "shop_2@http"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=5)


class Traefik:
    """The counters of one Traefik; a response takes less than 100 ms, or 3 s."""

    def __init__(self) -> None:
        self._services: dict[str, dict[Series, float]] = {}

    def serve(self, service: str, requests: int, *, errors: int = 0, slow: int = 0) -> None:
        counters = self._services.setdefault(service, {})
        for status, count, late in (("200", requests - errors, min(slow, requests - errors)), ("500", errors, 0)):
            for edge in (None, 0.1, 1.2, 5.0, inf):
                series = Series(status, "GET", "http", edge)
                is_below_all = edge is not None and edge < 3
                counters[series] = counters.get(series, 0) + count - (late if is_below_all else 0)

    def snapshot(self) -> Snapshot:
        return Snapshot({name: dict(series) for name, series in self._services.items()}, T0.timestamp())


def rollout(*, steps: Sequence[Any] = (), **analysis: Any) -> Rollout:
    document = {
        "rule": "Host(`shop.example`)",
        "stable": {"servers": [{"url": "http://10.0.0.1"}]},
        "canary": {"servers": [{"url": "http://10.0.0.2"}]},
        "analysis": analysis,
        "steps": steps or [{"setWeight": 25}, {"analysis": {"duration": "2m"}}],
    }
    return Rollout.create("shop", read(Spec, document), now=T0)


class Played:
    """Samples of 5 s of a canary that is `cold` for so many seconds after the moment in `cold_since`."""

    def __init__(self, canary: Rollout, *, seed: int = 1, cold_seconds: float = 30, requests: int = 250) -> None:
        self.rollout = canary
        self.traefik = Traefik()
        self.record = current_record(None, canary)
        self.now = self.cold_since = T0
        self._cold = timedelta(seconds=cold_seconds)
        self._draw = random.Random(seed)  # noqa: S311 simulated traffic, no secret
        self._requests = requests

    def sample(self) -> Action | None:
        """Sample, decide, and serve the requests of 5 s."""
        self.record = current_record(self.record, self.rollout).looked(
            Measurement({"edge": self.traefik.snapshot()}),
            settings_of(self.rollout),
            stable=STABLE,
            canary=CANARY,
            now=self.now,
            exposure=exposure_of(self.rollout),
        )
        move = decide(self.rollout, self.record, now=self.now)
        is_cold = self.now < self.cold_since + self._cold
        canary = round(self._requests * float(self.rollout.status.weight) / 100)
        self.traefik.serve(CANARY, canary, errors=self._some(canary, 0.2 if is_cold else 0.005))
        if is_cold:
            self.traefik.serve(CANARY, canary, slow=canary // 2)
        self.traefik.serve(STABLE, self._requests - canary, errors=self._some(self._requests - canary, 0.005))
        self.now += INTERVAL
        return move.action if move else None

    def until_moved(self, samples: int = 200) -> Action | None:
        return next((action for _ in range(samples) if (action := self.sample())), None)

    def _some(self, requests: int, rate: float) -> int:
        return sum(self._draw.random() < rate for _ in range(requests))


@pytest.mark.parametrize("seed", range(5))
def test_a_canary_that_is_slow_and_fails_in_part_while_it_is_cold_is_promoted(seed: int) -> None:
    assert Action.ADVANCE is Played(rollout(), seed=seed).until_moved()


def test_without_a_warm_up_the_same_canary_is_aborted() -> None:
    assert Action.ABORT is Played(rollout(warmUp="0s")).until_moved()


def test_a_canary_that_is_bad_beyond_its_warm_up_is_aborted() -> None:
    played = Played(rollout(sustained="0s"), cold_seconds=1_000)

    assert Action.ABORT is played.until_moved()
    assert played.now - T0 <= timedelta(seconds=80)  # warm-up, sustained, and a sample or two


def test_the_samples_of_a_warm_up_are_shown_and_do_not_count() -> None:
    played = Played(rollout())
    for _ in range(4):
        played.sample()
    sample = played.record.samples[0]

    assert (sample.outcome, sample.reason) == (Outcome.INCONCLUSIVE, "warming up for 15 s more")
    assert sample.canary_requests > 0
    assert played.record.whole.totals.canary.requests == 0


def heavier(canary: Rollout, now: datetime) -> Rollout:
    return canary.set_weight(canary.status.weight * 2, now=now)


def scaled(side: Any) -> Callable[[Rollout, datetime], Rollout]:
    def scale(canary: Rollout, now: datetime) -> Rollout:
        servers = getattr(canary.spec, side).servers
        return canary.scale(side, (*servers, Server(url="http://10.0.0.9")))

    return scale


@pytest.mark.parametrize("change", [heavier, scaled("stable"), scaled("canary")], ids=["weight", "stable", "canary"])
def test_a_weight_increase_and_scaling_begin_a_warm_up(change: Callable[[Rollout, datetime], Rollout]) -> None:
    played = Played(rollout(steps=[{"setWeight": 25}, {"analysis": {"until": "known"}}]), cold_seconds=0)
    for _ in range(20):
        played.sample()
    assert played.record.warming_up(settings_of(played.rollout), now=played.now) == ""
    counted = played.record.whole.totals.canary.requests
    played.rollout = change(played.rollout, played.now)
    played.cold_since, played._cold = played.now, timedelta(seconds=30)
    actions = [played.sample() for _ in range(60)]

    assert Action.ABORT not in actions
    assert played.record.whole.totals.canary.requests > counted > 0


def test_a_lower_weight_begins_a_warm_up_as_requests_of_the_former_weight_end_in_it() -> None:
    played = Played(rollout(), cold_seconds=0)
    for _ in range(10):
        played.sample()
    assert played.record.warming_up(settings_of(played.rollout), now=played.now) == ""
    played.rollout = played.rollout.set_weight(Decimal(5), now=played.now)
    played.sample()

    assert played.record.warming_up(settings_of(played.rollout), now=played.now) != ""


def test_a_canary_that_is_plainly_down_fails_during_its_warm_up() -> None:
    played = Played(rollout(), requests=200)
    played.sample()
    played.traefik.serve(CANARY, 300, errors=290)

    assert Action.ABORT is played.sample()
    assert "requests to the canary failed" in played.record.samples[0].reason


def test_the_time_of_an_analysis_step_runs_from_the_end_of_the_warm_up() -> None:
    played = Played(rollout(steps=[{"setWeight": 25}, {"analysis": {"duration": "20s"}}]), cold_seconds=0)
    action = played.until_moved()
    last = played.now - INTERVAL

    assert Action.ADVANCE is action
    assert timedelta(seconds=50) == last - T0


def test_windows_that_are_open_are_closed_by_a_new_weight() -> None:
    played = Played(rollout(sustained="0s"), cold_seconds=0, requests=0)
    for _ in range(8):
        played.sample()
    played.traefik.serve(STABLE, 50)
    played.traefik.serve(CANARY, 2, errors=2)
    played.sample()
    still_open = played.record
    played.rollout = played.rollout.set_weight(Decimal(50), now=played.now)
    played.sample()

    assert still_open.open_windows
    assert played.record.open_windows == {}
    assert Evidence() == still_open.whole.evidence != played.record.whole.evidence


def test_a_clock_that_was_set_back_does_not_prolong_a_warm_up() -> None:
    settings = settings_of(rollout())
    record = Record("one")
    for now in (T0 + timedelta(hours=1), T0):
        record = record.looked(
            Measurement({"edge": Snapshot()}), settings, stable="s", canary="c", now=now, exposure=Exposure(weight=5)
        )

    assert T0 + settings.warm_up == record.warm_at(settings)
