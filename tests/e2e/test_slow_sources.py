"""A source that never ends its answer delays only the rollouts that use it."""

import time

import pytest

from tests.drip import HEAD, dripping_server
from tests.e2e.harness import Stack, eventually
from tests.e2e.test_progressive_delivery import QUICK, behave, in_phase

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]

CHECK_SECONDS = 30
STEPS = [{"setWeight": 50}, {"analysis": {"duration": "10m"}}]


def test_a_bad_canary_is_aborted_while_another_rollouts_check_and_another_gateway_hang(stack: Stack) -> None:
    with dripping_server(HEAD, b"X-More: 1\r\n") as url:
        check = {"name": "smoke", "webhook": {"url": f"{url}/smoke", "timeout": f"{CHECK_SECONDS}s"}}
        stack.done("PUT", "/gateways/far", {"spec": {"api": url}})
        blog = stack.spec(
            rule="Host(`blog.localhost`)",
            gateways=["edge"],
            steps=STEPS,
            analysis={**QUICK, "checks": [check]},
        )
        stack.done("PUT", "/rollouts/blog", {"spec": blog})
        eventually(lambda: "source.timed_out" in stack.log(), what="the check hangs", seconds=CHECK_SECONDS)
        behave(stack, "v2", error_rate=0.8)
        with stack.under_load(rate=50):
            spec = stack.spec(canary=None, gateways=["edge"], steps=STEPS, analysis=QUICK)
            stack.done("PUT", "/rollouts/shop?allowShrink=true", {"spec": spec})
            stack.done("PUT", "/rollouts/shop/canary", stack.spec()["canary"])
            began = time.monotonic()
            in_phase(stack, "Degraded")
            took = time.monotonic() - began

    assert took < CHECK_SECONDS
    assert stack.log().count("source.timed_out") == 1
