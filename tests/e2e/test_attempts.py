"""An attempt is one canary: a wait tells of no other, and clients stay with no other."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.e2e.harness import HOST, SITE, Stack, eventually, known_good

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]

STEPS = [{"setWeight": 1}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
CANARY = "shop-canary@file"


def begin(stack: Stack, **changes: Any) -> int:
    """Begin a new canary and give its attempt, as `set-canary` prints it."""
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None, steps=STEPS, **changes)})
    said = stack.command("set-canary", "shop", f"http://{HOST}:{stack.canary_port}")
    attempt = said.stdout.split("attempt ")[1].split()[0]
    facts = dict(line.split(maxsplit=1) for line in stack.command("status", "shop").stdout.splitlines())
    assert facts["attempt"].split(",")[0] == attempt
    stack.wait_applied()
    return int(attempt)


def undone(stack: Stack) -> None:
    revision = stack.done("GET", "/rollouts/shop/history")["history"][1]["revision"]
    stack.done("POST", "/rollouts/shop/undo", {"toRevision": revision})


def removed(stack: Stack) -> None:
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None, steps=STEPS)})


def replaced(stack: Stack) -> None:
    stack.done("PUT", "/rollouts/shop/canary", {"servers": [{"url": f"http://{HOST}:{stack.stable_port}"}]})


@pytest.mark.parametrize("end", [undone, removed, replaced])
def test_a_wait_fails_where_its_canary_ends_in_another_way(shared_stack: Stack, end: Callable[[Stack], None]) -> None:
    attempt = begin(shared_stack)
    end(shared_stack)
    waited = shared_stack.command("wait", "shop", "--for", "healthy", "--attempt", str(attempt), "--timeout", "20")

    assert waited.returncode == 1, waited.stdout + waited.stderr


def test_a_wait_fails_where_the_change_that_began_its_canary_is_reverted(shared_stack: Stack) -> None:
    stack = shared_stack
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(canary=None, steps=STEPS, revertWhenBroken=True)})
    stack.wait_applied()
    # The controller must have found the rollout without a canary good: that is what it reverts to.
    good = stack.done("GET", "/rollouts/shop")["version"]
    eventually(lambda: f'"shop":{good}' in known_good(stack), what="the state before the canary is known to be good")
    said = stack.command("set-canary", "shop", "shop-v9@file", "--force")
    waited = stack.command("wait", "shop", "--for", "healthy", "--timeout", "60")
    after = stack.done("GET", "/rollouts/shop")

    assert said.returncode == 0, said.stderr
    assert waited.returncode == 1, waited.stdout + waited.stderr
    assert after["version"] > good
    assert "canary" not in after["spec"]


@pytest.mark.parametrize("reason", ["too\nmany\terrors", "x" * 5_000, "\x00\x1b[2J", ""])
def test_an_abort_is_accepted_whatever_its_reason(shared_stack: Stack, reason: str) -> None:
    begin(shared_stack)
    answer = shared_stack.call("POST", "/rollouts/shop/abort", {"reason": reason})
    shared_stack.wait_applied()
    entry = shared_stack.done("GET", "/rollouts/shop/history")["history"][0]

    assert answer.status_code == 200, answer.text
    assert entry["action"] == "abort"
    assert len(entry["reason"]) <= 500
    assert not set(entry["reason"]) & set("\n\t\x00\x1b")
    assert shared_stack.count(20) == {"v1": 20}


def clients_on_the_canary(stack: Stack) -> tuple[int, int]:
    """Count the clients that the canary has at 50%, and those that it has after an abort and a retry at 1%."""
    stack.done("POST", "/rollouts/shop/promote")
    stack.wait_applied()
    clients = [requests.Session() for _ in range(40)]
    before = Counter(page(stack, client) for client in clients)
    stack.done("POST", "/rollouts/shop/abort")
    stack.wait_applied()
    stack.done("POST", "/rollouts/shop/retry")
    stack.wait_applied()
    after = Counter(page(stack, client) for client in clients)
    return before["v2"], after["v2"]


def page(stack: Stack, client: requests.Session) -> str:
    client.trust_env = False
    answer = client.get(f"http://{HOST}:{stack.web_port}/", headers={"Host": SITE}, timeout=10)
    return answer.text.strip()


def test_sticky_clients_do_not_return_to_a_canary_that_was_aborted(stack: Stack) -> None:
    begin(stack, sticky={"cookie": {"name": "side"}})

    before, after = clients_on_the_canary(stack)

    assert before >= 15
    assert after <= 2


def test_sticky_clients_do_not_return_to_the_service_of_another_provider_that_was_aborted(stack: Stack) -> None:
    stack.stop("traefik")
    servers = {"loadBalancer": {"servers": [{"url": f"http://{HOST}:{stack.canary_port}"}]}}
    stack.start_traefik(services={"shop-canary": servers})
    begin(stack, sticky={"cookie": {"name": "side"}})
    stack.done("PUT", "/rollouts/shop/canary", {"service": CANARY})
    stack.wait_applied()

    before, after = clients_on_the_canary(stack)

    assert before >= 15
    assert after <= 2
