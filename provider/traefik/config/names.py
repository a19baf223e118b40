"""What the parts of a rollout are called in Traefik.

A rollout's name never holds an underscore, so no name made here meets that of another rollout.
"""

import hashlib
import json
from collections.abc import Mapping

from provider.domain.rollouts import Rollout, SideName

PROVIDER = "http"


def side_service(rollout: Rollout, generation: int) -> str:
    """Name the service of a generation, which is an attempt; it keeps the name when the canary becomes stable."""
    return f"{rollout.name}_{generation}"


def own_service(rollout: Rollout, side: SideName) -> str:
    """Name the service of the rollout's own for a side; a baseline's is that of its canary's attempt."""
    if side == "stable":
        return side_service(rollout, rollout.status.stable_generation)
    service = side_service(rollout, rollout.status.generation)
    return f"{service}_baseline" if side == "baseline" else service


def target(rollout: Rollout, side: SideName) -> str:
    """Name what the traffic of a side is sent to."""
    return rollout.spec.sides[side].service or own_service(rollout, side)


def mirrored_target(rollout: Rollout) -> str:
    """Name the service of stable's servers where stable's own name is that of the mirroring before it."""
    return f"{side_service(rollout, rollout.status.stable_generation)}_servers"


def override_service(service: str) -> str:
    """Name the service of a side's servers for the requests that overrides send there: they are not counted."""
    return f"{service}_override"


def ignored_router(rollout: str) -> str:
    """Name the router of the requests that `analysis.ignore` leaves out of all metrics."""
    return f"{rollout}_ignored"


def server_cookie(service: str) -> str:
    """Name the cookie by which clients stay on one server of a service."""
    return f"{service}_server"


def counted_services(rollout: Rollout) -> Mapping[SideName, str]:
    """Name the services whose requests are those of the sides that may get traffic, in Traefik's metrics.

    A mirroring service has no metrics of its own: behind it the servers' service counts.
    """
    is_behind_mirror = rollout.mirror is not None and not rollout.spec.stable.service
    services = {side: target(rollout, side) for side in rollout.sides}
    if is_behind_mirror:
        services["stable"] = mirrored_target(rollout)
    return {side: qualified(service) for side, service in services.items()}


def middleware(rollout: str, kind: str) -> str:
    """Name a middleware of a rollout's own."""
    return f"{rollout}_{kind}"


def transport(idle: str, waits: Mapping[str, str], tls: Mapping[str, object]) -> str:
    """Name the transport with these times and this TLS, by its digest; sides with the same one share it."""
    digest = {"tls": hashlib.sha256(json.dumps(tls, sort_keys=True).encode()).hexdigest()[:12]} if tls else {}
    return "_".join(f"{kind}_{value}" for kind, value in {"idle": idle, **waits, **digest}.items())


def qualified(name: str) -> str:
    """Name a part as Traefik's API does: with the provider that it comes from."""
    return name if "@" in name else f"{name}@{PROVIDER}"
