"""Responses by their protocol: HTTP and gRPC statuses, WebSockets, and those whose result Traefik does not count."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provider.domain.analysis import (
    Analysis,
    CheckResult,
    Counts,
    Measurement,
    Outcome,
    ReasonCode,
    Record,
    Series,
    Snapshot,
    window_between,
)
from provider.domain.fields import read
from provider.domain.rollouts import Action, Rollout, Spec, current_record, settings_of
from provider.workers.decisions import decide

STABLE, CANARY = "shop_1@http", "shop_2@http"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=5)
# Requests by protocol and status.
Statuses = Mapping[tuple[str, str], int]
NO_CHECK: dict[str, Any] = {}
CHECK = {"checks": [{"name": "smoke", "webhook": {"url": "http://127.0.0.1:1/"}}]}


def snapshot(stable: Statuses, canary: Statuses) -> Snapshot:
    services: dict[str, dict[Series, float]] = {
        name: {Series(status, "POST", protocol): count for (protocol, status), count in side.items()}
        for name, side in ((STABLE, stable), (CANARY, canary))
    }
    return Snapshot(services, T0.timestamp())


def counted(canary: Statuses, *, stable: Statuses | None = None, **errors: Any) -> Counts:
    """Return the canary's counts of a window with these requests."""
    settings = read(Analysis, errors)
    before, after = snapshot({}, {}), snapshot(stable or {}, canary)
    return window_between(
        {"edge": before}, {"edge": after}, stable=STABLE, canary=CANARY, errors=settings.errors
    ).canary


def rollout(**analysis: Any) -> Rollout:
    document = {
        "rule": "Host(`shop.example`)",
        "stable": {"servers": [{"url": "http://10.0.0.1"}]},
        "canary": {"servers": [{"url": "http://10.0.0.2"}]},
        "analysis": {"metrics": ["errors"], **analysis},
        "steps": [{"setWeight": 50}, {"analysis": {"duration": "10m"}}],
    }
    return Rollout.create("shop", read(Spec, document), now=T0)


def played(
    canary: Rollout, responses: tuple[Statuses, Statuses], *, samples: int = 121
) -> tuple[Record, Action | None]:
    """Play samples of 5 s, in each of which stable and the canary give these responses."""
    record, action = current_record(None, canary), None
    checks = tuple(CheckResult(check.name, Outcome.SUCCESSFUL, "yes") for check in settings_of(canary).checks or ())
    for number in range(samples):
        now = T0 + number * INTERVAL
        stable, new = ({labels: count * number for labels, count in side.items()} for side in responses)
        record = record.looked(
            Measurement({"edge": snapshot(stable, new)}, checks),
            settings_of(canary),
            stable=STABLE,
            canary=CANARY,
            now=now,
        )
        move = decide(canary, record, now=now)
        action = move.action if move else None
        if action:
            break
    return record, action


@pytest.mark.parametrize(
    ("protocol", "status", "part"),
    [
        ("http", "200", None),
        ("http", "302", None),
        ("http", "404", "client_errors"),
        ("http", "499", "errors"),
        ("http", "503", "errors"),
        ("websocket", "0", None),
        ("websocket", "101", None),
        ("websocket", "502", "errors"),
        ("sse", "200", None),
        ("grpc", "0", None),
        ("grpc", "5", "client_errors"),
        ("grpc", "12", "client_errors"),
        ("grpc", "13", "errors"),
        ("grpc", "2", "unknown"),
        ("grpc-web", "2", "unknown"),
        ("grpc", "strange", "unknown"),
        ("mqtt", "200", "unknown"),
    ],
)
def test_what_a_response_counts_as(protocol: str, status: str, part: str | None) -> None:
    counts = counted({(protocol, status): 7})

    assert counts.requests == 7
    assert {name: 7 if name == part else 0 for name in ("errors", "client_errors", "unknown")} == {
        "errors": counts.errors,
        "client_errors": counts.client_errors,
        "unknown": counts.unknown,
    }


@pytest.mark.parametrize("side", ["stable", "canary"])
def test_code_2_is_an_error_where_traefik_reads_the_status_of_successes(side: str) -> None:
    success = {("grpc", "0"): 10}
    counts = counted({("grpc", "2"): 3, **(success if side == "canary" else {})}, stable=success)

    assert (counts.errors, counts.unknown) == (3, 0)


def test_grpc_codes_that_are_errors_can_be_chosen() -> None:
    assert counted({("grpc", "13"): 3}, errors={"grpc": [5]}).errors == 0
    assert counted({("grpc", "5"): 3}, errors={"grpc": [5]}).errors == 3


def test_without_grpc_codes_no_grpc_status_matters() -> None:
    counts = counted({("grpc", "13"): 3, ("grpc", "2"): 3}, errors={"http": "5..", "grpc": []})

    assert (counts.requests, counts.errors, counts.client_errors, counts.unknown) == (6, 0, 0, 0)


@pytest.mark.parametrize("success", ["0", "2"], ids=["announced trailers", "other trailers"])
def test_a_grpc_canary_that_fails_is_aborted(success: str) -> None:
    good = {("grpc", success): 50}
    _, action = played(rollout(), (good, {("grpc", success): 40, ("grpc", "13"): 10}))

    assert Action.ABORT is action


def test_a_grpc_canary_whose_status_is_counted_is_promoted() -> None:
    _, action = played(rollout(), ({("grpc", "0"): 50}, {("grpc", "0"): 50}))

    assert Action.ADVANCE is action


@pytest.mark.parametrize("protocol", ["grpc", "mqtt"])
def test_a_canary_whose_results_are_not_counted_is_never_known_to_be_good(protocol: str) -> None:
    responses = {(protocol, "2"): 50}
    record, action = played(rollout(), (responses, responses))
    verdict = record.verdict(settings_of(rollout()))

    assert Action.HOLD is action
    assert (verdict.outcome, verdict.reason_code) == (Outcome.INCONCLUSIVE, ReasonCode.UNKNOWN_RESULTS)
    assert (
        record.samples[0].outcome,
        record.samples[0].reason_code,
    ) == (Outcome.INCONCLUSIVE, ReasonCode.UNKNOWN_RESULTS)


def test_a_check_covers_what_traefik_does_not_count() -> None:
    responses = {("grpc", "2"): 50}

    assert Action.ADVANCE is played(rollout(**CHECK), (responses, responses))[1]


def test_a_few_stray_requests_of_another_protocol_do_not_hold_a_canary() -> None:
    stable = {("http", "200"): 5_000}
    canary = {("http", "200"): 5_000, ("grpc", "2"): 1}

    assert Action.ADVANCE is played(rollout(), (stable, canary))[1]


# Client errors


@pytest.mark.parametrize("status", ["404", "401", "429"])
@pytest.mark.parametrize(
    ("mode", "action"), [("pause", Action.HOLD), ("abort", Action.ABORT), ("ignore", Action.ADVANCE)]
)
def test_a_canary_that_refuses_every_request_is_not_promoted(status: str, mode: str, action: Action) -> None:
    responses = ({("http", "200"): 95}, {("http", status): 5})

    assert action is played(rollout(clientErrors=mode), responses)[1]


def test_clients_that_give_up_are_errors() -> None:
    assert Action.ABORT is played(rollout(), ({("http", "200"): 95}, {("http", "499"): 5}))[1]


def test_a_canary_with_as_many_client_errors_as_stable_is_promoted() -> None:
    stable, canary = {("http", "200"): 90, ("http", "404"): 10}, {("http", "200"): 45, ("http", "404"): 5}
    record, action = played(rollout(), (stable, canary))

    assert Action.ADVANCE is action
    assert record.client_errors_at is None


def test_a_person_who_goes_on_is_not_held_again_for_the_same_client_errors() -> None:
    canary = rollout()
    responses = ({("http", "200"): 95}, {("http", "404"): 5})
    record, action = played(canary, responses)
    sample = record.samples[0]
    held = canary.hold(now=sample.at, reason="client errors")
    resumed = rollout(metrics=["errors"]).model_copy(
        update={"status": canary.status.model_copy(update={"since": sample.at + INTERVAL})}
    )

    assert Action.HOLD is action
    assert "client errors 100% against 0%" in sample.reason
    assert ReasonCode.CLIENT_ERRORS is sample.reason_code
    assert decide(held, record, now=sample.at + INTERVAL) is None
    assert decide(resumed, record, now=sample.at + 2 * INTERVAL) is None
