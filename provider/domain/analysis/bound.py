"""How bad the canary may be by itself: an upper confidence bound of a rate that holds at every look.

Two sides without any error tell a comparison nothing; that the canary answered thousands of requests well does.
The evidence against "the rate is p", of s bad answers among n, is the beta-binomial mixture

    B(a + s, b + n − s) / B(a, b) / (p^s (1 − p)^(n − s))

(Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification",
Bernoulli 2022). Only rates above s/n are refuted here, and that holds too where the true rate drifts, for its mean so
far: what the mixture has of rates above p is then no more than its weight, so that its part below p refutes alone;
and that part stays an e-process, since a sum of trials of various rates varies less than one of their mean.
"""

from collections.abc import Callable
from functools import lru_cache
from math import lgamma, log, log1p

from provider.domain.analysis.counts import Trials

# The bound is found by halving an interval: it is exact to about 1e-10.
_HALVINGS = 32
# The mixture's prior weighs as half a bad answer, which keeps it sharp whether there are few or many.
_PRIOR_BAD = 0.5


# The bound of a sample is asked for when it is taken, and again when what is due is decided.
@lru_cache(maxsize=1_024)
def upper_bound(trials: Trials, *, beta: float, dispersion: float, tolerated: float) -> float:
    """Give the rate, from 0 to 1, which the canary's true rate stays below at every look, but for a probability of β.

    The bound is sharpest near `tolerated`, a rate that must not depend on the data. `dispersion` φ divides s and n.
    That is conservative for the same reason as in a comparison: each factor of the evidence is raised to 1/φ.
    """
    if trials.bad == trials.total:
        return 1.0
    evidence = _log_evidence_against(trials, dispersion=dispersion, tolerated=tolerated)
    low, high = trials.rate or 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if evidence(middle) >= -log(beta) else (middle, high)
    return high


def _log_evidence_against(trials: Trials, *, dispersion: float, tolerated: float) -> Callable[[float], float]:
    bad, good = trials.bad / dispersion, (trials.total - trials.bad) / dispersion
    a, b = _PRIOR_BAD, _PRIOR_BAD / tolerated - _PRIOR_BAD
    seen = _log_beta(a + bad, b + good) - _log_beta(a, b)
    return lambda rate: seen - bad * log(rate) - good * log1p(-rate)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
