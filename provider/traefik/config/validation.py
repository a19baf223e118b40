"""The last look at a fragment before it may reach Traefik: what it would refuse, or lose traffic by, goes no further.

Everything that renders is valid by construction. This is for the day on which that is not so: one wrong field in one
rollout's fragment makes Traefik refuse the configuration of all of them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from provider.domain.json_object import Json
from provider.domain.rules import RuleError, parse_rule
from provider.traefik.config.configuration import Encoded, encode_fragment
from provider.traefik.config.fragment import Fragment
from provider.traefik.config.schema import MIDDLEWARE, ROUTER, SERVICE, TRANSPORT, Shape, name

_SECTIONS: tuple[tuple[str, Shape], ...] = (
    ("routers", ROUTER),
    ("services", SERVICE),
    ("middlewares", MIDDLEWARE),
    ("transports", TRANSPORT),
)
_SPLITS = ("weighted", "highestRandomWeight")
# Traefik's YAML reader takes neither of these escapes, which JSON may be written with.
_REFUSED_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\(?:/|u[dD][89a-fA-F])")


class UnfitFragmentError(Exception):
    """A fragment that Traefik would refuse, or lose traffic by; the words name the place and what would be right."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"Traefik would not take this as it is meant: {fault}")


def checked(fragment: Fragment) -> Encoded:
    """Encode a fragment that Traefik takes. Raises UnfitFragmentError."""
    fault = fault_of(fragment)
    if fault:
        raise UnfitFragmentError(fault)
    encoded = encode_fragment(fragment)
    if any(map(has_refused_escape, (encoded.routers, encoded.services, encoded.middlewares))):
        raise UnfitFragmentError("its text must be written without an escape that YAML does not know")
    return encoded


def has_refused_escape(content: bytes) -> bool:
    r"""Tell whether JSON holds an escape that Traefik's YAML reader refuses: ``\/``, or half of a surrogate pair."""
    return b"\\" in content and bool(_REFUSED_ESCAPE.search(content))


def fault_of(fragment: Fragment) -> str | None:
    """Name the first thing in a fragment that Traefik would refuse or lose traffic by; None where all is well."""
    return _fault_of_shape(fragment) or next(_faults_of_meaning(fragment), None)


def _fault_of_shape(fragment: Fragment) -> str | None:
    for section, shape in _SECTIONS:
        for key, part in getattr(fragment, section).items():
            if problem := name(key) or shape(part):
                return f"{section}.{key}{problem}"
    return None


def _faults_of_meaning(fragment: Fragment) -> Iterator[str]:
    if not fragment.routers:
        yield "there is no router"
    read: set[str] = set()
    for key, router in fragment.routers.items():
        if router["rule"] not in read:
            read.add(router["rule"])
            yield from _faults_of_rule(f"routers.{key}", router["rule"])
        yield from _missing(f"routers.{key}.service", router["service"], fragment.services)
        yield from _missing_middlewares(f"routers.{key}", router, fragment)
    for key, service in fragment.services.items():
        yield from _faults_of_service(f"services.{key}", service, fragment)


def _faults_of_rule(place: str, rule: str) -> Iterator[str]:
    try:
        parse_rule(rule)
    except RuleError as error:
        yield f"{place}.rule: {error}"


def _faults_of_service(place: str, service: Json, fragment: Fragment) -> Iterator[str]:
    yield from _missing_middlewares(place, service, fragment)
    kinds = [kind for kind in service if kind != "middlewares"]
    if len(kinds) != 1:
        yield f"{place} must be of one kind, not {' and '.join(kinds) or 'of none'}"
        return
    (kind,) = kinds
    options = service[kind]
    if kind == "loadBalancer":
        transport = options.get("serversTransport")
        if transport:
            yield from _missing(f"{place}.{kind}.serversTransport", transport, fragment.transports)
        return
    yield from _faults_of_parent(f"{place}.{kind}", _children(kind, options), options, fragment)
    if kind in _SPLITS:
        yield from _faults_of_weights(f"{place}.{kind}", options)


def _faults_of_parent(place: str, children: Iterable[str], options: Json, fragment: Fragment) -> Iterator[str]:
    for child in children:
        yield from _missing(place, child, fragment.services)
        if "healthCheck" in options and not _is_checked(child, fragment):
            # Traefik disables the service, and the router with it.
            yield f"{place}.healthCheck needs a healthCheck of {child}"


def _faults_of_weights(place: str, options: Json) -> Iterator[str]:
    weights = [child["weight"] for child in options["services"]]
    if not any(weights):
        yield f"{place} needs a weight above 0: it would answer 503"
    if "healthCheck" in options and not all(weights):
        # Seen to let Traefik spin for ever.
        yield f"{place}.healthCheck must not stand above a weight of 0"


def _children(kind: str, options: Json) -> list[str]:
    if kind in _SPLITS:
        return [child["name"] for child in options["services"]]
    return [options["service"], *(mirror["name"] for mirror in options["mirrors"])]


def _missing_middlewares(place: str, part: Json, fragment: Fragment) -> Iterator[str]:
    for middleware in part.get("middlewares", ()):
        yield from _missing(f"{place}.middlewares", middleware, fragment.middlewares)


def _missing(place: str, reference: str, defined: Mapping[str, Any]) -> Iterator[str]:
    # What another provider has is known to Traefik only.
    if "@" not in (own := reference.removesuffix("@http")) and own not in defined:
        yield f"{place} names {reference}, which is not there"


def _is_checked(reference: str, fragment: Fragment) -> bool:
    service = fragment.services.get(reference.removesuffix("@http"), {})
    return any("healthCheck" in options for options in service.values())
