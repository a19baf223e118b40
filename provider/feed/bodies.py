"""The body of every gateway, joined from fragments that are rendered once for each change of a rollout."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from provider.rollouts import Rollout
from provider.routing import Encoded, assemble, encode_fragment, render

# Gateways that no rollout names get what every gateway gets: they share one body, under this name.
_COMMON = ""


@dataclass(frozen=True)
class Body:
    """What a gateway is served. `digest` tells one body from another."""

    content: bytes
    digest: str


@dataclass(frozen=True)
class _Part:
    encoded: Encoded
    gateways: tuple[str, ...] | None

    def is_for(self, gateway: str) -> bool:
        return self.gateways is None or gateway in self.gateways


class Bodies:
    """Fragments by rollout, and the bodies made of them. Written by one thread; `body` may be called by any."""

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        self._names: list[str] = []
        self._named_gateways: Counter[str] = Counter()
        self._cache: dict[str, Body] = {}

    def put(self, rollout: Rollout) -> None:
        """Render a rollout anew and drop the bodies that it is part of."""
        self._detach(rollout.name)
        part = _Part(encode_fragment(render(rollout)), rollout.spec.gateways)
        if rollout.name not in self._parts:
            insort(self._names, rollout.name)
        self._parts[rollout.name] = part
        self._named_gateways.update(part.gateways or ())
        self._drop_bodies(part.gateways)

    def remove(self, name: str) -> None:
        """Forget a rollout; one that is not there is no error."""
        if name not in self._parts:
            return
        self._detach(name)
        del self._parts[name]
        del self._names[bisect_left(self._names, name)]

    def body(self, gateway: str) -> Body:
        """Give what a gateway carries, by rollouts' names in order."""
        key = gateway if self._named_gateways[gateway] > 0 else _COMMON
        cached = self._cache.get(key)
        if cached is None:
            cached = self._cache[key] = self._join(key)
        return cached

    def _join(self, gateway: str) -> Body:
        parts = (self._parts[name] for name in self._names)
        content = assemble(part.encoded for part in parts if part.is_for(gateway))
        return Body(content, blake2b(content, digest_size=16).hexdigest())

    def _detach(self, name: str) -> None:
        part = self._parts.get(name)
        if part is None:
            return
        self._named_gateways.subtract(part.gateways or ())
        self._drop_bodies(part.gateways)

    def _drop_bodies(self, gateways: Iterable[str] | None) -> None:
        if gateways is None:
            self._cache = {}
            return
        # A gateway named for the first time, or no longer, moves between its own body and the common one.
        for gateway in gateways:
            self._cache.pop(gateway, None)
