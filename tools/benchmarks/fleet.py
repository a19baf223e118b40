"""The same rollouts in the words of each peer: most at rest, one in a hundred with a live canary, one that shifts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from provider.domain.fields import read
from provider.domain.json_object import Json
from provider.domain.rollouts import Rollout, Spec
from provider.store import Contents
from tools.benchmarks.stored import contents
from tools.benchmarks.system import ROLLOUT, SITE

# One that is named: else Traefik builds every router for each of its entry points, and twice over for TLS.
_ENTRY_POINTS = ["web"]
GATEWAY = "canary"
_LIVE_EVERY = 100
_LIVE_WEIGHT = 5


@dataclass(frozen=True)
class Fleet:
    """So many rollouts, with the addresses of the two versions of the app that all of them have.

    A provider has them carried by so many gateways, each a part; the first one has the one that shifts.
    """

    size: int
    urls: Mapping[str, str]
    gateways: int = 1

    def names(self) -> Iterator[tuple[str, str, bool]]:
        """Give name, rule and whether its canary is live, of all but the one that shifts."""
        for number in range(self.size - 1):
            yield f"other-{number}", f"Host(`other-{number}.localhost`)", number % _LIVE_EVERY == 0

    def contents(self) -> Contents:
        """Give what a provider's store holds."""
        now = datetime.now(UTC)
        made = [Rollout.create(ROLLOUT, self._spec(f"Host(`{SITE}`)", is_live=True, number=0), now=now)]
        for number, (name, rule, is_live) in enumerate(self.names(), start=1):
            rollout = Rollout.create(name, self._spec(rule, is_live=is_live, number=number), now=now)
            made.append(rollout.set_weight(Decimal(_LIVE_WEIGHT), now=now) if is_live else rollout)
        return contents(made)

    def dynamic(self, version: str) -> Json:
        """Give Traefik's dynamic configuration, with as few parts as do, when a version answers for the shifting one.

        At rest a rollout is one router and one service, which is what serves every peer best.
        """
        routers = {ROLLOUT: _router(f"Host(`{SITE}`)", f"{ROLLOUT}_{version}")}
        services = {f"{ROLLOUT}_{one}": self._servers(one) for one in self.urls}
        for name, rule, is_live in self.names():
            routers[name] = _router(rule, name if is_live else f"{name}_v1")
            services[f"{name}_v1"] = self._servers("v1")
            if is_live:
                services[f"{name}_v2"] = self._servers("v2")
                weights = (("v1", 100 - _LIVE_WEIGHT), ("v2", _LIVE_WEIGHT))
                children = [{"name": f"{name}_{one}", "weight": weight} for one, weight in weights]
                services[name] = {"weighted": {"services": children}}
        return {"http": {"routers": routers, "services": services}}

    def _servers(self, version: str) -> Json:
        return {"loadBalancer": {"servers": [{"url": self.urls[version]}]}}

    def _spec(self, rule: str, *, is_live: bool, number: int) -> Spec:
        sides = {"stable": "v1", **({"canary": "v2"} if is_live else {})}
        servers = {side: {"servers": [{"url": self.urls[version]}]} for side, version in sides.items()}
        part = number % self.gateways
        gateways = {"gateways": [f"part-{part}" if part else GATEWAY]} if self.gateways > 1 else {}
        return read(Spec, {"rule": rule, "entryPoints": _ENTRY_POINTS, **servers, **gateways})


def _router(rule: str, service: str) -> Json:
    return {"rule": rule, "service": service, "entryPoints": _ENTRY_POINTS}


def flattened(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Write a configuration as the keys and values that Traefik's stores of keys are read as."""
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flattened(item, f"{path}/{name}")
    else:
        yield path, str(value)
