"""The canary against stable as two e-processes: is it worse, and is it not worse than the margin?

An e-process stays below 1/α for ever with a probability of at least 1 − α while its hypothesis holds (Ville's
inequality), so the evidence may be read after every window. Each window is judged given its own number of bad
responses, so that weights and error rates may change from one to the next. After Turner, Ly and Grünwald, "Generic
E-variables for exact sequential k-sample tests that allow for optional stopping", JSPI 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, log1p
from typing import Self

from provider.domain.analysis.counts import Trials
from provider.domain.analysis.hypergeometric import Margins
from provider.domain.analysis.mixture import Mixture
from provider.domain.analysis.values import Value

# How much worse a canary may be is not known beforehand, so the evidence is shared out over these odds ratios. A
# finer grid finds nothing sooner: what lies between two of them is found by either almost as well.
ODDS = tuple(1.2 * (20 / 1.2) ** (k / 7) for k in range(8))

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
        if len(self.evidence.sums) not in {0, len(ODDS)}:
            raise ValueError(f"the evidence is kept for {len(ODDS)} odds ratios, not {len(self.evidence.sums)}")

    @property
    def worse(self) -> float:
        """Give log E_F: the evidence against "the canary's odds of a bad response are at most ψ0 times stable's"."""
        return self.evidence.value

    def since(self, not_worse: float) -> Self:
        """Return it without the evidence of a good canary that there was at a moment."""
        return type(self)(self.evidence, self.not_worse - not_worse) if not_worse else self

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
        if stable.total:
            bad = canary.bad + stable.bad
            if not bad:
                return self
            margins = Margins(canary=canary.total, stable=stable.total, bad=bad)
            if not margins.is_informative:
                return self
            gains, not_worse = _gains(margins, canary.bad, margin=margin, worse_than=worse_than)
        elif reference is not None:
            is_known = 0 < reference < _HIGHEST_REFERENCE
            gains, not_worse = one_sample_gains(canary, reference) if is_known else [0.0] * len(ODDS), 0.0
        else:
            return self
        evidence = self.evidence.updated([gain / dispersion for gain in gains], period=period, unit=unit)
        return type(self)(evidence=evidence, not_worse=self.not_worse + not_worse / dispersion)


def one_sample_gains(trials: Trials, rate: float) -> list[float]:
    """Return, for each ψ of ODDS, the log of the likelihood ratio of the odds ψ · p / (1 − p) against p = `rate`.

    The ratio has a mean of at most 1 for every true rate up to p: a mixture of them tests "the rate is at most p". A
    rate of 0 is refuted by one bad response.
    """
    if rate <= 0:
        return [_CERTAINTY if trials.bad else 0.0] * len(ODDS)
    return [trials.bad * log(ratio) - trials.total * log1p(rate * (ratio - 1)) for ratio in ODDS]


def _gains(margins: Margins, canary_bad: int, *, margin: float, worse_than: float) -> tuple[Sequence[float], float]:
    """Return what a window adds for each ψ of ODDS, and to `not_worse`.

    The ratio of two laws rises with the canary's bad responses, so it has a mean of at most 1 for every odds ratio
    below the one that it is held against, too.
    """
    borne, at_margin, *worse = margins.log_ratios(
        canary_bad, [worse_than, margin, *[worse_than * ratio for ratio in ODDS]]
    )
    return [ratio - borne for ratio in worse], -at_margin
