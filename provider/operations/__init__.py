"""The use cases: what people, jobs and the controller can do. Read, decide in the pure core, commit."""

from provider.operations.analyses import Analyses, Judgement, Remembered
from provider.operations.availability import CanaryUnavailableError
from provider.operations.calls import (
    Call,
    ContentionError,
    ExistsError,
    NotFoundError,
    OtherAttemptError,
    ShrinkError,
    StaleVersionError,
    StoreWentBackError,
    TooManyError,
    UnreadableDocumentError,
)
from provider.operations.discovery import Discovery, OtherSourceError, SideServers
from provider.operations.gateways import Applied, Delivery, DeliveryReason, Gateways, GatewayView, Polled, Report
from provider.operations.observations import Observations
from provider.operations.obstacles import Obstacle, Obstacles, Wait, WaitReason, Waits
from provider.operations.operations import Operations
from provider.operations.plans import Plans
from provider.operations.restoring import Restoring, Truth
from provider.operations.rollouts import MOVES, Page, Rollouts
from provider.operations.routes import SameRequestsError
from provider.operations.sessions import (
    LINK_SECONDS,
    SESSION_SECONDS,
    Sessions,
    SignInError,
    TooManyAttemptsError,
    Visitor,
)
from provider.operations.tokens import Tokens, TokenView
from provider.operations.traffic import NOT_MEASURED_YET, SAMPLE_SECONDS, Traffic, weight_of
from provider.operations.waiting import Arrival, Goal, NotInTimeError, OutOfReachError, Waiting
from provider.operations.webhooks import Webhooks

__all__ = [
    "LINK_SECONDS",
    "MOVES",
    "NOT_MEASURED_YET",
    "SAMPLE_SECONDS",
    "SESSION_SECONDS",
    "Analyses",
    "Applied",
    "Arrival",
    "Call",
    "CanaryUnavailableError",
    "ContentionError",
    "Delivery",
    "DeliveryReason",
    "Discovery",
    "ExistsError",
    "GatewayView",
    "Gateways",
    "Goal",
    "Judgement",
    "NotFoundError",
    "NotInTimeError",
    "Observations",
    "Obstacle",
    "Obstacles",
    "Operations",
    "OtherAttemptError",
    "OtherSourceError",
    "OutOfReachError",
    "Page",
    "Plans",
    "Polled",
    "Remembered",
    "Report",
    "Restoring",
    "Rollouts",
    "SameRequestsError",
    "Sessions",
    "ShrinkError",
    "SideServers",
    "SignInError",
    "StaleVersionError",
    "StoreWentBackError",
    "TokenView",
    "Tokens",
    "TooManyAttemptsError",
    "TooManyError",
    "Traffic",
    "Truth",
    "UnreadableDocumentError",
    "Visitor",
    "Wait",
    "WaitReason",
    "Waiting",
    "Waits",
    "Webhooks",
    "weight_of",
]
