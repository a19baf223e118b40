"""A gateway's counters from one sample to the next, as JSON can hold them."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import inf
from typing import Self

from provider.domain.analysis.replicas import is_gone, is_replica, with_start
from provider.domain.analysis.snapshots import Series, Snapshot
from provider.domain.analysis.values import Value

# JSON knows no infinity.
_ABOVE_ALL_EDGES = -1.0


@dataclass(frozen=True)
class Counted(Value):
    """A gateway's counters at the last sample: (status, method, protocol, edge, count) of each service."""

    services: dict[str, tuple[tuple[str, str, str, float | None, float], ...]] = field(default_factory=dict)
    started: float | None = None
    starts: tuple[float, ...] = ()
    sampled_at: datetime | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, *, before: Self | None, now: datetime) -> Self:
        """Keep a snapshot."""
        services = {
            name: tuple(
                [
                    (status, method, protocol, _ABOVE_ALL_EDGES if edge == inf else edge, count)
                    for (status, method, protocol, edge), count in series.items()
                ]
            )
            for name, series in snapshot.services.items()
        }
        starts = with_start(before.starts if before else (), snapshot.started)
        counted = cls(services, snapshot.started, starts, now)
        vars(counted)["snapshot"] = snapshot  # the next sample needs it: most of them find this object in memory
        return counted

    @cached_property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that was kept."""
        services = {
            name: {
                Series(status, method, protocol, inf if edge == _ABOVE_ALL_EDGES else edge): count
                for status, method, protocol, edge, count in kept
            }
            for name, kept in self.services.items()
        }
        return Snapshot(services, self.started)

    @property
    def first_edge(self) -> float | None:
        """Return the first bucket edge in seconds; None if no duration has been counted."""
        edges = [edge for series in self.services.values() for _, _, _, edge, _ in series if edge and edge > 0]
        return min(edges, default=None)

    def is_other_than(self, snapshot: Snapshot) -> bool:
        """Tell whether a snapshot is of another Traefik, and not of this one after a restart."""
        return is_replica(snapshot.started, before=self.starts, sampled_at=self.sampled_at)

    def is_gone(self, *, now: datetime) -> bool:
        """Tell whether this Traefik has not been sampled for so long that another one has replaced it."""
        return is_gone(sampled_at=self.sampled_at, now=now)
