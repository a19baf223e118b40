"""How many of the instances that poll as one gateway have applied a rollout, by their polls and their APIs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """What the API at a URL shows of a rollout: what is missing, None if nothing is."""

    url: str
    problem: str | None = None
    is_reachable: bool = True


@dataclass(frozen=True)
class Instances:
    """The instances of one gateway: how many poll, which of these have not read the change, and what the APIs show.

    An API does not tell whose polls are its instance's. So an instance whose API does not respond counts as gone only
    if the other APIs account for everyone who polls.
    """

    live: int
    behind: Sequence[str] = ()
    shown: Sequence[Shown] = ()

    @property
    def total(self) -> int:
        """The number of instances that must apply the rollout."""
        return max(self.live, self._confirmed + len(self._wanting))

    @property
    def applied(self) -> int:
        """The number of instances that have applied the rollout, as far as their polls and APIs tell."""
        known = max(self._confirmed, self.live - len(self._late))
        return min(known, self.total - len(self._wanting))

    @property
    def problem(self) -> str | None:
        """What keeps the gateway from having applied the rollout; None if nothing does."""
        words = [f"{one.url}: {one.problem}" if self.total > 1 else str(one.problem) for one in self._wanting]
        if self._late:
            words.append(f"{', '.join(self._late)} has not polled since the change")
        if words and self.total > 1:
            words.insert(0, f"{self.applied} of {self.total} instances applied")
        return "; ".join(words) or None

    @property
    def _confirmed(self) -> int:
        return sum(one.problem is None for one in self.shown)

    @property
    def _wanting(self) -> Sequence[Shown]:
        """The APIs that do not show the rollout, without those of instances that have stopped polling."""
        reachable = sum(one.is_reachable for one in self.shown)
        are_all_known = 0 < self.live <= reachable
        return [one for one in self.shown if one.problem and (one.is_reachable or not are_all_known)]

    @property
    def _late(self) -> Sequence[str]:
        """Those who poll and have not read the change, unless an API confirms each of them: APIs are faster."""
        return self.behind if self.live > self._confirmed else ()
