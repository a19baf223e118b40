"""Every path with every kind of caller: who may not is told so, and nothing has changed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from provider.domain.auth import Permission, Role
from provider.domain.fields import write
from provider.domain.gateways import GatewaySpec
from provider.domain.notifications import WebhookSpec
from provider.domain.rollouts import Action, Server
from provider.services import NotFoundError
from provider.web.api import ENDPOINTS, create_app
from provider.web.api.openapi import describe
from provider.web.poll import Polling, SightingBook
from provider.web.poll.application import PATH, mounted
from tests.world import ME, World, spec

DOCUMENT = describe(ENDPOINTS, version="1.2.3")
OPERATIONS = [
    pytest.param(method.upper(), path, operation, id=f"{method.upper()} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
CALLERS = [*map(str, Role), "nobody", "revoked", "made-up"]
# What each kind of body is when it is right: were the caller let in, it would be done.
BODIES: Mapping[str, Any] = {
    "CreateBody": {"name": "new", "spec": write(spec(rule="Host(`new.localhost`)"))},
    "MoveBody": {},
    "RetryBody": {},
    "AbortBody": {"reason": "a test"},
    "SpecBody": {"spec": write(spec(priority=7))},
    "CanaryBody": {"service": "shop-v3@docker"},
    "ServersBody": {"servers": [{"url": f"http://127.0.0.1:900{number}"} for number in (1, 2, 3)]},
    "DrainBody": {"url": "http://127.0.0.1:9003"},
    "WeightBody": {"weight": 50},
    "PromoteBody": {"full": True},
    "ReasonBody": {"reason": "a test"},
    "UndoBody": {"toRevision": 1},
    "GatewayBody": {"spec": {"api": "http://127.0.0.1:1"}},
    "WebhookBody": {"spec": {"url": "http://127.0.0.1:1/x"}},
    "TokenBody": {"name": "new", "role": "admin"},
    "RegistrationBody": {"url": "http://127.0.0.1:9003"},
    "RestoreBody": {"from": "stored"},
}
FOUND = {side: {"discover": {"registered": side}} for side in ("stable", "canary", "baseline")}
CREW = spec(rule="Host(`crew.localhost`)", **FOUND)
PAIR = {"servers": [{"url": "http://127.0.0.1:9001"}, {"url": "http://127.0.0.1:9003"}]}
NAMES = {"rollouts": "shop", "gateways": "edge", "tokens": "victim", "webhooks": "chat"}


@pytest.fixture
def world() -> Iterator[World]:
    """Give a worker that has one of everything."""
    world = World()
    world.start()
    operations = world.operations
    operations.rollouts.create("shop", spec(steps=[{"setWeight": 5}, {"pause": {}}], stable=PAIR, baseline=PAIR), ME)
    announce(world)
    operations.rollouts.create("crew", CREW, ME)
    operations.gateways.put("edge", GatewaySpec(), ME)
    operations.webhooks.put("chat", WebhookSpec(url="http://127.0.0.1:1"), ME)
    operations.tokens.create("victim", Role.VIEWER, ME)
    world.caught_up()
    yield world
    world.feed.close()


@pytest.fixture
def tokens(world: World) -> Mapping[str, str]:
    """Give what each kind of caller sends."""
    secrets = {role.value: world.operations.tokens.create(role.value, role, ME) for role in Role}
    revoked = world.operations.tokens.create("revoked", Role.ADMIN, ME)
    world.operations.tokens.revoke("revoked", ME)
    world.caught_up()
    return {**secrets, "revoked": revoked, "made-up": "tcy_" + "x" * 43, "nobody": ""}


def headers(tokens: Mapping[str, str], caller: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens[caller]}"} if tokens[caller] else {}


def documented_permission(operation: Mapping[str, Any]) -> Permission:
    found = re.fullmatch(r"Requires a role with the permission `(\w+)`\.", operation["description"])
    assert found
    return Permission(found[1])


def expected_refusal(caller: str, permission: Permission) -> int | None:
    if caller not in set(Role):
        return 401
    return None if permission in Role(caller).permissions else 403


def request_of(path: str, operation: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Make a request that would do something."""
    kind = path.split("/")[3]
    query = "?for=healthy&timeout=0" if path.endswith("/wait") else ""
    if any(parameter["name"] == "allowShrink" for parameter in operation.get("parameters", ())):
        query = "?allowShrink=true"
    reference = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body = BODIES[reference["$ref"].rpartition("/")[2]] if reference else None
    name = "crew" if "/servers/" in path else NAMES.get(kind, "")
    filled = path.replace("{name}", name).replace("{group}", "v1").replace("{instance}", "one")
    return filled + query, {"json": body} if reference else {}


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_lets_in_just_those_that_the_document_says(
    world: World, tokens: Mapping[str, str], method: str, path: str, operation: Mapping[str, Any]
) -> None:
    refusals = {caller: expected_refusal(caller, documented_permission(operation)) for caller in CALLERS}
    if path.endswith("/retry"):
        world.operations.rollouts.move("shop", Action.ABORT, ME)
        world.caught_up()
    if path.endswith("/events"):
        world.feed.close()  # a stream of a worker that ends has an end
    before = world.store.load()
    url, body = request_of(path, operation)
    client = create_app(world.operations, version="1.2.3").test_client()

    def status(caller: str) -> int:
        return client.open(url, method=method, headers=headers(tokens, caller), **body).status_code

    refused = {caller: status(caller) for caller, refusal in refusals.items() if refusal}
    after = world.store.load()
    # These do change something: the second one may come too late, which is no matter of its role.
    admitted = {status(caller) for caller, refusal in refusals.items() if not refusal}

    assert {caller: refusal for caller, refusal in refusals.items() if refusal} == refused
    assert before == after
    assert {str(status) for status in admitted} <= operation["responses"].keys()
    assert not admitted & {401, 403, 500, 503}


def test_each_request_of_the_walk_does_what_it_would(world: World, tokens: Mapping[str, str]) -> None:
    """Of an admin they are all taken: else the walk would not see that a refusal prevented anything."""
    client = create_app(world.operations, version="1.2.3").test_client()
    refused = []
    for parameters in OPERATIONS:
        method, path, operation = parameters.values
        assert isinstance(method, str)
        assert isinstance(path, str)
        assert isinstance(operation, dict)
        if path.endswith(("/events", "/wait", "/retry", "/restore", "/analysis")):
            continue
        make_anew(world)
        url, body = request_of(path, operation)
        answer = client.open(url, method=method, headers=headers(tokens, "admin"), **body)
        if not 200 <= answer.status_code < 300:
            refused.append((method, path, answer.text))

    assert refused == []


def announce(world: World) -> None:
    for group in ("stable", "canary", "baseline", "v1"):
        server = Server(url="http://127.0.0.1:9004")
        world.operations.discovery.announce("crew", group, "one", server, seconds=600)


def make_anew(world: World) -> None:
    for forget, name in (
        (world.operations.rollouts.delete, "shop"),
        (world.operations.rollouts.delete, "new"),
        (world.operations.tokens.revoke, "new"),
        (world.operations.tokens.revoke, "victim"),
        (world.operations.gateways.delete, "edge"),
        (world.operations.webhooks.delete, "chat"),
    ):
        try:
            forget(name, ME)
        except NotFoundError:
            continue
    announce(world)
    operations = world.operations
    steps = [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}]
    operations.rollouts.create("shop", spec(steps=steps, stable=PAIR, baseline=PAIR), ME)
    operations.gateways.put("edge", GatewaySpec(), ME)
    operations.webhooks.put("chat", WebhookSpec(url="http://127.0.0.1:1"), ME)
    operations.tokens.create("victim", Role.VIEWER, ME)
    world.caught_up()


MACHINES = ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs"]


@pytest.mark.parametrize("path", MACHINES)
def test_what_is_for_machines_is_for_everybody_and_changes_nothing(
    world: World, tokens: Mapping[str, str], path: str
) -> None:
    client = create_app(world.operations, version="1.2.3").test_client()
    before = world.store.load()
    reads = {client.get(path, headers=headers(tokens, caller)).status_code for caller in CALLERS}
    writes = {client.open(path, method=method).status_code for method in ("POST", "PUT", "DELETE", "PATCH")}

    assert ({200}, {405}) == (reads, writes)
    assert world.store.load() == before


@pytest.mark.parametrize("needs_token", [False, True], ids=["open", "by token"])
def test_polls_are_for_gateways_where_a_token_is_needed(
    world: World, tokens: Mapping[str, str], needs_token: bool
) -> None:
    polling = Polling(world.feed, SightingBook(world.store, world.feed), needs_token=needs_token)
    app = create_app(world.operations, version="1.2.3")
    app.wsgi_app = mounted(polling, app.wsgi_app)  # type: ignore[method-assign, assignment]
    before = world.store.load()
    answers = {caller: app.test_client().get(PATH, headers=headers(tokens, caller)) for caller in CALLERS}
    # Who sends a token is taken at its word, needed or not.
    expected = {caller: expected_refusal(caller, Permission.POLL) or 200 for caller in CALLERS}

    assert {**expected, **({} if needs_token else {"nobody": 200})} == {
        caller: answer.status_code for caller, answer in answers.items()
    }
    assert {"nosniff"} == {answer.headers["X-Content-Type-Options"] for answer in answers.values()}
    assert world.store.load() == before
