"""The steps of a rollout as stretches of time at a weight: what a plan is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from provider.domain.rollouts.spec import Spec
from provider.domain.rollouts.steps import Ramp, Step

# A ramp may have ten thousand weights; so many of them are as good for a forecast.
_MOST_WEIGHTS = 40


@dataclass(frozen=True)
class Stage:
    """A step that waits: its number, the weights in percent that it holds, and for how long each; None if it is open.

    `is_judged` tells whether the canary is judged meanwhile.
    """

    index: int
    step: Step
    weights: Sequence[Decimal]
    each: timedelta | None
    is_judged: bool

    @property
    def seconds(self) -> float | None:
        """Return how long the step takes by itself; None if a person or a verdict ends it."""
        return None if self.each is None else self.each.total_seconds() * len(self.weights)


def stages(spec: Spec) -> Iterator[Stage]:
    """Yield the steps that wait, with the weights that the steps before them set."""
    weight, is_always = Decimal(0), spec.analysis is not None
    for index, step in enumerate(spec.steps or ()):
        weight = step.weight if step.weight is not None else weight
        if step.ramp:
            weights, each = _of_ramp(step.ramp)
            yield Stage(index, step, weights, each, is_always)
            weight = step.ramp.to
        elif step.is_waiting:
            yield Stage(index, step, (weight,), step.longest_wait, is_always or step.analysis is not None)


def _of_ramp(ramp: Ramp) -> tuple[Sequence[Decimal], timedelta]:
    """Return the weights of a ramp and how long each is held, or fewer weights that are held for longer."""
    number = int((ramp.to - ramp.from_) // ramp.by) + 1
    # The last rise may be a smaller one.
    number += ramp.from_ + (number - 1) * ramp.by < ramp.to
    shown = min(number, _MOST_WEIGHTS)
    rise = (ramp.to - ramp.from_) / max(1, shown - 1)
    return [ramp.from_ + rise * place for place in range(shown)], ramp.every * number / shown
