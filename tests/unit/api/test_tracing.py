"""Which request something is done for: ids without OpenTelemetry, and spans with it."""

import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from provider.domain.auth import Role
from provider.observability import tracing
from provider.observability.logs import RequestIds
from provider.observability.tracing import NOWHERE, identified, request_id
from provider.replica import Body
from provider.store import Key, Kind
from tests.world import ME, World

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{CALLER}-01"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Have spans told, and kept."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.trace_by(provider.get_tracer("test"))
    yield exporter
    tracing.trace_by(None)
    provider.shutdown()


def asked(given: str | None = None) -> tuple[str, str]:
    """Ask an application; the id that it saw, and the one that its answer bears."""
    seen, borne = [], []

    def application(environ: Any, start: Any) -> Sequence[bytes]:
        seen.append(request_id())
        start("200 OK", [])
        return []

    def start(status: str, headers: Any, *failure: Any) -> Any:
        borne.append(dict(headers)["X-Request-Id"])

    identified(application)({"REQUEST_METHOD": "GET"} | ({"HTTP_X_REQUEST_ID": given} if given else {}), start)
    return seen[0], borne[0]


# Ids


def test_the_callers_id_is_kept() -> None:
    assert asked("github-4711/2") == ("github-4711/2", "github-4711/2")


@pytest.mark.parametrize("given", [None, "", "two words", "a\r\nSet-Cookie: b", "ü", "x" * 129])
def test_without_one_that_can_be_kept_there_is_a_new_one(given: str | None) -> None:
    one, other = asked(given), asked(given)

    assert one[0] == one[1] != given
    assert len(one[0]) == 32
    assert one != other


def test_an_id_ends_with_its_request() -> None:
    asked("first")

    assert request_id() == ""


def test_a_change_keeps_the_id_from_the_header_to_the_history(
    world: World, flask_client: FlaskClient, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(RequestIds())
    headers = bearing(world, X_Request_Id="github-4711")
    flask_client.put("/api/v1/rollouts/shop/weight", json={"weight": 25}, headers=headers)
    history = flask_client.get("/api/v1/rollouts/shop/history", headers=headers).json

    assert history
    assert [entry.get("requestId") for entry in history["history"]] == ["github-4711", None]
    (line,) = [record for record in caplog.records if record.message == "rollout.set-weight"]
    assert {"rollout": "shop", "actor": "ci", "request_id": "github-4711"}.items() <= line.__dict__.items()


# Spans


def test_a_callers_trace_goes_on_until_traefik_is_served(
    world: World, flask_client: FlaskClient, shop: str, exporter: InMemorySpanExporter
) -> None:
    world.feed.body("edge")
    headers = bearing(world, traceparent=SAMPLED)
    flask_client.put("/api/v1/rollouts/shop/weight", json={"weight": 25}, headers=headers)
    world.caught_up()
    body = world.feed.body("edge")
    assert isinstance(body, Body)
    assert body.cause
    tracing.arrived("traefik served", body.cause.origin, body.cause.at, gateway="edge")
    spans = {span.name: span for span in exporter.get_finished_spans()}

    call = spans["PUT /api/v1/rollouts/<name>/weight"]
    assert hexed(call.parent) == CALLER
    assert {"http.route": "/api/v1/rollouts/<name>/weight", "http.response.status_code": 200}.items() <= dict(
        call.attributes or {}
    ).items()
    assert hexed(call.context) == hexed(spans["traefik served"].parent)
    assert {TRACE} == {f"{span.context.trace_id:032x}" for span in spans.values() if span.context}


def hexed(context: Any) -> str:
    return f"{context.span_id:016x}"


def test_what_nobody_asked_for_is_no_step_of_anything(exporter: InMemorySpanExporter) -> None:
    with tracing.step("redis changes"):
        pass

    assert exporter.get_finished_spans() == ()


def test_what_is_begun_here_has_its_steps_within(exporter: InMemorySpanExporter) -> None:
    with tracing.beginning("controller advance", rollout="shop"), tracing.step("redis commit"):
        pass
    step, whole = exporter.get_finished_spans()

    assert (step.name, whole.name) == ("redis commit", "controller advance")
    assert whole.context
    assert step.parent == whole.context
    assert dict(whole.attributes or {}) == {"canary.rollout": "shop"}


def test_a_change_of_nobody_leads_to_no_span(world: World, exporter: InMemorySpanExporter) -> None:
    tracing.arrived("traefik served", NOWHERE, world.clock.time)

    assert exporter.get_finished_spans() == ()


def test_an_error_of_the_provider_is_one_of_its_span(
    world: World, flask_client: FlaskClient, exporter: InMemorySpanExporter
) -> None:
    headers = bearing(world)
    world.store._documents = None  # type: ignore[assignment]
    flask_client.get("/api/v1/rollouts/shop", headers=headers)
    (span,) = exporter.get_finished_spans()

    assert isinstance(span, ReadableSpan)
    assert not span.status.is_ok


def test_without_opentelemetry_nothing_is_told(world: World, shop: str) -> None:
    with tracing.beginning("controller advance"), tracing.step("redis commit"):
        world.operations.rollouts.set_weight("shop", Decimal(5), ME)
    (event, *_) = world.store.history(Key(Kind.ROLLOUT, shop), limit=1)

    assert event.origin == NOWHERE


def bearing(world: World, **headers: str) -> dict[str, str]:
    """Give the headers of a caller `ci`; `X_Request_Id` becomes X-Request-Id."""
    secret = world.operations.tokens.create("ci", Role.ADMIN, ME)
    world.caught_up()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"Authorization": f"Bearer {secret}", **named}
