"""What Traefik is told: from a rollout to a fragment, from fragments to a body. Pure."""

from provider.traefik.config.configuration import EMPTY_BODY, Encoded, assemble, assemble_yaml, encode_fragment
from provider.traefik.config.fragment import Fragment, render
from provider.traefik.config.names import counted_services, ignored_router, qualified
from provider.traefik.config.overlaps import Overlaps, RouteTable, differs, route_of
from provider.traefik.config.resilience import ready_transports
from provider.traefik.config.validation import UnfitFragmentError, checked, fault_of
from provider.traefik.config.versions import (
    UnsupportedFeatureError,
    is_old,
    missing_from,
    oldest_version,
    plain_version,
    render_for,
    shortcoming,
)
from provider.traefik.config.weights import smallest_weights

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
