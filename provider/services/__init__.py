"""The use cases: what people, jobs and the controller can do. Read, decide in the pure core, commit."""

from provider.services.analyses import Analyses, Judgement, Remembered
from provider.services.availability import CanaryUnavailableError
from provider.services.blockers import Obstacle, Obstacles, Wait, WaitReason, Waits
from provider.services.discovery import Discovery, OtherSourceError, SideServers
from provider.services.gateway_health import Observations
from provider.services.gateways import Applied, Delivery, DeliveryReason, Gateways, GatewayView, Polled, Report
from provider.services.initialization import ProtectedNamespaceError, initialize
from provider.services.plans import Plans
from provider.services.restore import RestoreSource, Restoring
from provider.services.rollouts import MOVES, Page, Rollouts
from provider.services.rule_conflicts import SameRequestsError
from provider.services.services import Operations
from provider.services.sessions import (
    LINK_SECONDS,
    SESSION_SECONDS,
    Sessions,
    SignInError,
    TooManyAttemptsError,
    Visitor,
)
from provider.services.tokens import Tokens, TokenView
from provider.services.traffic import NOT_MEASURED_YET, SAMPLE_SECONDS, Traffic, weight_of
from provider.services.waits import Arrival, Goal, NotInTimeError, OutOfReachError, Waiting
from provider.services.webhooks import Webhooks
from provider.services.write_requests import (
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
    "ProtectedNamespaceError",
    "Remembered",
    "Report",
    "RestoreSource",
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
    "UnreadableDocumentError",
    "Visitor",
    "Wait",
    "WaitReason",
    "Waiting",
    "Waits",
    "Webhooks",
    "initialize",
    "weight_of",
]
