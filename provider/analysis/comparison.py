"""The canary against stable as two e-processes: is it worse, and is it not worse than the margin?

An e-process stays below 1/α for ever with a probability of at least 1 − α while its hypothesis holds (Ville's
inequality), so one may look after every window and stop at any of them. Each window is judged given its own number of
bad answers, so that weights and error rates may change from one to the next. After Turner, Ly and Grünwald, "Generic
E-variables for exact sequential k-sample tests that allow for optional stopping", JSPI 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log
from typing import Self

from provider.analysis.counts import Trials
from provider.analysis.hypergeometric import Margins
from provider.analysis.values import Value

# How much worse a canary may be is not known beforehand, so the evidence is shared out over these odds ratios.
ODDS = tuple(1.1 * (20 / 1.1) ** (k / 24) for k in range(25))


def log_mean(logs: Sequence[float]) -> float:
    """Give the log of the mean of values that are given by their logs."""
    largest = max(logs)
    return largest + log(fsum(exp(value - largest) for value in logs) / len(logs))


@dataclass(frozen=True)
class Comparison(Value):
    """What all windows so far say of one kind of bad answer; natural logs, 0 without data.

    `worse_by` holds log Π h(x; ψ) / h(x; 1) for each ψ of ODDS. `not_worse` is log Π h(x; 1) / h(x; margin).
    """

    worse_by: tuple[float, ...] = (0.0,) * len(ODDS)
    not_worse: float = 0.0

    def __post_init__(self) -> None:
        if len(self.worse_by) != len(ODDS):
            raise ValueError(f"the evidence is kept for {len(ODDS)} odds ratios, not {len(self.worse_by)}")

    @property
    def worse(self) -> float:
        """Give log E_F: the evidence against "the canary's odds of a bad answer are not above stable's"."""
        return log_mean(self.worse_by)

    def updated(self, *, canary: Trials, stable: Trials, margin: float, dispersion: float) -> Self:
        """Add a window.

        `dispersion` φ ≥ 1 is how many bad answers come as one: each window's ratios are raised to 1/φ, which is what
        counting every φ answers as one would give, without the rounding that would lose small windows. It is
        conservative: by Jensen's inequality a ratio with mean 1 has a mean of at most 1 after it, so that the
        e-process remains one whatever φ is; evidence grows φ times more slowly.
        """
        margins = Margins(canary=canary.total, stable=stable.total, bad=canary.bad + stable.bad)
        if not margins.is_informative:
            return self
        gains = (margins.log_ratio(canary.bad, odds=odds) / dispersion for odds in ODDS)
        return type(self)(
            worse_by=tuple(before + gain for before, gain in zip(self.worse_by, gains, strict=True)),
            not_worse=self.not_worse - margins.log_ratio(canary.bad, odds=margin) / dispersion,
        )
