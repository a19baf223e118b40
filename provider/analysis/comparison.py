"""The canary against stable as two e-processes: is it worse, and is it not worse than the margin?

An e-process stays below 1/α for ever with a probability of at least 1 − α while its hypothesis holds (Ville's
inequality), so one may look after every window and stop at any of them. Each window is judged given its own number of
bad answers, so that weights and error rates may change from one to the next. After Turner, Ly and Grünwald, "Generic
E-variables for exact sequential k-sample tests that allow for optional stopping", JSPI 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, fsum, log, log1p
from typing import Self

from provider.analysis.counts import Trials
from provider.analysis.hypergeometric import Margins
from provider.analysis.values import Value

# How much worse a canary may be is not known beforehand, so the evidence is shared out over these odds ratios.
ODDS = tuple(1.1 * (20 / 1.1) ** (k / 24) for k in range(25))


# A rate that stable may well have had: above it, a one-sided test of the canary alone says nothing.
_HIGHEST_REFERENCE = 0.5
_HIGHEST_RATE = 0.99


def log_mean(logs: Sequence[float]) -> float:
    """Give the log of the mean of values that are given by their logs."""
    largest = max(logs)
    return largest + log(fsum(exp(value - largest) for value in logs) / len(logs))


@dataclass(frozen=True)
class Comparison(Value):
    """What all windows so far say of one kind of bad answer; natural logs, 0 without data.

    A canary may break at any time, and what was good before must not weigh against that. So the evidence of "worse"
    is a mixture over the times at which it may have begun: the start in period j has the weight 1 / ((j + 1)(j + 2)),
    and the starts that have not come yet count 1 each. The weights sum to 1, so the mixture is an e-process, and α
    holds for the whole attempt (the idea of e-detectors: Shin, Ramdas and Rinaldo, 2022).

    `worse_by` holds, for each ψ of ODDS, the log of the sum of the products Π h(x; ψ0 · ψ) / h(x; ψ0) since each
    start so far, weighted; ψ0 is the odds ratio up to which a canary does not count as worse. `period` is that of the
    latest start. `not_worse` is log Π h(x; 1) / h(x; margin) over all windows.
    """

    worse_by: tuple[float, ...] = (-log(2),) * len(ODDS)
    not_worse: float = 0.0
    period: int = 0

    def __post_init__(self) -> None:
        if len(self.worse_by) != len(ODDS):
            raise ValueError(f"the evidence is kept for {len(ODDS)} odds ratios, not {len(self.worse_by)}")

    @property
    def worse(self) -> float:
        """Give log E_F: the evidence against "the canary's odds of a bad response are at most ψ0 times stable's"."""
        return _log_sum(log_mean(self.worse_by), -log(self.period + 2))

    def updated(
        self,
        *,
        canary: Trials,
        stable: Trials,
        margin: float,
        dispersion: float,
        worse_than: float = 1,
        reference: float | None = None,
        period: int = 0,
    ) -> Self:
        """Add a window.

        `period` is the number of the period that the window lies in, counted from the start of the attempt.
        `reference` is an upper bound of stable's rate, from 0 to 1, known before the window began. A window without
        any request to stable is compared with it: each odds ratio then stands for the rate `reference · ψ`, and the
        factor is that of a one-sample test. Both kinds of factor have a mean of at most 1 given the window's
        requests, so their product is an e-process.

        `dispersion` φ ≥ 1 is how many bad answers come as one: each window's ratios are raised to 1/φ, which is what
        counting every φ answers as one would give, without the rounding that would lose small windows. It is
        conservative: by Jensen's inequality a ratio with mean 1 has a mean of at most 1 after it, so that the
        e-process remains one whatever φ is; evidence grows φ times more slowly.
        """
        if stable.total == 0:
            if reference is None:
                return self
            return self._begun(period)._with(_gains_alone(canary, reference), 0.0, dispersion)
        margins = Margins(canary=canary.total, stable=stable.total, bad=canary.bad + stable.bad)
        if not margins.is_informative:
            return self
        return self._begun(period)._with(*_gains(margins, canary.bad, margin, worse_than), dispersion)

    def _begun(self, period: int) -> Self:
        """Add the starts of the periods since the latest one; their weights sum up to a difference of two."""
        if period <= self.period:
            return self
        weight = log(1 / (self.period + 2) - 1 / (period + 2))
        return replace(self, worse_by=tuple(_log_sum(before, weight) for before in self.worse_by), period=period)

    def _with(self, worse_by: Sequence[float], not_worse: float, dispersion: float) -> Self:
        return replace(
            self,
            worse_by=tuple(before + gain / dispersion for before, gain in zip(self.worse_by, worse_by, strict=True)),
            not_worse=self.not_worse + not_worse / dispersion,
        )


def _log_sum(one: float, other: float) -> float:
    """Return the log of the sum of two values that are given by their logs."""
    larger, smaller = max(one, other), min(one, other)
    return larger + log1p(exp(smaller - larger))


# One window is added to the evidence of the attempt and to that of the step: its factors are computed once.
@lru_cache(maxsize=256)
def _gains(margins: Margins, canary_bad: int, margin: float, worse_than: float) -> tuple[tuple[float, ...], float]:
    # The ratio of two laws rises with the canary's bad responses, so it has a mean of at most 1 for every odds ratio
    # below the one that it is held against, too.
    borne = margins.log_ratio(canary_bad, odds=worse_than)
    worse_by = tuple(margins.log_ratio(canary_bad, odds=worse_than * odds) - borne for odds in ODDS)
    return worse_by, -margins.log_ratio(canary_bad, odds=margin)


def _gains_alone(canary: Trials, reference: float) -> tuple[float, ...]:
    """Return log Π (q / p)^x ((1 − q) / (1 − p))^(n − x) for p = reference and each q = p · ψ."""
    if not 0 < reference < _HIGHEST_REFERENCE:
        return (0.0,) * len(ODDS)
    good = canary.total - canary.bad
    rates = (min(reference * odds, _HIGHEST_RATE) for odds in ODDS)
    return tuple(canary.bad * log(rate / reference) + good * (log1p(-rate) - log1p(-reference)) for rate in rates)
