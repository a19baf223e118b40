"""The endpoints of webhooks. They require the role admin, as a webhook's URL is often a secret."""

from provider.domain.auth import Permission
from provider.domain.notifications import Webhook
from provider.web.api.endpoints import IF_MATCH, ApiResponse, Endpoint, Exchange
from provider.web.api.schemas import ReasonQuery, TestDelivery, WebhookBody, WebhookList, WebhookResponse

_WEBHOOKS = "/api/v1/webhooks"


def list_webhooks(exchange: Exchange) -> ApiResponse:
    """List webhooks."""
    return ApiResponse(WebhookList(webhooks=tuple(map(_shown, exchange.operations.webhooks.views()))))


def put_webhook(exchange: Exchange) -> ApiResponse:
    """Create or replace a webhook."""
    body: WebhookBody = exchange.body
    webhook, is_new = exchange.operations.webhooks.put(exchange.name, body.spec, exchange.call)
    return ApiResponse(_shown(webhook), status=201 if is_new else 200, version=webhook.version)


def delete_webhook(exchange: Exchange) -> ApiResponse:
    """Delete a webhook."""
    exchange.operations.webhooks.delete(exchange.name, exchange.call)
    return ApiResponse(status=204)


def test_webhook(exchange: Exchange) -> ApiResponse:
    """Send a test message."""
    outcome = exchange.operations.webhooks.test(exchange.name, exchange.call)
    return ApiResponse(TestDelivery(delivered=outcome.is_delivered, status=outcome.status, detail=outcome.detail))


ENDPOINTS = (
    Endpoint(
        "GET",
        _WEBHOOKS,
        list_webhooks,
        Permission.ADMINISTER,
        "List webhooks, without their secrets",
        answers={200: WebhookList},
        tag="webhooks",
    ),
    Endpoint(
        "PUT",
        f"{_WEBHOOKS}/<name>",
        put_webhook,
        Permission.ADMINISTER,
        "Create or replace a webhook",
        body=WebhookBody,
        answers={200: WebhookResponse, 201: WebhookResponse},
        tag="webhooks",
    ),
    Endpoint(
        "DELETE",
        f"{_WEBHOOKS}/<name>",
        delete_webhook,
        Permission.ADMINISTER,
        "Delete a webhook",
        query=ReasonQuery,
        answers={204: None},
        problems=(404,),
        tag="webhooks",
    ),
    Endpoint(
        "POST",
        f"{_WEBHOOKS}/<name>/test",
        test_webhook,
        Permission.ADMINISTER,
        "Send a test message and return the result",
        answers={200: TestDelivery},
        problems=(404,),
        tag="webhooks",
        conditions=(IF_MATCH,),
    ),
)


def _shown(webhook: Webhook) -> WebhookResponse:
    return WebhookResponse(
        name=webhook.name,
        version=webhook.version,
        spec=webhook.spec.shown,
        has_secret=webhook.spec.secret is not None,
    )
