"""Durations compared at the bucket edges of Traefik's metrics, and what all edges together say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isclose, log
from typing import Self

from provider.domain.analysis.comparison import Comparison
from provider.domain.analysis.context import Context
from provider.domain.analysis.counts import Counts, Trials, Window
from provider.domain.analysis.mixture import log_mean
from provider.domain.analysis.settings import Analysis, Latency
from provider.domain.analysis.values import Value

# More edges say little more, and each takes time at every sample.
MOST_EDGES = 6
# What an acquittal can have over its threshold (the log of a factor): a canary that breaks loses it at once.
_RESERVE = 2.0


@dataclass(frozen=True)
class Edge(Value):
    """The comparison of the responses that took longer than `seconds`, an edge of the histograms' buckets.

    `acquittal` is log E_P with a small reserve above log 1/β at most, so that it follows what the canary does now.
    """

    seconds: float
    comparison: Comparison = field(default_factory=Comparison)
    acquittal: float = 0.0

    def since(self, not_worse: float) -> Self:
        """Return it without the evidence of a good canary that there was at a moment."""
        return type(self)(self.seconds, self.comparison.since(not_worse), self.acquittal)

    def updated(self, window: Window, settings: Analysis, context: Context) -> Self:
        """Add a window; one whose histograms do not have this edge changes nothing."""
        comparison = context.compared(
            self.comparison, window, settings, self._slower, worse_than=settings.slower_than_odds
        )
        if comparison is self.comparison:
            return self
        gain = comparison.not_worse - self.comparison.not_worse
        highest = -log(settings.beta) + _RESERVE
        return type(self)(self.seconds, comparison, min(self.acquittal + gain, highest))

    def _slower(self, side: Counts) -> Trials | None:
        return side.latency.above(self.seconds)


def edges_of(window: Window, latency: Latency) -> tuple[Edge, ...]:
    """Return the edges to compare from now on: of those that both sides have, the ones that the settings name.

    The one from which on responses are slow is always among them. Of too many edges some are left out evenly.
    """
    canary, stable = window.canary.latency.edges, window.reference.latency.edges
    known = [edge for edge in canary if edge in stable or not stable]
    chosen = [edge for edge in known if is_chosen(edge, latency)]
    if len(chosen) > MOST_EDGES:
        chosen = [chosen[index * (len(chosen) - 1) // (MOST_EDGES - 1)] for index in range(MOST_EDGES)]
    slow = [edge for edge in known if edge >= latency.above.total_seconds()][:1]
    return tuple(Edge(edge) for edge in sorted({*chosen, *slow}))


def is_chosen(edge: float, latency: Latency) -> bool:
    """Tell whether the settings have an edge compared."""
    return latency.edges is None or any(isclose(edge, one.total_seconds()) for one in latency.edges)


def unknown_edges(histogram_edges: Sequence[float], latency: Latency) -> list[float]:
    """Return the edges, in seconds, that the settings name and no bucket has."""
    named = [one.total_seconds() for one in latency.edges or ()]
    return [one for one in named if not any(isclose(one, edge) for edge in histogram_edges)]


def slower(edges: Sequence[Edge], settings: Analysis) -> tuple[float, Edge | None]:
    """Return log E_F of the durations, and the edge that says most against the canary.

    E_F is the mean over the edges, an e-process however they depend on each other. An edge that is known to be good
    counts 0, which only lowers the mean: a small shift, which one edge shows by itself, does not fail the canary. Its
    log is -inf if all are known to be good, and 0 without edges.
    """
    if not edges:
        return 0.0, None
    acquitted = -log(settings.beta)
    logs = [-inf if edge.acquittal >= acquitted else edge.comparison.worse for edge in edges]
    most = max(logs)
    return (log_mean(logs) if most > -inf else -inf), edges[logs.index(most)]


def slow_edge(edges: Sequence[Edge], settings: Analysis) -> Edge | None:
    """Return the edge from which on responses are called slow."""
    above = settings.latency.above.total_seconds()
    return next((edge for edge in edges if edge.seconds >= above), None)
