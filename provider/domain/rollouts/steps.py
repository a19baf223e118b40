"""The steps of a rollout: what each step sets and waits for."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from provider.domain.fields import Document, exactly_one, one_of
from provider.domain.fields.types import Duration, Weight, WholeNumber
from provider.domain.rollouts.overrides import MOST_OVERRIDES, Override


class Pause(Document):
    """Wait for a duration, or for manual approval."""

    duration: Duration | None = None
    """Length of the pause. Default: wait for manual approval."""


class AnalysisStep(Document):
    """Analyze the canary for a duration, or until the verdict is known."""

    model_config = one_of("duration", "until")

    duration: Duration | None = None
    """Length of the analysis."""
    until: Literal["known"] | None = None
    """`known` ends the step as soon as the canary is known to be good or bad."""
    deadline: Duration | None = None
    """Maximum length of a step with `until`. `analysis.onUndecided` sets what happens then."""

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if exactly_one(self, "duration", "until") == "duration" and self.deadline:
            raise ValueError("deadline requires until; a duration needs no deadline")
        return self


class Ramp(Document):
    """Increase the weight in equal steps, such as from 5 to 50 by 5 every `2m`."""

    from_: Weight = Field(alias="from")
    """First weight, in percent."""
    to: Weight
    """Last weight, in percent."""
    by: Weight
    """Increase per step, in percentage points."""
    every: Duration
    """Time at each weight."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.from_ < self.to:
            raise ValueError("from must be below to")
        if not self.by:
            raise ValueError("by must be above 0")
        return self

    def weight_above(self, weight: Decimal) -> Decimal:
        """Give the first weight of the ramp that is above another, and the last where none is."""
        if weight < self.from_:
            return self.from_
        rises = (weight - self.from_) // self.by + 1
        return min(self.from_ + rises * self.by, self.to)


class Step(Document):
    """One step of a rollout."""

    model_config = one_of("setWeight", "pause", "analysis", "ramp", "setMirror", "setOverride")

    set_weight: Weight | None = None
    """Weight of the canary in percent, with at most two decimals."""
    pause: Pause | None = None
    """Wait for a duration or for manual approval."""
    analysis: AnalysisStep | None = None
    """Analyze the canary."""
    ramp: Ramp | None = None
    """Increase the weight in equal steps."""
    set_mirror: WholeNumber | None = Field(default=None, ge=0, le=100)
    """Mirror this percentage of stable's requests to the canary, until the canary ends."""
    set_override: tuple[Override, ...] | None = Field(default=None, max_length=MOST_OVERRIDES)
    """Replace the overrides until the canary ends. `[]` removes all overrides."""

    @model_validator(mode="before")
    @classmethod
    def _pause_without_value(cls, given: Any) -> Any:
        # A line `- pause:` of YAML is a null.
        return {"pause": {}} if given == {"pause": None} else given

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        exactly_one(self, *type(self).model_fields)
        return self

    @property
    def weight(self) -> Decimal | None:
        """The canary's per cent once the step has begun; None where it stays what it was."""
        return self.ramp.from_ if self.ramp else self.set_weight

    @property
    def sets(self) -> dict[str, Any]:
        """What the step changes of a status, by field."""
        given = {"weight": self.weight, "mirror": self.set_mirror, "overrides": self.set_override}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def longest_wait(self) -> timedelta | None:
        """How long the step waits by itself, as far as it says so."""
        if self.analysis:
            return self.analysis.duration or self.analysis.deadline
        if self.ramp:
            return self.ramp.every
        return self.pause.duration if self.pause else None

    @property
    def is_waiting(self) -> bool:
        """Tell whether the next step comes later: after a time, a verdict, or when a person says so."""
        return bool(self.pause or self.analysis or self.ramp)


def higher_index(steps: Sequence[Step], weight: Decimal) -> int:
    """Find the step that goes on from a weight set by hand: the first that gives the canary more."""
    most = [step.ramp.to if step.ramp else step.set_weight or Decimal(0) for step in steps]
    return next((index for index, offered in enumerate(most) if offered > weight), len(steps))


def set_before(steps: Sequence[Step]) -> dict[str, Any]:
    """Give the copies and overrides behind some steps, by field of the status; None for what none of them has set."""
    found: dict[str, Any] = {"mirror": None, "overrides": None}
    for step in steps:
        found |= {name: value for name, value in step.sets.items() if name in found}
    return found
