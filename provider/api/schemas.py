"""The shapes of the REST API's bodies, queries and answers: what OpenAPI shows is what is checked."""

import re
from datetime import timedelta
from math import inf
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, StrictBool

from provider.access import Role
from provider.analysis import CheckResult, Look, Origin, Outcome, Preset, Share, Verdict
from provider.documents import Document, Moment, format_duration
from provider.documents.fields import Duration, Name, ServerUrl, Weight, WholeNumber
from provider.gateways import GatewaySpec, GatewayState
from provider.notifications import ShownSpec, WebhookSpec
from provider.operations import Delivery, Goal, Truth, Wait
from provider.rollouts import Action, Discover, Phase, Plan, Server, Servers, Side, Spec, Status, StepWarning

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
    """Why it is done: kept in the history."""

    reason: Reason = ""
    """Why; kept in the history."""


class AbortBody(ReasonBody):
    """Why it is done, and which attempt it is about."""

    attempt: WholeNumber | None = Field(default=None, ge=1, le=2**53)
    """Abort only if this is the current attempt (`status.generation`). Default: any attempt."""


class MoveBody(ReasonBody):
    """Why it is done, and whether without proof that the version that gets more traffic can take it."""

    force: StrictBool = False
    """Shift traffic although nothing proves that the version can take it."""


class CreateBody(ReasonBody):
    """A new rollout."""

    name: Name
    """Lower-case letters, digits and inner hyphens, 63 at most."""
    spec: Spec
    """What is asked of it."""


class SpecBody(ReasonBody):
    """The whole spec of a rollout."""

    spec: Spec
    """What is asked of it."""


class RetryBody(MoveBody):
    """Why it is done, and whether without proof that the canary can take traffic, and beyond `analysis.maxTries`."""

    force: StrictBool = False
    """Retry although nothing proves that the canary can take traffic, and beyond `analysis.maxTries`."""


class CanaryBody(Side, MoveBody):
    """A new canary: its servers, or a service of another provider."""

    @property
    def side(self) -> Side:
        """The canary without the reason."""
        return Side.model_validate({name: getattr(self, name) for name in Side.model_fields})


class ServersBody(ReasonBody):
    """All servers of a side; one at least that it has already."""

    servers: Servers
    """All of them."""


class DrainBody(ReasonBody):
    """A server that gets no new requests, or with `undo` gets them again."""

    url: ServerUrl
    """The server."""
    undo: StrictBool = False
    """It gets requests again."""


class WeightBody(MoveBody):
    """A weight set by hand, in per cent."""

    weight: Weight
    """The canary's per cent, with two decimals at most."""


class PromoteBody(MoveBody):
    """The next step, or with `full` the canary becomes stable now."""

    full: StrictBool = False
    """The canary becomes stable now, past all steps."""


class UndoBody(MoveBody):
    """The revision of the history whose state comes back."""

    to_revision: WholeNumber = Field(ge=1, le=2**53)
    """The revision."""


class GatewayBody(ReasonBody):
    """Where a gateway can be asked."""

    spec: GatewaySpec
    """Its addresses."""


class WebhookBody(ReasonBody):
    """A webhook. Without a secret it keeps the one that it has; an empty one takes it away."""

    spec: WebhookSpec
    """Where it is told what."""


class AnnounceBody(ReasonBody):
    """An instance that is there: its address, and how long that holds unless it says so again."""

    url: ServerUrl
    """Where it listens."""
    weight: WholeNumber | None = Field(default=None, ge=1, le=1_000_000)
    """Its share beside the other instances; 1 if left out."""
    ttl: Annotated[Duration, AfterValidator(_short)] = timedelta(seconds=15)
    """How long, from 1s to 1h."""


class TokenBody(ReasonBody):
    """A new token."""

    name: Name
    """Whose token it is; the history says so."""
    role: Role
    """What it may do."""
    gateway: Name | None = None
    """The only gateway that a token of the role gateway may poll as. Default: any."""


class RestoreBody(ReasonBody):
    """Which side is right: what is `served`, or what is `stored`."""

    from_: Truth = Field(alias="from")
    """The side that is right."""


class NoQuery(Document):
    """No parameters."""


class DryRunQuery(Document):
    """`dryRun=true` answers what would be, and changes nothing."""

    dry_run: Literal["true", "false"] = "false"
    """Answer what would be, and change nothing."""


class ReasonQuery(Document):
    """Why it is done: kept in the history."""

    reason: Reason = ""
    """Why; kept in the history."""


class ShrinkQuery(Document):
    """`allowShrink=true` lets a gateway be left with less than half of what it was served lately, or with nothing."""

    allow_shrink: Literal["true", "false"] = "false"
    """Even where a gateway is left with less than half of its rollouts, or with none."""


class ReplaceQuery(DryRunQuery, ShrinkQuery):
    """How a spec is replaced."""

    replace_stable: Literal["true", "false"] = "false"
    """Let another stable version get all traffic at once."""


class DeleteQuery(ReasonQuery, ShrinkQuery):
    """Why a rollout is deleted."""


class ListQuery(Document):
    """Which rollouts, and how many."""

    limit: int = Field(default=100, ge=1, le=1_000)
    """How many."""
    cursor: str = Field(default="", max_length=63)
    """Where the list before ended."""
    phase: Phase | None = None
    """Those in this phase."""
    gateway: Name | None = None
    """Those that this gateway carries."""


# A number above 1 with at most two decimals.
_MULTIPLE = r"(total|([2-9]|[1-9][0-9]{1,3})(\.[0-9]{1,2})?|1\.([1-9][0-9]?|0[1-9]))"
_MOST_MULTIPLES = 10
_MULTIPLES = rf"^{_MULTIPLE}(,{_MULTIPLE}){{0,{_MOST_MULTIPLES - 1}}}$"


def _factors(text: str) -> str:
    if text.count(",") >= _MOST_MULTIPLES:
        raise ValueError(f"k must list {_MOST_MULTIPLES} multiples at most")
    for one in text.split(","):
        if not re.fullmatch(_MULTIPLE, one):
            raise ValueError("k must list multiples above 1, or total, such as 2,5,total")
    return text


class PlanQuery(Document):
    """The traffic to plan for, and the regressions to look for."""

    rate: float | None = Field(default=None, ge=0.000001, le=10_000_000, allow_inf_nan=False)
    """Requests a second to both sides together; what was measured last if left out."""
    errors: float | None = Field(default=None, ge=0, le=50, allow_inf_nan=False)
    """Percent of errors of stable; what was measured last if left out, or 0.5."""
    k: Annotated[str, AfterValidator(_factors), Field(json_schema_extra={"pattern": _MULTIPLES})] = "2,5,total"
    """The canary's errors as multiples of stable's, separated by commas; total is a failure of every request."""

    @property
    def factors(self) -> tuple[float, ...]:
        """Return the multiples; infinity for a total failure."""
        return tuple(inf if one == "total" else float(one) for one in self.k.split(","))


class HistoryQuery(Document):
    """How many events, and those older than which revision."""

    limit: int = Field(default=50, ge=1, le=1_000)
    """How many at most; large documents make it fewer."""
    before: int | None = Field(default=None, ge=1, le=2**53)
    """Those older than this revision."""


class WaitQuery(Document):
    """What to wait for, and for how many seconds."""

    for_: Goal = Field(alias="for")
    """What to wait for."""
    timeout: float = Field(default=60, ge=0, le=3_600, allow_inf_nan=False)
    """For how many seconds."""
    attempt: int | None = Field(default=None, ge=1, le=2**53)
    """The canary's `status.generation`. Default: the current attempt."""


class VerdictSummary(Document):
    """What is known of the canary. `known_in` says how long it is expected to stay undecided, in words."""

    outcome: Outcome
    reason: str
    known_in_seconds: float | None = None
    known_in: str | None = None


class RolloutAnswer(Document):
    """A rollout as it now is. `actions` are the moves that its phase allows."""

    name: Name
    version: WholeNumber
    spec: Spec
    status: Status
    actions: tuple[Action, ...]
    warnings: tuple[StepWarning, ...] | None = None
    """Only after a change of the spec: analysis steps that cannot be expected to come to a verdict."""
    verdict: VerdictSummary | None = None
    """Only when one rollout is read, and only if its canary was judged."""
    waiting: Wait | None = None
    """Only when one rollout is read, and only while it waits for proof that gateways apply its step."""
    shadowed_by: Name | None = None
    """Another rollout that gets all requests of this one. Only when one rollout is read or its spec is written."""
    overlaps_with: tuple[Name, ...] | None = None
    """Rollouts that match some of its requests with the same priority. Only where `shadowedBy` is."""


class RolloutList(Document):
    """Rollouts by name; `cursor` asks for the next ones and is missing at the end."""

    rollouts: tuple[RolloutAnswer, ...]
    cursor: str | None = None


class ReportAnswer(Document):
    """How far a rollout has come at one gateway."""

    gateway: str
    state: Delivery
    detail: str | None = None


class WaitAnswer(RolloutAnswer):
    """The rollout when the goal was reached. `gateways` tells where it was seen, for `for=applied`."""

    gateways: tuple[ReportAnswer, ...] | None = None


class SettingAnswer(Document):
    """An effective setting of the analysis: its name in the spec, its value, and where the value comes from."""

    name: str
    value: JsonValue
    origin: Origin


class AnalysisAnswer(Document):
    """What is known of a canary: in all its time, in the analysis step, by its checks, and look by look.

    `settings` are the numbers that it is judged by. While the canary warms up, `warmingUp` says for how long yet, and
    `warmingUpUntil` when that ends.
    """

    whole: Verdict
    in_step: Verdict
    checks: tuple[CheckResult, ...]
    looks: tuple[Look, ...]
    warming_up: str | None = None
    warming_up_until: Moment | None = None
    known_in_seconds: float | None = None
    """How long the canary is expected to stay undecided, if the traffic stays as it is."""
    known_in: str | None = None
    """The same in words."""
    preset: Preset | None = None
    settings: tuple[SettingAnswer, ...]


class PlanAnswer(Plan):
    """What each step of a rollout can be expected to show of a canary."""


class TrafficAnswer(Share):
    """What part of the requests the canary really gets, and since when; `words` say what is not as asked, or why."""


class InstanceOfSide(Document):
    """An instance that has announced itself, and until when that holds."""

    instance: Name
    url: ServerUrl
    weight: WholeNumber | None = None
    until: Moment


class SideAnswer(Document):
    """Who answers for a side: another provider's `service`, or `servers`, written down or found.

    `kept` says why servers are kept that are not found any more; `instances` are those that have registered.
    """

    service: str | None = None
    discover: Discover | None = None
    servers: tuple[Server, ...]
    kept: str | None = None
    instances: tuple[InstanceOfSide, ...] | None = None


class ServersAnswer(Document):
    """Who answers for each side."""

    stable: SideAnswer
    canary: SideAnswer | None = None


class AnnouncedAnswer(InstanceOfSide):
    """An instance as it is noted; under its group it stays where it is when the canary becomes stable."""

    rollout: Name
    group: Name


class HistoryEntry(Document):
    """One change: who, when, what, why, before and after."""

    revision: int
    action: str
    actor: str
    reason: str
    at: Moment
    request_id: str | None = None
    """The request that made the change: the caller's `X-Request-Id`, or the one that its answer bore."""
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None


class HistoryList(Document):
    """Changes, newest first; `before` asks for older ones."""

    history: tuple[HistoryEntry, ...]
    before: int | None = None


class InstanceAnswer(Document):
    """One Traefik that polls under a gateway's name. `holdSeconds` is how long it lets its polls be held."""

    address: str
    last_poll: Moment
    revision_served: int
    hold_seconds: int | None = None


class GatewayAnswer(Document):
    """A gateway: what was asked of it, what it polled, and what it carries.

    `state` is how the controller saw it last, `detail` and `stateSince` why and since when; without a controller
    they are missing. `traefik` is its version.
    """

    name: str
    version: int | None = None
    spec: GatewaySpec | None = None
    last_poll: Moment | None = None
    revision_served: int | None = None
    is_current: bool
    is_counted: bool
    """Whether waits and steps take its polls into account."""
    revision_applied: int | None = None
    instances: tuple[InstanceAnswer, ...]
    errors: tuple[str, ...]
    state: GatewayState | None = None
    detail: str | None = None
    state_since: Moment | None = None
    traefik: str | None = None


class GatewayList(Document):
    """All gateways by name."""

    gateways: tuple[GatewayAnswer, ...]


class StoredGateway(Document):
    """A gateway as it was written down."""

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
    """What became of a message: the receiver's `status`, none where nobody answered."""

    delivered: bool
    status: int | None = None
    detail: str


class TokenAnswer(Document):
    """A token, without its secret."""

    name: str
    role: Role
    version: int
    gateway: str | None = None
    """The only gateway that it may poll as; absent is any."""


class TokenList(Document):
    """All tokens by name."""

    tokens: tuple[TokenAnswer, ...]


class NewToken(Document):
    """A token that was just made. The secret is shown this once."""

    name: str
    role: Role
    token: str


class SignInLink(Document):
    """The path of a link that signs in to the pages, once."""

    path: str
    expires_in_seconds: int


class Restored(Document):
    """The revision at which store and provider agree again."""

    revision: int


class MistakeAnswer(Document):
    """One thing wrong in a body or query."""

    pointer: str
    detail: str


class Problem(Document):
    """What went wrong, after RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[MistakeAnswer, ...] | None = None


class Readiness(Document):
    """Whether polls are answered, and how the provider stands to its store.

    `problem` tells why polls are not answered, or why the store cannot be read or takes no writes, and what to do.
    """

    ready: bool
    store: str
    problem: str | None = None
    revision: int
    unreadable: tuple[str, ...]
