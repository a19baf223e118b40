"""No move by hand gives a version more traffic without proof that it can take it, unless that is forced."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.harness import HOST, Stack, eventually

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]

STEPS = [{"setWeight": 1}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
CHECK = {"healthCheck": {"path": "/", "interval": "300ms", "timeout": "200ms"}}
MOVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PUT", "weight", {"weight": 30}),
    ("POST", "promote", {}),
    ("POST", "promote", {"full": True}),
    ("POST", "skip", {}),
    ("POST", "resume", {}),
)


def begin(stack: Stack, canary: Mapping[str, Any], **changes: Any) -> None:
    stack.done("PUT", "/rollouts/shop?replaceStable=true", {"spec": stack.spec(canary=None, **changes)})
    stack.wait_applied()
    stack.done("PUT", "/rollouts/shop/canary", canary)


def standing(stack: Stack) -> tuple[str, Any]:
    status: Mapping[str, Any] = stack.done("GET", "/rollouts/shop")["status"]
    return status["phase"], status["weight"]


def refused(stack: Stack) -> set[tuple[int, str]]:
    answers = [stack.call(method, f"/rollouts/shop/{path}", body) for method, path, body in MOVES]
    return {(answer.status_code, answer.json().get("type", "")) for answer in answers}


UNAVAILABLE = {(409, "urn:traefik-canary:canary-unavailable")}


def test_a_canary_that_is_down_gets_no_more_traffic_by_hand_unless_that_is_forced(shared_stack: Stack) -> None:
    stack = shared_stack
    begin(stack, {**stack.spec()["canary"], **CHECK}, steps=STEPS)
    stack.wait_applied()
    stack.stop("v2")
    path = f"services/shop_{stack.done('GET', '/rollouts/shop')['status']['generation']}@http"
    eventually(
        lambda: "UP" not in ((stack.traefik_shows(path) or {}).get("serverStatus") or {"": "UP"}).values(),
        what="Traefik finds the canary down",
    )
    by_api = refused(stack)
    by_command = stack.command("promote", "shop")
    before = standing(stack)
    less = stack.call("PUT", "/rollouts/shop/weight", {"weight": 0.5})
    forced = stack.command("set-weight", "shop", "2", "--force")
    stack.done("POST", "/rollouts/shop/abort")
    stack.start_app("v2", stack.canary_port)

    assert by_api == UNAVAILABLE
    assert by_command.returncode == 1
    assert "--force" in by_command.stderr
    assert before == ("Paused", 1)
    assert less.ok
    assert forced.returncode == 0, forced.stderr


def test_a_canary_whose_service_does_not_exist_gets_no_traffic_at_all(shared_stack: Stack) -> None:
    stack = shared_stack
    begin(stack, {"service": "shop-v9@docker"}, steps=STEPS)
    found = standing(stack)

    assert refused(stack) == UNAVAILABLE
    assert found == ("Paused", 0)
    assert stack.count(20) == {"v1": 20}


def test_a_canary_without_health_checks_begins_once_its_port_is_open(shared_stack: Stack) -> None:
    stack = shared_stack
    stack.stop("v2")
    begin(stack, stack.spec()["canary"], steps=STEPS)
    waiting = eventually(
        lambda: stack.done("GET", "/rollouts/shop").get("waiting"), what="the rollout waits", seconds=60
    )
    said = stack.command("status", "shop").stdout
    before = standing(stack)
    stack.start_app("v2", stack.canary_port)
    eventually(lambda: standing(stack) == ("Paused", 1), what="the canary begins", seconds=60)

    assert before == ("Paused", 0)
    assert waiting["reasonCode"] == "canary-unavailable"
    assert "canary-unavailable" in said


def test_a_canary_without_steps_on_a_closed_port_is_not_shifted_to(shared_stack: Stack) -> None:
    stack = shared_stack
    begin(stack, {"servers": [{"url": f"http://{HOST}:9"}]})
    answer = stack.call("PUT", "/rollouts/shop/weight", {"weight": 100})
    full = stack.call("POST", "/rollouts/shop/promote", {"full": True})

    assert [answer.status_code, full.status_code] == [409, 409]
    assert stack.count(20) == {"v1": 20}
