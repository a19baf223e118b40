"""Whatever people, sources, clocks and dying controllers do: what no controller ever does to a rollout.

Each controller has a view of its own, which may lag behind the store, and each change is read off the store's events.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from provider.domain.analysis import Measurement, Outcome, Record, Snapshot
from provider.domain.fields import decode_json, read
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Action, IllegalMoveError, Phase, Rollout, Side, Spec, current_record
from provider.replica import Feed, read_rollout
from provider.services import Operations
from provider.services.rollouts import Rollouts
from provider.store import Event, MemoryStore, Stored, StoreUnavailableError
from provider.workers import Controller
from provider.workers.decisions import Move, decide
from provider.workers.promoter import _PASSING
from tests.canaries import Confirmed, counters
from tests.pace import examples
from tests.world import ME, Clock, spec

CONTROLLERS = 3
STEPS: Sequence[dict[str, Any]] = (
    {"setWeight": 5},
    {"setWeight": 50},
    {"setMirror": 10},
    {"pause": {}},
    {"pause": {"duration": "1m"}},
    {"analysis": {"duration": "1m"}},
    {"analysis": {"until": "known"}},
    {"analysis": {"until": "known", "deadline": "10m"}},
    {"ramp": {"from": 10, "to": 35, "by": 20, "every": "30s"}},
)
ANALYSES: Sequence[dict[str, Any] | None] = (
    None,
    {},
    {"failureLimit": 2, "onUndecided": "promote"},
    {"interval": "5m", "failureLimit": 1},
    {"inconclusiveLimit": 3, "onUndecided": "abort"},
    {"consecutiveErrorLimit": 1, "metrics": ["errors"]},
)
NIGHTS = {"windows": [{"from": "22:00", "to": "06:00"}]}
_STEPS = st.lists(st.sampled_from(STEPS), min_size=1, max_size=6).filter(
    lambda steps: any(not step.keys() & {"setWeight", "setMirror"} for step in steps)
)
_SPECS = st.fixed_dictionaries(
    {
        "steps": st.integers(0, 9).flatmap(lambda tenth: _STEPS if tenth else st.none()),
        "analysis": st.sampled_from(ANALYSES),
        "dryRun": st.sampled_from([None, None, None, True]),
        "schedule": st.sampled_from([None, None, None, NIGHTS]),
        "progressDeadline": st.sampled_from([None, None, "2h"]),
    }
)
_CONTROLLER = st.integers(0, CONTROLLERS - 1)
_SECONDS = st.sampled_from([0.0, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 7_200.0])
# What both sides answer in the meantime: so many requests, so many of them errors.
Traffic = tuple[tuple[int, int], tuple[int, int]]
_TRAFFIC: st.SearchStrategy[Traffic] = st.sampled_from(
    [((0, 0), (0, 0)), ((200, 1), (20, 0)), ((20_000, 100), (2_000, 8)), ((200, 0), (20, 4)), ((2_000, 2), (200, 20))]
)
# Whose controller has decided what about which state of the rollout.
HeldUp = tuple[int, Rollout, Move | None]
# Moves by their name, a weight by hand, or another canary.
_PEOPLE = st.sampled_from(
    [
        *(Action.PROMOTE, Action.PROMOTE_FULL, Action.ABORT, Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP),
        *(7, 100),
        *(None, None),
    ]
)


@dataclass
class Source:
    """A gateway that counts, forgets, is away, or is not there."""

    stable: tuple[int, int] = (0, 0)
    canary: tuple[int, int] = (0, 0)
    error: str = ""
    is_gone: bool = False

    def keep_only(self, names: Collection[str]) -> None:
        """Nothing is noted here."""

    def measure(self, rollouts: Sequence[Rollout], gateways: Mapping[str, GatewaySpec]) -> Mapping[str, Measurement]:
        return {rollout.name: self._measured(rollout) for rollout in rollouts}

    def _measured(self, rollout: Rollout) -> Measurement:
        seen: Mapping[str, Snapshot] = counters(rollout, stable=self.stable, canary=self.canary)
        return Measurement({} if self.is_gone else seen, error=self.error)

    def count(self, stable: tuple[int, int], canary: tuple[int, int]) -> None:
        self.stable = self.stable[0] + stable[0], self.stable[1] + stable[1]
        self.canary = self.canary[0] + canary[0], self.canary[1] + canary[1]


class MortalRollouts(Rollouts):
    """The use cases of a controller that may die just before it makes a move."""

    is_dying = False

    def _move(self, *arguments: Any) -> Rollout:
        if self.is_dying:
            raise StoreUnavailableError("dead")
        return super()._move(*arguments)


class Provider:
    """A controller and its view, without threads: it sees what is new when it is told to."""

    def __init__(self, store: MemoryStore, source: Source) -> None:
        self.feed = Feed(store)
        operations = Operations(store, self.feed)
        self.rollouts = MortalRollouts(
            store, self.feed, operations.discovery, operations.availability, operations.routes
        )
        self.analyses = operations.analyses
        operations.rollouts = self.rollouts
        self.controller = Controller(operations, looking=source, proof=Confirmed())
        self.catch_up()

    def catch_up(self) -> None:
        self.feed._load()

    def seen(self) -> Rollout:
        return self.feed.read(lambda image: image.rollouts["shop"])


class ControllerMachine(RuleBasedStateMachine):
    """One rollout, people, and several controllers."""

    late: Bundle[HeldUp] = Bundle("late")

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.source = Clock(), Source()
        self.store = MemoryStore(clock=self.clock)
        self.person = Operations(self.store, Feed(self.store)).rollouts
        self.canaries = 2
        self.is_late = False
        self.checked = 0

    @initialize(changes=_SPECS)
    def create(self, changes: dict[str, Any]) -> None:
        self.person.create("shop", spec(**changes), ME)
        self.providers = [Provider(self.store, self.source) for _ in range(CONTROLLERS)]

    # People

    @rule(does=_PEOPLE)
    def a_person_moves_it(self, does: Action | int | None) -> None:
        with suppress(IllegalMoveError):
            if isinstance(does, Action):
                self.person.move("shop", does, ME)
            elif does is not None:
                self.person.set_weight("shop", Decimal(does), ME)
            else:
                self._begin_with_another_canary()

    @rule(changes=_SPECS)
    def a_person_edits_it(self, changes: dict[str, Any]) -> None:
        now, then = self.person.get("shop").spec, spec(**changes)
        fields = {name: getattr(then, name) for name in Spec.model_fields.keys() - {"stable", "canary"}}
        self.person.replace("shop", now.model_copy(update=fields), ME)

    def a_person_begins_again(self) -> None:
        match self.person.get("shop").status.phase:
            case Phase.HEALTHY:
                self._begin_with_another_canary()
            case Phase.DEGRADED:
                self.person.move("shop", Action.RETRY, ME)
            case _:
                with suppress(IllegalMoveError):
                    self.person.move("shop", Action.RESUME, ME)

    # Sources and time

    @rule(error=st.sampled_from(["", "", "edge does not answer"]), is_gone=st.sampled_from([False, False, True]))
    def the_source_goes_or_comes_back(self, error: str, is_gone: bool) -> None:
        self.source.error, self.source.is_gone = error, is_gone

    @rule()
    def the_counters_begin_again(self) -> None:
        self.source.stable = self.source.canary = (0, 0)

    @rule(seconds=_SECONDS)
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.clock.pass_time(-seconds)

    # Controllers

    @rule(number=_CONTROLLER, seconds=_SECONDS, traffic=_TRAFFIC, begins=st.booleans())
    def a_controller_works(self, number: int, seconds: float, traffic: Traffic, begins: bool) -> None:
        if begins:
            self.a_person_begins_again()
        for _ in range(8):
            self.source.count(*traffic)
            self.clock.pass_time(seconds)
            self.providers[number].catch_up()
            self.providers[number].controller.tick()
            self.what_controllers_did_was_theirs_to_do()

    @rule(number=_CONTROLLER, seconds=_SECONDS, traffic=_TRAFFIC)
    def a_controller_has_an_old_view(self, number: int, seconds: float, traffic: Traffic) -> None:
        self.source.count(*traffic)
        self.clock.pass_time(seconds)
        self.providers[number].controller.tick()

    @rule(number=_CONTROLLER, seconds=_SECONDS, traffic=_TRAFFIC)
    def a_controller_dies_before_its_move(self, number: int, seconds: float, traffic: Traffic) -> None:
        self.source.count(*traffic)
        self.clock.pass_time(seconds)
        self.providers[number].rollouts.is_dying = True
        self.providers[number].catch_up()
        self.providers[number].controller.tick()
        self.providers[number] = Provider(self.store, self.source)

    @rule(target=late, number=_CONTROLLER, seconds=_SECONDS)
    def a_controller_is_held_up(self, number: int, seconds: float) -> HeldUp:
        self.a_person_begins_again()
        self.clock.pass_time(seconds)
        self.providers[number].catch_up()
        rollout = self.providers[number].seen()
        record = current_record(self.providers[number].analyses.read("shop").record, rollout)
        return number, rollout, decide(rollout, record, now=self.clock())

    @rule(held_up=consumes(late))
    def it_makes_its_move_late(self, held_up: HeldUp) -> None:
        number, rollout, move = held_up
        self.is_late = True
        before = self.person.get("shop")
        with suppress(*_PASSING):
            if move:
                self.providers[number].controller._make(rollout, move)

        assert before.version in {rollout.version, self.person.get("shop").version}

    @rule(text=st.sampled_from([None, "nonsense"]))
    def the_record_is_lost(self, text: str | None) -> None:
        self.store.replace_record("shop", expected=self.store.record("shop"), text=text)

    def _begin_with_another_canary(self) -> None:
        self.canaries += 1
        url = f"http://127.0.0.1:{9_000 + self.canaries}"
        self.person.start("shop", read(Side, {"servers": [{"url": url}]}), ME)

    # What holds

    @invariant()
    def what_controllers_did_was_theirs_to_do(self) -> None:
        for event in self.store._events[self.checked :]:
            if event.actor == "controller":
                self._check(event, _rollout(event.before), _rollout(event.after))
        self.checked, self.is_late = len(self.store._events), False

    @invariant()
    def an_aborted_canary_gets_nothing(self) -> None:
        rollout = _rollout(self.store._events[-1].after) if self.store._events else None

        assert rollout is None or rollout.status.phase is not Phase.DEGRADED or not rollout.status.weight

    def _check(self, event: Event, before: Rollout, after: Rollout) -> None:
        goes_by_itself = before.is_judging or before.status.paused_until is not None

        assert before.status.phase in {Phase.PROGRESSING, Phase.PAUSED}
        assert before.spec.dry_run is None or event.action == Action.ADVANCE
        match event.action:
            case Action.ABORT:
                assert (Phase.DEGRADED, Decimal(0)) == (after.status.phase, after.status.weight)
                assert event.reason
                assert before.is_judged
            case Action.HOLD:
                assert goes_by_itself
                assert (after.status.phase, after.status.paused_until) == (Phase.PAUSED, None)
                assert _place(before) == _place(after)
                assert event.reason
            case _:
                assert event.action == Action.ADVANCE
                assert goes_by_itself
                assert before.status.paused_until is None or before.status.paused_until <= event.at
                assert _walked(before) == _place(after)
                assert after.status.phase is Phase.HEALTHY or _place(before) < _place(after)
                self._check_that_it_did_not_fail(before)

    def _check_that_it_did_not_fail(self, before: Rollout) -> None:
        text = self.store.record("shop")
        # Who was held up between the verdict and the move does not know of a later look.
        if self.is_late or not before.is_judging or before.spec.dry_run or not text or text == "nonsense":
            return
        record = current_record(Record.from_document(decode_json(text)), before)
        outcomes = [look.outcome for look in record.samples if look.outcome is not Outcome.ERROR]

        assert not outcomes or outcomes[0] is not Outcome.FAILED


def _rollout(text: str | None) -> Rollout:
    assert text is not None
    return read_rollout("shop", Stored(1, text))


def _place(rollout: Rollout) -> tuple[int, Decimal]:
    return rollout.status.step_index, rollout.status.weight


def _walked(rollout: Rollout) -> tuple[int, Decimal]:
    """Say where the next step that waits is, and with which weight: worked out without the rollout's own methods."""
    index, weight = _place(rollout)
    ramp = rollout.steps[index].ramp
    if ramp and ramp.from_ <= weight < ramp.to:
        return index, min(weight + ramp.by, ramp.to)
    for later in range(index + 1, len(rollout.steps)):
        step = rollout.steps[later]
        if step.set_weight is not None:
            weight = step.set_weight
        if step.ramp:
            weight = step.ramp.from_
        if step.pause or step.analysis or step.ramp:
            return later, weight
    return 0, Decimal(0)


def test_controllers_do_only_what_is_theirs_to_do() -> None:
    run_state_machine_as_test(
        ControllerMachine,
        settings=settings(
            max_examples=examples(50), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
