"""The endpoints of discovered servers and of instances that register."""

from provider.domain.auth import Permission
from provider.domain.fields import decode_json, read
from provider.domain.rollouts import SIDES, Server, SideName
from provider.services import SideServers
from provider.store import Instance
from provider.web.api.endpoints import ApiResponse, Endpoint, Exchange, Handler
from provider.web.api.schemas import (
    InstanceOfSide,
    ReasonQuery,
    RegistrationBody,
    RegistrationResponse,
    ServersResponse,
    SideResponse,
)

_ONE = "/api/v1/rollouts/<name>"
_GROUP = f"{_ONE}/groups/<group>/servers/<instance>"


def servers(exchange: Exchange) -> ApiResponse:
    """Return the current backends of each side."""
    operations = exchange.operations
    sides = operations.discovery.servers(operations.rollouts.get(exchange.name))
    return ApiResponse(ServersResponse(**{name: _side(side) for name, side in sides.items()}))


def announce(exchange: Exchange) -> ApiResponse:
    """Register an instance."""
    return _announced(exchange, exchange.parts["group"])


def withdraw(exchange: Exchange) -> ApiResponse:
    """Deregister an instance."""
    return _withdrawn(exchange, exchange.parts["group"])


def _announced(exchange: Exchange, group: str) -> ApiResponse:
    body: RegistrationBody = exchange.body
    name = exchange.parts["instance"]
    instance = exchange.operations.discovery.announce(
        exchange.name,
        group,
        name,
        Server(url=body.url, weight=body.weight),
        seconds=body.ttl.total_seconds(),
        by=exchange.caller.name,
    )
    return ApiResponse(
        RegistrationResponse(
            rollout=exchange.name,
            group=group,
            instance=name,
            url=body.url,
            weight=body.weight,
            expires_at=instance.until,
        )
    )


def _withdrawn(exchange: Exchange, group: str) -> ApiResponse:
    instance, caller = exchange.parts["instance"], exchange.caller.name
    exchange.operations.discovery.withdraw(exchange.name, group, instance, by=caller)
    return ApiResponse(status=204)


def _of_side(side: SideName) -> tuple[Endpoint, Endpoint]:
    path = f"{_ONE}/{side}/servers/<instance>"

    def announce(exchange: Exchange) -> ApiResponse:
        return _announced(exchange, exchange.operations.discovery.group_of(exchange.name, side))

    def withdraw(exchange: Exchange) -> ApiResponse:
        return _withdrawn(exchange, exchange.operations.discovery.group_of(exchange.name, side))

    return (
        _announcing(path, announce, f"Register an instance of {side}", f"announce-{side}"),
        _withdrawing(path, withdraw, f"Deregister an instance of {side}", f"withdraw-{side}"),
    )


def _announcing(path: str, handler: Handler, summary: str, operation: str) -> Endpoint:
    return Endpoint(
        "PUT",
        path,
        handler,
        Permission.REGISTER,
        f"{summary}, or renew its registration",
        body=RegistrationBody,
        answers={200: RegistrationResponse},
        is_large=False,
        problems=(404, 409),
        tag="servers",
        operation=operation,
        conditions=(),
    )


def _withdrawing(path: str, handler: Handler, summary: str, operation: str) -> Endpoint:
    return Endpoint(
        "DELETE",
        path,
        handler,
        Permission.REGISTER,
        f"{summary}: it receives no new requests",
        query=ReasonQuery,
        answers={204: None},
        problems=(404, 409),
        tag="servers",
        operation=operation,
        conditions=(),
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{_ONE}/servers",
        servers,
        Permission.READ,
        "Read the current servers of each side, and the registered instances",
        answers={200: ServersResponse},
        problems=(404, 409),
        tag="servers",
    ),
    _announcing(_GROUP, announce, "Register an instance of a group", "announce"),
    _withdrawing(_GROUP, withdraw, "Deregister an instance of a group", "withdraw"),
    *(endpoint for side in SIDES for endpoint in _of_side(side)),
)


def _side(known: SideServers) -> SideResponse:
    side, found = known.side, known.found
    return SideResponse(
        service=side.service,
        discover=side.discover,
        servers=found.servers if found else side.servers or (),
        kept_reason=found.kept if found else None,
        instances=tuple(map(_instance, known.instances)) or None,
    )


def _instance(instance: Instance) -> InstanceOfSide:
    server = read(Server, decode_json(instance.text))
    return InstanceOfSide(
        instance=instance.name.partition("/")[2], url=server.url, weight=server.weight, expires_at=instance.until
    )
