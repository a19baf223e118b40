"""How bad the canary may be by itself: an upper confidence bound of a rate that holds at every look.

Two sides without any error tell a comparison nothing; that the canary answered thousands of requests well does.
The evidence against "the rate is p", of s bad answers among n, is the beta-binomial mixture

    B(a + s, b + n − s) / B(a, b) / (p^s (1 − p)^(n − s))

(Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification",
Bernoulli 2022). Only rates above s/n are refuted here, and that holds too where the true rate drifts, for its mean so
far: what the mixture has of rates above p is then no more than its weight, so that its part below p refutes alone;
and that part stays an e-process, since a sum of trials of various rates varies less than one of their mean.
"""

from functools import lru_cache
from math import exp, lgamma, log, log1p, sqrt

from provider.domain.analysis.counts import Trials

# Newton's method takes fewer steps than ten; with very many requests, rounding hides when it has converged.
_MOST_STEPS, _PRECISION = 30, 1e-10
# A float cannot tell a rate with a higher logit from 1.
_HIGHEST_LOGIT = 30.0
# The mixture's prior weighs as half a bad answer, which keeps it sharp whether there are few or many.
_PRIOR_BAD = 0.5


# The bound of a sample is asked for when it is taken, and again when what is due is decided.
@lru_cache(maxsize=1_024)
def upper_bound(trials: Trials, *, beta: float, dispersion: float, tolerated: float) -> float:
    """Return the rate, from 0 to 1, that the true rate stays below at every sample, except with probability β.

    The bound is sharpest near `tolerated`, a rate that must not depend on the data. `dispersion` φ divides s and n.
    That is conservative for the same reason as in a comparison: each factor of the evidence is raised to 1/φ.
    """
    if trials.bad == trials.total:
        return 1.0
    bad, good = trials.bad / dispersion, (trials.total - trials.bad) / dispersion
    a, b = _PRIOR_BAD, _PRIOR_BAD / tolerated - _PRIOR_BAD
    missing = -log(beta) - _log_beta(a + bad, b + good) + _log_beta(a, b)
    # The evidence is convex in the logit of the rate and rises above s/n: from there on, Newton's method converges.
    logit = min(log((bad + 3 * sqrt(bad) + 3) / good), _HIGHEST_LOGIT)
    for _ in range(_MOST_STEPS):
        rate = 1 / (1 + exp(-logit))
        change = (missing + bad * log(rate) + good * log1p(-rate)) / (good * rate - bad * (1 - rate))
        logit = min(logit + change, _HIGHEST_LOGIT)
        if abs(change) < _PRECISION:
            break
    return 1 / (1 + exp(-logit))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
