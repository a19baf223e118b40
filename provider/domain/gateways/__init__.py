"""A gateway, which is a Traefik that polls: where it can be asked, what was seen of it, what it carries. Pure."""

from provider.domain.gateways.counted_polls import counted
from provider.domain.gateways.gateway import DEFAULT_GATEWAY, GatewaySpec, Sighting
from provider.domain.gateways.health import QUIET_AFTER, Condition, GatewayState, Signs, condition_of
from provider.traefik.applied import SECTIONS, Expectation, canary_problem, expectation

__all__ = [
    "DEFAULT_GATEWAY",
    "QUIET_AFTER",
    "SECTIONS",
    "Condition",
    "Expectation",
    "GatewaySpec",
    "GatewayState",
    "Sighting",
    "Signs",
    "canary_problem",
    "condition_of",
    "counted",
    "expectation",
]
