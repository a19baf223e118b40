import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provider.services.clock_skew import ClockSkew
from provider.store import Change, Key, Kind, MemoryStore, Request
from provider.web.api import ENDPOINTS, create_app
from tests.unit.api.conftest import Client
from tests.unit.services.test_documents import gone_back
from tests.world import World


def test_a_provider_that_lives_says_so(flask_client: Any) -> None:
    assert flask_client.get("/livez").data == b"ok\n"


def test_a_provider_that_can_answer_polls_is_ready(flask_client: Any, shop: str) -> None:
    answer = flask_client.get("/readyz")

    assert answer.status_code == 200
    assert (answer.json["store"], answer.json["corruptDocuments"]) == ("following", [])
    assert "problem" not in answer.json


def test_a_provider_that_lacks_a_document_is_not_ready_and_names_it(flask_client: Any, world: World) -> None:
    key = Key(Kind.ROLLOUT, "shop")
    world.store.commit(Change(key, 0, "nonsense", "test", "test", "", Request("a", "")))
    world.caught_up()
    answer = flask_client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json["corruptDocuments"] == ["rollout/shop"]
    assert "rollout/shop can be read; replace it" in answer.json["problem"]


def test_a_provider_without_any_document_says_that_redis_is_empty() -> None:
    empty = World()
    app = create_app(empty.operations, version="1.2.3")
    client: Any = app.test_client()
    starting = client.get("/readyz")
    empty.start()
    answer = client.get("/readyz")
    empty.feed.close()

    assert "starting" in starting.json["problem"]
    assert (answer.status_code, answer.json["problem"]) == (503, "Redis is empty: nothing has been written yet")


def test_a_store_that_went_back_is_told_with_the_way_out(flask_client: Any, world: World) -> None:
    gone_back(world)
    answer = flask_client.get("/readyz")

    assert (answer.status_code, answer.json["store"]) == (200, "regressed")
    assert "traefik-canary restore" in answer.json["problem"]


def test_a_damaged_document_is_told_and_mended_by_a_put(admin: Client, world: World, shop: str) -> None:
    spec = admin("GET", f"/rollouts/{shop}").json["spec"]
    key = Key(Kind.ROLLOUT, shop)
    stored, _ = world.store.read(key)
    assert stored
    world.store.commit(Change(key, stored.version, "nonsense", "test", "test", "", Request("a", "")))
    damaged = admin("GET", f"/rollouts/{shop}")

    assert damaged.status_code == 409
    assert "replace it with a PUT or delete it" in damaged.json["detail"]
    assert admin("POST", f"/rollouts/{shop}/abort").status_code == 409
    assert "after" not in admin("GET", f"/rollouts/{shop}/history").json["history"][0]
    assert admin("PUT", f"/rollouts/{shop}", {"spec": spec}).status_code == 200
    assert admin("GET", f"/rollouts/{shop}").status_code == 200


def test_metrics_tell_phases_weights_and_the_revision(flask_client: Any, admin: Client, shop: str) -> None:
    admin("PUT", f"/rollouts/{shop}/weight", {"weight": 12.5})
    admin("GET", "/rollouts")
    text = flask_client.get("/metrics").text

    assert 'canary_rollouts{phase="Progressing"} 1.0' in text
    assert 'canary_rollout_weight_percent{rollout="shop"} 12.5' in text
    assert "canary_store_following 1.0" in text


def test_openapi_names_every_endpoint_and_resolves_every_reference(flask_client: Any) -> None:
    document = flask_client.get("/openapi.json").json
    served = {(endpoint.method.lower(), endpoint.path.replace("<", "{").replace(">", "}")) for endpoint in ENDPOINTS}
    named = {(method, path) for path, methods in document["paths"].items() for method in methods}
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))

    assert document["openapi"] == "3.1.0"
    assert served == named
    assert references <= set(document["components"]["schemas"])
    identities = [
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(set(identities)) == len(identities)


def test_the_documentation_shows_every_path(flask_client: Any) -> None:
    text = flask_client.get("/docs").text

    for endpoint in ENDPOINTS:
        assert endpoint.path.replace("<", "{").replace(">", "}") in text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nope", 404), ("POST", "/livez", 405), ("GET", "/livez/", 404)]
)
def test_paths_that_are_none_get_problems_too(flask_client: Any, method: str, path: str, status: int) -> None:
    answer = flask_client.open(path, method=method)

    assert status == answer.status_code
    assert answer.content_type == "application/problem+json"


def test_every_answer_carries_the_security_headers(flask_client: Any) -> None:
    headers = flask_client.get("/docs").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_an_unforeseen_error_shows_nothing_of_itself(
    admin: Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store._documents = None  # type: ignore[assignment]
    answer = admin("GET", "/rollouts/shop")

    assert answer.status_code == 500
    assert "NoneType" not in answer.text
    assert answer.json["detail"].endswith(f"under request ID {answer.headers['X-Request-Id']}")
    assert "request.failed" in caplog.messages


def test_the_documentation_is_rendered_once_and_links_below_each_path(flask_client: Any) -> None:
    pages = [flask_client.get("/docs", headers={"X-Forwarded-Prefix": path}).text for path in ("", "/a", "/b")]

    assert [
        re.search(r'"[^"]*/openapi.json"', page)[0]  # type: ignore[index]  # it is there
        for page in pages
    ] == ['"/openapi.json"', '"/a/openapi.json"', '"/b/openapi.json"']


def test_a_skewed_clock_is_reported_by_readiness_and_metrics(flask_client: Any, world: World, shop: str) -> None:
    skewed = ClockSkew(MemoryStore(clock=lambda: datetime.now(UTC) + timedelta(seconds=60)))
    skewed.measure()
    world.operations.clock_skew = skewed
    readiness = flask_client.get("/readyz")
    metrics = flask_client.get("/metrics").text

    assert readiness.status_code == 200
    assert "clock" in readiness.json["problem"]
    assert re.search(r"^canary_store_clock_ahead_seconds -(59|60|6[0-9])", metrics, re.MULTILINE)
