"""The body of every gateway, joined from fragments that are rendered once for each change of a rollout."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from provider.domain.rollouts import Rollout
from provider.replica.served_counts import COMMON, Gateways, Served
from provider.store import Event
from provider.traefik.config import (
    EMPTY_BODY,
    Encoded,
    assemble,
    assemble_yaml,
    checked,
    render,
    render_for,
    shortcoming,
)

_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Body:
    """What a gateway is served, in either form, joined when first asked for. `digest` tells one body from another.

    `cause` is the first change that the body before did not have; None where that is not known.
    """

    digest: str
    fragments: tuple[Encoded, ...] = field(compare=False, repr=False)
    cause: Event | None = field(default=None, compare=False)

    @cached_property
    def as_json(self) -> bytes:
        """The body for whoever says nothing."""
        return assemble(self.fragments)

    @cached_property
    def as_yaml(self) -> bytes:
        """The body for who asks for YAML, as a Traefik should."""
        return assemble_yaml(self.fragments)


@dataclass(frozen=True)
class _Part:
    rollout: Rollout
    encoded: Encoded
    gateways: Gateways
    digest: bytes

    def is_for(self, gateway: str) -> bool:
        return self.gateways is None or gateway in self.gateways


class Bodies:
    """Fragments by rollout, and the bodies made of them. Written by one thread; `body` may be called by any."""

    def __init__(self, encode: Callable[[Rollout], Encoded] = lambda rollout: checked(render(rollout))) -> None:
        self._encode = encode
        self._parts: dict[str, _Part] = {}
        self._names: list[str] = []
        self._versions: dict[str, str] = {}
        self._reduced: dict[tuple[str, str], tuple[_Part, _Part]] = {}
        self.served = Served()
        self._cache: dict[str, Body] = {}
        self._outdated: dict[str, Event | None] = {}
        self.cause: Event | None = None
        """The change that is being taken; None while everything is loaded."""

    def put(self, rollout: Rollout) -> None:
        """Render a rollout anew and drop the bodies that it is part of.

        What Traefik would not take changes nothing: UnfitFragmentError.
        """
        encoded = self._encode(rollout)
        part = _Part(rollout, encoded, rollout.spec.gateways, _digest(encoded))
        self._drop_bodies(self.gateways_of(rollout.name))
        self.served.change(self.gateways_of(rollout.name), part.gateways)
        if rollout.name not in self._parts:
            insort(self._names, rollout.name)
        self._parts[rollout.name] = part
        self._drop_bodies(part.gateways)

    def remove(self, name: str) -> None:
        """Forget a rollout; one that is not there is no error."""
        if name not in self._parts:
            return
        self._drop_bodies(self.gateways_of(name))
        self.served.change(self.gateways_of(name), ())
        del self._parts[name]
        self._reduced = {key: found for key, found in self._reduced.items() if key[0] != name}
        del self._names[bisect_left(self._names, name)]

    def set_version(self, gateway: str, version: str | None) -> None:
        """Render for a version of Traefik from now on; None is one that takes everything."""
        if self._versions.get(gateway) == version:
            return
        self._versions.pop(gateway, None)
        if version:
            self._versions[gateway] = version
        self._drop_bodies([gateway])

    def gateways_of(self, name: str) -> Gateways:
        """Tell which gateways carry a rollout: none of them where it is not there."""
        return self._parts[name].gateways if name in self._parts else ()

    def body(self, gateway: str) -> Body:
        """Give what a gateway carries, by rollouts' names in order."""
        key = gateway if self.served.names(gateway) or gateway in self._versions else COMMON
        cached = self._cache.get(key)
        if cached is None:
            cached = self._cache[key] = self._collect(key)
        return cached

    def _collect(self, gateway: str) -> Body:
        parts = [part for name in self._names if (part := self._parts[name]).is_for(gateway)]
        if gateway in self._versions:
            parts = [self._part_for(part, self._versions[gateway]) for part in parts]
        # Of the parts' digests: the bytes themselves are megabytes, which nobody may ask for.
        digest = blake2b(EMPTY_BODY, digest_size=_DIGEST_BYTES)
        digest.update(b"".join([part.digest for part in parts]))
        return Body(digest.hexdigest(), tuple(part.encoded for part in parts), self._outdated.pop(gateway, None))

    def _part_for(self, part: _Part, version: str) -> _Part:
        """Give a part as a version of Traefik takes it; rendered once for each change of the rollout."""
        if not shortcoming(part.rollout, version):
            return part
        key = (part.rollout.name, version)
        of, reduced = self._reduced.get(key, (None, part))
        if of is not part:
            encoded = checked(render_for(part.rollout, version))
            reduced = _Part(part.rollout, encoded, part.gateways, _digest(encoded))
            self._reduced[key] = (part, reduced)
        return reduced

    def _drop_bodies(self, gateways: Iterable[str] | None) -> None:
        # A gateway named for the first time, or no longer, moves between its own body and the common one.
        for gateway in tuple(self._cache) if gateways is None else gateways:
            if self._cache.pop(gateway, None):
                self._outdated[gateway] = self.cause


def _digest(encoded: Encoded) -> bytes:
    transports = (entry for _, entry in encoded.transports)
    sections = (encoded.routers, encoded.services, encoded.middlewares, *transports)
    return blake2b(b"\n".join(sections), digest_size=_DIGEST_BYTES).digest()
