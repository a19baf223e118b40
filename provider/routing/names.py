"""What the parts of a rollout are called in Traefik.

A rollout's name never holds an underscore, so no name made here meets that of another rollout.
"""

from datetime import timedelta

from provider.documents import format_duration
from provider.rollouts import Rollout, Side

PROVIDER = "http"


def side_service(rollout: Rollout, generation: int) -> str:
    """Name the service of a generation; it keeps the name when the canary becomes stable."""
    return f"{rollout.name}_{generation}"


def stable_target(rollout: Rollout) -> str:
    """Name what stable's traffic is sent to."""
    return rollout.spec.stable.service or side_service(rollout, rollout.status.stable_generation)


def canary_target(rollout: Rollout, canary: Side) -> str:
    """Name what the canary's traffic is sent to."""
    return canary.service or side_service(rollout, rollout.status.generation)


def transport(idle: timedelta) -> str:
    """Name the transport that lets go of connections after so long; sides with the same one share it."""
    return f"idle_{format_duration(idle)}"


def qualified(name: str) -> str:
    """Name a part as Traefik's API does: with the provider that it comes from."""
    return name if "@" in name else f"{name}@{PROVIDER}"
