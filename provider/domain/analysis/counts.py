"""What was counted between two looks: requests, errors and durations of each side."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add, le, lt
from typing import NamedTuple, Self

from provider.domain.analysis.values import Value


class Trials(NamedTuple):
    """So many trials and how many of them went badly: answers that are errors, or that are slow."""

    total: int
    bad: int

    @property
    def rate(self) -> float | None:
        """Give the share that went badly, from 0 to 1; None without any trial."""
        return self.bad / self.total if self.total else None


@dataclass(frozen=True)
class Histogram(Value):
    """Answers by their duration: `counts[i]` of `total` took `edges[i]` seconds or less.

    The edges are finite and rise; the counts are cumulated. Without edges nothing is known, and `total` is 0.
    """

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    total: int = 0

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts):
            raise ValueError("a histogram has one count for each edge")
        if not _is_sorted(self.edges, below=lt):
            raise ValueError("the edges of a histogram must rise")
        if not _is_sorted((0, *self.counts, self.total), below=le):
            raise ValueError("the counts of a histogram are cumulated: they rise from 0 to its total")
        if self.total and not self.edges:
            raise ValueError("a histogram without edges cannot have counted anything")

    def __add__(self, other: Self) -> Self:
        """Add the counts of the edges that both have: of the others the sum is not known."""
        if not self.edges or not other.edges:
            return self if self.edges else other
        if self.edges == other.edges:
            return type(self)(self.edges, tuple(map(add, self.counts, other.counts)), self.total + other.total)
        mine, theirs = dict(self._pairs()), dict(other._pairs())
        edges = tuple(edge for edge in self.edges if edge in theirs)
        if not edges:
            return type(self)()
        counts = tuple(mine[edge] + theirs[edge] for edge in edges)
        return type(self)(edges=edges, counts=counts, total=self.total + other.total)

    def above(self, edge: float) -> Trials | None:
        """Count the answers that took longer than an edge, in seconds; None if it is no edge of this histogram."""
        index = bisect_left(self.edges, edge)
        if index == len(self.edges) or self.edges[index] != edge:
            return None
        return Trials(self.total, self.total - self.counts[index])

    def _pairs(self) -> Iterator[tuple[float, int]]:
        return zip(self.edges, self.counts, strict=True)


@dataclass(frozen=True)
class Counts(Value):
    """One side's answers: how many, how many of them errors, and how long they took.

    `client_errors` are 4xx responses, and gRPC statuses of their kind, that are no errors. Of `unknown` ones Traefik
    does not count whether they were errors.
    """

    requests: int = 0
    errors: int = 0
    latency: Histogram = field(default_factory=Histogram)
    client_errors: int = 0
    unknown: int = 0

    def __post_init__(self) -> None:
        parts = (self.errors, self.client_errors, self.unknown)
        if min(parts) < 0 or sum(parts) > self.requests:
            raise ValueError(f"{sum(parts)} errors among {self.requests} requests cannot be")

    def __add__(self, other: Self) -> Self:
        return type(self)(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            latency=self.latency + other.latency,
            client_errors=self.client_errors + other.client_errors,
            unknown=self.unknown + other.unknown,
        )

    @property
    def failing(self) -> Trials:
        """Give the answers as trials that are bad where they are errors."""
        return Trials(self.requests, self.errors)

    @property
    def refusing(self) -> Trials:
        """Give the answers as trials that are bad where they are client errors."""
        return Trials(self.requests, self.client_errors)


@dataclass(frozen=True)
class Window(Value):
    """All sides between two looks. Windows add up: the sum of all is the total.

    `baseline` is None while no baseline is to get requests.
    """

    stable: Counts = field(default_factory=Counts)
    canary: Counts = field(default_factory=Counts)
    baseline: Counts | None = None

    @property
    def reference(self) -> Counts:
        """Give the side that the canary is compared with: the baseline where there is one."""
        return self.stable if self.baseline is None else self.baseline

    def __add__(self, other: Self) -> Self:
        known = [one for one in (self.baseline, other.baseline) if one is not None]
        return type(self)(
            stable=self.stable + other.stable,
            canary=self.canary + other.canary,
            baseline=reduce(add, known) if known else None,
        )

    @classmethod
    def sum(cls, windows: Collection[Self]) -> Self:
        """Return the sum of some windows."""
        return reduce(add, windows) if windows else cls()


def _is_sorted(values: Sequence[float], *, below: Callable[[float, float], bool]) -> bool:
    return all(map(below, values, values[1:]))
