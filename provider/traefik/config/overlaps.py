"""Rollouts that match the same requests on the same gateway and entry point. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from provider.domain.rollouts import Rollout
from provider.domain.rules import Rule, RuleIndex, covers, may_meet, normalized, parse_rule


@dataclass(frozen=True)
class Route:
    """What decides which requests a rollout gets. None stands for all gateways, or all entry points."""

    rule: Rule
    priority: int
    gateways: frozenset[str] | None
    entry_points: frozenset[str] | None
    has_tls: bool

    def meets(self, other: "Route") -> bool:
        """Tell whether a gateway may have both on one entry point."""
        # With TLS and without it, Traefik looks in two places.
        return (
            self.has_tls == other.has_tls
            and _share(self.gateways, other.gateways)
            and _share(self.entry_points, other.entry_points)
        )

    def is_equal(self, other: "Route") -> bool:
        """Tell whether both match the same requests with the same priority."""
        return self.priority == other.priority and self.rule == other.rule and self.meets(other)

    def shadows(self, other: "Route") -> bool:
        """Tell whether this one gets every request of another, wherever that one is."""
        return (
            self.priority > other.priority
            and self.has_tls == other.has_tls
            and _has_all(self.gateways, other.gateways)
            and _has_all(self.entry_points, other.entry_points)
            and covers(self.rule, other.rule)
        )

    def overlaps(self, other: "Route") -> bool:
        """Tell whether both match some requests with the same priority: which one gets them is not defined."""
        return (
            self.priority == other.priority
            and self.meets(other)
            and (covers(self.rule, other.rule) or may_meet(self.rule, other.rule))
        )


@dataclass(frozen=True)
class Overlaps:
    """The rollouts that take requests of one: `shadowed_by` takes all of them, `shared_with` perhaps some."""

    shadowed_by: str | None = None
    shared_with: tuple[str, ...] = ()


@dataclass
class RouteTable:
    """The routes of all rollouts."""

    _routes: dict[str, Route] = field(default_factory=dict)
    _known: dict[str, Rollout] = field(default_factory=dict)
    _by_rule: dict[Rule, dict[str, None]] = field(default_factory=dict)
    _index: RuleIndex = field(default_factory=RuleIndex)

    def follow(self, rollouts: Mapping[str, Rollout]) -> None:
        """Take over what has changed."""
        for name in self._known.keys() - rollouts.keys():
            self._forget(name)
        for name, rollout in rollouts.items():
            known = self._known.get(name)
            if known is not rollout:
                if known is None or differs(known, rollout):
                    self._put(name, route_of(rollout))
                self._known[name] = rollout

    def equal(self, rollout: Rollout) -> str | None:
        """Return another rollout that matches the same requests with the same priority."""
        route = route_of(rollout)
        names = self._by_rule.get(route.rule, {})
        return next((name for name in names if name != rollout.name and self._routes[name].is_equal(route)), None)

    def equal_pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the pairs of rollouts that match the same requests with the same priority, in order."""
        for names in sorted(map(sorted, self._by_rule.values())):
            pairs = combinations(names, 2)
            yield from (pair for pair in pairs if self._routes[pair[0]].is_equal(self._routes[pair[1]]))

    def overlaps(self, rollout: Rollout) -> Overlaps:
        """Return the rollouts that take requests of one."""
        route = route_of(rollout)
        near = [(name, self._routes[name]) for name in self._near(rollout.name, route)]
        shadowing = next((name for name, other in near if other.shadows(route)), None)
        return Overlaps(shadowing, tuple(sorted(name for name, other in near if other.overlaps(route))))

    def _near(self, name: str, route: Route) -> Iterator[str]:
        return (other for other, _ in self._index.near(route.rule) if other != name)

    def _put(self, name: str, route: Route) -> None:
        self._forget(name)
        self._routes[name] = route
        self._by_rule.setdefault(route.rule, {})[name] = None
        self._index.put(name, route.rule)

    def _forget(self, name: str) -> None:
        self._known.pop(name, None)
        route = self._routes.pop(name, None)
        if route is None:
            return
        self._index.remove(name)
        self._by_rule[route.rule].pop(name, None)
        if not self._by_rule[route.rule]:
            del self._by_rule[route.rule]


def route_of(rollout: Rollout) -> Route:
    """Return the route of a rollout."""
    spec = rollout.spec
    return Route(
        rule=normalized(parse_rule(spec.rule)),
        # Traefik's own default is the length of the rule in bytes (pkg/muxer/http/mux.go).
        priority=spec.priority or len(spec.rule.encode()),
        gateways=frozenset(spec.gateways) if spec.gateways else None,
        entry_points=frozenset(spec.entry_points) if spec.entry_points else None,
        has_tls=spec.tls is not None,
    )


def differs(one: Rollout, other: Rollout) -> bool:
    """Tell whether two states of a rollout may have different routes."""
    left, right = one.spec, other.spec
    return (left.rule, left.priority, left.gateways, left.entry_points, left.tls) != (
        *(right.rule, right.priority, right.gateways, right.entry_points),
        right.tls,
    )


def _share(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    return one is None or other is None or bool(one & other)


def _has_all(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    return one is None or (other is not None and other <= one)
