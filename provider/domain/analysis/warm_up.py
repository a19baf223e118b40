"""The warm-up of a canary: its first responses after a change are no fair comparison with stable's.

Caches, connection pools and compilers are cold after a start, after more traffic and on new servers. After less
traffic, long requests that began at the former weight end on the canary. Samples of that time move the counters
forward and are not judged. A canary that is plainly down fails all the same: see `ruin`.
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
    """The last change that a canary is given time for: the start, another weight, or other servers."""

    exposure: Exposure
    since: datetime

    @classmethod
    def after(cls, before: Self | None, exposure: Exposure, *, now: datetime) -> Self:
        """Return the warm-up to continue with; it begins now if the exposure has changed."""
        if before is None or before.exposure != exposure:
            return cls(exposure, now)
        return before if before.since <= now else cls(exposure, now)

    def end(self, duration: timedelta) -> datetime | None:
        """Return when it is over; None without any duration."""
        return self.since + duration if duration else None

    def is_judged(self, begin: datetime | None, duration: timedelta) -> bool:
        """Tell whether a window that began at a moment is judged: it holds no response of the warm-up."""
        end = self.end(duration)
        return end is None or (begin is not None and begin >= end)
