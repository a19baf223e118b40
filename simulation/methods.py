"""Three ways to judge a canary, each shown one window after another until it would roll back."""

from datetime import timedelta
from typing import Protocol

from provider.analysis import Analysis, Evidence, Outcome, Window, judge
from simulation.peers import z_score
from simulation.traffic import WINDOW_SECONDS, Look

# As in provider.analysis.record.
_PERIOD = timedelta(minutes=5)


class Method(Protocol):
    """A way to judge; it keeps what it has seen of one ramp."""

    def rolls_back(self, look: Look) -> bool:
        """Take in a window and say whether the canary has to go."""


class Ours:
    """This project's, with its defaults; only errors are simulated, so only they are judged."""

    def __init__(self, *, dispersion: float = 1) -> None:
        self._settings = Analysis(metrics=("errors",), dispersion=dispersion)
        self._evidence = Evidence()
        self._totals = Window()
        self.passed_minutes: float | None = None
        """When the canary was first shown to be good."""

    def rolls_back(self, look: Look) -> bool:
        # Clocked as in the product; a window of the simulation is long enough to be closed at once.
        time = timedelta(minutes=look.minutes)
        unit = 2 * time // self._settings.sustained if self._settings.sustained else None
        self._evidence = self._evidence.updated(look.window, self._settings, period=time // _PERIOD, unit=unit)
        self._totals += look.window
        outcome = judge(self._evidence, self._totals, self._settings).outcome
        if outcome is Outcome.SUCCESSFUL and self.passed_minutes is None:
            self.passed_minutes = look.minutes
        return outcome is Outcome.FAILED


class StaticRule:
    """As Flagger does it: each minute below 99 % of success, or without data, is a strike; the fifth is the last."""

    _STRIKES = 5
    _HIGHEST_ERRORS = 0.01
    _WINDOWS = 60 // WINDOW_SECONDS

    def __init__(self) -> None:
        self._minute: list[Window] = []
        self._strikes = 0

    def rolls_back(self, look: Look) -> bool:
        self._minute.append(look.window)
        if len(self._minute) == self._WINDOWS:
            rate = sum(self._minute, Window()).canary.failing.rate
            self._strikes += rate is None or rate > self._HIGHEST_ERRORS
            self._minute.clear()
        return self._strikes >= self._STRIKES


class ZTest:
    """A test made for one look, at each look: two proportions, one-sided at 5 %, on all that was seen so far."""

    _CRITICAL = 1.645

    def __init__(self) -> None:
        self._totals = Window()

    def rolls_back(self, look: Look) -> bool:
        self._totals += look.window
        difference, error = z_score(self._totals.canary.failing, self._totals.stable.failing)
        return bool(error) and difference / error > self._CRITICAL
