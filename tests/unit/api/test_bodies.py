"""What is refused before anything is decided."""

import json
from typing import Any

import pytest

from provider.domain.auth import Role
from provider.store import Key, Kind
from tests.unit.api.conftest import Client
from tests.world import ME, World


def raw(client: Any, world: World, content: bytes, content_type: str | None) -> tuple[int, str]:
    secret = world.operations.tokens.create("raw", Role.ADMIN, ME)
    world.caught_up()
    answer = client.put(
        "/api/v1/rollouts/shop/weight",
        data=content,
        content_type=content_type,
        headers={"Authorization": f"Bearer {secret}"},
    )
    return answer.status_code, answer.json["detail"]


@pytest.mark.parametrize(
    ("content", "content_type", "status", "words"),
    [
        (b"{", "application/json", 400, "line 1, column 2"),
        (b"", "application/json", 400, "line 1, column 1"),
        (b'{"weight": NaN}', "application/json", 400, "NaN is not a JSON number"),
        (b'{"weight": 1, "weight": 2}', "application/json", 400, "duplicate key 'weight'"),
        (b"\xff", "application/json", 400, "not UTF-8"),
        (b"[" * 100_000, "application/json", 400, "nested too deeply"),
        (b'{"weight": 1}', "text/plain", 415, "Content-Type: application/json"),
        (b'{"weight": 1}', None, 415, "Content-Type: application/json"),
        (b"weight=1", "application/x-www-form-urlencoded", 415, "Content-Type: application/json"),
        (b" " * (1024 * 1024 + 1), "application/json", 413, "larger than 1 MiB"),
        (b"[1]", "application/json", 422, "must be an object"),
        (b'{"weight": 101}', "application/json", 422, "from 0 to 100"),
        (b'{"weight": 1e400}', "application/json", 422, "from 0 to 100"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_in_words(
    flask_client: Any,
    world: World,
    shop: str,
    content: bytes,
    content_type: str | None,
    status: int,
    words: str,
) -> None:
    before = world.store.read(Key(Kind.ROLLOUT, shop))[0]
    found, detail = raw(flask_client, world, content, content_type)

    assert status == found
    assert words in detail
    assert world.store.read(Key(Kind.ROLLOUT, shop))[0] == before


def test_every_mistake_is_told_at_once_with_its_place(admin: Client) -> None:
    document = {
        "name": "Shop",
        "spec": {
            "rule": "Hots(`a`)",
            "stable": {"servers": [{"url": "ftp://a"}]},
            "steps": [{"setWeight": "5"}, {"pause": {"duration": "soon"}}],
            "sticki": {},
        },
    }
    answer = admin("POST", "/rollouts", document)

    assert answer.status_code == 422
    assert {
        "/name",
        "/spec/rule",
        "/spec/stable/servers/0/url",
        "/spec/steps/0/setWeight",
        "/spec/steps/1/pause/duration",
        "/spec/sticki",
    } == {error["pointer"] for error in answer.json["errors"]}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=x", "/limit"),
        ("phase=Happy", "/phase"),
        ("gateway=A", "/gateway"),
        ("limt=5", "/limt"),
    ],
)
def test_a_query_that_makes_no_sense_names_its_parameter(admin: Client, query: str, pointer: str) -> None:
    answer = admin("GET", f"/rollouts?{query}")

    assert answer.status_code == 400
    assert [pointer] == [error["pointer"] for error in answer.json["errors"]]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("two\n\tlines ", "two lines"), ("x" * 501, "x" * 500), ("\x1b[2Jred\u202e", "[2Jred"), ("\n", "")],
)
def test_a_reason_becomes_one_printable_line(admin: Client, shop: str, reason: str, kept: str) -> None:
    answer = admin("POST", f"/rollouts/{shop}/abort", {"reason": reason})
    newest = admin("GET", f"/rollouts/{shop}/history").json["history"][0]

    assert answer.status_code == 200
    assert ("abort", kept) == (newest["action"], newest["reason"])


def test_a_body_of_a_move_may_be_left_out(admin: Client, shop: str) -> None:
    assert admin("POST", f"/rollouts/{shop}/abort").status_code == 200


def test_a_canary_says_its_own_mistakes(admin: Client, shop: str) -> None:
    answer = admin("PUT", f"/rollouts/{shop}/canary", {"servers": [], "service": "x@docker"})

    assert answer.status_code == 422


def test_problems_are_problem_json(admin: Client) -> None:
    answer = admin("GET", "/rollouts/nope")

    assert answer.content_type == "application/problem+json"
    assert {"type", "title", "status", "detail"} == set(json.loads(answer.data))


def test_a_body_with_too_many_unknown_fields_names_none_of_them(flask_client: Any, world: World, shop: str) -> None:
    content = json.dumps({f"unknown{number}": 0 for number in range(2_000)}).encode()
    status, detail = raw(flask_client, world, content, "application/json")

    assert status == 422
    assert "unknown1" not in detail


def test_a_large_body_is_read_as_a_small_one_is(flask_client: Any, world: World, shop: str) -> None:
    content = b'{"weight": 12' + b" " * 100_000 + b"}"
    secret = world.operations.tokens.create("raw", Role.ADMIN, ME)
    world.caught_up()
    answer = flask_client.put(
        "/api/v1/rollouts/shop/weight",
        data=content,
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert answer.json["status"]["weight"] == 12
