from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from provider.domain.analysis import Measurement, Outcome, Snapshot
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Action, Phase, Rollout, StatusCode
from provider.services import Call, Obstacle, Operations, Wait, WaitReason
from provider.store import Key, Kind, StoreUnavailableError
from provider.workers import Controller
from tests.canaries import Confirmed, Side, counters, remember, seen
from tests.unit.services.test_gateways import polled, written_down
from tests.world import ME, World, spec, wait_until

TIMED = [{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"setWeight": 50}, {"pause": {}}]
JUDGED = [{"setWeight": 5}, {"analysis": {"until": "known"}}, {"setWeight": 50}, {"pause": {}}]
GOOD: tuple[Side, Side] = ((30_000, 150), (3_000, 12))
BAD: tuple[Side, Side] = ((2_000, 2), (200, 140))


@dataclass
class Looks:
    """Sources that say what the test lets them: the counters of both sides since they began, or an error."""

    counted: tuple[Side, Side] = ((0, 0), (0, 0))
    error: str = ""
    samples: list[str] = field(default_factory=list)
    bucket: float | None = None
    late: set[str] = field(default_factory=set)
    gateways: set[str] = field(default_factory=set)

    def keep_only(self, names: Collection[str]) -> None:
        """Nothing is noted here."""

    def measure(self, rollouts: Sequence[Rollout], gateways: Mapping[str, GatewaySpec]) -> Mapping[str, Measurement]:
        self.samples += [rollout.name for rollout in rollouts]
        self.gateways = set(gateways)
        stable, canary = self.counted
        return {
            rollout.name: Measurement(error=self.error)
            if self.error
            else Measurement(self._broken(counters(rollout, stable=stable, canary=canary)))
            for rollout in rollouts
            if rollout.name not in self.late
        }

    def _broken(self, snapshots: Mapping[str, Snapshot]) -> Mapping[str, Snapshot]:
        if self.bucket is None:
            return snapshots
        return {
            gateway: Snapshot(
                {
                    name: {series: self.bucket if series.edge == 0.1 else count for series, count in one.items()}
                    for name, one in snapshot.services.items()
                },
                snapshot.started,
            )
            for gateway, snapshot in snapshots.items()
        }


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def proof() -> Confirmed:
    return Confirmed()


@pytest.fixture
def controller(world: World, looks: Looks, proof: Confirmed) -> Controller:
    return Controller(world.operations, looking=looks, proof=proof)


def created(world: World, **changes: Any) -> None:
    """Create a rollout whose canary, if it is judged, is judged from its start."""
    if "analysis" in changes or changes["steps"] is JUDGED:
        changes["analysis"] = {"warmUp": "0s", **changes.get("analysis", {})}
    world.operations.rollouts.create("shop", spec(**changes), ME)
    world.caught_up()


def status(world: World) -> tuple[Phase, int]:
    rollout = world.operations.rollouts.get("shop")
    return rollout.status.phase, int(rollout.status.weight)


def ticked(world: World, controller: Controller, *, after: float = 5) -> int:
    """Let time pass, and the controller see what is there then."""
    world.clock.pass_time(after)
    world.caught_up()
    return controller.tick()


# Time


def test_a_pause_that_is_not_over_is_left_alone(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)

    assert ticked(world, controller, after=599) == 0
    assert status(world) == (Phase.PAUSED, 5)


def test_a_pause_that_is_over_ends_once(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)

    assert ticked(world, controller, after=600) == 1
    assert ticked(world, controller) == 0
    assert status(world) == (Phase.PAUSED, 50)
    assert world.operations.rollouts.history("shop", limit=1)[0].actor == "controller"


def test_a_pause_for_a_person_never_ends_by_itself(world: World, controller: Controller) -> None:
    created(world, steps=[{"setWeight": 5}, {"pause": {}}])

    assert ticked(world, controller, after=10**8) == 0


# Proof

NOT_APPLIED = Obstacle(WaitReason.NOT_APPLIED, "edge does not answer")


def test_a_pause_counts_from_the_confirmation(world: World, controller: Controller, proof: Confirmed) -> None:
    created(world, steps=TIMED)
    proof.since = world.clock.time + timedelta(seconds=300)

    assert [ticked(world, controller, after=seconds) for seconds in (600, 299, 1)] == [0, 0, 1]
    assert status(world) == (Phase.PAUSED, 50)


@pytest.mark.parametrize("steps", [TIMED, JUDGED])
def test_no_step_is_taken_while_the_weight_is_not_confirmed(
    world: World, controller: Controller, looks: Looks, proof: Confirmed, steps: Any, caplog: pytest.LogCaptureFixture
) -> None:
    proof.found = NOT_APPLIED
    created(world, steps=steps)
    ticked(world, controller)
    looks.counted = GOOD

    assert [ticked(world, controller, after=700) for _ in range(2)] == [0, 0]
    assert status(world)[1] == 5
    assert [record.__dict__["reason_code"] for record in caplog.records if record.message == "rollout.waiting"] == [
        "not-applied"
    ]
    proof.found, proof.since = None, world.clock.time
    assert ticked(world, controller, after=600) == 1
    assert status(world) == (Phase.PAUSED, 50)


def test_why_a_rollout_waits_can_be_read_until_it_goes_on(
    world: World, controller: Controller, proof: Confirmed
) -> None:
    proof.found = NOT_APPLIED
    created(world, steps=TIMED)
    ticked(world, controller, after=600)
    waits = world.operations.waits.of(world.operations.rollouts.get("shop"))
    proof.found = None
    ticked(world, controller)

    assert Wait(reason_code=WaitReason.NOT_APPLIED, detail="edge does not answer") == waits
    assert world.operations.waits.of(world.operations.rollouts.get("shop")) is None


def test_a_canary_that_waits_for_proof_beyond_its_deadline_is_aborted(
    world: World, controller: Controller, proof: Confirmed
) -> None:
    proof.found = NOT_APPLIED
    created(world, steps=TIMED, progressDeadline="20m")

    assert [ticked(world, controller, after=seconds) for seconds in (1_199, 1)] == [0, 1]
    assert status(world) == (Phase.DEGRADED, 0)


def test_a_canary_that_fails_is_aborted_although_nothing_is_confirmed(
    world: World, controller: Controller, looks: Looks, proof: Confirmed
) -> None:
    proof.found = NOT_APPLIED
    created(world, steps=JUDGED)
    ticked(world, controller)
    looks.counted = BAD

    assert ticked(world, controller) == 1
    assert status(world) == (Phase.DEGRADED, 0)


# Verdicts


def test_a_canary_that_is_good_goes_on(world: World, controller: Controller, looks: Looks) -> None:
    created(world, steps=JUDGED)
    assert ticked(world, controller) == 0
    looks.counted = GOOD

    assert [ticked(world, controller, after=seconds) for seconds in (5, 300)] == [0, 1]
    assert status(world) == (Phase.PAUSED, 50)
    assert "canary errors 0.4%" in world.operations.rollouts.history("shop", limit=1)[0].reason


def test_a_canary_that_is_bad_is_taken_back_and_why_can_be_read(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED)
    assert ticked(world, controller) == 0
    looks.counted = BAD
    assert ticked(world, controller) == 1
    rollout = world.operations.rollouts.get("shop")
    known = world.operations.analyses.judgement(rollout)

    assert status(world) == (Phase.DEGRADED, 0)
    assert "140 of the last 200 requests to the canary failed" in rollout.status.reason
    assert [look.outcome for look in known.samples] == ["Failed", "Inconclusive"]
    assert (known.samples[0].canary_requests, known.samples[0].stable_requests) == (200, 2_000)


def test_a_source_that_is_away_makes_the_canary_wait_for_a_person(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED, analysis={"consecutiveErrorLimit": 2, "errorLimit": "0s"})
    looks.error = "edge does not answer"

    assert [ticked(world, controller) for _ in range(3)] == [0, 0, 1]
    assert status(world) == (Phase.PAUSED, 5)


def test_a_rollout_that_was_held_without_measurements_continues_when_they_return(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED, analysis={"consecutiveErrorLimit": 0, "errorLimit": "1m"})
    looks.error = "edge does not answer"
    away = [ticked(world, controller, after=10) for _ in range(7)]
    held = world.operations.rollouts.get("shop").status
    looks.error = ""
    back = ticked(world, controller)
    continued = world.operations.rollouts.get("shop").status
    looks.counted = GOOD
    for seconds in (5, 300):
        ticked(world, controller, after=seconds)

    assert away == [0, 0, 0, 0, 0, 0, 1]
    assert (held.phase, held.reason_code) == (Phase.PAUSED, StatusCode.NOT_MEASURED)
    assert (back, continued.phase, continued.reason_code) == (1, Phase.PROGRESSING, StatusCode.ANALYZING)
    assert status(world) == (Phase.PAUSED, 50)
    assert "the metric sources respond again" in world.operations.rollouts.history("shop", limit=2)[1].reason


def test_it_is_looked_at_as_often_as_its_spec_says(world: World, controller: Controller, looks: Looks) -> None:
    created(world, steps=JUDGED, analysis={"interval": "10s"})
    for _ in range(21):
        ticked(world, controller, after=1)

    assert looks.samples == ["shop"] * 3


@pytest.mark.parametrize(
    ("polling", "measured"),
    [((), {"edge", "core"}), (("edge",), {"edge"}), (("edge", "core"), {"edge", "core"})],
    ids=["none polls", "one polls", "both poll"],
)
def test_a_gateway_that_does_not_poll_is_not_waited_for(
    world: World, controller: Controller, looks: Looks, polling: Sequence[str], measured: set[str]
) -> None:
    created(world, steps=JUDGED)
    for name in ("edge", "core"):
        written_down(world, name=name)
    world.clock.pass_time(3_600)
    for number, name in enumerate(polling):
        polled(world, gateway=name, address=f"10.0.0.{number + 1}:1")
    ticked(world, controller, after=1)

    assert measured == looks.gateways


def test_a_gateway_that_alone_carries_a_rollout_is_measured_although_it_does_not_poll(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED, gateways=["core"])
    for name in ("edge", "core"):
        written_down(world, name=name)
    polled(world, gateway="edge")
    ticked(world, controller, after=1)

    assert "core" in looks.gateways


def test_what_nobody_wants_judged_is_not_looked_at(world: World, controller: Controller, looks: Looks) -> None:
    created(world, steps=TIMED)
    ticked(world, controller)

    assert looks.samples == []


def test_another_controller_goes_on_with_what_the_first_one_saw(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED)
    ticked(world, controller)
    looks.counted = BAD
    second = Controller(world.operations, looking=looks, proof=Confirmed())

    assert ticked(world, second, after=60) == 1
    assert status(world) == (Phase.DEGRADED, 0)


def test_one_of_several_leads_and_another_takes_over_when_it_dies(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED)
    second = Controller(world.operations, looking=looks, proof=Confirmed())
    assert [ticked(world, controller), ticked(world, second, after=0)] == [0, 0]
    assert looks.samples == ["shop"]
    ticked(world, second, after=10)

    assert looks.samples == ["shop", "shop"]


def test_a_record_that_cannot_be_read_is_begun_anew(world: World, controller: Controller, looks: Looks) -> None:
    created(world, steps=JUDGED)
    world.store.replace_record("shop", expected=None, text="nonsense")
    looks.counted = BAD
    ticked(world, controller)

    assert status(world) == (Phase.PROGRESSING, 5)
    assert looks.samples == ["shop"]
    assert world.operations.analyses.read("shop").record is not None


def test_a_deleted_rollout_leaves_no_record(world: World, controller: Controller) -> None:
    created(world, steps=JUDGED)
    ticked(world, controller)
    world.operations.rollouts.delete("shop", ME)

    assert world.store.record("shop") is None


def test_a_clock_that_was_set_back_does_not_keep_it_from_looking(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED)
    ticked(world, controller, after=3_600)
    looks.counted = BAD

    assert ticked(world, controller, after=-3_600) == 1
    assert status(world) == (Phase.DEGRADED, 0)


# Several, and failures


def test_a_move_is_decided_by_what_is_remembered_now_not_by_what_this_one_saw_last(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=[{"pause": {"duration": "20m"}}], analysis={"interval": "30m"})
    ticked(world, controller, after=0)
    rollout = world.operations.rollouts.get("shop")
    remember(world.operations, "shop", seen(rollout, [BAD], now=world.clock()))

    assert ticked(world, controller, after=1_200) == 1
    assert status(world) == (Phase.DEGRADED, 0)


def test_counters_that_contradict_themselves_hold_up_no_other(
    world: World, controller: Controller, looks: Looks
) -> None:
    created(world, steps=JUDGED)
    world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)", steps=TIMED), ME)
    ticked(world, controller)
    looks.bucket = 10**9

    assert ticked(world, controller, after=600) == 1
    assert [
        look.outcome
        for look in world.operations.analyses.judgement(world.operations.rollouts.get("shop")).samples[:1]
    ] == [Outcome.ERROR]


def test_two_controllers_do_nothing_twice(world: World, controller: Controller, looks: Looks) -> None:
    created(world, steps=TIMED)
    world.clock.pass_time(600)
    # The second one still sees the rollout as it was before the first one moved it.
    stale = world.operations.rollouts.get("shop")
    assert ticked(world, controller) == 1
    second = Controller(world.operations, looking=looks, proof=Confirmed())

    assert not second._take(stale, world.clock())
    assert status(world) == (Phase.PAUSED, 50)


def test_what_a_person_did_in_between_stands(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)
    stale = world.operations.rollouts.get("shop")
    world.operations.rollouts.hold("shop", ME)
    world.clock.pass_time(600)

    assert not controller._take(stale, world.clock())
    assert status(world) == (Phase.PAUSED, 5)


def test_a_move_is_made_only_of_the_rollout_that_it_was_decided_for(world: World, controller: Controller) -> None:
    created(world, steps=[*TIMED[:3], {"pause": {"duration": "1m"}}])
    stale = world.operations.rollouts.get("shop")
    world.operations.rollouts.move("shop", Action.PROMOTE, ME)
    world.clock.pass_time(600)

    # The pause that it is in now is over as well: only its version tells that this is not the one that was seen.
    assert not controller._take(stale, world.clock())
    assert status(world) == (Phase.PAUSED, 50)


def test_a_rollout_that_fails_is_put_off_and_holds_up_no_other(
    world: World, caplog: pytest.LogCaptureFixture, looks: Looks
) -> None:
    class Failing(type(world.operations.rollouts)):  # type: ignore[misc]
        def advance(self, name: str, call: Call) -> Rollout:
            if name == "bad":
                raise RuntimeError("unforeseen")
            return super().advance(name, call)  # type: ignore[no-any-return]

    operations = Operations(world.store, world.feed)
    operations.rollouts = Failing(
        world.store, world.feed, operations.discovery, operations.availability, operations.routes
    )
    controller = Controller(operations, looking=looks, proof=Confirmed())
    world.operations.rollouts.create("bad", spec(rule="Host(`bad.localhost`)", steps=TIMED), ME)
    created(world, steps=TIMED)

    assert ticked(world, controller, after=600) == 1
    assert status(world) == (Phase.PAUSED, 50)
    assert ticked(world, controller) == 0
    assert caplog.messages.count("rollout.deferred") == 1


def test_a_store_that_is_away_is_no_failure(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)

    def away() -> datetime:
        raise StoreUnavailableError("away")

    world.clock.pass_time(600)
    world.store.clock = away

    assert controller.tick() == 0


def test_the_loop_runs_until_the_feed_closes(world: World, controller: Controller) -> None:
    created(world, steps=[{"pause": {"duration": "1ms"}}])
    world.clock.pass_time(1)
    controller.start()

    assert wait_until(lambda: status(world)[0] is Phase.HEALTHY)
    assert world.store.read(Key(Kind.ROLLOUT, "shop"))[0]


def test_a_canary_is_aborted_while_the_sources_of_another_one_hang(
    world: World, controller: Controller, looks: Looks
) -> None:
    world.operations.rollouts.create("other", spec(rule="Host(`other.localhost`)", steps=JUDGED), ME)
    created(world, steps=JUDGED)
    looks.late = {"other"}
    ticked(world, controller)
    looks.counted = BAD
    ticked(world, controller)
    others = world.operations.rollouts.get("other").status

    assert status(world)[0] == Phase.DEGRADED
    assert (others.phase, int(others.weight)) == (Phase.PROGRESSING, 5)
    assert looks.samples.count("other") == 2
