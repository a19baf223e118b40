"""Routers of a Traefik: ours that are broken, and others that take their requests. Asks nobody."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from provider.doctor.findings import Finding, Severity
from provider.rules import And, Match, Or, Rule, RuleError, parse_rule

Json = Mapping[str, Any]

_OURS, _TRAEFIKS_OWN = "http", "internal"
_EVERYTHING = Match("PathPrefix", ("/",))


def examine_routers(routers: Iterable[Json]) -> Iterator[Finding]:
    """Find what is wrong with the routers that Traefik's API shows."""
    enabled = []
    for router in routers:
        if router.get("status") == "enabled":
            enabled.append(router)
        elif router.get("provider") == _OURS:
            reasons = "; ".join(router.get("error", ["no reason given"]))
            yield Finding(
                "broken-router", Severity.ERROR, f"router {router['name']} is {router['status']}: {reasons}"
            )
    ours = [router for router in enabled if router["provider"] == _OURS]
    others = [router for router in enabled if router["provider"] not in {_OURS, _TRAEFIKS_OWN}]
    for router in ours:
        for other in others:
            if _shadows(other, router):
                yield _shadowed(router, by=other)


def _shadows(other: Json, router: Json) -> bool:
    if other["priority"] < router["priority"] or not set(other["using"]) & set(router["using"]):
        return False
    if ("tls" in other) != ("tls" in router):
        return False  # Traefik looks for them in different muxers
    one, two = _parsed(other["rule"]), _parsed(router["rule"])
    return one is not None and two is not None and _takes_all_of(one, two)


def _takes_all_of(other: Rule, rule: Rule) -> bool:
    """Tell whether a rule matches whatever another one matches. True only where that is certain."""
    if isinstance(rule, Or):
        return all(_takes_all_of(other, part) for part in rule.rules)
    if isinstance(other, Or):
        return any(_takes_all_of(part, rule) for part in other.rules)
    return _parts(other) - {_EVERYTHING} <= _parts(rule)


def _parts(rule: Rule) -> set[Rule]:
    return set(rule.rules) if isinstance(rule, And) else {rule}


def _parsed(rule: str) -> Rule | None:
    try:
        return parse_rule(rule)
    except RuleError:
        return None  # in the syntax of Traefik 2


def _shadowed(router: Json, *, by: Json) -> Finding:
    is_same = by["priority"] == router["priority"]
    fate = "may get requests" if is_same else "gets all requests"
    how = "the same" if is_same else "a higher"
    return Finding(
        "shadowed-router",
        Severity.ERROR,
        f"router {by['name']} {fate} of {router['name']}: it matches them too, with {how} priority, {by['priority']}",
        f"spec:\n  priority: {by['priority'] + 1}",
    )
