"""A step is taken only once Traefik has applied the one before it, and has a canary that can take traffic."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import free_port
from tests.e2e.harness import HOST, Stack, eventually

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]

STEPS = [{"setWeight": 1}, {"pause": {"duration": "3s"}}, {"setWeight": 50}, {"pause": {"duration": "3s"}}]


def begin(stack: Stack, canary: Mapping[str, Any], **changes: Any) -> None:
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None, steps=STEPS, **changes)})
    stack.wait_applied()
    stack.done("PUT", "/rollouts/shop/canary", canary)


def weights(stack: Stack) -> list[float]:
    """Give the weights of the present canary, oldest first."""
    history = stack.done("GET", "/rollouts/shop/history")["history"]
    statuses = [entry["after"]["status"] for entry in reversed(history)]
    return [status["weight"] for status in statuses if status["generation"] == statuses[-1]["generation"]]


@contextmanager
def suspended(stack: Stack) -> Iterator[None]:
    stack.children["traefik"].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stack.children["traefik"].send_signal(signal.SIGCONT)


def in_phase(stack: Stack, phase: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = eventually(
        lambda: (now := stack.done("GET", "/rollouts/shop")["status"])["phase"] == phase and now,
        what=f"it is {phase}",
        seconds=60,
    )
    return found


def test_a_suspended_traefik_keeps_the_canary_at_its_step(stack: Stack) -> None:
    canary = stack.spec()["canary"]
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None, steps=STEPS)})
    stack.wait_applied()
    with suspended(stack):
        stack.done("PUT", "/rollouts/shop/canary", canary)
        eventually(lambda: "rollout.waiting" in stack.log(), what="the rollout waits for proof", seconds=60)
        eventually(lambda: "waiting" in stack.done("GET", "/rollouts/shop"), what="the API tells of the wait")
        waited = stack.done("GET", "/rollouts/shop")
    in_phase(stack, "Healthy")
    stack.wait_applied()

    assert (waited["status"]["phase"], waited["status"]["weight"]) == ("Paused", 1)
    assert waited["waiting"]["reasonCode"] == "not-applied"
    assert "edge" in waited["waiting"]["detail"]
    assert weights(stack) == [1, 50, 0]
    assert stack.count(20) == {"v2": 20}


def test_a_canary_whose_service_does_not_exist_is_aborted_at_the_deadline(stack: Stack) -> None:
    begin(stack, {"service": "shop-v9@docker"}, progressDeadline="8s")
    reason = in_phase(stack, "Degraded")["reason"]

    assert "shop-v9@docker" in reason
    assert {0} == set(weights(stack))
    assert stack.count(20) == {"v1": 20}


def test_a_canary_with_no_server_that_is_up_is_aborted_at_the_deadline(stack: Stack) -> None:
    canary = {**stack.spec()["canary"], "healthCheck": {"path": "/", "interval": "1s", "timeout": "500ms"}}
    stack.stop("v2")
    begin(stack, canary, progressDeadline="8s")
    in_phase(stack, "Degraded")
    stack.wait_applied()

    assert "canary-unavailable" in stack.log()
    assert weights(stack) == [1, 0]
    assert stack.count(20) == {"v1": 20}


def test_a_change_is_applied_once_every_instance_of_a_gateway_has_it(stack: Stack) -> None:
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec()})
    stack.shift(10)
    api_port = free_port()
    second = GatewayOptions(
        directory=stack.directory / "second",
        provider=f"http://{HOST}:{stack.provider_port}",
        web_port=free_port(),
        websecure_port=free_port(),
        api_port=api_port,
    )
    second.directory.mkdir()
    child = stack.processes.start("second", gateway_command(second))
    eventually(lambda: len(stack.done("GET", "/gateways")["gateways"][0]["instances"]) == 2, what="both poll")
    stack.wait_applied()
    child.send_signal(signal.SIGSTOP)
    missing = stack.command("abort", "shop", "--reason", "errors", "--wait", "--timeout", "4")
    child.send_signal(signal.SIGCONT)
    stack.wait_applied()

    assert missing.returncode != 0
    assert "1 of 2 instances applied" in missing.stderr

    apis = [f"http://{HOST}:{port}" for port in (stack.api_port, api_port)]
    stack.done("PUT", "/gateways/edge", {"spec": {"api": apis}})
    stack.done("POST", "/rollouts/shop/retry")
    stack.shift(10)
    child.send_signal(signal.SIGSTOP)
    missing = stack.command("abort", "shop", "--reason", "errors", "--wait", "--timeout", "4")
    status = stack.command("status", "shop")
    timed_out = stack.call("GET", "/rollouts/shop/wait?for=applied&timeout=0").json()["gateways"][0]
    # An instance that has not polled for 20 s, without a token, is gone.
    gone = stack.done("GET", "/rollouts/shop/wait?for=applied&timeout=60")["gateways"][0]
    child.send_signal(signal.SIGCONT)
    back = eventually(
        lambda: (counted := stack.wait_applied()["gateways"][0])["instances"] == 2 and counted,
        what="both are counted",
    )
    child.stop()

    assert missing.returncode != 0
    assert "1 of 2 instances applied" in missing.stderr
    assert apis[1] in missing.stderr
    assert "1 of 2 instances applied" in status.stdout
    assert (timed_out["reasonCode"], timed_out["applied"], timed_out["instances"]) == ("partly-applied", 1, 2)
    assert (gone["state"], gone["applied"], gone["instances"]) == ("applied", 1, 1)
    assert back["applied"] == 2
