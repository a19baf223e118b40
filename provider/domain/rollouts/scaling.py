"""Servers of a side: more or fewer of the same version, and servers that drain."""

from provider.domain.rollouts.spec import Server, Side, SideName, Spec


class ServingError(Exception):
    """Servers that cannot be changed so; the words say what would be possible."""


def scaled(spec: Spec, side: SideName, servers: tuple[Server, ...]) -> Spec:
    """Give a side other servers of its version. Raises ServingError.

    That it stays the same version shows in one server that stays. A list of others altogether would replace a version
    at once, past all steps: that is what a canary is for.
    """
    current = spec.sides.get(side)
    if current is None:
        raise ServingError(f"there is no {side}; start one with set-canary")
    if current.servers is None:
        raise ServingError(f"{side} lists no servers; scale it at their source")
    changed = current.model_copy(update={"servers": servers})
    if not changed.is_same_version(current):
        raise ServingError(f"at least one server of {side} must remain; start another version with set-canary")
    return spec.model_copy(update={side: changed})


def drained(spec: Spec, url: str, *, is_draining: bool) -> Spec:
    """Let a server drain, or answer again, wherever it is listed. Raises ServingError."""
    sides = {name: side for name, side in spec.sides.items() if _has(side, url)}
    if not sides:
        raise ServingError(f"there is no server {url} on any side")
    return spec.model_copy(update={name: _side_drained(name, sides[name], url, is_draining) for name in sides})


def _has(side: Side, url: str) -> bool:
    return any(server.url == url for server in side.servers or ())


def _side_drained(name: str, side: Side, url: str, is_draining: bool) -> Side:
    drain = True if is_draining else None
    servers = tuple(
        server.model_copy(update={"drain": drain}) if server.url == url else server for server in side.servers or ()
    )
    if all(server.drain for server in servers):
        raise ServingError(f"{url} is the last server of {name} that receives requests; add another one first")
    return side.model_copy(update={"servers": servers})
