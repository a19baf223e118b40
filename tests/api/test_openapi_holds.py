"""What the OpenAPI document says is what the application does: every operation, with generated requests."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from provider.domain.analysis import Outcome
from provider.domain.auth import Role
from provider.domain.fields.types import NAME_PATTERN
from provider.domain.gateways import GatewaySpec
from provider.domain.notifications import WebhookSpec
from provider.domain.rollouts import Action
from provider.services import NotFoundError
from provider.web.api import ENDPOINTS, create_app
from provider.web.api.openapi import describe
from tests.canaries import check, remember, seen
from tests.world import ME, World, spec

Case = schemathesis.Case[Any]

# A longer run looks elsewhere each time: CANARY_TEST_EXAMPLES=500 pytest tests/api
EXAMPLES = os.environ.get("CANARY_TEST_EXAMPLES")
THOROUGH = settings(
    derandomize=not EXAMPLES,
    max_examples=int(EXAMPLES or 20),
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

CHECKS = {
    # Waiting in vain is an answer.
    "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "504"]},
    # A version that is well formed is seldom the one that the document is at.
    "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "412", "504"]},
    "negative_data_rejection": {"expected-statuses": ["400", "404", "405", "409", "412", "415", "422"]},
}
# Whether a rule or an address is valid, and what goes together with what, is more than a schema can say.
WITH_A_SPEC = {
    "include-path-regex": r"^/api/v1/(rollouts(/\{name\}(/canary)?)?|(gateways|webhooks)/\{name\})$",
    "include-method": ["POST", "PUT"],
    "checks": {"positive_data_acceptance": {"enabled": False}},
}
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": CHECKS,
        "operations": [WITH_A_SPEC],
        # Every request has a good token; the check of ignored authentication takes it away.
        "generation": {"with-security-parameters": False},
        **({} if EXAMPLES else {"seed": 1}),
    }
)
DOCUMENT = schemathesis.openapi.from_dict(describe(ENDPOINTS, version="1.2.3"), config=CONFIG)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start()
    yield world
    world.feed.close()


@pytest.fixture
def app(world: World) -> Flask:
    return create_app(world.operations, version="1.2.3")


@pytest.fixture
def as_admin(world: World) -> dict[str, str]:
    secret = world.operations.tokens.create("tester", Role.ADMIN, ME)
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    return {"Authorization": f"Bearer {secret}"}


def make_anew(world: World, case: Case) -> None:
    """Make what a path names, as if nobody had done anything with it before."""
    name, kind = case.path_parameters["name"], case.path.split("/")[3]
    operations = world.operations
    forget = {
        "rollouts": operations.rollouts.delete,
        "gateways": operations.gateways.delete,
        "tokens": operations.tokens.revoke,
        "webhooks": operations.webhooks.delete,
    }
    with suppress(NotFoundError):
        forget[kind](name, ME)
    match kind:
        case "rollouts":
            operations.rollouts.create(
                name, spec(rule=f"Host(`{name}.localhost`)", steps=[{"setWeight": 5}, {"pause": {}}]), ME
            )
            if case.path.endswith("/retry"):
                operations.rollouts.move(name, Action.ABORT, ME)
            if case.path.endswith("/analysis"):
                look_at(world, name)
        case "gateways":
            operations.gateways.put(name, GatewaySpec(), ME)
        case "tokens":
            operations.tokens.create(name, Role.VIEWER, ME)
        case "webhooks":
            # Where nobody listens: a test of it is answered at once.
            operations.webhooks.put(name, WebhookSpec(url="http://127.0.0.1:1"), ME)
    world.caught_up()


def look_at(world: World, name: str) -> None:
    """Have something known of a canary."""
    # For two minutes: the evidence must not rest on a short time.
    looks = [((200 * number, 0), (20 * number, 2 * number)) for number in range(1, 25)]
    rollout = world.operations.rollouts.get(name)
    record = seen(rollout, looks, now=world.clock(), checks=(check(Outcome.SUCCESSFUL),))
    remember(world.operations, name, record)


def bring_to_an_end(world: World, case: Case) -> None:
    """Have an answer at once where it would be long: a stream of a worker that ends, a wait of no seconds."""
    if case.path.endswith("/events"):
        world.feed.close()
    with suppress(TypeError, ValueError):
        if case.path.endswith("/wait") and 0 <= float(case.query.get("timeout", 60)) <= 3_600:
            case.query["timeout"] = 0


def test_the_document_is_valid_and_is_served(app: Flask) -> None:
    DOCUMENT.validate()

    assert app.test_client().get("/openapi.json").json == DOCUMENT.raw_schema


def test_bounds_are_said_in_the_words_of_json_schema() -> None:
    port = DOCUMENT.raw_schema["components"]["schemas"]["HealthCheck"]["properties"]["port"]

    assert {"type": "integer", "minimum": 1, "maximum": 65_535} in port["anyOf"]


@pytest.mark.parametrize("is_there", [False, True], ids=["nothing is there", "it is there"])
@DOCUMENT.parametrize()
@THOROUGH
def test_an_operation_answers_as_the_document_says(
    case: Case, app: Flask, as_admin: dict[str, str], world: World, is_there: bool
) -> None:
    case.operation.app = case.operation.schema.app = app
    if is_there and re.fullmatch(NAME_PATTERN, str(case.path_parameters.get("name"))):
        make_anew(world, case)
    # Idempotency keys that were used before, and wrong tokens, are another example's.
    world.store._requests.clear()
    world.store._counts.clear()
    bring_to_an_end(world, case)

    case.call_and_validate(headers=as_admin)


@pytest.mark.parametrize("name", ["Shop", "shop_2", "-", "x" * 64, "shop%0A"])
@pytest.mark.parametrize("kind", ["rollouts", "gateways"])
def test_under_a_name_that_is_none_nothing_is_stored(
    app: Flask, as_admin: dict[str, str], world: World, kind: str, name: str
) -> None:
    before = world.store.load()
    body = {"spec": SPEC if kind == "rollouts" else {}}
    answer = app.test_client().put(f"/api/v1/{kind}/{name}", json=body, headers=as_admin)

    assert answer.status_code == 400
    assert "a name is lowercase letters" in answer.get_json()["detail"]
    assert world.store.load() == before


def test_a_body_that_is_needed_must_be_there(app: Flask, as_admin: dict[str, str]) -> None:
    answer = app.test_client().put("/api/v1/rollouts/shop/canary", headers=as_admin)

    assert answer.status_code == 415
    assert DOCUMENT.raw_schema["paths"]["/api/v1/rollouts/{name}/canary"]["put"]["requestBody"]["required"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        *(("*", 200), ("2", 200), ('"2"', 200), ('W/"2"', 200), ('"3",2', 200), ('"3"', 412)),
        *(("", 400), ("**", 400)),
    ],
)
def test_a_condition_is_written_as_the_document_says(
    app: Flask, as_admin: dict[str, str], header: str, status: int
) -> None:
    headers = {**as_admin, "If-Match": header}
    answer = app.test_client().put("/api/v1/rollouts/shop/weight", json={"weight": 5}, headers=headers)

    assert status == answer.status_code


@pytest.mark.parametrize("reason", ["\N{WOMAN}\u200d\N{PERSONAL COMPUTER} shipped it", "fünf – 5\u00a0%", ""])
def test_a_reason_may_be_any_one_line(app: Flask, as_admin: dict[str, str], reason: str) -> None:
    client = app.test_client()
    client.post("/api/v1/rollouts/shop/abort", json={"reason": reason}, headers=as_admin)
    history = client.get("/api/v1/rollouts/shop/history", headers=as_admin).get_json()["history"]

    assert reason == history[0]["reason"]


SPEC = {
    "rule": "Host(`blog.localhost`)",
    "stable": {"servers": [{"url": "http://127.0.0.1:9001"}]},
    "steps": [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}],
}
BLOG = "/api/v1/rollouts/{name}"
LIFE = [
    ("POST", "/api/v1/rollouts", {"name": "blog", "spec": SPEC}, 201),
    ("PUT", f"{BLOG}/canary", {"service": "blog-v2@docker", "reason": "version 2"}, 200),
    ("POST", f"{BLOG}/promote", {}, 200),
    ("PUT", f"{BLOG}/weight", {"weight": 33.33}, 200),
    ("POST", f"{BLOG}/retry", {}, 409),
    ("POST", f"{BLOG}/abort", {"attempt": 1}, 409),
    ("POST", f"{BLOG}/abort", {"reason": "too many errors", "attempt": 2}, 200),
    ("POST", f"{BLOG}/retry", {}, 200),
    ("POST", f"{BLOG}/skip", {}, 200),
    ("POST", f"{BLOG}/promote", {"full": True}, 200),
    ("GET", f"{BLOG}/history", None, 200),
    ("GET", BLOG, None, 200),
    ("DELETE", BLOG, None, 204),
    ("GET", BLOG, None, 404),
]


def test_a_rollouts_whole_life_is_answered_as_the_document_says(app: Flask, as_admin: dict[str, str]) -> None:
    statuses = []
    for method, path, body, _ in LIFE:
        operation = DOCUMENT[path][method]
        operation.app = operation.schema.app = app
        parts: dict[str, Any] = {"body": body, "media_type": "application/json"} if body is not None else {}
        query = {"allowShrink": "true"} if method == "DELETE" else {}
        case = operation.Case(path_parameters={"name": "blog"} if "{name}" in path else {}, query=query, **parts)
        statuses.append(case.call_and_validate(headers=as_admin).status_code)

    assert [status for *_, status in LIFE] == statuses


def test_what_is_known_of_a_canary_is_answered_as_the_document_says(
    app: Flask, as_admin: dict[str, str], world: World
) -> None:
    look_at(world, "shop")
    operation = DOCUMENT[f"{BLOG}/analysis"]["GET"]
    operation.app = operation.schema.app = app
    answer = operation.Case(path_parameters={"name": "shop"}).call_and_validate(headers=as_admin)

    assert (answer.status_code, answer.json()["overall"]["outcome"]) == (200, "Failed")
