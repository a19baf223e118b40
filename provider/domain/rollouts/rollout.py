"""A rollout and what may be done to it. Every operation returns a new rollout; time is an argument."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn, Self

from pydantic import Field, model_validator

from provider.domain.fields import Document
from provider.domain.fields.types import Name, WholeNumber, format_duration, parse_weight, weight_number
from provider.domain.rollouts.overrides import Override
from provider.domain.rollouts.scaling import ServingError, drained, scaled
from provider.domain.rollouts.shares import shares_of
from provider.domain.rollouts.spec import Mirror, Server, Side, SideName, Spec
from provider.domain.rollouts.status import Promotion, Status, StatusCode
from provider.domain.rollouts.steps import Step, higher_index, set_before
from provider.domain.rollouts.succession import (
    former_with,
    former_without,
    generations_of,
    makes_canary_stable,
    stable_change,
    stable_until,
    without_finished_canary,
)
from provider.domain.rollouts.transitions import TRANSITIONS, Action, IllegalMoveError, Phase
from provider.domain.rollouts.tries import TriesUsedUpError, tries_begun

ZERO = Decimal(0)
# What follows from a new spec, servers, the time or an earlier state, and is not asked for by its name alone.
_NOT_BY_NAME = {
    *(Action.EDIT, Action.REMOVE, Action.ADVANCE, Action.HOLD, Action.UNDO),
    *(Action.SCALE, Action.DRAIN, Action.UNDRAIN),
}
_ALONG_STEPS = {Action.PROMOTE, Action.SKIP}


class Rollout(Document):
    """A service, its stable side, and the canary that may be on its way.

    `version` is the store's revision that wrote it: it rises with every change and never comes back, not even
    when a rollout is deleted and made again.
    """

    name: Name
    version: WholeNumber = Field(ge=0)
    spec: Spec
    status: Status

    @model_validator(mode="after")
    def _has_what_its_phase_says(self) -> Self:
        phase = self.status.phase
        if (self.spec.canary is None) != (phase is Phase.HEALTHY):
            raise ValueError(f"status: phase {phase} {'has no' if phase is Phase.HEALTHY else 'needs a'} canary")
        if self.status.weight and phase in {Phase.HEALTHY, Phase.DEGRADED}:
            raise ValueError(f"status: weight must be 0 in phase {phase}")
        return self

    @classmethod
    def create(cls, name: str, spec: Spec, *, now: datetime, reason: str = "") -> Self:
        """Make a rollout that was never stored (version 0); a canary in the spec starts its steps at once."""
        status = Status(
            phase=Phase.HEALTHY,
            weight=ZERO,
            step_index=0,
            reason=_words("no canary", reason),
            since=now,
        )
        at_rest = cls(name=name, version=0, spec=spec.model_copy(update={"canary": None}), status=status)
        return at_rest.start(spec.canary, now=now, reason=reason) if spec.canary else at_rest

    @property
    def canary(self) -> Side | None:
        """The canary that may get traffic: none at rest, and none once it was aborted."""
        return None if self.status.phase is Phase.DEGRADED else self.spec.canary

    @property
    def sides(self) -> Mapping[SideName, Side]:
        """The sides that may get traffic, by name: a baseline only beside a canary, and once a server is known."""
        if not self.canary:
            return {"stable": self.spec.stable}
        return {name: side for name, side in self.spec.sides.items() if name != "baseline" or side.servers != ()}

    @property
    def shares(self) -> Mapping[SideName, Decimal]:
        """The percentage of the requests of each side that gets any by the weight."""
        return shares_of(self.status.weight if self.canary else ZERO, has_baseline="baseline" in self.sides)

    @property
    def attempt(self) -> int:
        """The generation of the canary, or of the stable version while there is no canary."""
        return self.status.generation if self.spec.canary else self.status.stable_generation

    @property
    def attempts(self) -> int:
        """How many tries the canary has had, the current or last one included; 0 without a canary."""
        return (self.status.attempts or 1) if self.spec.canary else 0

    @property
    def max_attempts(self) -> int | None:
        """After how many tries a retry is refused; None for no limit."""
        return self.spec.analysis.max_attempts if self.spec.analysis else None

    @property
    def is_out_of_tries(self) -> bool:
        """Tell whether the canary was aborted in the last try that it may have."""
        return (
            self.status.phase is Phase.DEGRADED
            and self.max_attempts is not None
            and self.attempts >= self.max_attempts
        )

    @property
    def mirror(self) -> Mirror | None:
        """The copies that the canary gets of stable's requests, as the steps may have changed them; None for none."""
        asked, percent = self.spec.mirror, self.status.mirror
        if self.canary is None or (asked is None and percent is None):
            return None
        given = asked or Mirror(percent=0)
        effective = given if percent is None else given.model_copy(update={"percent": percent})
        return effective if effective.percent else None

    @property
    def overrides(self) -> Sequence[Override]:
        """The requests that go to one side whatever the weight, as the steps may have changed them."""
        if self.canary is None:
            return ()
        return self.spec.overrides or () if self.status.overrides is None else self.status.overrides

    @property
    def is_held(self) -> bool:
        """Tell whether a person has set its weight, and it stays there until a person goes on."""
        return self.status.phase is Phase.PROGRESSING and not self.is_judging

    @property
    def is_judging(self) -> bool:
        """Tell whether an analysis step runs."""
        return self.status.analysis_since is not None

    @property
    def is_judged(self) -> bool:
        """Tell whether the canary is to be looked at: in an analysis step, or all the while it is on its way."""
        is_on_its_way = self.status.phase in {Phase.PROGRESSING, Phase.PAUSED}
        return is_on_its_way and (self.is_judging or self.is_unmeasured or self.spec.analysis is not None)

    @property
    def is_unmeasured(self) -> bool:
        """Tell whether the controller holds it as nothing could be measured, and no person has moved it since."""
        return self.status.reason_code is StatusCode.NOT_MEASURED

    @property
    def is_moving(self) -> bool:
        """Tell whether something may become of it that no person does."""
        return self.status.paused_until is not None or self.is_judged

    @property
    def step(self) -> Step | None:
        """The step that runs, or comes next while held; None behind the last one, and without any."""
        return self.steps[self.status.step_index] if self.status.step_index < len(self.steps) else None

    @property
    def steps(self) -> Sequence[Step]:
        """The steps, none being an empty list."""
        return self.spec.steps or ()

    @property
    def actions(self) -> list[Action]:
        """What a person may do now, in the order of the table."""
        hidden = _NOT_BY_NAME if self.steps else _NOT_BY_NAME | _ALONG_STEPS
        return [
            action
            for action in TRANSITIONS[self.status.phase]
            if action not in hidden and not (action is Action.RESUME and self.is_held and not self.steps)
        ]

    def start(self, canary: Side, *, now: datetime, reason: str = "", baseline: Side | None = None) -> Self:
        """Begin with a new canary: no traffic yet, then the steps from the first.

        Without a `baseline`, the one that the spec has stays.

        A version that was stable within the rollback window takes over at once: it is known to be good.
        """
        self._check(Action.START)
        started = self._with(
            spec=self.spec.model_copy(update={"canary": canary, "baseline": baseline or self.spec.baseline}),
            generation=self.status.generation + 1,
            attempts=tries_begun(canary, former=self.spec.canary, attempts=self.attempts),
        )
        until = stable_until(canary, self.status.former or (), now=now, window=self.spec.rollback_window)
        if until is None:
            return started._from_first_step(now=now, reason=reason)
        # Clocks of several machines differ by a little.
        known = f"it was stable {format_duration(max(now - until, timedelta()))} ago"
        restored = started._take_over(now=now, reason=_words(known, reason))
        # Who is rolled back from is not shown to be good, and must take the steps if it comes again.
        return restored._with(former=former_without(self.spec.stable, restored.status.former or ()))

    def retry(self, *, now: datetime, reason: str = "") -> Self:
        """Begin again with the canary that was aborted.

        It is a new attempt with a new name in Traefik: clients that were sticky to the aborted canary are split anew.
        Whether the canary may have another try is for the caller to check (`check_tries`).
        """
        self._check(Action.RETRY)
        begun = self._with(generation=self.status.generation + 1, attempts=self.attempts + 1)
        return begun._from_first_step(now=now, reason=reason)

    def check_tries(self) -> None:
        """Raise TriesUsedUpError where the canary has had as many tries as `analysis.maxAttempts` allows."""
        if self.max_attempts is not None and self.is_out_of_tries:
            raise TriesUsedUpError(self.name, self.attempts, self.max_attempts)

    def await_canary(self, *, now: datetime, reason: str = "") -> Self:
        """Wait without traffic before the first step, until the canary is known to be available."""
        begun = self._with(weight=ZERO, step_index=0, mirror=None, overrides=None)
        return begun._paused(now, now=now, reason=reason, why="waiting for the canary to be available")

    def set_weight(self, weight: Decimal, *, now: datetime, reason: str = "") -> Self:
        """Send so many per cent to the canary and hold there until a person goes on."""
        self._check(Action.SET_WEIGHT)
        return self._held(parse_weight(weight), now=now, reason=reason)

    def promote(self, *, now: datetime, reason: str = "") -> Self:
        """Go to the next step; behind the last one the canary becomes stable."""
        return self._go_on(Action.PROMOTE, now=now, reason=reason)

    def skip(self, *, now: datetime, reason: str = "") -> Self:
        """Go past the step that runs, whatever it waits for."""
        return self._go_on(Action.SKIP, now=now, reason=reason)

    def resume(self, *, now: datetime, reason: str = "") -> Self:
        """Go on after a pause or a hold by hand."""
        self._check(Action.RESUME)
        if self.status.phase is Phase.PAUSED and not self.steps:
            return self._placed(0)._held(self.status.weight, now=now, reason=reason)
        return self._go_on(Action.RESUME, now=now, reason=reason)

    def advance(self, *, now: datetime, reason: str = "") -> Self:
        """Go on by itself: a timed pause is over, or the analysis step that runs has come to an end.

        A rollout that was held as nothing could be measured begins the step anew that it was held in.

        Refused while neither can be; whether the verdict is good is for the caller to know.
        """
        self._check(Action.ADVANCE)
        if self.is_unmeasured and self.step and self.step.is_waiting:
            return self._waiting(now=now, reason=reason)
        until = self.status.paused_until
        if not self.is_judging and (until is None or now < until):
            self._refuse(Action.ADVANCE, "the pause is not over")
        return self._go_on(Action.ADVANCE, now=now, reason=reason)

    def hold(self, *, now: datetime, reason: str, reason_code: StatusCode | None = None) -> Self:
        """Stop going on by itself, as nobody can tell whether the canary is good: wait for a person.

        With NOT_MEASURED it waits for its sources as well.
        """
        self._check(Action.HOLD)
        if not self.is_judging and self.status.paused_until is None:
            self._refuse(Action.HOLD, "it does not advance automatically")
        why = "waiting for measurements" if reason_code else ""
        return self._paused(None, now=now, reason=reason, why=why)._with(reason_code=reason_code)

    def promote_full(self, *, now: datetime, reason: str = "") -> Self:
        """Make the canary stable now, whatever steps are left."""
        self._check(Action.PROMOTE_FULL)
        return self._take_over(now=now, reason=reason)

    def pause(self, *, now: datetime, reason: str = "") -> Self:
        """Hold at this weight until a person goes on; a timed pause forgets its time."""
        self._check(Action.PAUSE)
        # A weight by hand goes on with a higher step, also when it was paused meanwhile.
        at = self._with(step_index=higher_index(self.steps, self.status.weight)) if self.is_held else self
        return at._paused(None, now=now, reason=reason)

    def abort(self, *, now: datetime, reason: str = "") -> Self:
        """Send all traffic to stable in one change."""
        self._check(Action.ABORT)
        return self._with(
            phase=Phase.DEGRADED,
            weight=ZERO,
            reason=_words("aborted: all traffic is on stable", reason),
            since=now,
            **_WAITS_FOR_NOTHING,
        )

    def replace(self, spec: Spec, *, now: datetime, reason: str = "", replace_stable: bool = False) -> Self:
        """Take a new spec, and disturb no more than it asks for.

        A new canary starts the steps, a canary left out is withdrawn, other steps hold a canary where it is. The same
        spec again, or one whose canary has taken over since, changes nothing.

        Another stable version gets all traffic at once, and so only with `replace_stable`: a canary that is named as
        stable takes over; with any other version the canary of the spec begins again.

        Raises:
            StableChangedError: The spec names another stable version, and `replace_stable` is not set.
        """
        if spec != self.spec:
            spec = without_finished_canary(spec, current=self.spec, done=self.status.promoted)
        if spec == self.spec:
            return self
        change = stable_change(self.name, spec, current=self.spec, status=self.status)
        if change and not replace_stable:
            raise change
        is_promoted = makes_canary_stable(spec, current=self.spec)
        if change and not is_promoted:
            return self._with_other_stable(spec, now=now, reason=reason)
        before = self._take_over(now=now, reason=reason) if is_promoted else self
        edited = before._with(spec=spec)
        if spec.canary is None:
            return edited if before.spec.canary is None else edited._withdrawn(now=now, reason=reason)
        if before.spec.canary is None or not spec.canary.is_same_version(before.spec.canary):
            # The canary that there was tells which try it is.
            with_former = spec.model_copy(update={"canary": before.spec.canary})
            return before._with(spec=with_former).start(spec.canary, now=now, reason=reason)
        return edited if spec.steps == before.spec.steps else edited._repositioned(now=now, reason=reason)

    def scale(self, side: SideName, servers: tuple[Server, ...]) -> Self:
        """Give a side other servers of its version; whatever goes on goes on."""
        return self._serving(Action.SCALE, lambda spec: scaled(spec, side, servers))

    def drain(self, url: str) -> Self:
        """Let a server end what is under way, and get no new requests."""
        return self._serving(Action.DRAIN, lambda spec: drained(spec, url, is_draining=True))

    def undrain(self, url: str) -> Self:
        """Let a server that was draining get requests again."""
        return self._serving(Action.UNDRAIN, lambda spec: drained(spec, url, is_draining=False))

    def undo(self, earlier: Self, *, now: datetime, reason: str = "") -> Self:
        """Be again what it was earlier: the same spec, and a canary that had traffic is held at its weight.

        A side that is there now keeps its name in Traefik, and so its sticky clients; one that comes back has a new
        one, as another version may have had its own since, and so has a canary that was aborted. What is rolled back
        from is not shown to be good.
        """
        self._check(Action.UNDO)
        stable, canary = generations_of(
            earlier.spec, current=self.spec, stable=self.status.stable_generation, newest=self.status.generation
        )
        is_begun_again = self.status.phase is Phase.DEGRADED is not earlier.status.phase
        if is_begun_again and earlier.spec.canary and canary == self.status.generation:
            canary += 1
        former = self.status.former or ()
        if stable != self.status.stable_generation:
            former = former_without(earlier.spec.stable, former_without(self.spec.stable, former))
        # What was found out about the canary then counts no more: it begins again.
        back = self._with(
            spec=earlier.spec,
            stable_generation=stable,
            generation=canary,
            attempts=self._tries_of(earlier, generation=canary),
            former=former or None,
            started=now,
        )
        if earlier.spec.canary is None:
            return back._withdrawn(now=now, reason=reason, why="rolled back to a revision without a canary")
        held = back._placed(earlier.status.step_index)._held(earlier.status.weight, now=now, reason=reason)
        return held.abort(now=now, reason=reason) if earlier.status.phase is Phase.DEGRADED else held

    def _tries_of(self, earlier: Self, *, generation: int) -> int:
        """Count the tries of the canary of an earlier state, which comes back in a generation."""
        former, canary = self.spec.canary, earlier.spec.canary
        is_same = former is not None and canary is not None and canary.is_same_version(former)
        is_begun = generation != self.status.generation and earlier.status.phase is not Phase.DEGRADED
        return (self.attempts if is_same else earlier.attempts) + is_begun

    def _serving(self, action: Action, change: Callable[[Spec], Spec]) -> Self:
        self._check(action)
        try:
            return self._with(spec=change(self.spec))
        except ServingError as error:
            self._refuse(action, str(error))

    def _withdrawn(self, *, now: datetime, reason: str, why: str = "the canary was removed") -> Self:
        return self._with(
            phase=Phase.HEALTHY,
            weight=ZERO,
            step_index=0,
            reason=_words(why, reason),
            since=now,
            **_NO_CANARY,
        )

    def _with_other_stable(self, spec: Spec, *, now: datetime, reason: str) -> Self:
        """Send all traffic to another stable version; a canary is then compared with that one, from the start."""
        former = former_without(spec.stable, former_without(self.spec.stable, self.status.former or ()))
        newest = self.status.generation + 1
        replaced = self._with(
            spec=spec.model_copy(update={"canary": None}),
            stable_generation=newest,
            generation=newest,
            promoted=None,
            former=former or None,
        )._withdrawn(now=now, reason=reason, why="stable was replaced")
        if spec.canary is None:
            return replaced
        was_aborted = self.status.phase is Phase.DEGRADED and self.spec.canary is not None
        if was_aborted and self.spec.canary and spec.canary.is_same_version(self.spec.canary):
            again = replaced._with(spec=spec, generation=newest + 1, attempts=self.attempts, started=now)
            return again._with(phase=Phase.DEGRADED, reason=_words("aborted: all traffic is on stable", reason))
        started = replaced.start(spec.canary, now=now, reason=reason)
        if started.spec.canary is None:  # it was stable within the rollback window
            return started
        return started._with(attempts=tries_begun(spec.canary, former=self.spec.canary, attempts=self.attempts))

    def _repositioned(self, *, now: datetime, reason: str) -> Self:
        if self.status.phase is Phase.DEGRADED:
            return self._with(step_index=0)
        moved = self._with(step_index=higher_index(self.steps, self.status.weight))
        return moved._paused(None, now=now, reason=reason, why="the steps have changed")

    def _from_first_step(self, *, now: datetime, reason: str) -> Self:
        begun = self._with(weight=ZERO, step_index=0, started=now, mirror=None, overrides=None)
        if not self.steps:
            return begun._held(ZERO, now=now, reason=reason)
        return begun._walked(0, now=now, reason=reason)

    def _go_on(self, action: Action, *, now: datetime, reason: str = "") -> Self:
        self._check(action)
        if not self.steps:
            self._refuse(
                action,
                "the rollout has no steps; set a weight, or promote the canary to stable with full=true (--full)",
            )
        at = self._placed(higher_index(self.steps, self.status.weight) if self.is_held else self.status.step_index)
        ramp, weight = at.step.ramp if at.step else None, at.status.weight
        is_past = action is Action.SKIP and not self.is_held and ramp is not None and ramp.from_ <= weight
        if ramp and weight < ramp.to and not is_past:
            return at._with(weight=ramp.weight_above(weight))._waiting(now=now, reason=reason)
        return at._walked(at._next_index(), now=now, reason=reason)

    def _placed(self, index: int) -> Self:
        """Stand at a step, with what the steps before it have set: a hold by hand may have passed them over."""
        return self._with(step_index=index, **set_before(self.steps[:index]))

    def _next_index(self) -> int:
        is_at_wait = self.step is not None and self.step.is_waiting
        return self.status.step_index + 1 if is_at_wait else self.status.step_index

    def _walked(self, start: int, *, now: datetime, reason: str) -> Self:
        """Walk the steps up to the next one that waits, or to the end."""
        rollout = self
        for index in range(start, len(self.steps)):
            rollout = rollout._with(step_index=index)._with(**self.steps[index].sets)
            if self.steps[index].is_waiting:
                return rollout._waiting(now=now, reason=reason)
        return rollout._take_over(now=now, reason=reason)

    def _waiting(self, *, now: datetime, reason: str) -> Self:
        """Begin to wait for what the step waits for."""
        step = self.steps[self.status.step_index]
        if step.analysis:
            return self._judging(step.analysis.duration, now=now, reason=reason)
        if step.ramp:
            every = step.ramp.every
            why = f"ramping to {weight_number(step.ramp.to)}%, waiting {format_duration(every)}"
            return self._paused(now + every, now=now, reason=reason, why=why)
        duration = step.pause.duration if step.pause else None
        if duration is None:
            return self._paused(None, now=now, reason=reason)
        return self._paused(now + duration, now=now, reason=reason, why=f"waiting {format_duration(duration)}")

    def _judging(self, duration: timedelta | None, *, now: datetime, reason: str) -> Self:
        why = (
            f"analyzing the canary for {format_duration(duration)}"
            if duration
            else "analyzing the canary until the verdict is known"
        )
        return self._with(
            phase=Phase.PROGRESSING,
            reason=_words(why, reason),
            since=now,
            paused_until=None,
            analysis_since=now,
        )

    def _paused(self, until: datetime | None, *, now: datetime, reason: str, why: str = "") -> Self:
        return self._with(
            phase=Phase.PAUSED,
            reason=_words(why or "waiting for approval", reason),
            since=now,
            paused_until=until,
            analysis_since=None,
        )

    def _held(self, weight: Decimal, *, now: datetime, reason: str) -> Self:
        return self._with(
            phase=Phase.PROGRESSING,
            weight=weight,
            reason=_words(f"held at {weight_number(weight)}%", reason),
            since=now,
            **_WAITS_FOR_NOTHING,
        )

    def _take_over(self, *, now: datetime, reason: str) -> Self:
        canary = self.spec.canary
        assert canary is not None  # noqa: S101 every phase that leads here has one
        former = former_with(self.spec.stable, self.status.former or (), now=now)
        return self._with(
            spec=self.spec.model_copy(update={"stable": canary, "canary": None}),
            phase=Phase.HEALTHY,
            weight=ZERO,
            step_index=0,
            reason=_words("the canary is now stable", reason),
            since=now,
            stable_generation=self.status.generation,
            promoted=Promotion(stable=self.spec.stable, canary=canary),
            former=former_without(canary, former),
            **_NO_CANARY,
        )

    def _with(self, *, spec: Spec | None = None, **status: object) -> Self:
        if "since" in status:  # another state: the code of the one before does not hold any more
            status = {"reason_code": None, **status}
        changed = self.status.model_copy(update=status) if status else self.status
        return self.model_copy(update={"spec": spec or self.spec, "status": changed})

    def _check(self, action: Action) -> None:
        if action not in TRANSITIONS[self.status.phase]:
            raise IllegalMoveError(self.name, action, self.status.phase)

    def _refuse(self, action: Action, why: str) -> NoReturn:
        raise IllegalMoveError(self.name, action, self.status.phase, why)


_WAITS_FOR_NOTHING: dict[str, Any] = {"paused_until": None, "analysis_since": None}
_NO_CANARY: dict[str, Any] = {
    **_WAITS_FOR_NOTHING,
    "started": None,
    "attempts": None,
    "mirror": None,
    "overrides": None,
}


def _words(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what
