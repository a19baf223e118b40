"""Webhooks over REST: for admins, and without ever showing a secret."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from provider.domain.auth import Role
from provider.web.api.events import _events
from tests.receivers import Receiver, receiving
from tests.unit.api.conftest import Client
from tests.unit.api.test_events import told
from tests.world import ME, World, spec

URL = "https://chat.example/hook"
SECRET = "a-secret-of-16-or-more"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def put(admin: Client, name: str = "chat", *, url: str = URL, **fields: Any) -> Any:
    return admin("PUT", f"/webhooks/{name}", {"spec": {"url": url, **fields}})


def test_a_webhook_is_written_listed_and_deleted(admin: Client) -> None:
    made, again = put(admin, events=["aborted"]), put(admin, events=["aborted"])
    listed = admin("GET", "/webhooks").json

    assert (made.status_code, again.status_code) == (201, 200)
    assert f'"{made.json["version"]}"' == made.headers["ETag"] == again.headers["ETag"]
    assert {
        "name": "chat",
        "version": made.json["version"],
        "spec": {"url": URL, "format": "json", "events": ["aborted"]},
        "hasSecret": False,
    } == made.json
    assert {"webhooks": [made.json]} == listed
    assert admin("DELETE", "/webhooks/chat").status_code == 204
    assert admin("GET", "/webhooks").json == {"webhooks": []}
    assert admin("DELETE", "/webhooks/chat").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.GATEWAY])
def test_webhooks_are_for_admins(as_role: dict[Role | None, Client], role: Role) -> None:
    put(as_role[Role.ADMIN])

    assert as_role[role]("GET", "/webhooks").status_code == 403
    assert put(as_role[role]).status_code == 403
    assert as_role[role]("POST", "/webhooks/chat/test").status_code == 403
    assert as_role[role]("DELETE", "/webhooks/chat").status_code == 403


def test_a_stale_write_is_refused(admin: Client) -> None:
    put(admin)

    assert admin("PUT", "/webhooks/chat", {"spec": {"url": URL}}, If_Match='"999"').status_code == 412
    assert admin("POST", "/webhooks/chat/test", If_Match='"999"').status_code == 412


def test_what_was_read_can_be_written_back(admin: Client) -> None:
    made = put(admin, secret=SECRET, template='{"a": "$text"}', rollouts=["shop"]).json
    back = admin("PUT", "/webhooks/chat", {"spec": made["spec"]})

    assert made == back.json
    assert made["hasSecret"]
    assert not put(admin, secret="").json["hasSecret"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "http://169.254.169.254/"}, "/spec/url"),
        ({"url": f"https://u:{SECRET}@chat.example"}, "/spec/url"),
        ({"secret": "x" * 15}, "/spec/secret"),
        ({"secret": f"{SECRET}\n"}, "/spec/secret"),
        ({"secret": [SECRET]}, "/spec/secret"),
        ({"events": ["test"]}, "/spec/events/0"),
        ({"template": "no JSON"}, "/spec"),
        ({"format": "slack", "template": "$nope"}, "/spec/template"),
    ],
)
def test_a_mistake_is_told_with_its_place(admin: Client, fields: dict[str, Any], pointer: str) -> None:
    answer = admin("PUT", "/webhooks/chat", {"spec": {"url": URL, **fields}})

    assert answer.status_code == 422
    assert pointer == answer.json["errors"][0]["pointer"]
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("status", "delivered", "detail"),
    [
        (204, True, "it answers 204"),
        (500, False, "it answers 500"),
        (302, False, "it answers 302; redirects are not"),
    ],
)
def test_a_test_tells_what_became_of_it(
    admin: Client, receiver: Receiver, status: int, delivered: bool, detail: str
) -> None:
    receiver.status = status
    put(admin, url=receiver.url, secret=SECRET)
    answer = admin("POST", "/webhooks/chat/test")

    assert answer.status_code == 200
    assert (delivered, status) == (answer.json["delivered"], answer.json["status"])
    assert answer.json["detail"].startswith(detail)
    assert b'"event":"test"' in receiver.received[0].body
    assert "x-canary-signature" in receiver.received[0].headers


def test_a_test_of_nobody_tells_that_nobody_answered(admin: Client) -> None:
    put(admin, url="http://127.0.0.1:1/s3cret")
    answer = admin("POST", "/webhooks/chat/test")

    assert answer.json == {"delivered": False, "detail": "it cannot be reached: ConnectionError"}
    assert admin("POST", "/webhooks/nope/test").status_code == 404


def test_events_show_neither_webhooks_nor_tokens(world: World, admin: Client) -> None:
    put(admin, secret=SECRET)
    admin("DELETE", "/webhooks/chat")
    world.operations.rollouts.create("shop", spec(), ME)
    stream = _events(world.feed, world.store, 0, lambda: True)

    assert [kind for kind, _, _ in told(stream, 1)] == ["rollout"]


def test_a_secret_is_shown_nowhere(
    world: World, admin: Client, flask_client: FlaskClient, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.operations.rollouts.create("shop", spec(), ME)
    answers = [put(admin, url=f"{receiver.url}/s3cret", secret=SECRET), admin("POST", "/webhooks/chat/test")]
    answers += [admin("GET", path) for path in ("/webhooks", "/rollouts", "/rollouts/shop/history", "/gateways")]
    answers += [flask_client.get(path) for path in ("/metrics", "/readyz", "/openapi.json", "/docs")]
    shown = [answer.text for answer in answers]

    assert {200, 201} == {answer.status_code for answer in answers}
    assert not any(SECRET in text for text in shown)
    assert sum("s3cret" in text for text in shown) == 2  # the address, to an admin
    assert not {SECRET, "s3cret"} & set(" ".join(str(record.__dict__) for record in caplog.records).split())
    assert SECRET not in repr(receiver.received)
