"""Whether the gateways' metrics can show that the latency limits of a spec are kept."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice

from provider.domain.analysis import Record
from provider.domain.analysis.limits import below_first_edge
from provider.domain.fields import InvalidDocumentError, Mistake
from provider.domain.rollouts import Spec
from provider.replica import Feed
from provider.services.analyses import parse_record
from provider.store import Store

# Traefik may have been given other buckets since an older sample.
_RECENT = timedelta(minutes=5)
_MOST_RECORDS = 20


class LatencyLimits:
    """Checks latency limits by what the controller has sampled of the same gateways. Raises StoreUnavailableError."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    def check(self, name: str, spec: Spec) -> None:
        """Raise InvalidDocumentError for limits below the first bucket edge, as far as that is known."""
        limits = spec.analysis.limits.latencies() if spec.analysis else {}
        first = self._first_edge(name, spec) if limits else None
        if first is None:
            return
        durations = {f"latencyP{one}": limit.total_seconds() for one, limit in limits.items()}
        mistakes = [
            Mistake(f"/spec/analysis/limits/{field}", below_first_edge(field, limit=limit, first=first))
            for field, limit in durations.items()
            if limit < first
        ]
        if mistakes:
            raise InvalidDocumentError(mistakes)

    def _first_edge(self, name: str, spec: Spec) -> float | None:
        since = self._store.now() - _RECENT
        edges = (record.first_edge(since=since) for record in self._records(self._neighbors(name, spec)))
        return next((edge for edge in edges if edge is not None), None)

    def _neighbors(self, name: str, spec: Spec) -> Sequence[str]:
        """Return the rollout, and judged ones whose gateways are the same."""
        moving = self._feed.read(lambda image: list(image.moving.values()))
        same = (
            one.name for one in moving if one.is_judged and one.spec.gateways == spec.gateways and one.name != name
        )
        return [name, *islice(same, _MOST_RECORDS)]

    def _records(self, names: Sequence[str]) -> Iterator[Record]:
        for name in names:
            if record := parse_record(self._store.record(name)):
                yield record
