"""If-Match and Idempotency-Key."""

import re

import pytest

from provider.web.api import ENDPOINTS
from provider.web.api.openapi import describe
from tests.unit.api.conftest import Client
from tests.world import World


def test_a_write_on_what_was_seen_is_taken(admin: Client, shop: str) -> None:
    etag = admin("GET", f"/rollouts/{shop}").headers["ETag"]

    assert admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5}, If_Match=etag).status_code == 200


def test_a_write_on_what_has_changed_is_refused(admin: Client, shop: str) -> None:
    etag = admin("GET", f"/rollouts/{shop}").headers["ETag"]
    admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5})
    stale = admin("PUT", f"/rollouts/{shop}/weight", {"weight": 10}, If_Match=etag)

    assert stale.status_code == 412
    assert admin("GET", f"/rollouts/{shop}").json["status"]["weight"] == 5


def test_a_star_asks_that_it_is_there(admin: Client, shop: str) -> None:
    spec = admin("GET", f"/rollouts/{shop}").json["spec"]

    assert admin("PUT", f"/rollouts/{shop}", {"spec": spec}, If_Match="*").status_code == 200
    assert admin("PUT", "/rollouts/other", {"spec": spec}, If_Match="*").status_code == 412


def test_an_etag_never_comes_back(admin: Client, shop: str) -> None:
    """A rollout that was deleted and made again is not the one that was seen."""
    answer = admin("GET", f"/rollouts/{shop}")
    admin("DELETE", f"/rollouts/{shop}?allowShrink=true")
    admin("PUT", f"/rollouts/{shop}", {"spec": answer.json["spec"]})
    stale = admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5}, If_Match=answer.headers["ETag"])

    assert stale.status_code == 412


@pytest.mark.parametrize("form", ["{0}", '"{0}"', 'W/"{0}"', '"999", "{0}"', 'W/"999" ,W/"{0}",  "1000"'])
def test_an_etag_may_be_weak_or_one_of_several(admin: Client, shop: str, form: str) -> None:
    version = admin("GET", f"/rollouts/{shop}").json["version"]

    assert admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5}, If_Match=form.format(version)).status_code == 200


@pytest.mark.parametrize("etags", ['W/"999"', '"998", "999"'])
def test_a_rollout_at_none_of_several_versions_is_left_as_it_is(admin: Client, shop: str, etags: str) -> None:
    refused = admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5}, If_Match=etags)

    assert refused.status_code == 412
    assert admin("GET", f"/rollouts/{shop}").json["status"]["weight"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/restore", {"from": "served"}),
        ("POST", "/sign-in-links", {}),
        ("PUT", "/rollouts/shop/groups/blue/servers/one", {"url": "http://127.0.0.1:9001"}),
    ],
)
def test_a_write_without_a_version_refuses_a_condition_on_one(
    admin: Client, shop: str, method: str, path: str, body: dict[str, str]
) -> None:
    assert shop == "shop"
    assert admin(method, path, body, If_Match='"1"').status_code == 400
    assert admin(method, path, body, Idempotency_Key="seven").status_code < 400


def test_every_write_advertises_the_conditions_that_it_honors() -> None:
    paths = describe(ENDPOINTS, version="1.2.3")["paths"]
    advertised = {
        (endpoint.method, endpoint.path): {
            parameter["name"]
            for parameter in paths[re.sub("<(.*?)>", r"{\1}", endpoint.path)][endpoint.method.lower()]["parameters"]
            if parameter["in"] == "header"
        }
        for endpoint in ENDPOINTS
        if endpoint.is_write
    }
    without = {operation for operation, headers in advertised.items() if not headers}

    assert {path for _, path in without} == {
        "/api/v1/restore",
        "/api/v1/sign-in-links",
        *(path for _, path in advertised if path.endswith("/servers/<instance>")),
    }
    assert {"If-Match"} == advertised["POST", "/api/v1/webhooks/<name>/test"]


@pytest.mark.parametrize("etag", ["abc", '"x"', "-1", '"1", "x"', '"1" "2"', '*, "1"', "9" * 40])
def test_an_etag_that_is_none_is_refused(admin: Client, shop: str, etag: str) -> None:
    answer = admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5}, If_Match=etag)

    assert answer.status_code == 400
    assert "If-Match" in answer.json["detail"]


def test_a_repeated_call_happens_once_and_is_answered_the_same(admin: Client, shop: str) -> None:
    first = admin("POST", f"/rollouts/{shop}/abort", {"reason": "bad"}, Idempotency_Key="one")
    second = admin("POST", f"/rollouts/{shop}/abort", {"reason": "bad"}, Idempotency_Key="one")

    assert second.status_code == 200
    assert first.json == second.json
    assert first.headers["ETag"] == second.headers["ETag"]


def test_a_repeated_creation_is_answered_the_same(admin: Client, shop: str) -> None:
    spec = admin("GET", f"/rollouts/{shop}").json["spec"]
    spec["rule"] = "Host(`blog.localhost`)"
    answers = [admin("POST", "/rollouts", {"name": "blog", "spec": spec}, Idempotency_Key="two") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json


def test_a_repeated_delete_is_done_once(admin: Client, shop: str) -> None:
    answers = [admin("DELETE", f"/rollouts/{shop}?allowShrink=true", Idempotency_Key="three") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]


def test_one_key_for_two_requests_is_refused(admin: Client, shop: str) -> None:
    admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5}, Idempotency_Key="four")
    other = admin("PUT", f"/rollouts/{shop}/weight", {"weight": 6}, Idempotency_Key="four")

    assert other.status_code == 422
    assert other.json["type"] == "urn:traefik-canary:idempotency-key-reused"
    assert admin("GET", f"/rollouts/{shop}").json["status"]["weight"] == 5


def test_a_key_that_is_none_is_refused(admin: Client, shop: str) -> None:
    answer = admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5}, Idempotency_Key="a b")

    assert answer.status_code == 400


def test_a_repeated_token_does_not_show_a_secret_that_is_none(admin: Client, world: World) -> None:
    first = admin("POST", "/tokens", {"name": "ci", "role": "operator"}, Idempotency_Key="five")
    second = admin("POST", "/tokens", {"name": "ci", "role": "operator"}, Idempotency_Key="five")
    world.caught_up()

    assert first.status_code == 201
    assert second.status_code == 409
    assert world.feed.caller(first.json["token"])
