"""Simulated traffic: a canary beside stable on a ramp, while the error rate of both drifts."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, lgamma, log, pi, sin, sqrt
from random import Random

from provider.analysis import Counts, Window

WINDOW_SECONDS = 15
STEP_MINUTES = 5
WEIGHTS = tuple(percent / 100 for percent in range(5, 51, 5))
WINDOWS_A_STEP = STEP_MINUTES * 60 // WINDOW_SECONDS
MINUTES = len(WEIGHTS) * STEP_MINUTES
# The error rate of both sides swings around its mean as that of a service does whose load or neighbours change.
MEAN_ERRORS = 0.005
SWING = 0.8
SWING_MINUTES = 20


@dataclass(frozen=True)
class Cell:
    """What is simulated many times: requests a second, how much worse the canary is, how many errors come at once."""

    rate: float
    fault: float = 1
    burst: int = 1


@dataclass(frozen=True)
class Look:
    """What a method is shown: a window, and the minutes since the start of the ramp."""

    window: Window
    minutes: float


def looks(cell: Cell, random: Random) -> Iterator[Look]:
    """Give the windows of one ramp from 5 to 50 %, one after another."""
    phase = random.uniform(0, 2 * pi)
    for index in range(len(WEIGHTS) * WINDOWS_A_STEP):
        minutes = (index + 1) * WINDOW_SECONDS / 60
        errors = MEAN_ERRORS * (1 + SWING * sin(phase + 2 * pi * minutes / SWING_MINUTES))
        weight = WEIGHTS[index // WINDOWS_A_STEP]
        requests = cell.rate * WINDOW_SECONDS
        stable = _side(requests * (1 - weight), errors, cell.burst, random)
        canary = _side(requests * weight, min(1.0, errors * cell.fault), cell.burst, random)
        yield Look(Window(stable=stable, canary=canary), minutes)


def poisson(mean: float, random: Random) -> int:
    """Draw how many requests come where `mean` are expected."""
    return bisect_left(_poisson_table(mean), random.random())


def binomial(trials: int, probability: float, random: Random) -> int:
    """Draw how many of some trials go badly, by inversion: exact, and fast where few do.

    The mean must be below some 700, or the probability of 0, from which it starts, is none that a float can hold.
    """
    odds, left = probability / (1 - probability), random.random()
    term = (1 - probability) ** trials
    for bad in range(trials):
        if left < term:
            return bad
        left -= term
        term *= odds * (trials - bad) / (bad + 1)
    return trials


def _side(expected: float, errors: float, burst: int, random: Random) -> Counts:
    requests = poisson(expected, random)
    bursts = binomial(requests, errors / burst, random)
    return Counts(requests=requests, errors=min(requests, bursts * burst))


# There are two means for each weight and rate, so each table serves many thousand draws.
@lru_cache(maxsize=256)
def _poisson_table(mean: float) -> Sequence[float]:
    """Cumulate the probabilities of 0, 1, 2, … up to where the rest is less than a float can tell from 1."""
    table, total = [], 0.0
    for count in range(int(mean + 12 * sqrt(mean) + 30)):
        total += exp(count * log(mean) - mean - lgamma(count + 1))
        table.append(total)
    return table
