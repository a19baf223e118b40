"""The endpoints of rollouts."""

from provider.domain.analysis import roughly
from provider.domain.auth import Permission
from provider.domain.fields import NotJsonError, decode_json
from provider.domain.rollouts import SIDES, Action, Rollout, SideName, settings_of
from provider.services import Arrival, NotFoundError, Operations
from provider.store import Event
from provider.web.api.endpoints import ApiResponse, Endpoint, Exchange
from provider.web.api.schemas import (
    AbortBody,
    AnalysisResponse,
    CanaryBody,
    CreateBody,
    DeleteQuery,
    DrainBody,
    DryRunQuery,
    HistoryEntry,
    HistoryList,
    HistoryQuery,
    ListQuery,
    MoveBody,
    PlanQuery,
    PlanResponse,
    PromoteBody,
    ReasonBody,
    ReplaceQuery,
    RetryBody,
    RolloutList,
    RolloutResponse,
    ServersBody,
    SettingResponse,
    ShrinkQuery,
    SpecBody,
    TrafficResponse,
    UndoBody,
    VerdictSummary,
    WaitQuery,
    WaitResponse,
    WeightBody,
    report_answer,
)

_ROOT = "/api/v1/rollouts"
_ONE = f"{_ROOT}/<name>"
_MOVES = {
    Action.PAUSE: "Pause at the current weight until resumed or promoted",
    Action.RESUME: "Resume after a pause, or after the weight was set manually",
    Action.RETRY: "Retry: start the aborted canary again; 409 beyond `analysis.maxAttempts`",
    Action.SKIP: "Skip the current step",
}

# Moves that may give the canary more traffic take `force`.
_BODIES = {Action.RESUME: MoveBody, Action.RETRY: RetryBody, Action.SKIP: MoveBody}


def list_rollouts(exchange: Exchange) -> ApiResponse:
    """List rollouts, sorted by name."""
    query: ListQuery = exchange.query
    page = exchange.operations.rollouts.page(
        limit=query.limit, cursor=query.cursor, phase=query.phase, gateway=query.gateway
    )
    return ApiResponse(RolloutList(rollouts=tuple(map(_shown, page.rollouts)), cursor=page.cursor))


def create(exchange: Exchange) -> ApiResponse:
    """Create a rollout."""
    body: CreateBody = exchange.body
    rollout = exchange.operations.rollouts.create(body.name, body.spec, exchange.call)
    status = 200 if exchange.call.is_dry_run else 201
    return _answer(exchange, rollout, status=status, location=f"{_ROOT}/{rollout.name}")


def get(exchange: Exchange) -> ApiResponse:
    """Read a rollout."""
    operations = exchange.operations
    rollout = operations.rollouts.get(exchange.name)
    waiting, verdict = operations.waits.of(rollout), _verdict(operations, rollout)
    shown = _with_overlaps(exchange, rollout).model_copy(update={"waiting": waiting, "verdict": verdict})
    return ApiResponse(shown, version=rollout.version)


def replace(exchange: Exchange) -> ApiResponse:
    """Create a rollout or replace its spec."""
    body: SpecBody = exchange.body
    rollout, is_new = exchange.operations.rollouts.replace(exchange.name, body.spec, exchange.call)
    status = 201 if is_new and not exchange.call.is_dry_run else 200
    return _answer(exchange, rollout, status=status)


def delete(exchange: Exchange) -> ApiResponse:
    """Delete a rollout."""
    exchange.operations.rollouts.delete(exchange.name, exchange.call)
    return ApiResponse(status=204)


def start(exchange: Exchange) -> ApiResponse:
    """Start a new canary."""
    body: CanaryBody = exchange.body
    rollout = exchange.operations.rollouts.start(exchange.name, body.side, exchange.call, baseline=body.baseline)
    return _answer(exchange, rollout)


def drain(exchange: Exchange) -> ApiResponse:
    """Drain a server, or stop draining it."""
    body: DrainBody = exchange.body
    return _moved(exchange.operations.rollouts.drain(exchange.name, body.url, exchange.call, undo=body.undo))


def set_weight(exchange: Exchange) -> ApiResponse:
    """Set the weight manually."""
    body: WeightBody = exchange.body
    return _moved(exchange.operations.rollouts.set_weight(exchange.name, body.weight, exchange.call))


def promote(exchange: Exchange) -> ApiResponse:
    """Promote to the next step or in full."""
    body: PromoteBody = exchange.body
    action = Action.PROMOTE_FULL if body.full else Action.PROMOTE
    return _moved(exchange.operations.rollouts.move(exchange.name, action, exchange.call))


def abort(exchange: Exchange) -> ApiResponse:
    """Abort the canary, or only one attempt of it."""
    body: AbortBody = exchange.body
    return _moved(exchange.operations.rollouts.abort(exchange.name, exchange.call, attempt=body.attempt))


def undo(exchange: Exchange) -> ApiResponse:
    """Roll back to an earlier revision."""
    body: UndoBody = exchange.body
    return _moved(exchange.operations.rollouts.undo(exchange.name, body.to_revision, exchange.call))


def history(exchange: Exchange) -> ApiResponse:
    """Return the history of a rollout."""
    query: HistoryQuery = exchange.query
    rollouts = exchange.operations.rollouts
    events = rollouts.history(exchange.name, limit=query.limit, before=query.before)
    oldest = events[-1].revision if events else None
    # Large documents make a response end before its limit.
    if oldest and len(events) < query.limit and not rollouts.has_history_before(exchange.name, oldest):
        oldest = None
    return ApiResponse(HistoryList(history=tuple(map(_entry, events)), before=oldest))


def analysis(exchange: Exchange) -> ApiResponse:
    """Return the analysis of the canary."""
    operations = exchange.operations
    rollout = operations.rollouts.get(exchange.name)
    judgement, settings = operations.analyses.judgement(rollout), settings_of(rollout)
    verdict_in = operations.plans.seconds_until_known(rollout, judgement.of(rollout))
    return ApiResponse(
        AnalysisResponse(
            overall=judgement.overall,
            current_step=judgement.current_step,
            checks=tuple(judgement.checks),
            samples=tuple(judgement.samples),
            warm_up_remaining=judgement.warm_up_remaining or None,
            warm_up_until=judgement.warm_up_until,
            verdict_in_seconds=verdict_in,
            verdict_in=_in_words(verdict_in),
            preset=settings.preset,
            settings=tuple(
                SettingResponse.model_validate({"name": name, "value": value, "origin": origin})
                for name, (value, origin) in settings.origins().items()
            ),
        )
    )


def traffic(exchange: Exchange) -> ApiResponse:
    """Return the traffic share of the canary."""
    operations = exchange.operations
    share = operations.traffic.share(operations.rollouts.get(exchange.name))
    return ApiResponse(TrafficResponse(**dict(share)))


def plan(exchange: Exchange) -> ApiResponse:
    """Return the forecast of each step."""
    query: PlanQuery = exchange.query
    operations = exchange.operations
    made = operations.plans.plan(
        operations.rollouts.get(exchange.name),
        requests_per_second=query.rate,
        errors=query.errors,
        factors=query.factors,
    )
    return ApiResponse(PlanResponse(**dict(made)))


def wait(exchange: Exchange) -> ApiResponse:
    """Wait for a state."""
    query: WaitQuery = exchange.query
    arrival = exchange.operations.waiting.wait(
        exchange.name, query.for_, seconds=query.timeout, attempt=query.attempt
    )
    return ApiResponse(_arrived(arrival), version=arrival.rollout.version)


def _move(action: Action) -> Endpoint:
    def handler(exchange: Exchange) -> ApiResponse:
        return _moved(exchange.operations.rollouts.move(exchange.name, action, exchange.call))

    return Endpoint(
        "POST",
        f"{_ONE}/{action}",
        handler,
        Permission.OPERATE,
        _MOVES[action],
        body=_BODIES.get(action, ReasonBody),
        answers={200: RolloutResponse},
        problems=(404, 409),
    )


def _servers(side: SideName) -> Endpoint:
    def scale(exchange: Exchange) -> ApiResponse:
        body: ServersBody = exchange.body
        return _moved(exchange.operations.rollouts.scale(exchange.name, side, body.servers, exchange.call))

    # Who shifts traffic adds no addresses: where Traefik sends requests is for an admin to say.
    return Endpoint(
        "PUT",
        f"{_ONE}/{side}/servers",
        scale,
        Permission.ADMINISTER,
        f"Scale {side}: replace its servers; at least one current server must remain",
        body=ServersBody,
        query=DryRunQuery,
        answers={200: RolloutResponse},
        problems=(404, 409),
        operation=f"scale-{side}",
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        _ROOT,
        list_rollouts,
        Permission.READ,
        "List rollouts, sorted by name",
        query=ListQuery,
        answers={200: RolloutList},
    ),
    Endpoint(
        "POST",
        _ROOT,
        create,
        Permission.ADMINISTER,
        "Create a rollout; 409 if it exists",
        body=CreateBody,
        query=DryRunQuery,
        answers={201: RolloutResponse, 200: RolloutResponse},
        problems=(409,),
    ),
    Endpoint(
        "GET",
        _ONE,
        get,
        Permission.READ,
        "Read a rollout",
        answers={200: RolloutResponse},
        problems=(404, 409),
    ),
    Endpoint(
        "PUT",
        _ONE,
        replace,
        Permission.ADMINISTER,
        "Create a rollout or replace its spec",
        body=SpecBody,
        query=ReplaceQuery,
        answers={200: RolloutResponse, 201: RolloutResponse},
        problems=(409,),
    ),
    Endpoint(
        "DELETE",
        _ONE,
        delete,
        Permission.ADMINISTER,
        "Delete a rollout; Traefik then responds with 404 for its rule",
        query=DeleteQuery,
        answers={204: None},
        problems=(404, 409),
    ),
    Endpoint(
        "PUT",
        f"{_ONE}/canary",
        start,
        Permission.ADMINISTER,
        "Start a new canary at the first step",
        body=CanaryBody,
        answers={200: RolloutResponse},
        problems=(404, 409),
    ),
    *map(_servers, SIDES),
    Endpoint(
        "POST",
        f"{_ONE}/drain",
        drain,
        Permission.OPERATE,
        "Drain a server: it receives no new requests; `undo` stops draining",
        body=DrainBody,
        query=DryRunQuery,
        answers={200: RolloutResponse},
        problems=(404, 409),
    ),
    Endpoint(
        "PUT",
        f"{_ONE}/weight",
        set_weight,
        Permission.OPERATE,
        "Set the weight of the canary manually",
        body=WeightBody,
        answers={200: RolloutResponse},
        problems=(404, 409),
    ),
    Endpoint(
        "POST",
        f"{_ONE}/promote",
        promote,
        Permission.OPERATE,
        "Promote to the next step, or with `full` make the canary stable now",
        body=PromoteBody,
        answers={200: RolloutResponse},
        problems=(404, 409),
    ),
    Endpoint(
        "POST",
        f"{_ONE}/abort",
        abort,
        Permission.OPERATE,
        "Abort: send all traffic to stable at once; with `attempt`, only if that is the current attempt",
        body=AbortBody,
        answers={200: RolloutResponse},
        problems=(404, 409),
    ),
    *map(_move, _MOVES),
    Endpoint(
        "POST",
        f"{_ONE}/undo",
        undo,
        Permission.ADMINISTER,
        "Roll back to an earlier revision; the canary keeps that revision's weight",
        body=UndoBody,
        query=ShrinkQuery,
        answers={200: RolloutResponse},
        problems=(404, 409),
    ),
    Endpoint(
        "GET",
        f"{_ONE}/history",
        history,
        Permission.READ,
        "List the changes of a rollout, newest first",
        query=HistoryQuery,
        answers={200: HistoryList},
        problems=(404,),
    ),
    Endpoint(
        "GET",
        f"{_ONE}/analysis",
        analysis,
        Permission.READ,
        "Read the analysis of the canary: verdicts and the latest measurements",
        answers={200: AnalysisResponse},
        problems=(404, 409),
    ),
    Endpoint(
        "GET",
        f"{_ONE}/traffic",
        traffic,
        Permission.READ,
        "Read the share of requests that the canary receives, by Traefik's counters",
        answers={200: TrafficResponse},
        problems=(404,),
    ),
    Endpoint(
        "GET",
        f"{_ONE}/plan",
        plan,
        Permission.READ,
        "Forecast requests, detection of regressions and time to a verdict for each step",
        query=PlanQuery,
        cost=20,
        answers={200: PlanResponse},
        problems=(404,),
    ),
    Endpoint(
        "GET",
        f"{_ONE}/wait",
        wait,
        Permission.READ,
        "Wait until the rollout reaches a state; 504 on timeout",
        query=WaitQuery,
        answers={200: WaitResponse},
        problems=(404, 409, 504),
        is_held=True,
    ),
)


def _answer(exchange: Exchange, rollout: Rollout, *, status: int = 200, location: str | None = None) -> ApiResponse:
    warnings = tuple(exchange.operations.plans.warnings(rollout))
    shown = _with_overlaps(exchange, rollout).model_copy(update={"warnings": warnings or None})
    return ApiResponse(shown, status=status, version=rollout.version, location=location)


def _moved(rollout: Rollout) -> ApiResponse:
    return ApiResponse(_shown(rollout), version=rollout.version)


def _with_overlaps(exchange: Exchange, rollout: Rollout) -> RolloutResponse:
    overlaps = exchange.operations.routes.overlaps(rollout)
    update = {"shadowed_by": overlaps.shadowed_by, "overlaps_with": overlaps.shared_with or None}
    return _shown(rollout).model_copy(update=update)


def _verdict(operations: Operations, rollout: Rollout) -> VerdictSummary | None:
    try:
        verdict = operations.analyses.judgement(rollout).of(rollout)
    except NotFoundError:
        return None
    seconds = operations.plans.seconds_until_known(rollout, verdict)
    return VerdictSummary(
        outcome=verdict.outcome,
        reason=verdict.reason,
        verdict_in_seconds=seconds,
        verdict_in=_in_words(seconds),
    )


def _in_words(seconds: float | None) -> str | None:
    return f"{roughly(seconds)} at this rate" if seconds is not None else None


def _shown(rollout: Rollout) -> RolloutResponse:
    return RolloutResponse(
        name=rollout.name,
        version=rollout.version,
        spec=rollout.spec,
        status=rollout.status,
        actions=tuple(rollout.actions),
    )


def _arrived(arrival: Arrival) -> WaitResponse:
    reports = tuple(map(report_answer, arrival.reports))
    return WaitResponse(**dict(_shown(arrival.rollout)), gateways=reports or None)


def _entry(event: Event) -> HistoryEntry:
    return HistoryEntry(
        revision=event.revision,
        action=event.action,
        actor=event.actor,
        reason=event.reason,
        at=event.at,
        request_id=event.origin.request_id or None,
        before=_document(event.before),
        after=_document(event.after),
    )


def _document(text: str | None) -> dict[str, object] | None:
    try:
        document = decode_json(text) if text else None
    except NotJsonError:
        return None  # damaged by hand; the rest of the entry is still worth reading
    return document if isinstance(document, dict) else None
