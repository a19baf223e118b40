"""The use cases: what people, jobs and the controller can do. Read, decide in the pure core, commit."""

from provider.operations.analyses import Analyses, Judgement, Remembered
from provider.operations.calls import (
    Call,
    ContentionError,
    ExistsError,
    NotFoundError,
    StaleVersionError,
    StoreWentBackError,
    TooManyError,
    UnreadableDocumentError,
)
from provider.operations.gateways import Delivery, Gateways, GatewayView, Report
from provider.operations.operations import Operations
from provider.operations.restoring import Restoring, Truth
from provider.operations.rollouts import MOVES, Page, Rollouts
from provider.operations.tokens import Tokens, TokenView
from provider.operations.waiting import Arrival, Goal, NotInTimeError, OutOfReachError, Waiting
from provider.operations.webhooks import Webhooks

__all__ = [
    "MOVES",
    "Analyses",
    "Arrival",
    "Call",
    "ContentionError",
    "Delivery",
    "ExistsError",
    "GatewayView",
    "Gateways",
    "Goal",
    "Judgement",
    "NotFoundError",
    "NotInTimeError",
    "Operations",
    "OutOfReachError",
    "Page",
    "Remembered",
    "Report",
    "Restoring",
    "Rollouts",
    "StaleVersionError",
    "StoreWentBackError",
    "TokenView",
    "Tokens",
    "TooManyError",
    "Truth",
    "UnreadableDocumentError",
    "Waiting",
    "Webhooks",
]
