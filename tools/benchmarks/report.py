"""What was measured, for people and for machines. All figures are milliseconds."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tools.benchmarks.benchmark import Outcome
from tools.benchmarks.distribution import Distribution, histogram
from tools.benchmarks.system import SHIPPED, UNTUNED

_WIDTH = 50


def samples(outcome: Outcome) -> dict[str, list[float]]:
    """Give every measurement by the name of what it measures, in milliseconds."""
    served = [(arrival.served, arrival.arrived) for arrival in outcome.watched if arrival.served is not None]
    seconds = {
        "arrived": [arrival.arrived for arrival in outcome.arrivals],
        "called": [arrival.called for arrival in outcome.arrivals],
        "served": [served for served, _ in served],
        "servedToArrived": [arrived - served for served, arrived in served],
        "disk": outcome.disk,
        "probeGap": outcome.traffic.gaps,
        "peerArrived": [arrival.arrived for arrival in outcome.peer],
    }
    return {name: [value * 1_000 for value in values] for name, values in seconds.items()}


def ratio(outcome: Outcome) -> float | None:
    """Tell how many times longer the peer's median is; None where there was no peer."""
    of = samples(outcome)
    return Distribution.of(of["peerArrived"]).p50 / Distribution.of(of["arrived"]).p50 if outcome.peer else None


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Give all of it as JSON's types: the figures, and the measurements that they come from."""
    of = samples(outcome)
    return {
        "machine": outcome.machine,
        "changes": outcome.plan.changes,
        "otherRollouts": outcome.plan.other_rollouts,
        "requests": {
            "sent": outcome.traffic.requests,
            "failed": outcome.traffic.failed,
            "stale": outcome.traffic.stale,
        },
        "ratio": ratio(outcome),
        "milliseconds": {name: asdict(Distribution.of(values)) for name, values in of.items() if values},
        # The gaps are tens of thousands, and tell nothing that their figures do not.
        "samples": {name: [round(value, 3) for value in values] for name, values in of.items() if name != "probeGap"},
    }


def as_text(outcome: Outcome) -> str:
    """Give what fits on a screen."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    plan, traffic, of = outcome.plan, outcome.traffic, samples(outcome)
    yield "From the first byte of PUT /api/v1/rollouts/shop/weight to the first answer of the other version."
    yield f"{outcome.machine}; 1 rollout that changes, {plan.other_rollouts} at rest"
    yield ""
    yield f"{'milliseconds':<{_WIDTH}}" + "".join(f"{name:>9}" for name in ("min", "p50", "p90", "p95", "p99", "max"))
    yield _row(f"change reaches traffic ({plan.changes})", of["arrived"])
    yield _row("  the call is answered", of["called"])
    yield _row(f"  watched ({len(outcome.watched)}): a held poll is answered", of["served"])
    yield _row("  watched: from there to traffic", of["servedToArrived"])
    yield _row("  a write forced to this disk, alone", of["disk"])
    yield _row("  resolution: from one request to the next", of["probeGap"])
    if outcome.peer:
        yield _row(f"peer: change reaches traffic ({len(outcome.peer)})", of["peerArrived"])
    yield ""
    yield from histogram(of["arrived"])
    yield ""
    yield f"{traffic.requests} requests meanwhile: {traffic.failed} failed, {traffic.stale} went back."
    yield f"Measured: {SHIPPED.description}."
    if outcome.peer:
        yield f"The peer: {UNTUNED.description}. Its median is {ratio(outcome):.0f} times as long."


def _row(name: str, values: Sequence[float]) -> str:
    figures = Distribution.of(values)
    shown = (figures.min, figures.p50, figures.p90, figures.p95, figures.p99, figures.max)
    return f"{name:<{_WIDTH}}" + "".join(f"{value:>9.1f}" for value in shown)
