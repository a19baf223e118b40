"""Routers of a Traefik: ours that are broken, and others that take their requests. Asks nobody."""

from collections.abc import Iterable, Iterator, Sequence

from provider.domain.json_object import Json
from provider.domain.rules import Rule, RuleError, RuleIndex, covers, may_meet, normalized, parse_rule
from provider.traefik.doctor.findings import Finding, Severity

_OURS, _TRAEFIKS_OWN = "http", "internal"


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
            if _comes_before(other, router) and covers(its_rule, rule):
                yield _shadowed(router, by=other)
    yield from _among_ours(ours)


def _among_ours(ours: Sequence[tuple[Json, Rule]]) -> Iterator[Finding]:
    index, routers = RuleIndex(), {router["name"]: router for router, _ in ours}
    for router, rule in ours:
        index.put(router["name"], rule)
    for router, rule in ours:
        for name, its_rule in index.near(rule):
            other = routers[name]
            if other is router or not _comes_before(other, router):
                continue
            if covers(its_rule, rule):
                yield _shadowed(router, by=other)
            elif other["priority"] == router["priority"] and may_meet(its_rule, rule):
                yield _overlapping(router, other)


def _with_rules(routers: Iterable[Json]) -> Sequence[tuple[Json, Rule]]:
    parsed = ((router, _parsed(router["rule"])) for router in routers)
    return [(router, rule) for router, rule in parsed if rule]


def _comes_before(other: Json, router: Json) -> bool:
    is_met = bool(set(other["using"]) & set(router["using"]))
    # With TLS and without it, Traefik looks in different places.
    return is_met and other["priority"] >= router["priority"] and ("tls" in other) == ("tls" in router)


def _parsed(rule: str) -> Rule | None:
    try:
        return normalized(parse_rule(rule))
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


def _overlapping(router: Json, other: Json) -> Finding:
    return Finding(
        "overlapping-router",
        Severity.WARNING,
        f"router {router['name']} matches requests of {other['name']} with the same priority, {router['priority']}: "
        "which of them gets those is not defined",
        f"spec:\n  priority: {other['priority'] + 1}",
    )
