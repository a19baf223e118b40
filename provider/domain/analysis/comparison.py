"""The canary against stable as two e-processes: is it worse, and is it not worse than the margin?

An e-process stays below 1/α for ever with a probability of at least 1 − α while its hypothesis holds (Ville's
inequality), so one may look after every window and stop at any of them. Each window is judged given its own number of
bad answers, so that weights and error rates may change from one to the next. After Turner, Ly and Grünwald, "Generic
E-variables for exact sequential k-sample tests that allow for optional stopping", JSPI 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import log, log1p
from typing import Self

from provider.domain.analysis.counts import Trials
from provider.domain.analysis.hypergeometric import Margins
from provider.domain.analysis.mixture import Mixture
from provider.domain.analysis.values import Value

# How much worse a canary may be is not known beforehand, so the evidence is shared out over these odds ratios.
ODDS = tuple(1.1 * (20 / 1.1) ** (k / 24) for k in range(25))
# Durations are compared at many bucket edges: fewer odds ratios there cost little evidence, and most of the time.
EDGE_ODDS = tuple(1.2 * (20 / 1.2) ** (k / 5) for k in range(6))

# A rate that stable may well have had: above it, a one-sided test of the canary alone says nothing.
_HIGHEST_REFERENCE = 0.5
# The log of what one bad response is worth where none is allowed; enough for every dispersion and every α.
_CERTAINTY = 1e6


@dataclass(frozen=True)
class Comparison(Value):
    """What all windows so far say of one kind of bad answer; natural logs, 0 without data.

    `evidence` is the mixture of Π h(x; ψ0 · ψ) / h(x; ψ0) over each odds ratio ψ; ψ0 is the odds ratio up to which a
    canary does not count as worse. `not_worse` is log Π h(x; 1) / h(x; margin) over all windows.
    """

    evidence: Mixture = field(default_factory=Mixture)
    not_worse: float = 0.0

    def __post_init__(self) -> None:
        if len(self.evidence.sums) not in {0, len(ODDS), len(EDGE_ODDS)}:
            wanted = f"{len(ODDS)} or {len(EDGE_ODDS)} odds ratios"
            raise ValueError(f"the evidence is kept for {wanted}, not {len(self.evidence.sums)}")

    @property
    def worse(self) -> float:
        """Give log E_F: the evidence against "the canary's odds of a bad response are at most ψ0 times stable's"."""
        return self.evidence.value

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
        unit: int | None = None,
        odds: tuple[float, ...] = ODDS,
    ) -> Self:
        """Add a window.

        `period` and `unit` are the numbers of those that the window lies in, counted from the start of the attempt;
        `Mixture` explains them.
        `reference` is an upper bound of stable's rate, from 0 to 1, known before the window began. A window without
        any request to stable is compared with it: the factor is then that of a one-sample test. Both kinds of factor
        have a mean of at most 1 given the window's requests, so their product is an e-process.

        `dispersion` φ ≥ 1 is how many bad answers come as one: each window's ratios are raised to 1/φ, which is what
        counting every φ answers as one would give, without the rounding that would lose small windows. It is
        conservative: by Jensen's inequality a ratio with mean 1 has a mean of at most 1 after it, so that the
        e-process remains one whatever φ is; evidence grows φ times more slowly.
        """
        if stable.total == 0:
            if reference is None:
                return self
            is_known = 0 < reference < _HIGHEST_REFERENCE
            gains = one_sample_gains(canary, reference, odds=odds) if is_known else (0.0,) * len(odds)
            return self._with(gains, 0.0, dispersion, period=period, unit=unit)
        margins = Margins(canary=canary.total, stable=stable.total, bad=canary.bad + stable.bad)
        if not margins.is_informative:
            return self
        return self._with(
            *_gains(margins, canary.bad, margin, worse_than, odds), dispersion, period=period, unit=unit
        )

    def _with(
        self, gains: Sequence[float], not_worse: float, dispersion: float, *, period: int, unit: int | None
    ) -> Self:
        evidence = self.evidence.updated([gain / dispersion for gain in gains], period=period, unit=unit)
        return type(self)(evidence=evidence, not_worse=self.not_worse + not_worse / dispersion)


def one_sample_gains(trials: Trials, rate: float, *, odds: tuple[float, ...] = ODDS) -> tuple[float, ...]:
    """Return, for each ψ of `odds`, the log of the likelihood ratio of the odds ψ · p / (1 − p) against p = `rate`.

    The ratio has a mean of at most 1 for every true rate up to p: a mixture of them tests "the rate is at most p". A
    rate of 0 is refuted by one bad response.
    """
    if rate <= 0:
        return (_CERTAINTY if trials.bad else 0.0,) * len(odds)
    return tuple(trials.bad * log(ratio) - trials.total * log1p(rate * (ratio - 1)) for ratio in odds)


# One window is added to the evidence of the attempt and to that of the step: its factors are computed once.
@lru_cache(maxsize=256)
def _gains(
    margins: Margins, canary_bad: int, margin: float, worse_than: float, odds: tuple[float, ...]
) -> tuple[tuple[float, ...], float]:
    # The ratio of two laws rises with the canary's bad responses, so it has a mean of at most 1 for every odds ratio
    # below the one that it is held against, too.
    borne = margins.log_ratio(canary_bad, odds=worse_than)
    worse_by = tuple(margins.log_ratio(canary_bad, odds=worse_than * ratio) - borne for ratio in odds)
    return worse_by, -margins.log_ratio(canary_bad, odds=margin)
