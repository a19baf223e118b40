"""The endpoints of gateways, tokens and restores."""

from provider.domain.auth import Permission
from provider.services import LINK_SECONDS, GatewayView, SameRequestsError
from provider.web.api.endpoints import ApiResponse, Endpoint, Exchange
from provider.web.api.schemas import (
    GatewayAnswer,
    GatewayBody,
    GatewayList,
    InstanceAnswer,
    NewToken,
    ReasonBody,
    ReasonQuery,
    RestoreBody,
    Restored,
    SameRequests,
    SignInLink,
    StoredGateway,
    TokenAnswer,
    TokenBody,
    TokenList,
)

_GATEWAYS = "/api/v1/gateways"
_TOKENS = "/api/v1/tokens"


def list_gateways(exchange: Exchange) -> ApiResponse:
    """List gateways."""
    return ApiResponse(GatewayList(gateways=tuple(map(_gateway, exchange.operations.gateways.views()))))


def put_gateway(exchange: Exchange) -> ApiResponse:
    """Create or replace the spec of a gateway."""
    body: GatewayBody = exchange.body
    version, is_new = exchange.operations.gateways.put(exchange.name, body.spec, exchange.call)
    gateway = StoredGateway(name=exchange.name, version=version, spec=body.spec)
    return ApiResponse(gateway, status=201 if is_new else 200, version=version)


def delete_gateway(exchange: Exchange) -> ApiResponse:
    """Delete the spec of a gateway."""
    exchange.operations.gateways.delete(exchange.name, exchange.call)
    return ApiResponse(status=204)


def list_tokens(exchange: Exchange) -> ApiResponse:
    """List tokens."""
    tokens = (
        TokenAnswer(name=view.name, role=view.role, version=view.version, gateway=view.gateway)
        for view in exchange.operations.tokens.views()
    )
    return ApiResponse(TokenList(tokens=tuple(tokens)))


def create_token(exchange: Exchange) -> ApiResponse:
    """Create a token."""
    body: TokenBody = exchange.body
    secret = exchange.operations.tokens.create(body.name, body.role, exchange.call, gateway=body.gateway)
    return ApiResponse(NewToken(name=body.name, role=body.role, token=secret), status=201)


def revoke_token(exchange: Exchange) -> ApiResponse:
    """Revoke a token."""
    exchange.operations.tokens.revoke(exchange.name, exchange.call)
    return ApiResponse(status=204)


def link(exchange: Exchange) -> ApiResponse:
    """Create a sign-in link."""
    path = f"/sign-in/{exchange.operations.sessions.link(exchange.caller)}"
    return ApiResponse(SignInLink(path=path, expires_in_seconds=LINK_SECONDS), status=201)


def restore(exchange: Exchange) -> ApiResponse:
    """Restore consistency between Redis and the served configuration."""
    body: RestoreBody = exchange.body
    done = exchange.operations.restoring.restore(body.from_, exchange.call)
    found = tuple(
        SameRequests(rollouts=pair, detail=str(SameRequestsError(*pair))) for pair in done.overlapping_rules
    )
    return ApiResponse(Restored(revision=done.revision, overlapping_rules=found or None))


ENDPOINTS = (
    Endpoint(
        "GET",
        _GATEWAYS,
        list_gateways,
        Permission.READ,
        "List gateways with last poll, served and applied revision, errors and state",
        answers={200: GatewayList},
        tag="gateways",
    ),
    Endpoint(
        "PUT",
        f"{_GATEWAYS}/<name>",
        put_gateway,
        Permission.ADMINISTER,
        "Create or replace the spec of a gateway",
        body=GatewayBody,
        answers={200: StoredGateway, 201: StoredGateway},
        tag="gateways",
    ),
    Endpoint(
        "DELETE",
        f"{_GATEWAYS}/<name>",
        delete_gateway,
        Permission.ADMINISTER,
        "Delete the spec of a gateway",
        query=ReasonQuery,
        answers={204: None},
        problems=(404,),
        tag="gateways",
    ),
    Endpoint(
        "GET",
        _TOKENS,
        list_tokens,
        Permission.ADMINISTER,
        "List tokens, without their secrets",
        answers={200: TokenList},
        tag="tokens",
    ),
    Endpoint(
        "POST",
        _TOKENS,
        create_token,
        Permission.ADMINISTER,
        "Create a token; its secret is shown only once",
        body=TokenBody,
        answers={201: NewToken},
        problems=(409,),
        tag="tokens",
    ),
    Endpoint(
        "DELETE",
        f"{_TOKENS}/<name>",
        revoke_token,
        Permission.ADMINISTER,
        "Revoke a token",
        query=ReasonQuery,
        answers={204: None},
        problems=(404,),
        tag="tokens",
    ),
    Endpoint(
        "POST",
        "/api/v1/sign-in-links",
        link,
        Permission.READ,
        "Create a single-use link that signs the caller in to the web pages",
        body=ReasonBody,
        answers={201: SignInLink},
        tag="tokens",
        conditions=(),
    ),
    Endpoint(
        "POST",
        "/api/v1/restore",
        restore,
        Permission.ADMINISTER,
        "Restore: choose the served or the stored state after Redis lost data",
        body=RestoreBody,
        answers={200: Restored},
        tag="restore",
        conditions=(),
    ),
)


def _gateway(view: GatewayView) -> GatewayAnswer:
    return GatewayAnswer(
        name=view.name,
        version=view.version,
        spec=view.spec,
        last_poll=view.last_poll,
        revision_served=view.served,
        is_current=view.is_current,
        is_counted=view.is_counted,
        revision_applied=view.applied,
        errors=tuple(view.errors),
        health=view.health,
        detail=view.condition.detail or None if view.condition else None,
        health_since=view.condition.since if view.condition else None,
        traefik_version=view.condition.traefik if view.condition else None,
        instances=tuple(
            InstanceAnswer(
                address=sighting.address,
                last_poll=sighting.last_poll,
                revision_served=sighting.revision_served,
                long_poll_seconds=sighting.long_poll_seconds,
            )
            for sighting in view.instances
        ),
    )
