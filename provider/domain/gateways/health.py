"""What becomes of a gateway that is watched: from the signs of one look to a condition. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from provider.domain.fields import Document, Moment

# A held poll comes back within seconds, and is noted within seconds more.
QUIET_AFTER = timedelta(seconds=20)
# Who has closed its connection is gone, or comes back as soon as it has started again.
HUNG_UP_AFTER = timedelta(seconds=10)
# Traefik polls every five seconds where its polls are not held. It must be longer than QUIET_AFTER: until then the
# connections of a worker that has died are counted among those that lag.
LAGGING_AFTER = timedelta(seconds=30)
UNREACHABLE_AFTER = timedelta(seconds=5)


class GatewayHealth(StrEnum):
    """Health of a gateway."""

    HEALTHY = "healthy"
    NEVER_POLLED = "never-polled"
    """Configured, but has not polled yet."""
    NOT_POLLING = "not-polling"
    """Has polled before, but no longer does."""
    CONFIGURATION_ERROR = "configuration-error"
    """Its API reports an error of a router or service of the provider."""
    API_UNREACHABLE = "api-unreachable"
    """Its API does not respond."""
    OUTDATED = "outdated"
    """It has not applied the latest changes."""


class Condition(Document):
    """State of a gateway, with its start and details.

    `revision_applied` is the revision that its API shows, None if unknown.
    """

    health: GatewayHealth
    detail: str = ""
    since: Moment
    errors: tuple[str, ...] = ()
    last_poll: Moment | None = None
    revision_served: int | None = None
    revision_applied: int | None = None
    traefik: str | None = None


@dataclass(frozen=True)
class Signs:
    """What one look has found; each `…_since` tells since when it is so, None where it is not so."""

    last_poll: datetime | None = None
    is_connected: bool = False
    has_api: bool = False
    errors: Sequence[str] = ()
    unreachable: str = ""
    unreachable_since: datetime | None = None
    behind: str = ""
    behind_since: datetime | None = None


def condition_of(signs: Signs, *, before: Condition | None, now: datetime) -> Condition:
    """Judge a gateway by what a look has found, and tell since when it is in this state."""
    health, detail = _judged(signs, now)
    is_same = before is not None and before.health is health
    return Condition(
        health=health,
        detail=detail,
        since=before.since if before and is_same else now,
        errors=tuple(signs.errors),
        last_poll=signs.last_poll,
    )


def _judged(signs: Signs, now: datetime) -> tuple[GatewayHealth, str]:
    if signs.last_poll is None:
        return GatewayHealth.NEVER_POLLED, "it has not polled"
    if now - signs.last_poll > (QUIET_AFTER if signs.is_connected else HUNG_UP_AFTER):
        return GatewayHealth.NOT_POLLING, "it no longer polls"
    if signs.errors:
        return GatewayHealth.CONFIGURATION_ERROR, signs.errors[0]
    if signs.unreachable_since and now - signs.unreachable_since >= UNREACHABLE_AFTER:
        return GatewayHealth.API_UNREACHABLE, signs.unreachable
    if signs.behind_since and now - signs.behind_since >= LAGGING_AFTER:
        return GatewayHealth.OUTDATED, signs.behind
    without_api = "its API is not configured, so only the served revision is known"
    return GatewayHealth.HEALTHY, "" if signs.has_api else without_api
