"""What Traefik takes from which version on. One field that it does not know, and it discards a whole configuration.

The versions were found with Traefik's own binaries; `tests/e2e/test_old_versions.py` pins them.
"""

import re
from collections.abc import Collection, Iterator
from enum import StrEnum

from provider.domain.rollouts import Resilience, Rollout, Side, Strategy
from provider.traefik.config.fragment import Fragment, render

Version = tuple[int, int, int]

_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,6}))?")
# Of what every rollout needs.
OLDEST: Version = (3, 4, 0)


class Feature(StrEnum):
    """What a rollout can use and an older Traefik lacks, by the fields of the spec."""

    COOKIE_DOMAIN = "sticky.cookie.domain"
    UNHEALTHY_INTERVAL = "healthCheck.unhealthyInterval"
    PASSIVE_HEALTH_CHECK = "passiveHealthCheck"
    HRW = "strategy: hrw"
    CIRCUIT_BREAKER = "resilience.circuitBreaker"
    RETRY_STATUS = "resilience.retry.status"
    RETRY_NON_IDEMPOTENT = "resilience.retry.retryNonIdempotentMethod"
    RETRY_TIMEOUT = "resilience.retry.timeout"


NEEDED: dict[Feature, Version] = {
    Feature.COOKIE_DOMAIN: (3, 4, 0),
    Feature.UNHEALTHY_INTERVAL: (3, 5, 0),
    Feature.PASSIVE_HEALTH_CHECK: (3, 6, 0),
    Feature.HRW: (3, 6, 0),
    Feature.CIRCUIT_BREAKER: (3, 7, 0),
    Feature.RETRY_STATUS: (3, 7, 0),
    Feature.RETRY_NON_IDEMPOTENT: (3, 7, 0),
    Feature.RETRY_TIMEOUT: (3, 7, 0),
}
NEWEST = max(NEEDED.values())


class UnsupportedFeatureError(Exception):
    """A rollout that a gateway's Traefik is too old for."""


def parse_version(text: str | None) -> Version | None:
    """Read a version as Traefik's API tells it; None where it is none, such as that of a build of one's own."""
    match = _VERSION.match(text or "")
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def plain_version(text: str | None) -> str | None:
    """Return a version as three numbers, such as `3.6.15`; None where it is none."""
    version = parse_version(text)
    return ".".join(map(str, version)) if version else None


def oldest_version(texts: Collection[str]) -> str | None:
    """Return the oldest of some versions; one that cannot be read counts as the newest."""
    return min(texts, key=lambda text: parse_version(text) or (10_000, 0, 0), default=None)


def is_old(text: str | None) -> bool:
    """Return whether a version of Traefik lacks any feature; one that is not known lacks none."""
    version = parse_version(text)
    return version is not None and version < NEWEST


def missing_from(text: str | None) -> list[Feature]:
    """List all features that a version of Traefik lacks; none where it is not known."""
    version = parse_version(text)
    return [] if version is None else [feature for feature, needed in NEEDED.items() if version < needed]


def lacking(rollout: Rollout, version: str | None) -> list[Feature]:
    """List the features of a rollout that a version of Traefik lacks; none where the version is not known."""
    missing = missing_from(version)
    return sorted({feature for feature in _features(rollout) if feature in missing}) if missing else []


def shortcoming(rollout: Rollout, version: str | None) -> str | None:
    """Say what a version of Traefik lacks of a rollout, and the version that is needed; None where it takes it."""
    missing = lacking(rollout, version)
    if not missing:
        return None
    needed = ".".join(map(str, max(NEEDED[feature] for feature in missing)))
    return f"Traefik {version} lacks {', '.join(missing)} of {rollout.name}: update it to {needed} or newer"


def render_for(rollout: Rollout, version: str | None) -> Fragment:
    """Render a rollout for a version of Traefik: only its stable version where the rollout needs a newer one."""
    missing = lacking(rollout, version)
    return render(_reduced(rollout, missing) if missing else rollout)


def _features(rollout: Rollout) -> Iterator[Feature]:
    spec = rollout.spec
    if spec.strategy is Strategy.HRW:
        yield Feature.HRW
    if spec.sticky and spec.sticky.cookie.domain:
        yield Feature.COOKIE_DOMAIN
    yield from _features_of_resilience(spec.resilience or Resilience())
    for side in spec.sides.values():
        yield from _features_of_side(side)


def _features_of_resilience(resilience: Resilience) -> Iterator[Feature]:
    if resilience.circuit_breaker:
        yield Feature.CIRCUIT_BREAKER
    if resilience.retry and resilience.retry.status:
        yield Feature.RETRY_STATUS
    if resilience.retry and resilience.retry.retry_non_idempotent_method is not None:
        yield Feature.RETRY_NON_IDEMPOTENT
    if resilience.retry and resilience.retry.timeout:
        yield Feature.RETRY_TIMEOUT


def _features_of_side(side: Side) -> Iterator[Feature]:
    if side.passive_health_check:
        yield Feature.PASSIVE_HEALTH_CHECK
    if side.health_check and side.health_check.unhealthy_interval:
        yield Feature.UNHEALTHY_INTERVAL
    if side.sticky and side.sticky.cookie.domain:
        yield Feature.COOKIE_DOMAIN


def _reduced(rollout: Rollout, missing: Collection[Feature]) -> Rollout:
    """Return the rollout with its stable version alone, and without these features."""
    spec = rollout.spec
    stable = _side_without(spec.stable, missing)
    resilience = spec.resilience and _resilience_without(spec.resilience, missing)
    changed = spec.model_copy(update={"stable": stable, "canary": None, "baseline": None, "resilience": resilience})
    return rollout.model_copy(update={"spec": changed})


def _side_without(side: Side, missing: Collection[Feature]) -> Side:
    changes: dict[str, object] = {}
    if Feature.PASSIVE_HEALTH_CHECK in missing:
        changes["passive_health_check"] = None
    if Feature.UNHEALTHY_INTERVAL in missing and side.health_check:
        changes["health_check"] = side.health_check.model_copy(update={"unhealthy_interval": None})
    if Feature.COOKIE_DOMAIN in missing and side.sticky:
        cookie = side.sticky.cookie.model_copy(update={"domain": None})
        changes["sticky"] = side.sticky.model_copy(update={"cookie": cookie})
    return side.model_copy(update=changes)


def _resilience_without(resilience: Resilience, missing: Collection[Feature]) -> Resilience:
    changes: dict[str, object] = {}
    if Feature.CIRCUIT_BREAKER in missing:
        changes["circuit_breaker"] = None
    lost = {
        Feature.RETRY_STATUS: "status",
        Feature.RETRY_NON_IDEMPOTENT: "retry_non_idempotent_method",
        Feature.RETRY_TIMEOUT: "timeout",
    }
    if resilience.retry:
        fields = {name: None for feature, name in lost.items() if feature in missing}
        changes["retry"] = resilience.retry.model_copy(update=fields)
    return resilience.model_copy(update=changes)
