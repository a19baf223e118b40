"""What Traefik is told: from a rollout to a fragment, from fragments to a body. Pure."""

from provider.routing.checking import UnfitFragmentError, checked, fault_of
from provider.routing.configuration import EMPTY_BODY, Encoded, assemble, assemble_yaml, encode_fragment
from provider.routing.fragment import Fragment, render
from provider.routing.names import counted_services, ignored_router, qualified
from provider.routing.overlaps import Overlaps, RouteTable, differs, route_of
from provider.routing.resilience import ready_transports
from provider.routing.versions import (
    UnsupportedFeatureError,
    is_old,
    missing_from,
    oldest_version,
    plain_version,
    render_for,
    shortcoming,
)
from provider.routing.weights import smallest_weights

__all__ = [
    "EMPTY_BODY",
    "Encoded",
    "Fragment",
    "Overlaps",
    "RouteTable",
    "UnfitFragmentError",
    "UnsupportedFeatureError",
    "assemble",
    "assemble_yaml",
    "checked",
    "counted_services",
    "differs",
    "encode_fragment",
    "fault_of",
    "ignored_router",
    "is_old",
    "missing_from",
    "oldest_version",
    "plain_version",
    "qualified",
    "ready_transports",
    "render",
    "render_for",
    "route_of",
    "shortcoming",
    "smallest_weights",
]
