"""How the requests are shared out among the sides of a rollout.

A baseline gets as many requests as the canary, so that both are as warm and as loaded. At every weight, stable keeps
a fifth of what the canary leaves. It stays warm for a rollback, keeps its sticky clients, and shows whether canary
and baseline fail because of what they share. Above 44.44% the baseline therefore gets less than the canary.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal

from provider.domain.analysis.forecast import rest
from provider.domain.rollouts.spec import SideName, Spec

_MOST_OF_REST = Decimal("0.8")
_SMALLEST = Decimal("0.01")


def shares_of(weight: Decimal, *, has_baseline: bool) -> Mapping[SideName, Decimal]:
    """Return the percentage of the requests of each side that gets any, for a weight of the canary in percent."""
    rest = 100 - weight
    most = (rest * _MOST_OF_REST).quantize(_SMALLEST, ROUND_DOWN)
    baseline = min(weight, most) if has_baseline else Decimal(0)
    shares: dict[SideName, Decimal] = {"stable": rest - baseline, "canary": weight, "baseline": baseline}
    return {side: share for side, share in shares.items() if share}


def compared_share(spec: Spec) -> Callable[[float], float]:
    """Return a function of the canary's share, from 0 to 1: the share of the side that it is compared with."""
    return _of_baseline if spec.baseline else rest


def _of_baseline(share: float) -> float:
    return min(share, float(_MOST_OF_REST) * (1 - share))
