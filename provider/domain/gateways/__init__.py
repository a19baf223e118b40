"""A gateway, which is a Traefik that polls: its spec, its polls and its health. Pure."""

from provider.domain.gateways.counted_polls import counted
from provider.domain.gateways.gateway import DEFAULT_GATEWAY, GatewaySpec, Sighting
from provider.domain.gateways.health import QUIET_AFTER, Condition, GatewayState, Signs, condition_of

__all__ = [
    "DEFAULT_GATEWAY",
    "QUIET_AFTER",
    "Condition",
    "GatewaySpec",
    "GatewayState",
    "Sighting",
    "Signs",
    "condition_of",
    "counted",
]
