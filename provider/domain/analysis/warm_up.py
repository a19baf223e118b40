"""The warm-up of a canary: its first responses after a start are slow, and some fail, without its version being bad.

Caches, connection pools and compilers are cold after a start, after more traffic and on new servers. Samples of that
time move the counters forward and are not judged. A canary that is plainly down fails all the same: see `ruin`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from provider.domain.analysis.values import Value


@dataclass(frozen=True)
class Exposure(Value):
    """The canary's weight in percent, a digest of the servers of all sides, and the baseline's share in percent."""

    weight: float
    servers: str = ""
    baseline: float = 0.0


@dataclass(frozen=True)
class WarmUp(Value):
    """The last change after which a canary is cold: the start, a weight increase, or other servers."""

    exposure: Exposure
    since: datetime

    @classmethod
    def after(cls, before: Self | None, exposure: Exposure, *, now: datetime) -> Self:
        """Return the warm-up to go on with; it begins now if the exposure has changed so that servers are cold."""
        is_colder = (
            before is None or exposure.weight > before.exposure.weight or exposure.servers != before.exposure.servers
        )
        return cls(exposure, now if before is None or is_colder else min(before.since, now))

    def end(self, duration: timedelta) -> datetime | None:
        """Return when it is over; None without any duration."""
        return self.since + duration if duration else None

    def is_judged(self, begin: datetime | None, duration: timedelta) -> bool:
        """Tell whether a window that began at a moment is judged: it holds no response of the warm-up."""
        end = self.end(duration)
        return end is None or (begin is not None and begin >= end)
