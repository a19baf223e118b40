"""How other tools judge a canary's errors, as pure statistics, and as methods that see one window after another."""

from collections.abc import Sequence
from math import ceil, erfc, inf, log, sqrt

from provider.analysis import Trials, Window
from simulation.traffic import MINUTES, WINDOW_SECONDS, Look

_WINDOWS_A_MINUTE = 60 // WINDOW_SECONDS


def z_score(canary: Trials, stable: Trials) -> tuple[float, float]:
    """Return the difference of two rates and its standard error, pooled over time; an error of 0 says nothing."""
    total = canary.total + stable.total
    pooled = (canary.bad + stable.bad) / total if total else 0.0
    if not 0 < pooled < 1 or not canary.total or not stable.total:
        return 0.0, 0.0
    difference = canary.bad / canary.total - stable.bad / stable.total
    return difference, sqrt(pooled * (1 - pooled) * (1 / canary.total + 1 / stable.total))


def msprt(canary: Trials, stable: Trials, *, tau: float) -> float:
    """Return the log of the mixture likelihood ratio of "worse" against "equal".

    The mixture is over half of a normal law of the difference, with the standard deviation `tau`. After Johari,
    Pekelis and Walsh, "Always valid inference" (2015), one-sided.
    """
    difference, error = z_score(canary, stable)
    if not error:
        return 0.0
    variance, both = error**2, error**2 + tau**2
    weight = erfc(-difference * tau / sqrt(2 * variance * both))  # 2 Φ(…)
    if weight <= 0:
        return -inf
    return 0.5 * log(variance / both) + difference**2 * tau**2 / (2 * variance * both) + log(weight)


def least_shift(canary: Sequence[float], stable: Sequence[float], *, z: float) -> float:
    """Return the lower confidence bound of the shift between two samples, by Mann and Whitney's rank sum.

    It is the k-th of all differences in order, with k by the normal approximation; -inf for too small samples.
    """
    pairs = len(canary) * len(stable)
    rank = pairs / 2 - z * sqrt(pairs * (len(canary) + len(stable) + 1) / 12)
    if rank < 1:
        return -inf
    return sorted(one - other for one in canary for other in stable)[ceil(rank) - 1]


def obrien_fleming(look: int, *, looks: int, constant: float) -> float:
    """Return the z-score that a look, counted from 1, must exceed (Jennison and Turnbull, 2000, table 2.3)."""
    return constant * sqrt(looks / look)


class FailureLimit:
    """As Argo Rollouts does it: each minute below 95% of success fails, and more than three failures are too many."""

    _LIMIT = 3
    _HIGHEST_ERRORS = 0.05

    def __init__(self) -> None:
        self._minute: list[Window] = []
        self._failures = 0

    def rolls_back(self, look: Look) -> bool:
        self._minute.append(look.window)
        if len(self._minute) == _WINDOWS_A_MINUTE:
            rate = sum(self._minute, Window()).canary.failing.rate
            self._failures += rate is not None and rate > self._HIGHEST_ERRORS
            self._minute.clear()
        return self._failures > self._LIMIT


class MannWhitney:
    """As Kayenta does it: ten rates of a minute each, against stable's; a shift surely above a quarter fails."""

    _RATES = 10
    _TOLERANCE = 0.25
    _Z = 2.326  # 98%, two-sided

    def __init__(self) -> None:
        self._minute: list[Window] = []
        self._rates: list[tuple[float, float]] = []

    def rolls_back(self, look: Look) -> bool:
        self._minute.append(look.window)
        if len(self._minute) < _WINDOWS_A_MINUTE:
            return False
        window = sum(self._minute, Window())
        self._minute.clear()
        canary, stable = window.canary.failing.rate, window.stable.failing.rate
        if canary is not None and stable is not None:
            self._rates.append((canary, stable))
        if len(self._rates) < self._RATES:
            return False
        canaries = [one for one, _ in self._rates]
        stables = [other for _, other in self._rates]
        self._rates.clear()
        return least_shift(canaries, stables, z=self._Z) > self._TOLERANCE * sum(stables) / len(stables)


class MixtureSprt:
    """As experiment platforms do it: the mixture sequential probability ratio test on the totals so far, at 5%."""

    _TAU = 0.01
    _THRESHOLD = log(1 / 0.05)

    def __init__(self) -> None:
        self._totals = Window()

    def rolls_back(self, look: Look) -> bool:
        self._totals += look.window
        return msprt(self._totals.canary.failing, self._totals.stable.failing, tau=self._TAU) >= self._THRESHOLD


class GroupSequential:
    """A group sequential test: six looks at the totals so far, by O'Brien and Fleming's bounds, one-sided at 5%."""

    _LOOKS = 6
    _CONSTANT = 1.765

    def __init__(self) -> None:
        self._totals = Window()
        self._done = 0

    def rolls_back(self, look: Look) -> bool:
        self._totals += look.window
        due = int(look.minutes * self._LOOKS / MINUTES + 1e-9)
        if due <= self._done:
            return False
        self._done = due
        difference, error = z_score(self._totals.canary.failing, self._totals.stable.failing)
        bound = obrien_fleming(due, looks=self._LOOKS, constant=self._CONSTANT)
        return bool(error) and difference / error > bound
