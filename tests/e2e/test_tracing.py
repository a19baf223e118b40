"""One request, followed from a job's own span to the Traefik that has what it asked for."""

import json
import os
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from provider.demo.processes import Processes
from tests.e2e.harness import eventually, started
from tests.receivers import Receiver, receiving

pytestmark = pytest.mark.traefik

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# Each is told when it ends: the watcher looks at Traefik every two seconds.
NAMES = {
    "PUT /api/v1/rollouts/<name>/weight",
    "redis commit",
    "traefik served",
    "traefik applied",
    "webhook delivered",
}


def spans_of(receiver: Receiver) -> dict[str, Span]:
    """Give the spans of the job's trace by their names."""
    found: dict[str, Span] = {}
    for one in receiver.received:
        for told in ExportTraceServiceRequest.FromString(one.body).resource_spans:
            for scope in told.scope_spans:
                found |= {span.name: span for span in scope.spans if span.trace_id.hex() == TRACE}
    return found


def test_a_job_finds_its_change_in_log_history_webhook_and_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as collector, receiving() as team, Processes(tmp_path) as processes:
        stack = started(
            tmp_path,
            processes,
            CANARY_LOG_FORMAT="json",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
        stack.done("PUT", "/webhooks/team", {"spec": {"url": team.url}})
        # What the watcher has not seen before it was so, it cannot have seen to arrive.
        eventually(
            lambda: "healthSince" in stack.done("GET", "/gateways")["gateways"][0], what="the watcher has looked"
        )
        monkeypatch.setenv("CANARY_REQUEST_ID", "gitlab-4711")
        monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{CALLER}-01")
        shifted = stack.command("set-weight", "shop", "25", "--wait")
        eventually(lambda: spans_of(collector).keys() >= NAMES, what="the job's spans are told")
        spans = spans_of(collector)
        history = stack.done("GET", "/rollouts/shop/history")["history"]
        lines = [json.loads(line) for line in stack.log().splitlines() if line.startswith("{")]

    assert shifted.returncode == 0, shifted.stderr
    assert history[0]["requestId"] == "gitlab-4711"
    (logged,) = [line for line in lines if line["event"] == "rollout.set-weight"]
    assert {"rollout": "shop", "actor": "admin", "request_id": "gitlab-4711"}.items() <= logged.items()
    assert [json.loads(one.body)["requestId"] for one in team.received] == ["gitlab-4711"]
    call = spans["PUT /api/v1/rollouts/<name>/weight"]
    assert call.parent_span_id.hex() == CALLER
    assert {call.span_id} == {spans[name].parent_span_id for name in NAMES - {call.name}}
    assert os.environ["CANARY_REQUEST_ID"] in {
        fact.value.string_value for fact in call.attributes if fact.key == "canary.request_id"
    }
