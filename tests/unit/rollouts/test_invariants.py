"""Any sequence of legal and illegal moves: what must hold of a rollout at every point of its life."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from provider.domain.fields import decode_json, encode, read
from provider.domain.rollouts import (
    TRANSITIONS,
    Action,
    IllegalMoveError,
    Phase,
    Rollout,
    Side,
    Spec,
    StableChangedError,
    Step,
)
from tests.pace import examples
from tests.rollouts_strategy import SIDES, SPECS, START, STEPS, WEIGHTS

BY_NAME: dict[Action, Callable[..., Rollout]] = {
    Action.PROMOTE: Rollout.promote,
    Action.PROMOTE_FULL: Rollout.promote_full,
    Action.ABORT: Rollout.abort,
    Action.PAUSE: Rollout.pause,
    Action.RESUME: Rollout.resume,
    Action.RETRY: Rollout.retry,
    Action.SKIP: Rollout.skip,
}
# What a new spec may do; one that names the canary as stable promotes it.
BY_SPEC = {Action.EDIT, Action.REMOVE, Action.START, Action.PROMOTE_FULL}
ALONG_STEPS = {Action.PROMOTE, Action.RESUME, Action.SKIP, Action.ADVANCE, Action.RETRY}
# All that a person may do, in some way that the phase alone decides about.
BY_PERSON = BY_NAME | {
    Action.SET_WEIGHT: partial(Rollout.set_weight, weight=Decimal(25)),
    Action.START: lambda rollout, now: rollout.start(rollout.spec.stable, now=now),
}


class RolloutMachine(RuleBasedStateMachine):
    """A rollout, the time, and whether its canary was aborted and not begun again."""

    rollout: Rollout

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.is_aborted = False
        self.past: list[Rollout] = []

    @initialize(spec=SPECS)
    def create(self, spec: Spec) -> None:
        self.rollout = Rollout.create("shop", spec, now=self.now)

    @rule()
    def remember(self) -> None:
        self.past.append(self.rollout)

    @precondition(lambda self: self.past)
    @rule(number=st.integers(0, 9))
    def undo(self, number: int) -> None:
        earlier, before = self.past[number % len(self.past)], self.rollout
        self._do(partial(Rollout.undo, earlier=earlier), Action.UNDO)
        after = self.rollout

        assert earlier.spec == after.spec
        assert (earlier.canary, earlier.status.weight) == (after.canary, after.status.weight)
        if before.spec.stable.is_same_version(after.spec.stable):
            assert before.status.stable_generation == after.status.stable_generation

    @rule(seconds=st.sampled_from([0, 1, 60, 600, 3_600]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(action=st.sampled_from(list(BY_NAME)))
    def move(self, action: Action) -> None:
        self._do(BY_NAME[action], action)

    @rule(weight=WEIGHTS)
    def set_weight(self, weight: Decimal) -> None:
        self._do(partial(Rollout.set_weight, weight=weight), Action.SET_WEIGHT)

    @rule(canary=SIDES)
    def start(self, canary: Side) -> None:
        self._do(partial(Rollout.start, canary=canary), Action.START)

    @precondition(lambda self: self.rollout.status.former)
    @rule(number=st.integers(0, 4))
    def go_back(self, number: int) -> None:
        former = self.rollout.status.former or ()
        self._do(partial(Rollout.start, canary=former[number % len(former)].side), Action.START)

    @rule()
    def advance(self) -> None:
        """Nothing but time, or a verdict, ends a wait by itself: never a pause for a person."""
        before = self.rollout.status
        is_over = before.paused_until is not None and before.paused_until <= self.now
        moved = self._do(Rollout.advance, Action.ADVANCE)

        assert (is_over or before.analysis_since is not None) is moved

    @rule()
    def hold(self) -> None:
        before = self.rollout.status
        moved = self._do(partial(Rollout.hold, reason="nothing is known"), Action.HOLD)
        after = self.rollout.status

        assert (before.paused_until is not None or before.analysis_since is not None) is moved
        assert not moved or (Phase.PAUSED, None, before.weight) == (after.phase, after.paused_until, after.weight)

    @rule(spec=SPECS)
    def apply_another_spec(self, spec: Spec) -> None:
        self._apply(spec)

    @rule(steps=STEPS)
    def apply_other_steps(self, steps: tuple[Step, ...] | None) -> None:
        self._apply(self.rollout.spec.model_copy(update={"steps": steps}))

    @rule(canary=st.none() | SIDES)
    def apply_another_canary(self, canary: Side | None) -> None:
        self._apply(self.rollout.spec.model_copy(update={"canary": canary}))

    @rule(stable=SIDES)
    def apply_another_stable(self, stable: Side) -> None:
        self._apply(self.rollout.spec.model_copy(update={"stable": stable}))

    @rule(side=SIDES)
    def scale(self, side: Side) -> None:
        canary, before = self.rollout.spec.canary, self.rollout.status
        if canary and canary.is_same_version(side):
            self._apply(self.rollout.spec.model_copy(update={"canary": side}))

            assert before == self.rollout.status

    @invariant()
    def the_weight_is_a_per_cent_of_two_decimals(self) -> None:
        weight = self.rollout.status.weight

        assert 0 <= weight <= 100
        assert round(weight, 2) == weight

    @invariant()
    def the_step_is_one_of_the_steps_or_behind_the_last(self) -> None:
        assert 0 <= self.rollout.status.step_index <= len(self.rollout.steps)

    @invariant()
    def a_canary_at_rest_or_aborted_gets_nothing(self) -> None:
        status = self.rollout.status
        if status.phase in {Phase.HEALTHY, Phase.DEGRADED}:
            assert (None, Decimal(0)) == (self.rollout.canary, status.weight)
        else:
            assert self.rollout.canary is not None
        assert (self.rollout.spec.canary is None) is (status.phase is Phase.HEALTHY)

    @invariant()
    def what_was_aborted_stays_without_traffic_until_it_is_begun_again(self) -> None:
        if self.is_aborted:
            assert (None, Decimal(0)) == (self.rollout.canary, self.rollout.status.weight)

    @invariant()
    def only_a_pause_has_an_end(self) -> None:
        status = self.rollout.status

        assert status.paused_until is None or status.phase is Phase.PAUSED

    @invariant()
    def only_a_step_that_is_an_analysis_is_judged_and_only_while_progressing(self) -> None:
        status, step = self.rollout.status, self.rollout.step
        if status.analysis_since is not None:
            assert Phase.PROGRESSING is status.phase
            assert step is not None
            assert step.analysis is not None
        assert self.rollout.is_judging is (status.analysis_since is not None)

    @invariant()
    def while_a_ramp_runs_the_weight_is_one_of_its(self) -> None:
        status, step = self.rollout.status, self.rollout.step
        if step and step.ramp and status.paused_until:
            assert step.ramp.from_ <= status.weight <= step.ramp.to

    @invariant()
    def what_steps_have_set_never_outlives_the_canary(self) -> None:
        status, canary = self.rollout.status, self.rollout.canary
        if canary is None:
            assert (self.rollout.mirror, self.rollout.overrides) == (None, ())
        elif status.overrides is not None:
            assert status.overrides == self.rollout.overrides
        if status.phase is Phase.HEALTHY:
            assert (status.mirror, status.overrides, status.started) == (None, None, None)
        else:
            assert status.started is not None

    @invariant()
    def the_former_are_few_different_and_newest_first(self) -> None:
        former = self.rollout.status.former or ()
        moments = [one.until for one in former]

        assert len(former) <= 5
        assert sorted(moments, reverse=True) == moments
        assert not any(
            one.side.is_same_version(other.side) for index, one in enumerate(former) for other in former[:index]
        )

    @invariant()
    def exactly_what_is_listed_can_be_done(self) -> None:
        possible = {action for action, move in BY_PERSON.items() if leads_somewhere(self.rollout, move, self.now)}

        assert set(self.rollout.actions) == possible
        assert len(possible) == len(self.rollout.actions)

    @invariant()
    def the_canary_has_the_newest_service_and_never_stables(self) -> None:
        status = self.rollout.status

        assert 1 <= status.stable_generation <= status.generation
        assert self.rollout.spec.canary is None or status.stable_generation < status.generation

    @invariant()
    def a_canary_has_a_try_and_no_canary_has_none(self) -> None:
        status = self.rollout.status

        assert (self.rollout.spec.canary is None) is (status.attempts is None)
        assert (status.attempts or 0) == self.rollout.attempts < status.generation

    @invariant()
    def it_survives_the_store(self) -> None:
        assert self.rollout == read(Rollout, decode_json(encode(self.rollout)))

    @invariant()
    def its_own_spec_again_changes_nothing(self) -> None:
        assert self.rollout == self.rollout.replace(self.rollout.spec, now=self.now)

    def _apply(self, spec: Spec) -> None:
        before = self.rollout
        try:
            after = before.replace(spec, now=self.now)
            # A canary that was stable within the rollback window is promoted at once.
            was_stable = any(one.side.is_same_version(after.spec.stable) for one in before.status.former or ())
            is_back = bool(spec.rollback_window) and was_stable
            assert is_back or after.spec.stable.is_same_version(before.spec.stable)
        except StableChangedError:
            after = before.replace(spec, now=self.now, replace_stable=True)
            # So is one that was stable until it was replaced just now.
            returns = spec.rollback_window and spec.canary and spec.canary.is_same_version(before.spec.stable)
            assert returns or not after.spec.stable.is_same_version(before.spec.stable)
            assert after.status.stable_generation > before.status.stable_generation
        allowed = [phases for action, phases in TRANSITIONS[before.status.phase].items() if action in BY_SPEC]

        assert before == after or after.status.phase in frozenset().union(*allowed)
        self._check_tries(before, after)
        assert after.replace(spec, now=self.now) == after
        self.is_aborted = self.is_aborted and before.status.generation == after.status.generation
        self.rollout = after

    def _do(self, move: Callable[..., Rollout], action: Action) -> bool:
        before, text = self.rollout, encode(self.rollout)
        try:
            after = move(before, now=self.now)
        except IllegalMoveError:
            assert encode(before) == text
            return False

        assert encode(before) == text
        assert after.status.phase in TRANSITIONS[before.status.phase][action]
        assert after.status.generation >= before.status.generation
        self._check_steps(before, after, action)
        self._check_sides(before, after, action)
        if action is not Action.UNDO or (is_same_canary(before, after) and not has_taken_over(before, after)):
            self._check_tries(before, after)
        is_begun_again = action in {Action.RETRY, Action.START, Action.UNDO}
        self.is_aborted = action is Action.ABORT or (self.is_aborted and not is_begun_again)
        self.rollout = after
        return True

    def _check_steps(self, before: Rollout, after: Rollout, action: Action) -> None:
        if action not in ALONG_STEPS or after.canary is None:
            return
        passed = after.steps[: after.status.step_index]
        mirrors = [step.set_mirror for step in passed if step.set_mirror is not None]
        overrides = [step.set_override for step in passed if step.set_override is not None]
        ramp, weight = before.step.ramp if before.step else None, before.status.weight

        assert (mirrors[-1] if mirrors else None) == after.status.mirror
        assert (overrides[-1] if overrides else None) == after.status.overrides
        assert after.status.step_index >= before.status.step_index or before.is_held or action is Action.RETRY
        # From a weight by hand a lower step may lead into the ramp again, to its beginning.
        if ramp and before.step == after.step and before.canary and not before.is_held and weight < ramp.to:
            assert weight < after.status.weight <= ramp.to

    def _check_tries(self, before: Rollout, after: Rollout) -> None:
        """An edit resets nothing, and each new attempt of the same canary that begins is one more try."""
        if after.spec.canary is None:
            return
        is_new = before.status.generation != after.status.generation
        is_begun = is_new and after.status.phase is not Phase.DEGRADED
        is_same = is_same_canary(before, after) and not has_taken_over(before, after)

        assert (before.attempts + is_begun if is_same else 1) == after.attempts

    def _check_sides(self, before: Rollout, after: Rollout, action: Action) -> None:
        stable, former = after.spec.stable, after.status.former or ()
        if action is Action.START:
            assert before.status.generation + 1 == after.status.generation
            is_back = after.status.phase is Phase.HEALTHY
            assert is_back is after.status.reason.startswith("the canary is now stable: it was stable ")
            assert not is_back or before.spec.rollback_window
        if before.status.stable_generation != after.status.stable_generation:
            assert not any(one.side.is_same_version(stable) for one in former)


def is_same_canary(before: Rollout, after: Rollout) -> bool:
    former, canary = before.spec.canary, after.spec.canary
    return former is not None and canary is not None and canary.is_same_version(former)


def has_taken_over(before: Rollout, after: Rollout) -> bool:
    """Tell whether the canary is stable now; a side that shares its servers may be the next canary."""
    return before.spec.canary is not None and after.status.stable_generation == before.status.generation


def leads_somewhere(rollout: Rollout, move: Callable[..., Rollout], now: datetime) -> bool:
    try:
        move(rollout, now=now)
    except IllegalMoveError:
        return False
    return True


def test_a_rollout_is_sound_whatever_is_done_to_it() -> None:
    run_state_machine_as_test(
        RolloutMachine,
        settings=settings(
            max_examples=examples(60), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
