"""A gateway, which is a Traefik that polls: its spec, its polls and its health. Pure."""

from provider.domain.gateways.counted_polls import counted
from provider.domain.gateways.gateway import DEFAULT_GATEWAY, GatewaySpec, Sighting, metrics_sources
from provider.domain.gateways.health import QUIET_AFTER, Condition, GatewayHealth, Signs, condition_of
from provider.domain.gateways.instances import Instances, Shown

__all__ = [
    "DEFAULT_GATEWAY",
    "QUIET_AFTER",
    "Condition",
    "GatewayHealth",
    "GatewaySpec",
    "Instances",
    "Shown",
    "Sighting",
    "Signs",
    "condition_of",
    "counted",
    "metrics_sources",
]
