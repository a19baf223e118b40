"""A gateway, which is a Traefik that polls: where it can be asked, what was seen of it, what it carries. Pure."""

from provider.gateways.applied import SECTIONS, Expectation, expectation
from provider.gateways.condition import Condition, GatewayState, Signs, condition_of
from provider.gateways.gateway import DEFAULT_GATEWAY, GatewaySpec, Sighting

__all__ = [
    "DEFAULT_GATEWAY",
    "SECTIONS",
    "Condition",
    "Expectation",
    "GatewaySpec",
    "GatewayState",
    "Sighting",
    "Signs",
    "condition_of",
    "expectation",
]
