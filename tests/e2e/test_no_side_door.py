"""No version gets all traffic because of what a file leaves out or has not heard of."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.e2e.harness import Stack

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]


def file(stack: Stack, **changes: Any) -> str:
    path = stack.directory / "shop.yaml"
    path.write_text(yaml.safe_dump({"name": "shop", "spec": stack.spec(**changes)}))
    return str(path)


def status(stack: Stack) -> Mapping[str, Any]:
    found: Mapping[str, Any] = stack.done("GET", "/rollouts/shop")["status"]
    return found


def test_a_file_that_lags_behind_a_promotion_gives_no_traffic_back(shared_stack: Stack) -> None:
    stack = shared_stack
    lagging = file(stack, canary=None)
    stack.done("POST", "/rollouts/shop/promote", {"full": True, "reason": "v2 is good"})
    stack.wait_applied()
    promoted = status(stack)
    refused = stack.command("apply", "-f", lagging)
    answer = stack.call("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None)})
    drift = stack.command("diff", "-f", lagging, "-o", "json")
    stack.wait_applied()

    assert refused.returncode == 1
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:traefik-canary:spec-outdated")
    assert [one["reasonCode"] for one in json.loads(drift.stdout)["drift"]] == ["spec-outdated"]
    assert status(stack) == promoted
    assert stack.count(20) == {"v2": 20}


def test_a_file_that_names_another_stable_version_leaves_a_canary_on_its_way(shared_stack: Stack) -> None:
    stack = shared_stack
    third = {"servers": [{"url": f"http://127.0.0.1:{stack.stable_port}"}]}
    stack.done("PUT", "/rollouts/shop/canary", third)
    stack.shift(50)
    before = status(stack)
    answers = [
        stack.call("PUT", "/rollouts/shop", {"spec": stack.spec(stable=stable, canary=None)})
        for stable in (third, {"servers": [{"url": "http://127.0.0.1:9"}]})
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert status(stack) == before


def test_another_stable_version_is_put_in_place_when_that_is_said(shared_stack: Stack) -> None:
    stack = shared_stack
    stable = {"servers": [{"url": f"http://127.0.0.1:{stack.canary_port}"}]}
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(stable=stable, canary=None)})
    done = stack.command("apply", "-f", file(stack, canary=None), "--replace-stable", "--wait", "--reason", "back")

    assert done.returncode == 0, done.stderr
    assert stack.count(20) == {"v1": 20}
    assert (status(stack)["phase"], status(stack)["reason"]) == ("Healthy", "stable was replaced: back")
