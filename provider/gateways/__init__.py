"""A gateway, which is a Traefik that polls: where it can be asked, what was seen of it, what it carries. Pure."""

from provider.gateways.applied import SECTIONS, Expectation, canary_problem, expectation
from provider.gateways.condition import QUIET_AFTER, Condition, GatewayState, Signs, condition_of
from provider.gateways.counted import counted
from provider.gateways.gateway import DEFAULT_GATEWAY, GatewaySpec, Sighting, metrics_sources
from provider.gateways.instances import Instances, Shown

__all__ = [
    "DEFAULT_GATEWAY",
    "QUIET_AFTER",
    "SECTIONS",
    "Condition",
    "Expectation",
    "GatewaySpec",
    "GatewayState",
    "Instances",
    "Shown",
    "Sighting",
    "Signs",
    "canary_problem",
    "condition_of",
    "counted",
    "expectation",
    "metrics_sources",
]
