"""Two rollouts for the same requests: one is refused, or its status and the doctor say so."""

import json

import pytest

from tests.e2e.harness import HOST, SITE, Stack

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]


def test_a_second_rollout_with_an_equal_rule_takes_no_traffic(shared_stack: Stack) -> None:
    stack = shared_stack
    stable = {"servers": [{"url": f"http://{HOST}:{stack.canary_port}"}]}
    spec = stack.spec(rule=f" Host(`{SITE.upper()}`)", priority=len(f"Host(`{SITE}`)"), stable=stable, canary=None)
    refused = stack.call("PUT", "/rollouts/thief", {"spec": spec})
    moved = stack.call("PUT", "/rollouts/thief", {"spec": {**spec, "entryPoints": ["websecure"]}})
    back = stack.call("PUT", "/rollouts/thief", {"spec": spec})

    assert [refused.status_code, moved.status_code, back.status_code] == [409, 201, 409]
    assert refused.json()["type"] == "urn:traefik-canary:overlapping-rules"
    assert "shop" in refused.json()["detail"]
    assert stack.count(20) == {"v1": 20}
    stack.done("DELETE", "/rollouts/thief?allowShrink=true")


def test_a_rollout_that_is_shadowed_says_by_which(shared_stack: Stack) -> None:
    stack = shared_stack
    stable = {"servers": [{"url": f"http://{HOST}:{stack.canary_port}"}]}
    spec = stack.spec(rule=f"Host(`{SITE}`) || Host(`other.localhost`)", stable=stable, canary=None)
    stack.done("PUT", "/rollouts/taker", {"spec": spec})
    stack.wait_applied(name="taker")
    said = stack.command("status", "shop").stdout
    traffic = stack.count(20)
    looked = stack.command("doctor", "-o", "json").stdout

    assert traffic == {"v2": 20}
    assert stack.done("GET", "/rollouts/shop")["shadowedBy"] == "taker"
    assert "receives no traffic: shadowed by taker" in said
    assert "shadowed-router" in json.dumps(json.loads(looked))
    stack.done("DELETE", "/rollouts/taker?allowShrink=true")


def test_rollouts_that_overlap_with_the_same_priority_are_told(shared_stack: Stack) -> None:
    stack = shared_stack
    for name, matcher in (("paths", "PathPrefix(`/api`)"), ("headers", "Header(`X-Beta`, `yes`)")):
        spec = stack.spec(rule=f"Host(`two.localhost`) && {matcher}", priority=50, canary=None)
        answer = stack.done("PUT", f"/rollouts/{name}", {"spec": spec})
    stack.wait_applied(name="headers")
    looked = stack.command("doctor", "-o", "json").stdout

    assert answer["overlapsWith"] == ["paths"]
    assert "overlapping-router" in looked
