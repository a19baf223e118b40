"""How many rollouts each gateway is served, and the most that it was served lately: what a shrink is measured by."""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

Gateways = tuple[str, ...] | None
"""The gateways that carry a rollout: None is every one, and an empty tuple is none of them."""

# Gateways that no rollout names are served alike: they are counted as one, under this name.
COMMON = ""
LATELY_SECONDS = 600.0


@dataclass(frozen=True)
class Shrink:
    """A change that leaves a gateway with less than half of what it was served lately, or with nothing."""

    gateway: str
    left: int
    most: int

    def __str__(self) -> str:
        who = f"gateway {self.gateway}" if self.gateway else "a gateway that no rollout names"
        left = f"{self.left} of the {self.most} rollouts that it was served lately" if self.left else "no rollout"
        return f"{who} would be served {left}"


class Served:
    """Counts by gateway. A change costs as much as there are gateways, however many rollouts there are."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._common = 0
        self._named: Counter[str] = Counter()
        # By gateway the higher counts that there were, each with the time at which it ended; they only fall.
        self._higher: dict[str, deque[tuple[float, int]]] = {}

    def names(self, gateway: str) -> bool:
        """Tell whether any rollout names a gateway."""
        return self._named[gateway] > 0

    def count(self, gateway: str) -> int:
        """Tell how many rollouts a gateway is served."""
        return self._common + self._named[gateway]

    def most(self, gateway: str) -> int:
        """Tell how many a gateway was served at most, lately."""
        higher = self._higher.get(gateway, deque())
        while higher and higher[0][0] < self._clock() - LATELY_SECONDS:
            higher.popleft()
        return max(higher[0][1] if higher else 0, self.count(gateway))

    def change(self, before: Gateways, after: Gateways) -> None:
        """Count a rollout that was carried by some gateways and now is by others; one that is new was by none."""
        for gateway in self.losing(before, after):
            self._ended(gateway)
        self._add(before, -1)
        self._add(after, 1)

    def losing(self, before: Gateways, after: Gateways) -> Collection[str]:
        """Name the gateways that carry a rollout no more."""
        if before == after or after is None:
            return ()
        carried = before if before is not None else [COMMON, *(self._named.keys() | self._higher.keys())]
        return set(carried) - set(after)

    def shrink(self, before: Gateways, after: Gateways) -> Shrink | None:
        """Find a gateway that such a change of one rollout empties, or leaves with less than half of its most."""
        shrinks = (Shrink(one, self.count(one) - 1, self.most(one)) for one in self.losing(before, after))
        return worst(shrinks)

    def loss(self, gone: Iterable[Gateways], *, apart_from: Iterable[Gateways] = ()) -> Shrink | None:
        """Find a gateway that is emptied, or loses more than half, when rollouts go; others were meant to go."""
        lost, meant = (_counted(each) for each in (gone, apart_from))
        everyone = {COMMON, *self._named}
        shrinks = (
            Shrink(one, most - lost[None] - lost[one], most)
            for one in everyone
            if (most := self.count(one) - meant[None] - meant[one]) and lost[None] + lost[one]
        )
        return worst(shrinks)

    def _add(self, gateways: Gateways, number: int) -> None:
        if gateways is None:
            self._common += number
            return
        for gateway in set(gateways):
            self._named[gateway] += number
            if not self._named[gateway]:
                del self._named[gateway]

    def _ended(self, gateway: str) -> None:
        count = self.count(gateway)
        higher = self._higher.setdefault(gateway, deque())
        while higher and higher[-1][1] <= count:
            higher.pop()
        higher.append((self._clock(), count))


def worst(shrinks: Iterable[Shrink]) -> Shrink | None:
    """Give the worst of those that are less than half."""
    bad = [shrink for shrink in shrinks if 2 * shrink.left < shrink.most]
    return min(bad, key=lambda shrink: (shrink.left / shrink.most, shrink.gateway), default=None)


def _counted(each: Iterable[Gateways]) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    for gateways in each:
        counts.update((None,) if gateways is None else set(gateways))
    return counts
