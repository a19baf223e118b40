"""Schemas of the REST API's bodies, queries and responses; OpenAPI is generated from them."""

import re
from datetime import timedelta
from math import inf
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, StrictBool

from provider.domain.analysis import CheckResult, Origin, Outcome, Preset, SampleResult, Share, Verdict
from provider.domain.auth import Role
from provider.domain.fields import Document, Moment, format_duration
from provider.domain.fields.types import Duration, Name, ServerUrl, Weight, WholeNumber
from provider.domain.gateways import GatewayHealth, GatewaySpec
from provider.domain.notifications import ShownSpec, WebhookSpec
from provider.domain.rollouts import Action, Discover, Phase, Plan, Server, Servers, Side, Spec, Status, StepWarning
from provider.services import Delivery, DeliveryReason, Goal, Report, Truth, Wait

# Control characters, and those that turn the direction of what follows.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SPACES = re.compile(r"[ \t-\r\x85\u2028\u2029]+")
_LONGEST_REASON = 500


def _one_line(text: str) -> str:
    # Never refused: an abort must not fail because of what is said about it.
    collapsed = _SPACES.sub(" ", text)
    return _UNPRINTABLE.sub("", collapsed).strip()[:_LONGEST_REASON].rstrip()


Reason = Annotated[str, AfterValidator(_one_line)]


def _short(ttl: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= ttl <= timedelta(hours=1):
        raise ValueError(f"must be from 1s to 1h, not {format_duration(ttl)}")
    return ttl


class ReasonBody(Document):
    """Reason of a change."""

    reason: Reason = ""
    """Reason of the change, kept in the history."""


class AbortBody(ReasonBody):
    """Reason of an abort, and the attempt to abort."""

    attempt: WholeNumber | None = Field(default=None, ge=1, le=2**53)
    """Abort only if this is the current attempt (`status.generation`). Default: any attempt."""


class MoveBody(ReasonBody):
    """Reason of a change, and whether to skip the check that the version can take more traffic."""

    force: StrictBool = False
    """Shift traffic even if it is not confirmed that the version can take it."""


class CreateBody(ReasonBody):
    """A new rollout."""

    name: Name
    """Name of the rollout: lowercase letters, digits and inner hyphens, at most 63 characters."""
    spec: Spec
    """Spec of the rollout."""


class SpecBody(ReasonBody):
    """The complete spec of a rollout."""

    spec: Spec
    """Spec of the rollout."""


class RetryBody(MoveBody):
    """Reason of a retry, and whether to skip the checks of `maxAttempts` and of the canary's availability."""

    force: StrictBool = False
    """Retry beyond `analysis.maxAttempts`, and even if it is not confirmed that the canary can take traffic."""


class CanaryBody(Side, MoveBody):
    """A new canary: servers, service discovery, or a service of another provider."""

    baseline: Side | None = None
    """Baseline of the canary: new instances of the stable version. Default: the baseline of the spec, if any."""

    @property
    def side(self) -> Side:
        """The canary without its baseline and the reason."""
        return Side.model_validate({name: getattr(self, name) for name in Side.model_fields})


class ServersBody(ReasonBody):
    """All servers of a side, including at least one of its current servers."""

    servers: Servers
    """All servers of the side."""


class DrainBody(ReasonBody):
    """A server to drain, or to stop draining."""

    url: ServerUrl
    """URL of the server."""
    undo: StrictBool = False
    """Stop draining: the server receives new requests again."""


class WeightBody(MoveBody):
    """A manually set weight."""

    weight: Weight
    """Weight of the canary in percent, with at most two decimals."""


class PromoteBody(MoveBody):
    """Whether to promote to the next step or in full."""

    full: StrictBool = False
    """Skip all remaining steps and make the canary stable now."""


class UndoBody(MoveBody):
    """The revision to roll back to."""

    to_revision: WholeNumber = Field(ge=1, le=2**53)
    """Revision from the history."""


class GatewayBody(ReasonBody):
    """The spec of a gateway."""

    spec: GatewaySpec
    """Spec of the gateway."""


class WebhookBody(ReasonBody):
    """The spec of a webhook. Without `secret`, the stored secret is kept; an empty `secret` removes it."""

    spec: WebhookSpec
    """Spec of the webhook."""


class AnnounceBody(ReasonBody):
    """Registration of an instance.

    It expires after `ttl` unless the instance sends a heartbeat: the same request again.
    """

    url: ServerUrl
    """URL of the instance."""
    weight: WholeNumber | None = Field(default=None, ge=1, le=1_000_000)
    """Weight relative to the other instances. Default: `1`."""
    ttl: Annotated[Duration, AfterValidator(_short)] = timedelta(seconds=15)
    """Time until the registration expires, from `1s` to `1h`."""


class TokenBody(ReasonBody):
    """A new token."""

    name: Name
    """Name of the token, shown as the actor in the history."""
    role: Role
    """Role of the token."""
    gateway: Name | None = None
    """The only gateway that a token with the role `gateway` may poll as. Default: any gateway."""


class RestoreBody(ReasonBody):
    """The state to restore: `served` or `stored`."""

    from_: Truth = Field(alias="from")
    """State to keep: `served` is what the provider serves, `stored` is what Redis contains."""


class NoQuery(Document):
    """No parameters."""


class DryRunQuery(Document):
    """Whether to validate only."""

    dry_run: Literal["true", "false"] = "false"
    """Return the result without changing anything."""


class ReasonQuery(Document):
    """Reason of a change."""

    reason: Reason = ""
    """Reason of the change, kept in the history."""


class ShrinkQuery(Document):
    """Whether a change may remove most or all rollouts from a gateway."""

    allow_shrink: Literal["true", "false"] = "false"
    """Allow the change even if it leaves a gateway with less than half of its recent rollouts, or with none."""


class ReplaceQuery(DryRunQuery, ShrinkQuery):
    """Options for replacing a spec."""

    replace_stable: Literal["true", "false"] = "false"
    """Allow the spec to route all traffic to another stable version at once."""


class DeleteQuery(ReasonQuery, ShrinkQuery):
    """Options for deleting a rollout."""


class ListQuery(Document):
    """Filters and page of a list of rollouts."""

    limit: int = Field(default=100, ge=1, le=1_000)
    """Maximum number of rollouts; the response contains fewer if their documents are large."""
    cursor: str = Field(default="", max_length=63)
    """The `cursor` of the previous page."""
    phase: Phase | None = None
    """Return only rollouts in this phase."""
    gateway: Name | None = None
    """Return only rollouts that this gateway serves."""


# A number above 1 with at most two decimals.
_MULTIPLE = r"(total|([2-9]|[1-9][0-9]{1,3})(\.[0-9]{1,2})?|1\.([1-9][0-9]?|0[1-9]))"
_MOST_MULTIPLES = 10
_MULTIPLES = rf"^{_MULTIPLE}(,{_MULTIPLE}){{0,{_MOST_MULTIPLES - 1}}}$"


def _factors(text: str) -> str:
    if text.count(",") >= _MOST_MULTIPLES:
        raise ValueError(f"regressions must list {_MOST_MULTIPLES} multiples at most")
    for one in text.split(","):
        if not re.fullmatch(_MULTIPLE, one):
            raise ValueError("regressions must list multiples above 1, or total, such as 2,5,total")
    return text


class PlanQuery(Document):
    """Traffic and regressions for a forecast."""

    rate: float | None = Field(default=None, ge=0.000001, le=10_000_000, allow_inf_nan=False)
    """Requests per second to both sides together. Default: the latest measurement."""
    errors: float | None = Field(default=None, ge=0, le=50, allow_inf_nan=False)
    """Error rate of stable in percent. Default: the latest measurement, or 0.5."""
    regressions: Annotated[str, AfterValidator(_factors), Field(json_schema_extra={"pattern": _MULTIPLES})] = (
        "2,5,total"
    )
    """Regressions: the canary's errors as multiples of stable's, separated by commas. `total` is a failure of
    every request."""

    @property
    def factors(self) -> tuple[float, ...]:
        """Return the multiples; infinity for a total failure."""
        return tuple(inf if one == "total" else float(one) for one in self.regressions.split(","))


class HistoryQuery(Document):
    """Page of the history."""

    limit: int = Field(default=50, ge=1, le=1_000)
    """Maximum number of changes; the response contains fewer if documents are large."""
    before: int | None = Field(default=None, ge=1, le=2**53)
    """Return only changes before this revision."""


class WaitQuery(Document):
    """State to wait for, and the timeout."""

    for_: Goal = Field(alias="for")
    """State to wait for."""
    timeout: float = Field(default=60, ge=0, le=3_600, allow_inf_nan=False)
    """Timeout in seconds."""
    attempt: int | None = Field(default=None, ge=1, le=2**53)
    """Attempt of the canary: its `status.generation`. Default: the current attempt."""


class VerdictSummary(Document):
    """Verdict on the canary. `verdict_in` is the expected time until a verdict, in words."""

    outcome: Outcome
    reason: str
    verdict_in_seconds: float | None = None
    verdict_in: str | None = None


class RolloutAnswer(Document):
    """A rollout. `actions` lists the actions that its phase allows."""

    name: Name
    version: WholeNumber
    spec: Spec
    status: Status
    actions: tuple[Action, ...]
    warnings: tuple[StepWarning, ...] | None = None
    """Analysis steps that are unlikely to reach a verdict. Only after a change of the spec."""
    verdict: VerdictSummary | None = None
    """Verdict on the canary. Only when a single rollout is read, and only if the canary has been analyzed."""
    waiting: Wait | None = None
    """Why the rollout waits. Only when a single rollout is read, while gateways have not confirmed its step."""
    shadowed_by: Name | None = None
    """Another rollout that receives all requests of this one. Only when a single rollout is read or its spec is
    written."""
    overlaps_with: tuple[Name, ...] | None = None
    """Rollouts that match some of its requests with the same priority. Only where `shadowedBy` is returned."""


class RolloutList(Document):
    """Rollouts by name. `cursor` is the cursor of the next page, absent on the last page."""

    rollouts: tuple[RolloutAnswer, ...]
    cursor: str | None = None


class ReportAnswer(Document):
    """Delivery state of a rollout at one gateway."""

    gateway: str
    state: Delivery
    reason_code: DeliveryReason | None = None
    """Why the state is `pending`."""
    detail: str | None = None
    instances: int
    """Number of instances that must apply the rollout. 0 if none is known."""
    applied: int
    """Number of instances that have applied the rollout, as far as their polls and APIs show."""


def report_answer(report: Report) -> ReportAnswer:
    """Return a report as the API shows it."""
    return ReportAnswer(
        gateway=report.gateway,
        state=report.delivery,
        reason_code=report.reason_code,
        detail=report.detail or None,
        instances=report.instances,
        applied=report.applied,
    )


class WaitAnswer(RolloutAnswer):
    """The rollout in the requested state.

    With `for=applied`, `gateways` contains the delivery state of each gateway.
    """

    gateways: tuple[ReportAnswer, ...] | None = None


class SettingAnswer(Document):
    """Effective analysis setting: its name in the spec, its value and the origin of the value."""

    name: str
    value: JsonValue
    origin: Origin


class AnalysisAnswer(Document):
    """Analysis of a canary: for the whole attempt, for the current step, by check and by measurement.

    `settings` contains the effective settings. During the warm-up, `warmUpRemaining` is the remaining time in
    words, and `warmUpUntil` its end.
    """

    overall: Verdict
    current_step: Verdict
    checks: tuple[CheckResult, ...]
    samples: tuple[SampleResult, ...]
    warm_up_remaining: str | None = None
    warm_up_until: Moment | None = None
    verdict_in_seconds: float | None = None
    """Expected time until a verdict in seconds, at the current traffic."""
    verdict_in: str | None = None
    """Expected time until a verdict, in words."""
    preset: Preset | None = None
    settings: tuple[SettingAnswer, ...]


class PlanAnswer(Plan):
    """Forecast of each waiting step, with the traffic that it is based on."""


class TrafficAnswer(Share):
    """Share of the requests that the canary receives. `summary` explains a deviation from the requested weight."""


class InstanceOfSide(Document):
    """A registered instance, and when its registration expires."""

    instance: Name
    url: ServerUrl
    weight: WholeNumber | None = None
    expires_at: Moment


class SideAnswer(Document):
    """Backend of a side: a `service` of another provider, or listed or discovered `servers`.

    `keptReason` is the reason why servers are kept that discovery no longer finds. `instances` lists registered
    instances.
    """

    service: str | None = None
    discover: Discover | None = None
    servers: tuple[Server, ...]
    kept_reason: str | None = None
    instances: tuple[InstanceOfSide, ...] | None = None


class ServersAnswer(Document):
    """Current backends of each side."""

    stable: SideAnswer
    canary: SideAnswer | None = None
    baseline: SideAnswer | None = None


class AnnouncedAnswer(InstanceOfSide):
    """A registered instance. It belongs to its group, which stays the same when the canary is promoted."""

    rollout: Name
    group: Name


class HistoryEntry(Document):
    """A change: revision, action, actor, reason, time, and the document before and after."""

    revision: int
    action: str
    actor: str
    reason: str
    at: Moment
    request_id: str | None = None
    """ID of the request that made the change: `X-Request-Id` of the request or of its response."""
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None


class HistoryList(Document):
    """Changes, newest first. `before` is the parameter for older changes, absent on the last page."""

    history: tuple[HistoryEntry, ...]
    before: int | None = None


class InstanceAnswer(Document):
    """A Traefik instance that polls as a gateway. `longPollSeconds` is the timeout of its long polls."""

    address: str
    last_poll: Moment
    revision_served: int
    long_poll_seconds: int | None = None


class GatewayAnswer(Document):
    """A gateway: its spec, polls, and applied configuration.

    `detail` and `healthSince` are the controller's latest observation; they are absent without a controller.
    `traefikVersion` is the version of Traefik.
    """

    name: str
    version: int | None = None
    spec: GatewaySpec | None = None
    last_poll: Moment | None = None
    revision_served: int | None = None
    is_current: bool
    is_counted: bool
    """Whether waits and steps take the gateway into account."""
    revision_applied: int | None = None
    instances: tuple[InstanceAnswer, ...]
    errors: tuple[str, ...]
    health: GatewayHealth
    detail: str | None = None
    health_since: Moment | None = None
    traefik_version: str | None = None


class GatewayList(Document):
    """All gateways by name."""

    gateways: tuple[GatewayAnswer, ...]


class StoredGateway(Document):
    """The stored spec of a gateway."""

    name: Name
    version: int
    spec: GatewaySpec


class WebhookAnswer(Document):
    """A webhook, without its secret."""

    name: Name
    version: int
    spec: ShownSpec
    has_secret: bool


class WebhookList(Document):
    """All webhooks by name."""

    webhooks: tuple[WebhookAnswer, ...]


class Delivered(Document):
    """Result of a delivery. `status` is the HTTP status of the receiver, absent if it did not respond."""

    delivered: bool
    status: int | None = None
    detail: str


class TokenAnswer(Document):
    """A token, without its secret."""

    name: str
    role: Role
    version: int
    gateway: str | None = None
    """The only gateway that the token may poll as. Default: any gateway."""


class TokenList(Document):
    """All tokens by name."""

    tokens: tuple[TokenAnswer, ...]


class NewToken(Document):
    """A new token. The secret is shown only once."""

    name: str
    role: Role
    token: str


class SignInLink(Document):
    """Path of a link that signs in to the web pages. It can be used once."""

    path: str
    expires_in_seconds: int


class SameRequests(Document):
    """Two rollouts that match the same requests with the same priority."""

    rollouts: tuple[str, str]
    """Names of the rollouts."""
    detail: str


class Restored(Document):
    """The revision after the restore, and problems of the restored rollouts."""

    revision: int
    overlapping_rules: tuple[SameRequests, ...] | None = None
    """Rollouts of which only one receives traffic, because they match the same requests."""


class MistakeAnswer(Document):
    """A validation error: JSON pointer and description."""

    pointer: str
    detail: str


class Problem(Document):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[MistakeAnswer, ...] | None = None
    gateways: tuple[ReportAnswer, ...] | None = None
    """Delivery state of each gateway. Only if a wait for `applied` timed out."""


class Readiness(Document):
    """Whether the provider serves configuration, and the state of its connection to the store.

    `problem` explains why configuration is not served, why the store cannot be read or written, or that clocks
    differ, and what to do.
    """

    ready: bool
    store: str
    problem: str | None = None
    revision: int
    corrupt_documents: tuple[str, ...]
