"""Traefik's counters of a simulated gateway."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from provider.domain.analysis import Snapshot
from provider.domain.analysis.snapshots import Series

STABLE, CANARY, BASELINE = "app_1@http", "app_2@http", "app_2_baseline@http"
STARTED = 1_700_000_000.0
# Traefik's default buckets, in seconds.
EDGES = (0.1, 0.3, 1.2, 5.0)


@dataclass(frozen=True)
class Responses:
    """Responses that ended within one sample.

    `errors` of the `requests` are errors. `buckets` counts the durations: one number per edge and one for the rest.
    """

    requests: int = 0
    errors: int = 0
    buckets: Sequence[int] = ()

    def __add__(self, other: "Responses") -> "Responses":
        if not self.buckets or not other.buckets:
            buckets = self.buckets or other.buckets
        else:
            buckets = tuple(mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True))
        return Responses(self.requests + other.requests, self.errors + other.errors, buckets)


@dataclass
class Gateway:
    """A Traefik that counts the responses of both sides."""

    edges: Sequence[float] = EDGES
    _counters: dict[str, dict[Series, float]] = field(default_factory=dict)

    def count(self, service: str, responses: Responses) -> None:
        """Add responses to the counters of a service."""
        counters = self._counters.setdefault(service, {})
        for status, count in (("200", responses.requests - responses.errors), ("500", responses.errors)):
            if count:
                _add(counters, Series(status, "GET", "http"), count)
        total = 0
        for edge, count in zip((*self.edges, inf), responses.buckets, strict=False):
            total += count
            if responses.requests:
                _add(counters, Series("200", "GET", "http", edge), total)

    def snapshot(self) -> Snapshot:
        """Return the counters as the controller reads them."""
        return Snapshot({name: dict(counters) for name, counters in self._counters.items()}, STARTED)


def _add(counters: dict[Series, float], series: Series, count: int) -> None:
    counters[series] = counters.get(series, 0.0) + count
