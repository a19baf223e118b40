"""One rollout as its part of Traefik's dynamic configuration.

The shapes are those of Traefik's `pkg/config/dynamic/http_config.go`. Each choice that looks odd avoids something
that was seen to take traffic down; the end-to-end tests pin those facts with the real Traefik.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from provider.domain.fields import write
from provider.domain.rollouts import Override, Resilience, Rollout, Side, Strategy, settings_of
from provider.traefik.config import names, resilience
from provider.traefik.config.router_rules import ignored_rule, override_rule
from provider.traefik.config.weights import smallest_weights

Json = dict[str, Any]
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
        self.weight = rollout.status.weight if self.canary else ZERO
        self.mirror = rollout.mirror
        self.overrides = rollout.overrides
        self.counts_overrides = bool(settings_of(rollout).count_overrides)
        self.ignored = settings_of(rollout).ignore or ()
        self.stable_own = names.side_service(rollout, rollout.status.stable_generation)
        self.canary_own = names.side_service(rollout, rollout.status.generation)
        self.stable_servers = names.stable_target(rollout)
        if self.mirror and not self.stable.service:
            # The mirroring service takes stable's own name: the sticky cookie is a hash of it, and must not change.
            self.stable_servers = names.mirrored_target(rollout)
        self.canary_servers = names.canary_target(rollout, self.canary) if self.canary else ""

    @property
    def stable_target(self) -> str:
        return self.stable_own if self.mirror else self.stable_servers

    @property
    def mirror_target(self) -> str:
        # A service of its own, so that copies do not count among the canary's requests.
        is_own = self.canary is not None and self.canary.servers
        return f"{self.canary_servers}_mirror" if is_own else self.canary_servers

    @property
    def is_split(self) -> bool:
        return 0 < self.weight < 100

    @property
    def main_target(self) -> str:
        if self.is_split:
            return self.name
        return self.canary_servers if self.weight else self.stable_target

    @property
    def needs_fallback(self) -> bool:
        """Tell whether the main router depends on a service that another provider may take away.

        Traefik disables a router whose service has a missing child, even one without traffic: stable would go
        down with the canary. A second router, one priority lower, is there at once when that happens.
        """
        is_foreign = self.canary is not None and self.canary.service is not None
        return is_foreign and (self.weight > 0 or self.mirror is not None)

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
                self._router(self.spec.rule, self.stable_servers, self.priority - 1),
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
        is_foreign = self._overridden_side(override).service is not None
        return router | _UNCOUNTED if is_foreign and not self.counts_overrides else router

    def _override_target(self, override: Override) -> str:
        """Name a service of the side's servers that is not counted; another provider's service has no second one."""
        is_canary = override.to == "canary"
        if self.counts_overrides or self._overridden_side(override).service:
            return self.canary_servers if is_canary else self.stable_servers
        return names.override_service(self.canary_servers if is_canary else self.stable_own)

    def _overridden_side(self, override: Override) -> Side:
        return self.canary if override.to == "canary" and self.canary else self.stable

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
        if self.mirror and self.stable_target in used:
            yield self.stable_own, self._mirroring()
            if self.canary and self.canary.servers:
                yield self.mirror_target, self._load_balancer(self.canary, name=self.canary_servers)
        if self.stable.servers is not None and self.stable_servers in used:
            yield self.stable_servers, self._load_balancer(self.stable, name=self.stable_own)
        if self.canary and self.canary.servers and self.canary_servers in used:
            yield self.canary_servers, self._load_balancer(self.canary, name=self.canary_servers)
        yield from self._override_services(used)

    def _override_services(self, used: Collection[str]) -> Iterator[tuple[str, Json]]:
        for side, name in ((self.stable, self.stable_own), (self.canary, self.canary_servers)):
            service = names.override_service(name)
            if side and service in used:
                # Clients stay on the server that they have by the cookie of the side itself.
                yield service, self._load_balancer(side, name=name)

    def _targets(self) -> Iterator[str]:
        """Name every service that gets traffic; one that gets none is left out."""
        for router in self.routers.values():
            yield router["service"]
        if self.is_split:
            yield from (self.stable_target, self.canary_servers)
        if self.mirror and self.weight < 100:
            yield self.stable_servers

    def _split(self) -> Json:
        stable, canary = smallest_weights(self.weight)
        is_hrw = self.spec.strategy is Strategy.HRW
        # Traefik scores a child by FNV-1a of the client's address and this name. Names that differ in their last
        # character alone have all but the same score, and the smaller weight gets no client below 50 %.
        named = names.qualified if is_hrw else str
        children = [
            {"name": named(self._child(self.stable, self.stable_target, self.stable_own)), "weight": stable},
            {"name": named(self._child(self.canary, self.canary_servers, self.canary_own)), "weight": canary},
        ]
        split: Json = {"services": children}
        if self._is_checked:
            split["healthCheck"] = {}
        if self.spec.sticky:
            split["sticky"] = write(self.spec.sticky)
        return {"highestRandomWeight" if is_hrw else "weighted": split}

    def _child(self, side: Side | None, target: str, own: str) -> str:
        """Name a child of the split.

        A sticky cookie is a hash of this name. The name of another provider's service is the same in each attempt,
        and would bring clients of an aborted canary back: it gets a name of the attempt's own.
        """
        is_wrapped = self.spec.sticky is not None and side is not None and side.service == target
        return own if is_wrapped else target

    def _wrappers(self) -> Iterator[tuple[str, Json]]:
        stable = (self.stable, self.stable_target, self.stable_own)
        for side, target, own in (stable, (self.canary, self.canary_servers, self.canary_own)):
            if self._child(side, target, own) != target:
                yield own, {"weighted": {"services": [{"name": target, "weight": 1}]}}

    @property
    def _is_checked(self) -> bool:
        """Tell whether a side that is down is known to be: Traefik wants a check on every child, or on none."""
        return bool(self.stable.health_check and self.canary and self.canary.health_check)

    def _mirroring(self) -> Json:
        assert self.mirror is not None  # noqa: S101 who mirrors has one
        mirroring: Json = {
            "service": self.stable_servers,
            "mirrors": [{"name": self.mirror_target, "percent": self.mirror.percent}],
            "maxBodySize": self.mirror.max_body_size,
        }
        if self._is_checked:
            mirroring["healthCheck"] = {}
        return {"mirroring": mirroring}

    def transports(self) -> Iterator[tuple[str, Json]]:
        for side in (self.stable, self.canary):
            if side and (transport := resilience.transport(side, self.resilience)):
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
