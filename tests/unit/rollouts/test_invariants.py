"""Any sequence of legal and illegal moves: what must hold of a rollout at every point of its life."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from provider.documents import decode_json, encode, read
from provider.rollouts import TRANSITIONS, Action, IllegalMoveError, Phase, Rollout, Side, Spec, Step
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
BY_SPEC = {Action.EDIT, Action.WITHDRAW, Action.START, Action.PROMOTE_FULL}


class RolloutMachine(RuleBasedStateMachine):
    """A rollout, the time, and whether its canary was aborted and not begun again."""

    rollout: Rollout

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.is_aborted = False

    @initialize(spec=SPECS)
    def create(self, spec: Spec) -> None:
        self.rollout = Rollout.create("shop", spec, now=self.now)

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

    @rule()
    def advance(self) -> None:
        before = self.rollout.status
        is_over = before.paused_until is not None and before.paused_until <= self.now
        moved = self._do(Rollout.advance, Action.ADVANCE)

        assert is_over is moved

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
        assert weight == round(weight, 2)

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
    def the_canary_has_the_newest_service_and_never_stables(self) -> None:
        status = self.rollout.status

        assert 1 <= status.stable_generation <= status.generation
        assert self.rollout.spec.canary is None or status.stable_generation < status.generation

    @invariant()
    def it_survives_the_store(self) -> None:
        assert self.rollout == read(Rollout, decode_json(encode(self.rollout)))

    @invariant()
    def its_own_spec_again_changes_nothing(self) -> None:
        assert self.rollout == self.rollout.replace(self.rollout.spec, now=self.now)

    def _apply(self, spec: Spec) -> None:
        before = self.rollout
        after = before.replace(spec, now=self.now)
        allowed = [phases for action, phases in TRANSITIONS[before.status.phase].items() if action in BY_SPEC]

        assert before == after or after.status.phase in frozenset().union(*allowed)
        assert after == after.replace(spec, now=self.now)
        self.is_aborted = self.is_aborted and before.status.generation == after.status.generation
        self.rollout = after

    def _do(self, move: Callable[..., Rollout], action: Action) -> bool:
        before, text = self.rollout, encode(self.rollout)
        try:
            after = move(before, now=self.now)
        except IllegalMoveError:
            assert text == encode(before)
            return False

        assert text == encode(before)
        assert after.status.phase in TRANSITIONS[before.status.phase][action]
        assert after.status.generation >= before.status.generation
        self.is_aborted = action is Action.ABORT or (self.is_aborted and action not in {Action.RETRY, Action.START})
        self.rollout = after
        return True


def test_a_rollout_is_sound_whatever_is_done_to_it() -> None:
    run_state_machine_as_test(
        RolloutMachine,
        settings=settings(
            max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
