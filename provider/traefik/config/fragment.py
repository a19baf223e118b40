"""One rollout as its part of Traefik's dynamic configuration.

The shapes are those of Traefik's `pkg/config/dynamic/http_config.go`. Each choice that looks odd avoids something
that was seen to take traffic down; the end-to-end tests pin those facts with the real Traefik.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from provider.domain.fields import write
from provider.domain.json_object import Json
from provider.domain.rollouts import Override, Resilience, Rollout, Side, SideName, Strategy, settings_of
from provider.traefik.config import names, resilience
from provider.traefik.config.router_rules import ignored_rule, override_rule
from provider.traefik.config.weights import smallest_weights

ZERO = Decimal(0)
_NOTHING_CHOSEN = Resilience()
# Traefik counts what such a router gets nowhere, not in the metrics of its service either (seen from 3.3 on).
_UNCOUNTED = {"observability": {"metrics": False}}


@dataclass(frozen=True)
class Fragment:
    """What one rollout asks of Traefik: routers, services, middlewares and transports by name."""

    routers: Mapping[str, Json] = field(default_factory=dict)
    services: Mapping[str, Json] = field(default_factory=dict)
    middlewares: Mapping[str, Json] = field(default_factory=dict)
    transports: Mapping[str, Json] = field(default_factory=dict)


def render(rollout: Rollout) -> Fragment:
    """Say what Traefik is told of a rollout: the same fragment for the same rollout, always.

    Its servers are known: see `with_found`.
    """
    rendering = _Rendering(rollout)
    return Fragment(
        routers=rendering.routers,
        services=dict(sorted(rendering.services())),
        middlewares=dict(sorted(rendering.middlewares().items())),
        transports=dict(sorted(rendering.transports())),
    )


class _Rendering:
    """The names and facts of one rollout that its routers and services share."""

    def __init__(self, rollout: Rollout) -> None:
        self.name = rollout.name
        self.spec = rollout.spec
        self.resilience = rollout.spec.resilience or _NOTHING_CHOSEN
        self.stable = rollout.spec.stable
        self.canary = rollout.canary
        self.sides = rollout.sides
        self.shares = rollout.shares
        self.weight = rollout.status.weight if self.canary else ZERO
        self.mirror = rollout.mirror
        self.overrides = rollout.overrides
        self.counts_overrides = bool(settings_of(rollout).count_overrides)
        self.ignored = settings_of(rollout).ignore or ()
        self.own = {side: names.own_service(rollout, side) for side in self.sides}
        self.servers = {name: side.service or self.own[name] for name, side in self.sides.items()}
        if self.mirror and not self.stable.service:
            # The mirroring service takes stable's own name: the sticky cookie is a hash of it, and must not change.
            self.servers["stable"] = names.mirrored_target(rollout)
        self.targets = dict(self.servers)
        if self.mirror:
            self.targets["stable"] = self.own["stable"]

    @property
    def mirror_target(self) -> str:
        # A service of its own, so that copies do not count among the canary's requests.
        is_own = self.canary is not None and self.canary.servers
        return f"{self.servers['canary']}_mirror" if is_own else self.servers["canary"]

    @property
    def is_split(self) -> bool:
        return len(self.shares) > 1

    @property
    def main_target(self) -> str:
        return self.name if self.is_split else self.targets[next(iter(self.shares))]

    @property
    def needs_fallback(self) -> bool:
        """Tell whether the main router depends on a service that another provider may take away.

        Traefik disables a router whose service has a missing child, even one without traffic: stable would go
        down with the canary. A second router, one priority lower, is there at once when that happens.
        """
        foreign = [name for name, side in self.sides.items() if side.service and name != "stable"]
        return any(name in self.shares or (self.mirror and name == "canary") for name in foreign)

    @property
    def priority(self) -> int:
        # Traefik's own default is the length of the rule in bytes (pkg/muxer/http/mux.go).
        return self.spec.priority or len(self.spec.rule.encode())

    @cached_property
    def routers(self) -> Mapping[str, Json]:
        return dict(sorted(self._routers()))

    def _routers(self) -> Iterator[tuple[str, Json]]:
        yield self.name, self._router(self.spec.rule, self.main_target, self.spec.priority)
        if self.needs_fallback:
            yield (
                f"{self.name}_fallback",
                self._router(self.spec.rule, self.servers["stable"], self.priority - 1),
            )
        above = self.priority
        if self.ignored:
            above += 1
            rule = ignored_rule(self.spec.rule, self.ignored)
            yield names.ignored_router(self.name), self._router(rule, self.main_target, above) | _UNCOUNTED
        for index, override in enumerate(self.overrides):
            # The first override that matches wins: each has a priority of its own.
            priority = above + len(self.overrides) - index
            yield f"{self.name}_override_{index}", self._override(override, priority)

    def _override(self, override: Override, priority: int) -> Json:
        router = self._router(override_rule(self.spec.rule, override), self._override_target(override), priority)
        is_foreign = self.sides[override.to].service is not None
        return router | _UNCOUNTED if is_foreign and not self.counts_overrides else router

    def _override_target(self, override: Override) -> str:
        """Name a service of the side's servers that is not counted; another provider's service has no second one."""
        if self.counts_overrides or self.sides[override.to].service:
            return self.servers[override.to]
        return names.override_service(self.own[override.to])

    def _router(self, rule: str, service: str, priority: int | None) -> Json:
        router: Json = {"rule": rule, "service": service}
        if priority is not None:
            router["priority"] = priority
        if self.spec.entry_points:
            router["entryPoints"] = list(self.spec.entry_points)
        # The user's own come first: whom they turn away takes nobody's place, and is not sent again.
        middlewares = [*(self.spec.middlewares or ()), *resilience.of_routers(self.name, self.resilience)]
        if middlewares:
            router["middlewares"] = middlewares
        if self.spec.tls:
            router["tls"] = write(self.spec.tls)
        return router

    def services(self) -> Iterator[tuple[str, Json]]:
        used = set(self._targets())
        if self.is_split:
            yield self.name, self._split()
            yield from self._wrappers()
        if self.mirror and self.targets["stable"] in used:
            yield self.own["stable"], self._mirroring()
            if self.canary and self.canary.servers:
                yield self.mirror_target, self._load_balancer(self.canary, name=self.own["canary"])
        for name, side in self.sides.items():
            if side.servers is not None and self.servers[name] in used:
                yield self.servers[name], self._load_balancer(side, name=self.own[name])
        if self.overrides:
            yield from self._override_services(used)

    def _override_services(self, used: Collection[str]) -> Iterator[tuple[str, Json]]:
        for name, side in self.sides.items():
            service = names.override_service(self.own[name])
            if service in used:
                # Clients stay on the server that they have by the cookie of the side itself.
                yield service, self._load_balancer(side, name=self.own[name])

    def _targets(self) -> Iterator[str]:
        """Name every service that gets traffic; one that gets none is left out."""
        for router in self.routers.values():
            yield router["service"]
        if self.is_split:
            yield from (self.targets[side] for side in self.shares)
        if self.mirror and self.weight < 100:
            yield self.servers["stable"]

    def _split(self) -> Json:
        weights = smallest_weights(*self.shares.values())
        is_hrw = self.spec.strategy is Strategy.HRW
        # Traefik scores a child by FNV-1a of the client's address and this name. Names that differ in their last
        # character alone have all but the same score, and the smaller weight gets no client below 50%.
        named = names.qualified if is_hrw else str
        children = [
            {"name": named(self._child(side)), "weight": weight}
            for side, weight in zip(self.shares, weights, strict=True)
        ]
        split: Json = {"services": children}
        if self._are_checked(self.shares):
            split["healthCheck"] = {}
        if self.spec.sticky:
            split["sticky"] = write(self.spec.sticky)
        return {"highestRandomWeight" if is_hrw else "weighted": split}

    def _child(self, side: SideName) -> str:
        """Name a child of the split.

        A sticky cookie is a hash of this name. The name of another provider's service is the same in each attempt,
        and would bring clients of an aborted canary back: it gets a name of the attempt's own.
        """
        target = self.targets[side]
        is_wrapped = self.spec.sticky is not None and self.sides[side].service == target
        return self.own[side] if is_wrapped else target

    def _wrappers(self) -> Iterator[tuple[str, Json]]:
        for side in self.shares:
            if self._child(side) != self.targets[side]:
                yield self.own[side], {"weighted": {"services": [{"name": self.targets[side], "weight": 1}]}}

    def _are_checked(self, sides: Iterable[SideName]) -> bool:
        """Tell whether a side that is down is known to be: Traefik wants a check on every child, or on none."""
        return all(self.sides[side].health_check for side in sides)

    def _mirroring(self) -> Json:
        assert self.mirror is not None  # noqa: S101 who mirrors has one
        mirroring: Json = {
            "service": self.servers["stable"],
            "mirrors": [{"name": self.mirror_target, "percent": self.mirror.percent}],
            "maxBodySize": self.mirror.max_body_size,
        }
        if self._are_checked(("stable", "canary")):
            mirroring["healthCheck"] = {}
        return {"mirroring": mirroring}

    def transports(self) -> Iterator[tuple[str, Json]]:
        for side in self.sides.values():
            if transport := resilience.transport(side, self.resilience):
                yield transport

    def middlewares(self) -> Mapping[str, Json]:
        return resilience.middlewares(self.name, self.resilience)

    def _load_balancer(self, side: Side, *, name: str) -> Json:
        options = write(side)
        balancer: Json = {"servers": [server for server in options.get("servers", ()) if not server.get("drain")]}
        for option in ("healthCheck", "passiveHealthCheck", "passHostHeader"):
            if options.get(option):
                balancer[option] = options[option]
        if side.pass_host_header is False:
            balancer["passHostHeader"] = False
        if transport := resilience.transport(side, self.resilience):
            balancer["serversTransport"] = transport[0]
        if side.sticky:
            # By the generation, which a promoted canary keeps: its clients stay on their servers.
            balancer["sticky"] = {"cookie": {"name": names.server_cookie(name), **options["sticky"]["cookie"]}}
        service: Json = {"loadBalancer": balancer}
        if middlewares := resilience.of_sides(self.name, self.resilience):
            service["middlewares"] = middlewares
        return service
