"""A rollout and what may be done to it. Every operation returns a new rollout; time is an argument."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NoReturn, Self

from pydantic import Field, model_validator

from provider.documents import Document, Moment
from provider.documents.fields import Name, Weight, WholeNumber, format_duration, parse_weight, weight_number
from provider.rollouts.spec import Side, Spec, Step
from provider.rollouts.transitions import TRANSITIONS, Action, IllegalMoveError, Phase

ZERO = Decimal(0)
# What follows from a new spec, or from the time, and is not asked for by its name.
_NOT_BY_NAME = {Action.EDIT, Action.WITHDRAW, Action.ADVANCE}
_ALONG_STEPS = {Action.PROMOTE, Action.SKIP}


class Promotion(Document):
    """The last canary that took over, and the side that it replaced.

    Kept so that a file from git that still names the two, applied again, is known to be done and does not send
    traffic back to the old version.
    """

    stable: Side
    canary: Side


class Status(Document):
    """Where a rollout stands. What follows from the spec is not repeated here.

    `generation` counts the sides that there ever were: the canary has the newest number and keeps it when it
    becomes stable. Traefik's services are named by it, so that a sticky client stays with its version and metrics
    of one version never run into the next one's.
    """

    phase: Phase
    weight: Weight
    step_index: WholeNumber = Field(ge=0, description="The step that runs, or that comes next while held.")
    reason: str
    since: Moment
    paused_until: Moment | None = None
    generation: WholeNumber = Field(default=1, ge=1)
    stable_generation: WholeNumber = Field(default=1, ge=1)
    promoted: Promotion | None = None


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
    def steps(self) -> Sequence[Step]:
        """The steps, none being an empty list."""
        return self.spec.steps or ()

    @property
    def actions(self) -> list[Action]:
        """What a person may do now, in the order of the table."""
        hidden = _NOT_BY_NAME if self.steps else _NOT_BY_NAME | _ALONG_STEPS
        is_held = self.status.phase is Phase.PROGRESSING
        return [
            action
            for action in TRANSITIONS[self.status.phase]
            if action not in hidden and not (action is Action.RESUME and is_held and not self.steps)
        ]

    def start(self, canary: Side, *, now: datetime, reason: str = "") -> Self:
        """Begin with a new canary: no traffic yet, then the steps from the first."""
        self._check(Action.START)
        started = self._with(
            spec=self.spec.model_copy(update={"canary": canary}),
            generation=self.status.generation + 1,
        )
        return started._from_first_step(now=now, reason=reason)

    def retry(self, *, now: datetime, reason: str = "") -> Self:
        """Begin again with the canary that was aborted."""
        self._check(Action.RETRY)
        return self._from_first_step(now=now, reason=reason)

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
            return self._held(self.status.weight, now=now, reason=reason)
        return self._go_on(Action.RESUME, now=now, reason=reason)

    def advance(self, *, now: datetime) -> Self:
        """Go on because a timed pause is over; refused while it is not."""
        self._check(Action.ADVANCE)
        until = self.status.paused_until
        if until is None or now < until:
            self._refuse(Action.ADVANCE, "the pause is not over")
        return self._go_on(Action.ADVANCE, now=now)

    def promote_full(self, *, now: datetime, reason: str = "") -> Self:
        """Make the canary stable now, whatever steps are left."""
        self._check(Action.PROMOTE_FULL)
        return self._take_over(now=now, reason=reason)

    def pause(self, *, now: datetime, reason: str = "") -> Self:
        """Hold at this weight until a person goes on; a timed pause forgets its time."""
        self._check(Action.PAUSE)
        return self._paused(None, now=now, reason=reason)

    def abort(self, *, now: datetime, reason: str = "") -> Self:
        """Send all traffic to stable in one change."""
        self._check(Action.ABORT)
        return self._with(
            phase=Phase.DEGRADED,
            weight=ZERO,
            reason=_words("aborted: all traffic is on stable", reason),
            since=now,
            paused_until=None,
        )

    def replace(self, spec: Spec, *, now: datetime, reason: str = "") -> Self:
        """Take a new spec, and disturb no more than it asks for.

        A new canary starts the steps, a canary left out is withdrawn, one that is now named as stable takes over,
        other steps hold a canary where it is. The same spec again, or one whose canary has taken over since,
        changes nothing.
        """
        if spec != self.spec:
            spec = self._without_finished_canary(spec)
        if spec == self.spec:
            return self
        before = self._take_over(now=now, reason=reason) if self._is_promoted_by(spec) else self
        edited = before._with(spec=spec)
        if spec.canary is None:
            return edited if before.spec.canary is None else edited._withdrawn(now=now, reason=reason)
        if before.spec.canary is None or not spec.canary.is_same_version(before.spec.canary):
            return edited.start(spec.canary, now=now, reason=reason)
        return edited if spec.steps == before.spec.steps else edited._repositioned(now=now, reason=reason)

    def _without_finished_canary(self, spec: Spec) -> Spec:
        done = self.status.promoted
        # Once another version is stable, the same canary is a new attempt.
        if done is None or spec.canary is None or not done.canary.is_same_version(self.spec.stable):
            return spec
        is_same_file = (spec.stable, spec.canary) == (done.stable, done.canary)
        is_tuned_file = (
            spec.stable.is_same_version(done.stable)
            and spec.canary.is_same_version(done.canary)
            # Sides that share a server tell too little to be recognised when they change.
            and not spec.stable.is_same_version(self.spec.stable)
            and not spec.stable.is_same_version(spec.canary)
        )
        is_finished = is_same_file or is_tuned_file
        return spec.model_copy(update={"stable": spec.canary, "canary": self.spec.canary}) if is_finished else spec

    def _is_promoted_by(self, spec: Spec) -> bool:
        canary = self.spec.canary
        return (
            canary is not None
            and spec.stable.is_same_version(canary)
            and not spec.stable.is_same_version(self.spec.stable)
        )

    def _withdrawn(self, *, now: datetime, reason: str) -> Self:
        return self._with(
            phase=Phase.HEALTHY,
            weight=ZERO,
            step_index=0,
            reason=_words("the canary was withdrawn", reason),
            since=now,
            paused_until=None,
        )

    def _repositioned(self, *, now: datetime, reason: str) -> Self:
        if self.status.phase is Phase.DEGRADED:
            return self._with(step_index=0)
        moved = self._with(step_index=self._higher_index())
        return moved._paused(None, now=now, reason=reason, why="the steps have changed")

    def _higher_index(self) -> int:
        """Find the step that goes on from a weight set by hand: the first that gives the canary more."""
        higher = (
            index
            for index, step in enumerate(self.steps)
            if step.set_weight is not None and step.set_weight > self.status.weight
        )
        return next(higher, len(self.steps))

    def _from_first_step(self, *, now: datetime, reason: str) -> Self:
        if not self.steps:
            return self._with(step_index=0)._held(ZERO, now=now, reason=reason)
        return self._with(weight=ZERO)._walked(0, now=now, reason=reason)

    def _go_on(self, action: Action, *, now: datetime, reason: str = "") -> Self:
        self._check(action)
        if not self.steps:
            self._refuse(action, "it has no steps: set a weight, or promote it in full")
        return self._walked(self._next_index(), now=now, reason=reason)

    def _next_index(self) -> int:
        if self.status.phase is Phase.PROGRESSING:
            return self._higher_index()
        index = self.status.step_index
        is_at_pause = index < len(self.steps) and self.steps[index].pause is not None
        return index + 1 if is_at_pause else index

    def _walked(self, start: int, *, now: datetime, reason: str) -> Self:
        """Walk the steps up to the next one that waits, or to the end."""
        rollout = self
        for index in range(start, len(self.steps)):
            step = self.steps[index]
            rollout = rollout._with(step_index=index)
            if step.set_weight is not None:
                rollout = rollout._with(weight=step.set_weight)
            if step.pause is not None:
                until = now + step.pause.duration if step.pause.duration else None
                why = f"waiting {format_duration(step.pause.duration)}" if step.pause.duration else ""
                return rollout._paused(until, now=now, reason=reason, why=why)
        return rollout._take_over(now=now, reason=reason)

    def _paused(self, until: datetime | None, *, now: datetime, reason: str, why: str = "") -> Self:
        return self._with(
            phase=Phase.PAUSED,
            reason=_words(why or "waiting for a person", reason),
            since=now,
            paused_until=until,
        )

    def _held(self, weight: Decimal, *, now: datetime, reason: str) -> Self:
        return self._with(
            phase=Phase.PROGRESSING,
            weight=weight,
            reason=_words(f"held at {weight_number(weight)} % by hand", reason),
            since=now,
            paused_until=None,
        )

    def _take_over(self, *, now: datetime, reason: str) -> Self:
        canary = self.spec.canary
        assert canary is not None  # noqa: S101 every phase that leads here has one
        return self._with(
            spec=self.spec.model_copy(update={"stable": canary, "canary": None}),
            phase=Phase.HEALTHY,
            weight=ZERO,
            step_index=0,
            reason=_words("the canary has become stable", reason),
            since=now,
            paused_until=None,
            stable_generation=self.status.generation,
            promoted=Promotion(stable=self.spec.stable, canary=canary),
        )

    def _with(self, *, spec: Spec | None = None, **status: object) -> Self:
        changed = self.status.model_copy(update=status) if status else self.status
        return self.model_copy(update={"spec": spec or self.spec, "status": changed})

    def _check(self, action: Action) -> None:
        if action not in TRANSITIONS[self.status.phase]:
            raise IllegalMoveError(self.name, action, self.status.phase)

    def _refuse(self, action: Action, why: str) -> NoReturn:
        raise IllegalMoveError(self.name, action, self.status.phase, why)


def _words(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what
