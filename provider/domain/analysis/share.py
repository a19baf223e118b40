"""The share of the requests that a canary really got, held against the one that was asked for.

Traefik's weighted round robin begins its turns anew with every rebuild of its routing, and a small canary comes late
in them: under frequent rebuilds it may get nothing at all (docs/closed-loop.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self

from provider.domain.fields import Document, Moment, format_duration
from provider.domain.fields.types import Weight

# What is older is let go, so that the share follows what is; but not before enough was seen to tell anything.
_MEMORY = timedelta(minutes=3)
_LONGEST_MEMORY = timedelta(hours=1)
_ENOUGH_EXPECTED = 30
# Looks are added up to pieces of this length: the memory is bounded however often one looks.
_PIECE = timedelta(seconds=15)
# A chance below which fewer requests than asked for are none.
_CHANCE = 1e-6


class ShareState(StrEnum):
    """State of a canary's traffic share."""

    OK = "ok"
    STARVED = "starved"
    """The canary receives less than half of the requested weight, and not by chance."""
    UNKNOWN = "unknown"


class Share(Document):
    """Share of the requests that the canary received at its current weight. `achieved` is absent without requests."""

    state: ShareState
    summary: str
    requested: Weight
    achieved: float | None = None
    canary_requests: int = 0
    stable_requests: int = 0
    baseline_requests: int | None = None
    reloads: int | None = None
    since: Moment
    measured_at: Moment

    @property
    def requests(self) -> int:
        """Return the requests of all sides."""
        return self.canary_requests + self.stable_requests + (self.baseline_requests or 0)


@dataclass(frozen=True)
class Requests:
    """What was counted from one moment to another; `reloads` are Traefik's rebuilds, None where it does not tell."""

    begin: datetime
    end: datetime
    canary: int = 0
    stable: int = 0
    reloads: int | None = 0
    baseline: int | None = None

    @property
    def total(self) -> int:
        """Give the requests of all sides."""
        return self.canary + self.stable + (self.baseline or 0)

    def __add__(self, later: Self) -> Self:
        return replace(
            self,
            end=later.end,
            canary=self.canary + later.canary,
            stable=self.stable + later.stable,
            reloads=None if self.reloads is None or later.reloads is None else self.reloads + later.reloads,
            baseline=None if self.baseline is None or later.baseline is None else self.baseline + later.baseline,
        )


def remembered(pieces: Sequence[Requests], new: Requests, *, requested: Decimal) -> Sequence[Requests]:
    """Add what was just counted, and let go of what is old: after minutes, or an hour where requests are few."""
    is_one_piece = pieces and new.end - pieces[-1].begin <= _PIECE
    kept = [*pieces[:-1], pieces[-1] + new] if is_one_piece else [*pieces, new]
    while len(kept) > 1 and _is_dispensable(kept[0], kept[1:], requested=requested, now=new.end):
        del kept[0]
    return kept


def _is_dispensable(oldest: Requests, rest: Sequence[Requests], *, requested: Decimal, now: datetime) -> bool:
    if now - oldest.end >= _LONGEST_MEMORY:
        return True
    smaller = float(min(requested, 100 - requested)) / 100
    return now - oldest.end >= _MEMORY and sum(piece.total for piece in rest) * smaller >= _ENOUGH_EXPECTED


def share_of(
    pieces: Sequence[Requests],
    *,
    requested: Decimal,
    gateways: int,
    remarks: Sequence[str] = (),
    may_starve: bool = True,
) -> Share:
    """Say what a canary got, of `gateways` that were counted.

    `remarks` are what else is to be said. `may_starve` is False where the requests do not go by the weight alone, so
    that fewer of them are no fault.
    """
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    state, words = _judged(whole, requested=requested, gateways=gateways, may_starve=may_starve)
    return Share(
        state=state,
        summary="; ".join([*([words] if words else []), *remarks]),
        requested=requested,
        achieved=round(100 * whole.canary / whole.total, 2) if whole.total else None,
        canary_requests=whole.canary,
        stable_requests=whole.stable,
        baseline_requests=whole.baseline,
        reloads=whole.reloads,
        since=whole.begin,
        measured_at=whole.end,
    )


def unknown_share(why: str, *, requested: Decimal, now: datetime) -> Share:
    """Say that nothing is known, and why."""
    return Share(state=ShareState.UNKNOWN, summary=why, requested=requested, since=now, measured_at=now)


def _judged(whole: Requests, *, requested: Decimal, gateways: int, may_starve: bool) -> tuple[ShareState, str]:
    if not whole.total:
        return ShareState.UNKNOWN, "no requests yet"
    expected = whole.total * float(requested) / 100
    if whole.canary >= expected / 2:
        return ShareState.OK, ""
    if not may_starve:
        return ShareState.UNKNOWN, "less than half of the requested weight"
    if chance_of_so_few(whole.canary, whole.total, float(requested) / 100) > _CHANCE:
        return ShareState.UNKNOWN, "too few requests"
    return ShareState.STARVED, _why_starved(whole, missing=expected - whole.canary, gateways=gateways)


def chance_of_so_few(hits: int, trials: int, chance: float) -> float:
    """Bound from above how likely so few hits are, or fewer, of so many trials (Chernoff; exact for none).

    A weighted round robin strays less than chance does, by one turn at most: the bound errs on the quiet side.
    """
    rate = hits / trials
    if rate >= chance:
        return 1.0
    divergence = (1 - rate) * math.log((1 - rate) / (1 - chance))
    if rate:
        divergence += rate * math.log(rate / chance)
    return math.exp(-trials * divergence)


def _why_starved(whole: Requests, *, missing: float, gateways: int) -> str:
    time = format_duration(timedelta(seconds=max(1, round((whole.end - whole.begin).total_seconds()))))
    if whole.reloads is None:
        return f"starved: Traefik may be rebuilt so often that its round robin never reaches the canary; {_CURE}"
    # A rebuild costs the canary a turn at most, at each gateway.
    if whole.reloads + gateways >= missing:
        return (
            f"starved: Traefik was rebuilt {whole.reloads} times in {time}, "
            f"and each rebuild restarts its round robin; {_CURE}"
        )
    times = "once" if whole.reloads == 1 else f"{whole.reloads} times"
    return (
        f"starved: Traefik was rebuilt {times} in {time}, which does not explain it; "
        "check whether the canary's servers are up"
    )


_CURE = "set strategy: hrw, which selects by client address, or change Traefik's configuration less often"
