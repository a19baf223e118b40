"""Routers of a Traefik: ours that are broken, and others that take their requests. Asks nobody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    # A rollout's name has no underscore: of its routers this is the main one, by whose priority the others go.
    ours = _with_rules(one for one in enabled if one["provider"] == _OURS and "_" not in one["name"])
    others = _with_rules(one for one in enabled if one["provider"] not in {_OURS, _TRAEFIKS_OWN})
    for router, rule in ours:
        for other, its_rule in others:
            if _comes_before(other, router) and _takes_all_of(its_rule, rule):
                yield _shadowed(router, by=other)


def _with_rules(routers: Iterable[Json]) -> Sequence[tuple[Json, Rule]]:
    parsed = ((router, _parsed(router["rule"])) for router in routers)
    return [(router, rule) for router, rule in parsed if rule]


def _comes_before(other: Json, router: Json) -> bool:
    is_met = bool(set(other["using"]) & set(router["using"]))
    # With TLS and without it, Traefik looks in different places.
    return is_met and other["priority"] >= router["priority"] and ("tls" in other) == ("tls" in router)


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
