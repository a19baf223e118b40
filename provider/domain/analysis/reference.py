"""The rate above which a canary without a stable beside it is worse than stable was."""

from provider.domain.analysis.bound import upper_bound
from provider.domain.analysis.counts import Trials
from provider.domain.analysis.settings import Analysis


def reference_rate(stable: Trials | None, settings: Analysis) -> float | None:
    """Return the rate, from 0 to 1, that stable's trials so far allow; None if nothing is known of stable."""
    if stable is None or stable.total == 0:
        return None
    bound = upper_bound(stable, beta=settings.beta, dispersion=settings.dispersion, tolerated=settings.tolerated_rate)
    return max(settings.tolerated_rate, bound)
