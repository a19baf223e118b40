"""Servers of a side: scaled by an admin, drained by an operator."""

from typing import Any

import pytest

from provider.domain.auth import Role
from provider.domain.fields import InvalidDocumentError, read
from provider.domain.fields.addresses import Networks
from provider.domain.rollouts import Server, Side
from provider.services import Operations
from tests.unit.api.conftest import Client
from tests.world import ME, World

ONE, TWO, THREE = (f"http://127.0.0.1:900{number}" for number in (1, 2, 3))
PAIR = {"servers": [{"url": ONE}, {"url": THREE, "weight": 2}]}


def stable(answer: Any) -> Any:
    return answer.json["spec"]["stable"]["servers"]


def test_a_side_is_scaled_and_the_history_says_so(admin: Client, shop: str) -> None:
    scaled = admin("PUT", f"/rollouts/{shop}/stable/servers", PAIR | {"reason": "the sale begins"})
    other = admin("PUT", f"/rollouts/{shop}/canary/servers", {"servers": [{"url": TWO}, {"url": THREE}]})
    history = admin("GET", f"/rollouts/{shop}/history").json["history"]

    assert [scaled.status_code, other.status_code] == [200, 200]
    assert PAIR["servers"] == stable(scaled)
    assert [(entry["action"], entry["reason"]) for entry in history[:2]] == [
        ("scale", ""),
        ("scale", "the sale begins"),
    ]


def test_a_server_drains_and_answers_again(admin: Client, as_role: dict[Role | None, Client], shop: str) -> None:
    admin("PUT", f"/rollouts/{shop}/stable/servers", PAIR)
    drained = as_role[Role.OPERATOR]("POST", f"/rollouts/{shop}/drain", {"url": f"{THREE}/"})
    again = as_role[Role.OPERATOR]("POST", f"/rollouts/{shop}/drain", {"url": THREE})
    back = as_role[Role.OPERATOR]("POST", f"/rollouts/{shop}/drain", {"url": THREE, "undo": True})
    history = admin("GET", f"/rollouts/{shop}/history").json["history"]

    assert stable(drained) == [{"url": ONE}, {"url": THREE, "weight": 2, "drain": True}]
    assert drained.headers["ETag"] == again.headers["ETag"]
    assert PAIR["servers"] == stable(back)
    assert [entry["action"] for entry in history[:3]] == ["undrain", "drain", "scale"]


def test_who_shifts_traffic_adds_no_addresses(as_role: dict[Role | None, Client], shop: str) -> None:
    assert as_role[Role.OPERATOR]("PUT", f"/rollouts/{shop}/stable/servers", PAIR).status_code == 403


def test_what_is_scaled_only_if_nobody_was_faster_and_once(admin: Client, shop: str) -> None:
    path, key = f"/rollouts/{shop}/stable/servers", {"Idempotency-Key": "k"}
    first, second = (admin("PUT", path, PAIR, **key) for _ in range(2))
    would = admin("PUT", f"{path}?dryRun=true", {"servers": [{"url": ONE}]})

    assert first.headers["ETag"] == second.headers["ETag"]
    assert admin("PUT", path, {"servers": [{"url": ONE}]}, **{"If-Match": '"1"'}).status_code == 412
    assert stable(would) == [{"url": ONE}]
    assert PAIR["servers"] == stable(admin("GET", f"/rollouts/{shop}"))


@pytest.mark.parametrize(
    ("servers", "status", "words"),
    [
        (
            [{"url": THREE}],
            409,
            "at least one server of stable must remain",
        ),
        ([], 422, "must have at least 1"),
        ([{"url": ONE}, {"url": ONE}], 422, "servers must have unique URLs"),
        ([{"url": ONE, "drain": True}], 422, "at least one server must not be draining"),
        ([{"url": "ftp://a"}], 422, "must be a server URL"),
    ],
)
def test_servers_that_cannot_be_are_refused(
    admin: Client, shop: str, servers: list[object], status: int, words: str
) -> None:
    refused = admin("PUT", f"/rollouts/{shop}/stable/servers", {"servers": servers})

    assert status == refused.status_code
    assert words in refused.text


def test_servers_are_within_the_networks_that_are_allowed(world: World, shop: str) -> None:
    guarded = Operations(world.store, world.feed, networks=Networks.parse("127.0.0.0/8"))
    servers = tuple(read(Server, {"url": url}) for url in (ONE, "http://10.0.0.1:80"))

    with pytest.raises(InvalidDocumentError, match="/servers/1/url: must be within the allowed networks"):
        guarded.rollouts.scale(shop, "stable", servers, ME)


def test_a_baseline_is_started_with_a_canary_scaled_and_shown(admin: Client, shop: str) -> None:
    baseline = {"servers": [{"url": THREE}]}
    started = admin("PUT", f"/rollouts/{shop}/canary", {"servers": [{"url": TWO}], "baseline": baseline})
    kept = admin("PUT", f"/rollouts/{shop}/canary", {"servers": [{"url": TWO}]})
    scaled = admin("PUT", f"/rollouts/{shop}/baseline/servers", PAIR)

    assert started.json["spec"]["baseline"] == kept.json["spec"]["baseline"] == baseline
    assert scaled.json["spec"]["baseline"] == PAIR
    assert admin("GET", f"/rollouts/{shop}/servers").json["baseline"]["servers"] == PAIR["servers"]


def test_a_baseline_points_only_where_servers_may_be(world: World, shop: str) -> None:
    guarded = Operations(world.store, world.feed, networks=Networks.parse("10.0.0.0/8"))
    canary, baseline = read(Side, {"service": "v2@docker"}), read(Side, {"servers": [{"url": ONE}]})
    with pytest.raises(InvalidDocumentError) as refused:
        guarded.rollouts.start(shop, canary, ME, baseline=baseline)

    assert [one.pointer for one in refused.value.mistakes] == ["/baseline/servers/0/url"]
