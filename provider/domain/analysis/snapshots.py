"""From what Traefiks count since they started to what happened between two looks.

Traefik's counters (pkg/observability/metrics/prometheus.go) exist from the first request that they count, begin again
from 0 with the process, and are dropped as a whole when their service leaves the configuration.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from provider.domain.analysis.counts import Counts, Histogram, Window
from provider.domain.analysis.statuses import ErrorStatuses, Result, is_grpc_status_known

REQUESTS = "traefik_service_requests_total"
BUCKETS = "traefik_service_request_duration_seconds_bucket"
STARTED = "process_start_time_seconds"
# The duration of these is the life of a connection: a session that ends is no slow response.
_LONG_LIVED = frozenset({"websocket", "sse"})


class Sample(Protocol):
    """One line of a /metrics page, as prometheus_client's parser gives it."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def value(self) -> float: ...


class Series(NamedTuple):
    """One counter of a service; `edge` is the bucket's in seconds, or None for the counter of requests."""

    status: str
    method: str
    protocol: str
    edge: float | None = None


Counters = Mapping[Series, float]


@dataclass(frozen=True)
class Snapshot:
    """What one Traefik has counted by service, and when its process started (Unix time in seconds)."""

    services: Mapping[str, Counters] = field(default_factory=dict)
    started: float | None = None


Snapshots = Mapping[str, Snapshot]


def snapshot(samples: Iterable[Sample]) -> Snapshot:
    """Pick from a Traefik's /metrics what an analysis needs; other samples are passed over."""
    services: dict[str, dict[Series, float]] = {}
    started = None
    for sample in samples:
        if sample.name == STARTED:
            started = sample.value
        elif sample.name in {REQUESTS, BUCKETS}:
            services.setdefault(sample.labels["service"], {})[_series(sample)] = sample.value
    return Snapshot(services=services, started=started)


def window_between(
    before: Mapping[str, Snapshot],
    after: Mapping[str, Snapshot],
    *,
    stable: str,
    canary: str,
    errors: str | ErrorStatuses,
    baseline: str | None = None,
) -> Window:
    """Give what all gateways together answered between two looks.

    `before` and `after` hold the snapshots by gateway. `stable`, `canary` and `baseline` name services as Traefik
    does (`shop_1@http`), `errors` says which statuses count as errors. A gateway that is in only one of the looks
    adds nothing: it is not known what it counted when.
    """
    windows = windows_between(before, after, stable=stable, canary=canary, errors=errors, baseline=baseline)
    return sum(windows.values(), Window())


def windows_between(
    before: Mapping[str, Snapshot],
    after: Mapping[str, Snapshot],
    *,
    stable: str,
    canary: str,
    errors: str | ErrorStatuses,
    baseline: str | None = None,
) -> Mapping[str, Window]:
    """Return the window of each gateway that is in both snapshots; see `window_between`."""
    statuses = errors if isinstance(errors, ErrorStatuses) else ErrorStatuses(http=errors)
    services = [name for name in (stable, canary, baseline) if name is not None]
    return {
        gateway: _window(before[gateway], after[gateway], statuses, services)
        for gateway in sorted(before.keys() & after.keys())
    }


def _window(earlier: Snapshot, later: Snapshot, statuses: ErrorStatuses, services: Sequence[str]) -> Window:
    # All sides are versions of one app: what Traefik reads of one, it reads of the others.
    labels = ((one.protocol, one.status) for name in services for one in later.services.get(name, ()))
    is_grpc_known = is_grpc_status_known(labels)
    counts = [_counts(_growth(earlier, later, name), statuses, is_grpc_known=is_grpc_known) for name in services]
    return Window(*counts)


def _series(sample: Sample) -> Series:
    labels = sample.labels
    edge = float(labels["le"]) if sample.name == BUCKETS else None
    return Series(labels["code"], labels["method"], labels["protocol"], edge)


def _growth(earlier: Snapshot, later: Snapshot, service: str) -> Counters:
    before, after = earlier.services.get(service, {}), later.services.get(service, {})
    if earlier.started != later.started or _began_again(before, after):
        return after
    return {series: value - before.get(series, 0) for series, value in after.items()}


def _began_again(before: Counters, after: Counters) -> bool:
    # One counter that fell, or is gone, tells for all of its service: they go together, and the others may have
    # outgrown already what they were. Taken one by one, the buckets of a histogram would contradict each other.
    return any(after.get(series, -1) < value for series, value in before.items())


def _counts(growth: Counters, statuses: ErrorStatuses, *, is_grpc_known: bool) -> Counts:
    results: Counter[Result] = Counter()
    for series, value in growth.items():
        if series.edge is None:
            result = statuses.result(
                protocol=series.protocol, status=series.status, is_grpc_status_known=is_grpc_known
            )
            results[result] += round(value)
    return Counts(
        requests=results.total(),
        errors=results[Result.ERROR],
        latency=_histogram(growth),
        client_errors=results[Result.CLIENT_ERROR],
        unknown=results[Result.UNKNOWN],
    )


def _histogram(growth: Counters) -> Histogram:
    by_edge: dict[float, int] = {}
    for series, value in growth.items():
        if series.edge is not None and series.protocol not in _LONG_LIVED:
            by_edge[series.edge] = by_edge.get(series.edge, 0) + round(value)
    total = by_edge.pop(math.inf, 0)
    edges = tuple(sorted(by_edge))
    if not edges:
        return Histogram()
    return Histogram(edges=edges, counts=tuple(by_edge[edge] for edge in edges), total=total)
