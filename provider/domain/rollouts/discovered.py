"""What was found where the servers of a side are looked for."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import Field

from provider.domain.fields import Document
from provider.domain.rollouts.discovery import Discover
from provider.domain.rollouts.rollout import Rollout
from provider.domain.rollouts.spec import Server, Side
from provider.domain.rollouts.transitions import Phase

MOST_SERVERS = 1_000


class Found(Document):
    """The servers of one place: one at least, as a side is never emptied by what is not found any more."""

    servers: tuple[Server, ...] = Field(min_length=1, max_length=MOST_SERVERS)
    kept: str | None = None
    """Why these servers are kept although discovery no longer finds them."""


def sources_of(rollout: Rollout) -> Mapping[str, Discover]:
    """Name the places where a rollout's servers are looked for, by their keys."""
    sides = rollout.spec.sides.values()
    return {side.discover.key(rollout.name): side.discover for side in sides if side.discover}


def found_for(rollout: str, side: Side, found: Mapping[str, Found]) -> Found | None:
    """Give what was found for a side of a rollout; None where nothing was, or where it looks for none."""
    return found.get(side.discover.key(rollout)) if side.discover else None


def with_found(rollout: Rollout, found: Mapping[str, Found]) -> Rollout:
    """Give a rollout with the servers that were found in the place of where they are looked for.

    A canary of which nothing is known gets nothing, as one that was aborted: its share of the requests would be
    answered with an error. A baseline of which nothing is known has no servers, and gets nothing either.
    """
    if not sources_of(rollout):
        return rollout
    filled: dict[str, Side] = {name: _filled(rollout.name, side, found) for name, side in rollout.spec.sides.items()}
    spec = rollout.spec.model_copy(update=filled)
    status = rollout.status
    if spec.canary and spec.canary.servers == ():
        status = status.model_copy(update={"phase": Phase.DEGRADED, "weight": Decimal(0)})
    return rollout.model_copy(update={"spec": spec, "status": status})


def _filled(rollout: str, side: Side, found: Mapping[str, Found]) -> Side:
    if side.discover is None:
        return side
    known = found_for(rollout, side, found)
    return side.model_copy(update={"servers": known.servers if known else (), "discover": None})
