from datetime import timedelta
from typing import Any

import pytest

from provider.domain.fields import write
from tests.unit.api.conftest import Client
from tests.world import World, spec

STEPS = [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "10m"}}]


def body(**changes: Any) -> dict[str, Any]:
    return write(spec(**changes))


def test_a_new_rollout_is_created_once(admin: Client) -> None:
    created = admin("POST", "/rollouts", {"name": "shop", "spec": body()})
    again = admin("POST", "/rollouts", {"name": "shop", "spec": body()})

    assert created.status_code == 201
    assert created.headers["Location"] == "/api/v1/rollouts/shop"
    assert f'"{created.json["version"]}"' == created.headers["ETag"]
    assert body() == created.json["spec"]
    assert created.json["status"]["phase"] == "Progressing"
    assert again.status_code == 409


def test_a_rollout_is_read_as_it_was_written(admin: Client, shop: str) -> None:
    answer = admin("GET", f"/rollouts/{shop}")

    assert answer.status_code == 200
    assert body() == answer.json["spec"]
    assert f'"{answer.json["version"]}"' == answer.headers["ETag"]


def test_a_put_creates_replaces_and_leaves_alone(admin: Client) -> None:
    created = admin("PUT", "/rollouts/shop", {"spec": body()})
    same = admin("PUT", "/rollouts/shop", {"spec": body()})
    other = admin("PUT", "/rollouts/shop", {"spec": body(priority=100)})

    assert [answer.status_code for answer in (created, same, other)] == [201, 200, 200]
    assert created.json["version"] == same.json["version"]
    assert other.json["version"] > same.json["version"]


def test_a_dry_run_answers_what_would_be_and_changes_nothing(admin: Client, shop: str) -> None:
    before = admin("GET", f"/rollouts/{shop}").json
    would = admin("PUT", f"/rollouts/{shop}?dryRun=true", {"spec": body(priority=100)})
    made = admin("POST", "/rollouts?dryRun=true", {"name": "blog", "spec": body(rule="Host(`blog`)")})

    assert [would.status_code, made.status_code] == [200, 200]
    assert would.json["spec"]["priority"] == 100
    assert admin("GET", f"/rollouts/{shop}").json == before
    assert admin("GET", "/rollouts/blog").status_code == 404


def test_a_deleted_rollout_is_gone_but_its_history_stays(admin: Client, shop: str) -> None:
    assert admin("DELETE", f"/rollouts/{shop}?reason=over&allowShrink=true").status_code == 204
    assert admin("GET", f"/rollouts/{shop}").status_code == 404
    assert admin("DELETE", f"/rollouts/{shop}").status_code == 404
    history = admin("GET", f"/rollouts/{shop}/history").json["history"]

    assert [(entry["action"], entry["reason"]) for entry in history] == [("delete", "over"), ("create", "")]
    assert "after" not in history[0]


def test_a_weight_is_set_by_hand(admin: Client, shop: str) -> None:
    answer = admin("PUT", f"/rollouts/{shop}/weight", {"weight": 12.5, "reason": "look"})

    assert answer.json["status"]["weight"] == 12.5
    assert answer.json["status"]["reason"] == "held at 12.5%: look"


def test_a_new_canary_starts_the_steps(admin: Client, shop: str) -> None:
    admin("PUT", f"/rollouts/{shop}", {"spec": body(steps=STEPS, canary=None)})
    started = admin("PUT", f"/rollouts/{shop}/canary", {"service": "shop-v3@docker", "reason": "v3"})

    assert started.json["spec"]["canary"] == {"service": "shop-v3@docker"}
    assert (started.json["status"]["phase"], started.json["status"]["weight"]) == ("Paused", 5)


def test_steps_are_walked_and_the_canary_takes_over(admin: Client) -> None:
    admin("POST", "/rollouts", {"name": "shop", "spec": body(steps=STEPS)})
    statuses = [admin("POST", f"/rollouts/shop/{move}").json["status"] for move in ("promote", "skip")]

    assert [(status["phase"], status["weight"]) for status in statuses] == [("Paused", 50), ("Healthy", 0)]


@pytest.mark.parametrize(
    ("moves", "phase"),
    [
        (["pause"], "Paused"),
        (["pause", "resume"], "Progressing"),
        (["abort"], "Degraded"),
        (["abort", "retry"], "Progressing"),
    ],
)
def test_moves_lead_where_they_say(admin: Client, shop: str, moves: list[str], phase: str) -> None:
    answers = [admin("POST", f"/rollouts/{shop}/{move}", {"reason": "try"}) for move in moves]

    assert {200} == {answer.status_code for answer in answers}
    assert phase == answers[-1].json["status"]["phase"]


def test_a_full_promotion_makes_the_canary_stable(admin: Client, shop: str) -> None:
    answer = admin("POST", f"/rollouts/{shop}/promote", {"full": True})

    assert answer.json["status"]["phase"] == "Healthy"
    assert body()["canary"] == answer.json["spec"]["stable"]
    assert "canary" not in answer.json["spec"]


def test_an_illegal_move_is_refused_in_words_and_changes_nothing(admin: Client, shop: str) -> None:
    before = admin("GET", f"/rollouts/{shop}").json
    refused = admin("POST", f"/rollouts/{shop}/retry")

    assert refused.status_code == 409
    assert refused.json["type"] == "urn:traefik-canary:action-not-allowed"
    assert "retry is not possible while shop is Progressing" in refused.json["detail"]
    assert admin("GET", f"/rollouts/{shop}").json == before


def test_a_retry_beyond_the_tries_is_refused_in_words_and_can_be_forced(admin: Client) -> None:
    admin("POST", "/rollouts", {"name": "shop", "spec": body(analysis={"maxAttempts": 1})})
    admin("POST", "/rollouts/shop/abort")
    refused = admin("POST", "/rollouts/shop/retry")

    assert (refused.status_code, refused.json["type"]) == (409, "urn:traefik-canary:attempts-exhausted")
    assert admin("GET", "/rollouts/shop").json["status"]["attempts"] == 1
    forced = admin("POST", "/rollouts/shop/retry", {"force": True})
    assert (forced.status_code, forced.json["status"]["attempts"]) == (200, 2)


def test_an_abort_of_another_attempt_is_refused_in_words(admin: Client, shop: str) -> None:
    current = admin("GET", f"/rollouts/{shop}").json["status"]["generation"]
    refused = admin("POST", f"/rollouts/{shop}/abort", {"attempt": current - 1})

    assert (refused.status_code, refused.json["type"]) == (409, "urn:traefik-canary:attempt-mismatch")
    assert admin("GET", f"/rollouts/{shop}").json["status"]["phase"] == "Progressing"
    assert admin("POST", f"/rollouts/{shop}/abort", {"attempt": current}).status_code == 200


def test_rollouts_are_listed_in_pages_by_name(admin: Client) -> None:
    for name in ("c", "a", "b"):
        admin("POST", "/rollouts", {"name": name, "spec": body(rule=f"Host(`{name}`)")})
    first = admin("GET", "/rollouts?limit=2").json
    second = admin("GET", f"/rollouts?limit=2&cursor={first['cursor']}").json

    assert [rollout["name"] for rollout in first["rollouts"]] == ["a", "b"]
    assert [rollout["name"] for rollout in second["rollouts"]] == ["c"]
    assert "cursor" not in second


def test_lists_are_filtered_by_phase_and_gateway(admin: Client) -> None:
    admin("POST", "/rollouts", {"name": "edge", "spec": body(gateways=["edge"])})
    admin("POST", "/rollouts", {"name": "rest", "spec": body(canary=None, gateways=["inner"])})

    def names(query: str) -> list[str]:
        return [rollout["name"] for rollout in admin("GET", f"/rollouts?{query}").json["rollouts"]]

    assert names("phase=Healthy") == ["rest"]
    assert names("gateway=edge") == ["edge"]
    assert names("gateway=edge&phase=Degraded") == []


def test_history_is_paged_from_the_newest(admin: Client, shop: str) -> None:
    for weight in (1, 2, 3):
        admin("PUT", f"/rollouts/{shop}/weight", {"weight": weight})
    first = admin("GET", f"/rollouts/{shop}/history?limit=2").json
    second = admin("GET", f"/rollouts/{shop}/history?limit=9&before={first['before']}").json

    weights = [entry["after"]["status"]["weight"] for entry in first["history"] + second["history"]]
    assert weights == [3, 2, 1, 0]
    assert first["history"][0]["before"]["status"]["weight"] == 2
    assert "before" not in second


def test_history_of_nothing_is_not_found(admin: Client) -> None:
    assert admin("GET", "/rollouts/nope/history").status_code == 404


@pytest.mark.parametrize(
    ("goal", "moves", "status"),
    [
        ("healthy", [("POST", "/promote", {"full": True})], 200),
        ("paused", [("POST", "/pause", {})], 200),
        ("degraded", [("POST", "/abort", {})], 200),
        ("healthy", [("POST", "/abort", {})], 409),
        ("degraded", [("POST", "/promote", {"full": True})], 409),
        ("healthy", [], 504),
    ],
)
def test_waiting_ends_when_it_is_so_or_cannot_be(
    admin: Client, shop: str, goal: str, moves: list[tuple[str, str, Any]], status: int
) -> None:
    for method, path, content in moves:
        admin(method, f"/rollouts/{shop}{path}", content)

    assert admin("GET", f"/rollouts/{shop}/wait?for={goal}&timeout=0.05").status_code == status


def test_waiting_for_a_rollout_that_is_not_there_is_not_found(admin: Client) -> None:
    assert admin("GET", "/rollouts/nope/wait?for=healthy&timeout=1").status_code == 404


def test_applied_without_a_gateway_is_not_claimed(admin: Client, shop: str) -> None:
    answer = admin("GET", f"/rollouts/{shop}/wait?for=applied&timeout=0.05")

    assert answer.status_code == 504
    assert "no gateway of shop has polled" in answer.json["detail"]


def test_a_timed_pause_shows_its_end(admin: Client, world: World) -> None:
    admin("POST", "/rollouts", {"name": "shop", "spec": body(steps=[{"pause": {"duration": "10m"}}])})
    status = admin("GET", "/rollouts/shop").json["status"]

    assert status["reason"] == "waiting 10m"
    assert (world.clock.time + timedelta(minutes=10)).isoformat(timespec="milliseconds") == status[
        "pausedUntil"
    ].replace("Z", "+00:00")


def test_what_would_empty_a_gateway_says_how_it_is_done_all_the_same(admin: Client, shop: str) -> None:
    refused = admin("DELETE", f"/rollouts/{shop}")

    assert (refused.status_code, refused.json["type"]) == (409, "urn:traefik-canary:shrink-not-allowed")
    assert "allowShrink=true" in refused.json["detail"]
    assert admin("DELETE", f"/rollouts/{shop}?allowShrink=true").status_code == 204
