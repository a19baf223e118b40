"""What is aimed at, in one table, and how what was measured compares with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Figures = Mapping[str, float]
"""What was measured, by the name of its target and in its unit."""


@dataclass(frozen=True)
class Target:
    """A figure that is to be reached: at least so much, or at most."""

    what: str
    goal: float
    unit: str
    is_floor: bool = False

    def margin(self, value: float) -> float:
        """Tell how many times better than the goal a value is; below 1 the goal is not reached."""
        better, worse = (value, self.goal) if self.is_floor else (self.goal, value)
        return better / worse if worse else float("inf")

    def shown(self, value: float) -> str:
        """Write a value with its unit, in three digits or more."""
        return f"{value:,.3g} {self.unit}" if abs(value) < 1_000 else f"{value:,.0f} {self.unit}"

    @property
    def words(self) -> str:
        """Say what is aimed at."""
        return f"{'≥' if self.is_floor else '≤'} {self.shown(self.goal)}"


def _longer(peer: str, rollouts: int, times: float) -> Target:
    return Target(f"a shift among {rollouts:,}: {peer} takes so much longer", times, "times", is_floor=True)


_REDIS, _DEFAULTS = "the Redis provider, tuned,", "a Traefik at its defaults"

TARGETS: Mapping[str, Target] = {
    "propagation.redis.1": _longer(_REDIS, 1, 1),
    "propagation.redis.1000": _longer(_REDIS, 1_000, 2),
    "propagation.redis.5000": _longer(_REDIS, 5_000, 4),
    "propagation.redis.10000": _longer(_REDIS, 10_000, 5),
    "propagation.defaults.1": _longer(_DEFAULTS, 1, 200),
    "serving": Target("immediate polls a second, beside nginx with the same bytes", 0.2, "times", is_floor=True),
    "holding.cpu": Target("5,000 long polls, idle: CPU of the worker", 3, "% of a core"),
    "holding.memory": Target("5,000 long polls: memory of the worker", 400, "MB"),
    "holding.last": Target("5,000 long polls: the last one is answered after a change", 1_000, "ms"),
    "writing.one.p50": Target("a weight, one client, forced to disk: p50", 5, "ms"),
    "writing.fifty.rate": Target("weights, fifty clients, forced to disk", 500, "a second", is_floor=True),
    "writing.fifty.p99": Target("weights, fifty clients, forced to disk: p99", 150, "ms"),
    "starting": Target("10,000 rollouts: from the feed's start to the first body", 1_000, "ms"),
}


def verdict(target: Target, value: float) -> str:
    """Say whether a target is reached."""
    return "reached" if target.margin(value) >= 1 else "NOT reached"


def table(figures: Figures) -> Iterator[str]:
    """Give a line for each figure that has a target: what came out, what was aimed at, and by how much it differs."""
    yield f"{'':<66}{'figure':>18}{'target':>18}{'ratio':>8}"
    for name, value in figures.items():
        target = TARGETS[name]
        shown = target.shown(value)
        yield f"{target.what:<66}{shown:>18}{target.words:>18}{value / target.goal:>8.2f}  {verdict(target, value)}"


def as_document(figures: Figures) -> Mapping[str, Mapping[str, object]]:
    """Give the same as JSON's types, by the target's name."""
    return {
        name: {
            "what": TARGETS[name].what,
            "value": value,
            "unit": TARGETS[name].unit,
            "atLeast" if TARGETS[name].is_floor else "atMost": TARGETS[name].goal,
            "ratio": value / TARGETS[name].goal,
            "isReached": TARGETS[name].margin(value) >= 1,
        }
        for name, value in figures.items()
    }
