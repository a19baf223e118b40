"""What an analysis can be expected to find, and when: formulas instead of a simulation, for plans and warnings.

The evidence of a comparison is a sum of the gains of its windows. Their mean and variance follow from the expected
requests and rates. The time until the sum reaches its threshold is about that of a Brownian motion. The tests compare
the results with the verdicts of the real judge on simulated traffic.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, log, log1p, sqrt

from provider.domain.analysis.bound import upper_bound
from provider.domain.analysis.comparison import ODDS, Comparison
from provider.domain.analysis.counts import Trials
from provider.domain.analysis.expected_windows import ExpectedWindows, expected_windows
from provider.domain.analysis.first_passage import (
    median_seconds,
    poisson_at_least,
    poisson_at_most,
    poisson_highest,
    reached,
)
from provider.domain.analysis.mixture import OMITTED
from provider.domain.analysis.record import CANARY_REQUESTS, STABLE_REQUESTS
from provider.domain.analysis.reference import reference_rate
from provider.domain.analysis.ruin import LEAST_BAD, SPAN
from provider.domain.analysis.settings import Analysis

# The evidence of the best odds ratio must make up for the others that it is averaged with, and for the start times.
_AVERAGED = 1.3
_TOTAL = 1.0
_MEDIAN = 0.5
_MOST_WINDOWS = 1_000


@dataclass(frozen=True)
class Rates:
    """A service's traffic: requests a second of all sides together, and shares of bad responses from 0 to 1."""

    requests: float
    errors: float
    slow: float


@dataclass(frozen=True)
class Stretch:
    """Some time at one weight. `share` is the canary's part of the requests, from 0 to 1."""

    share: float
    seconds: float


def rest(share: float) -> float:
    """Return the share of the requests that stable gets beside a canary alone."""
    return 1 - share


@dataclass(frozen=True)
class Forecast:
    """Forecasts for a canary of a service with some traffic, judged by some settings.

    `reference` gives the share of the side that the canary is compared with for a share of the canary, from 0 to 1.
    """

    settings: Analysis
    rates: Rates
    reference: Callable[[float], float] = rest

    def caught(self, stretches: Sequence[Stretch], factor: float) -> float:
        """Return the probability that a canary with `factor` times stable's errors fails within some stretches.

        The evidence adds up over them. An infinite factor is a canary that fails every request.
        """
        bad = self._canary_rate(factor)
        judged = self._without_warm_up(stretches)
        by_evidence = self._by_failures(judged) if bad == _TOTAL else self._by_evidence(judged, bad)
        survived = 1.0
        for one in stretches:
            survived *= 1 - self._ruined(one.share, one.seconds, bad)
        return max(by_evidence, 1 - survived)

    def caught_after(self, share: float, factor: float) -> float | None:
        """Return the median of the seconds until such a canary fails at one weight; None if not in thirty days."""
        return _caught_after(self, share, factor)

    def known_good(self, share: float, seconds: float) -> float:
        """Return the probability that a canary as good as stable is known to be good after so long at one weight."""
        judged = max(0.0, seconds - self._warm_up)
        probability = 1.0
        for rate in self._judged_rates:
            probability *= _either(self._not_worse(share, judged, rate), self._tolerable(share, judged, rate))
        return probability

    def known_good_after(self, share: float) -> float | None:
        """Return the median of the seconds until that is known; None if not in thirty days."""
        return _known_good_after(self, share)

    @property
    def alternatives(self) -> tuple[tuple[float, float], ...]:
        """Return the pairs of odds ratios that the evidence of "worse" compares: borne, and worse."""
        borne = self.settings.worse_than_odds
        return tuple((borne, borne * odds) for odds in ODDS)

    @property
    def _warm_up(self) -> float:
        return self.settings.warm_up.total_seconds()

    def _without_warm_up(self, stretches: Sequence[Stretch]) -> list[Stretch]:
        """Leave out the time after each rise of the weight in which samples are not judged."""
        shares = [0.0, *(one.share for one in stretches)]
        return [
            Stretch(one.share, max(0.0, one.seconds - (self._warm_up if one.share > before else 0.0)))
            for before, one in zip(shares, stretches, strict=False)
        ]

    @property
    def _judged_rates(self) -> Iterable[float]:
        rates = {"errors": self.rates.errors, "latency": self.rates.slow}
        return [rates[metric] for metric in self.settings.metrics]

    def _canary_rate(self, factor: float) -> float:
        return _TOTAL if factor == inf else min(_TOTAL, factor * self.rates.errors)

    def _by_evidence(self, stretches: Sequence[Stretch], bad: float) -> float:
        if "errors" not in self.settings.metrics:
            return 0.0
        pairs = self.alternatives
        total, stable = [(0.0, 0.0)] * len(pairs), 0.0
        for one in stretches:
            if one.share < 1:
                gains = self.gains(one, bad=bad, stable_bad=self.rates.errors, pairs=pairs)
            else:
                gains = self._gains_alone(one, bad=bad, stable=stable)
            stable += self.rates.requests * self.reference(one.share) * one.seconds
            total = [(m + mean, v + variance) for (m, v), (mean, variance) in zip(total, gains, strict=True)]
        bound = log(self.settings.failed_at) + _AVERAGED
        lost = self._left_out(stretches, bad)
        return max(
            reached(mean, variance, bound + max(0.0, less - OMITTED))
            for (mean, variance), less in zip(total, lost, strict=True)
        )

    def _left_out(self, stretches: Sequence[Stretch], bad: float) -> Sequence[float]:
        """Return what the evidence loses without the time that says most, for each alternative."""
        lost = [0.0] * len(self.alternatives)
        for one in stretches:
            canary = self._most_in_a_row(one, bad)
            stable = self._block * self.rates.requests * self.reference(one.share) * self.rates.errors
            part = self._part(one.share)
            for index, (borne, worse) in enumerate(self.alternatives):
                pooled = log((1 + part * (borne - 1)) / (1 + part * (worse - 1)))
                loss = canary * (log(worse / borne) + pooled) + stable * pooled
                lost[index] = max(lost[index], loss / self.settings.dispersion)
        return lost

    def _part(self, share: float) -> float:
        """Return the canary's part of the requests that are compared; 0 without any."""
        return share / (share + self.reference(share)) if share else 0.0

    @property
    def _block(self) -> float:
        """Return how many seconds are left out."""
        return self.settings.sustained.total_seconds()

    def _most_in_a_row(self, stretch: Stretch, bad: float) -> int:
        """Return the number of bad responses of the canary in the worst of the times that may be left out."""
        if not self._block:
            return 0
        mean, times = self._block * self.rates.requests * stretch.share * bad, 2 * stretch.seconds / self._block
        return poisson_highest(mean, exceeded=_MEDIAN / max(1.0, times))

    def _by_failures(self, stretches: Sequence[Stretch]) -> float:
        """Return the probability that so many requests to a canary that fails all of them are enough evidence."""
        failures = [one for one in stretches if 0 < one.share < 1]
        if not failures or "errors" not in self.settings.metrics:
            return 0.0
        share = self._part(failures[-1].share)
        mean = sum(self._sampled(one.seconds) * self.rates.requests * one.share for one in failures)
        settings = self.settings
        needed = _failures_needed(
            share, settings.margin, settings.worse_than_odds, settings.dispersion, settings.failed_at
        )
        return poisson_at_least(needed, mean)

    def _sampled(self, seconds: float) -> float:
        """Return how long requests count: they are seen by the sample that follows them."""
        return max(0.0, seconds - self.settings.interval.total_seconds() / 2)

    def _gains_alone(self, stretch: Stretch, *, bad: float, stable: float) -> Sequence[tuple[float, float]]:
        """Return the gains at 100%: the canary is compared with what the requests to stable before have shown."""
        before = Trials(round(stable), round(stable * self.rates.errors))
        reference = reference_rate(before, self.settings)
        if reference is None:
            return [(0.0, 0.0)] * len(ODDS)
        requests, spread = self.rates.requests * stretch.seconds, self.settings.dispersion
        return [
            (
                requests * (bad * log(odds) - log1p(reference * (odds - 1))) / spread,
                requests * bad * log(odds) ** 2 / spread**2,
            )
            for odds in ODDS
        ]

    def gains(
        self, stretch: Stretch, *, bad: float, stable_bad: float, pairs: tuple[tuple[float, float], ...]
    ) -> Sequence[tuple[float, float]]:
        """Return mean and variance of the log of h(x; second) / h(x; first), for each pair of odds ratios."""
        interval = self.settings.interval.total_seconds()
        compared = self.rates.requests * (stretch.share + self.reference(stretch.share))
        windows = expected_windows(compared, self._part(stretch.share), interval)
        if windows is None or stretch.seconds < windows.seconds:
            return [(0.0, 0.0)] * len(pairs)
        number, spread = stretch.seconds / windows.seconds, self.settings.dispersion
        moments = _moments(windows, bad, stable_bad, pairs)
        return [(number * mean / spread, number * variance / spread**2) for mean, variance in moments]

    def _ruined(self, share: float, seconds: float, bad: float) -> float:
        """Return the probability that most of the canary's requests fail, and enough of them within two minutes."""
        if bad <= 0.5 or self.rates.errors >= 0.25:
            return 0.0
        span = min(seconds, SPAN.total_seconds())
        at_once = poisson_at_least(LEAST_BAD, self.rates.requests * share * bad * self._sampled(span))
        survived: float = (1 - at_once) ** max(1.0, seconds / SPAN.total_seconds())
        return 1 - survived

    def _not_worse(self, share: float, seconds: float, rate: float) -> float:
        pairs = ((self.settings.margin, 1.0),)
        ((mean, variance),) = self.gains(Stretch(share, seconds), bad=rate, stable_bad=rate, pairs=pairs)
        return reached(mean, variance, log(1 / self.settings.beta))

    def _tolerable(self, share: float, seconds: float, rate: float) -> float:
        requests = round(self.rates.requests * share * seconds)
        return poisson_at_most(most_tolerable(requests, self.settings), rate * requests)


# A page shows the same plan again and again, until the traffic has changed.
@lru_cache(maxsize=4_096)
def _caught_after(forecast: Forecast, share: float, factor: float) -> float | None:
    return median_seconds(lambda seconds: forecast.caught([Stretch(share, seconds)], factor))


@lru_cache(maxsize=4_096)
def _known_good_after(forecast: Forecast, share: float) -> float | None:
    return median_seconds(lambda seconds: forecast.known_good(share, seconds))


@lru_cache(maxsize=256)
def _failures_needed(share: float, margin: float, worse_than: float, dispersion: float, failed_at: float) -> int:
    """Return after how many failed requests in a row, in windows as small as they come, the canary has failed."""
    expected = CANARY_REQUESTS * (1 - share) / share
    # With fewer requests to stable than expected, a window says less.
    stable = max(STABLE_REQUESTS, round(expected - sqrt(expected)))
    comparison, windows = Comparison(), 0
    while comparison.worse < log(failed_at) and windows < _MOST_WINDOWS:
        windows += 1
        comparison = comparison.updated(
            canary=Trials(CANARY_REQUESTS, CANARY_REQUESTS),
            stable=Trials(stable, 0),
            margin=margin,
            dispersion=dispersion,
            worse_than=worse_than,
        )
    return windows * CANARY_REQUESTS


@lru_cache(maxsize=1_024)
def _moments(
    windows: ExpectedWindows, bad: float, stable_bad: float, pairs: tuple[tuple[float, float], ...]
) -> Sequence[tuple[float, float]]:
    """Return mean and variance of what one window adds, as if its bad responses were few and independent."""
    number = len(windows.requests)
    return [
        (
            sum(canary * bad * hit + stable * stable_bad * other for canary, stable, hit, other in terms) / number,
            sum(canary * bad * hit**2 + stable * stable_bad * other**2 for canary, stable, hit, other in terms)
            / number,
        )
        for terms in ([*_terms(windows, first, second)] for first, second in pairs)
    ]


def _terms(windows: ExpectedWindows, first: float, second: float) -> Iterator[tuple[int, int, float, float]]:
    """Yield the requests of each window, and what one bad response of the canary, or of stable, adds."""
    for canary, stable in windows.requests:
        other = log((first * canary + stable) / (second * canary + stable))
        yield canary, stable, log(second / first) + other, other


def _either(one: float, other: float) -> float:
    """Return the probability of one or the other of two events that a lucky canary makes likelier together."""
    independent = 1 - (1 - one) * (1 - other)
    return (independent + max(one, other)) / 2


def most_tolerable(requests: int, settings: Analysis) -> int:
    """Return with how many bad responses of so many requests the rate is surely below `tolerated`; -1 for none."""

    def is_tolerable(bad: int) -> bool:
        bound = upper_bound(
            Trials(requests, bad),
            beta=settings.beta,
            dispersion=settings.dispersion,
            tolerated=settings.tolerated_rate,
        )
        return bound < settings.tolerated_rate

    low, high = -1, ceil(requests * settings.tolerated_rate)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_tolerable(middle) else (low, middle - 1)
    return low
