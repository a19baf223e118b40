"""Canaries that nobody touches: good ones take over, bad ones are taken back, of others nothing is claimed."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.e2e.harness import HOST, Load, Stack, eventually

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]

# Steps of seconds: evidence that rests on a few of them counts here.
QUICK = {"interval": "1s", "minRequests": 20, "warmUp": "0s", "sustained": "0s"}
STEPS = [part for weight in (5, 25, 50, 100) for part in ({"setWeight": weight}, {"analysis": {"duration": "5s"}})]


def begin(stack: Stack, *, steps: Sequence[Any] = STEPS, **analysis: Any) -> None:
    """Let the canary come by itself, as a pipeline does it: the rollout is there, then a new version."""
    canary = stack.spec()["canary"]
    spec = stack.spec(canary=None, steps=[*steps], analysis={**QUICK, **analysis})
    stack.done("PUT", "/rollouts/shop", {"spec": spec})
    stack.done("PUT", "/rollouts/shop/canary", canary)


def behave(stack: Stack, version: str, **behaviour: float) -> None:
    port = {"v1": stack.stable_port, "v2": stack.canary_port}[version]
    assert requests.put(f"http://{HOST}:{port}/behaviour", json=behaviour, timeout=5).ok


def status(stack: Stack) -> Mapping[str, Any]:
    """Read where it stands; nothing while no worker answers."""
    try:
        answer = stack.call("GET", "/rollouts/shop")
    except requests.RequestException:
        return {}
    found: dict[str, Any] = answer.json()["status"] if answer.ok else {}
    return found


def in_phase(stack: Stack, phase: str, *, seconds: float = 60) -> Mapping[str, Any]:
    found: Mapping[str, Any] = eventually(
        lambda: (now := status(stack)).get("phase") == phase and now, what=f"it is {phase}", seconds=seconds
    )
    return found


@contextmanager
def controllers_being_killed(stack: Stack, *, after_seconds: float) -> Iterator[None]:
    """Kill every worker, and so every control loop, once in the middle."""

    def kill() -> None:
        for pid in stack.worker_pids():
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(after_seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


# In short this, and the next, is what a pipeline sees below, and what the tutorial shows.
@pytest.mark.slow
def test_a_good_canary_takes_over_with_nobody_touching_it(stack: Stack) -> None:
    with stack.under_load(rate=100) as load, controllers_being_killed(stack, after_seconds=7):
        # About 25 requests reach it in the first step, fewer on a busy machine: five must do.
        begin(stack, minRequests=5)
        in_phase(stack, "Healthy")
        stack.wait_applied()
        load.see(100)
    weights = [entry["after"]["status"]["weight"] for entry in stack.done("GET", "/rollouts/shop/history")["history"]]

    assert weights[:6] == [0, 100, 50, 25, 5, 0]
    assert load.failures == []
    assert stack.count(20) == {"v2": 20}


@pytest.mark.slow
def test_a_canary_that_fails_is_taken_back_within_a_minute(stack: Stack) -> None:
    behave(stack, "v2", error_rate=0.05)
    steps = [{"setWeight": 25}, {"analysis": {"duration": "10m"}}]
    with stack.under_load(rate=50) as load, controllers_being_killed(stack, after_seconds=4):
        begin(stack, steps=steps)
        reason = in_phase(stack, "Degraded")["reason"]
        stack.wait_applied()
        load.see(100)

    assert bad_seconds(load) < 60
    assert "aborted: all traffic is on stable: canary errors" in reason
    assert "e-value" in reason
    assert stack.count(20) == {"v1": 20}


@pytest.mark.parametrize(("error_rate", "code", "words"), [(0, 0, "shop is Healthy"), (0.3, 1, "shop is Degraded")])
def test_a_pipeline_ends_as_its_canary_does(stack: Stack, error_rate: float, code: int, words: str) -> None:
    behave(stack, "v2", error_rate=error_rate)
    steps = [{"setWeight": 50}, {"analysis": {"duration": "4s"}}]
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None, steps=steps, analysis=QUICK)})
    with stack.under_load(rate=50):
        begun = stack.command("set-canary", "shop", f"http://{HOST}:{stack.canary_port}", "--reason", "deploy 4711")
        ended = stack.command("wait", "shop", "--for", "healthy", "--timeout", "60")

    assert begun.returncode == 0
    assert code == ended.returncode
    assert words in ended.stdout + ended.stderr


def bad_seconds(load: Load) -> float:
    """Tell how long users saw errors, from the first to the last."""
    times = [time for answer, time in zip(load.answers, load.times, strict=True) if answer == "500"]
    assert times, "the canary never failed"
    return times[-1] - times[0]


def test_a_canary_that_is_three_times_slower_is_taken_back(stack: Stack) -> None:
    behave(stack, "v1", delay_seconds=0.05)
    behave(stack, "v2", delay_seconds=0.15)
    steps = [{"setWeight": 25}, {"analysis": {"duration": "10m"}}]
    with stack.under_load(clients=6, rate=50), controllers_being_killed(stack, after_seconds=4):
        begin(stack, steps=steps, latency={"above": "100ms"})
        reason = in_phase(stack, "Degraded")["reason"]

    assert "canary slow responses" in reason or "canary responses above" in reason


def test_without_traffic_nothing_is_claimed(stack: Stack) -> None:
    with controllers_being_killed(stack, after_seconds=2):
        begin(stack)
        held = in_phase(stack, "Paused")

    assert held["weight"] == 5
    assert "too few requests: 0 of 20" in held["reason"]
    assert "pausedUntil" not in held


def test_a_gateway_whose_metrics_are_away_is_no_verdict(stack: Stack) -> None:
    stack.done(
        "PUT",
        "/gateways/edge",
        {"spec": {"api": f"http://{HOST}:{stack.api_port}", "metrics": "http://127.0.0.1:9/"}},
    )
    begin(stack, consecutiveErrorLimit=2, errorLimit="0s")
    held = in_phase(stack, "Paused")
    looks = stack.done("GET", "/rollouts/shop/analysis")["samples"]

    assert "the canary cannot be judged" in held["reason"]
    assert {"Error"} == {look["outcome"] for look in looks}


def test_what_is_known_of_a_canary_can_be_read(stack: Stack) -> None:
    with stack.under_load(rate=100):
        begin(stack, steps=[{"setWeight": 50}, {"analysis": {"duration": "10m"}}])
        eventually(
            lambda: (
                stack.call("GET", "/rollouts/shop/analysis").ok
                and stack.done("GET", "/rollouts/shop/analysis")["overall"]["canaryRequests"] > 50
            ),
            what="it is looked at",
        )
        known = stack.done("GET", "/rollouts/shop/analysis")

    assert [metric["metric"] for metric in known["overall"]["metrics"]] == ["errors", "latency"]
    assert known["overall"]["metrics"][0]["canaryRate"] == 0
    assert known["samples"][0]["canaryRequests"] > 0


def test_a_ramp_raises_real_traffic_and_a_version_that_was_stable_comes_back_at_once(stack: Stack) -> None:
    spec = stack.spec()
    steps = [{"ramp": {"from": 20, "to": 60, "by": 20, "every": "1s"}}]
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None, steps=steps, rollbackWindow="1h")})
    stack.done("PUT", "/rollouts/shop/canary", spec["canary"])
    in_phase(stack, "Healthy")
    back = stack.done("PUT", "/rollouts/shop/canary", spec["stable"])
    stack.wait_applied()

    assert back["status"]["phase"] == "Healthy"
    assert stack.count(20) == {"v1": 20}
    weights = [entry["after"]["status"]["weight"] for entry in stack.done("GET", "/rollouts/shop/history")["history"]]
    assert weights[:5] == [0, 0, 60, 40, 20]
