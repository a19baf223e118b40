"""What people see: a weight that is set is the share that the canary gets, to the request."""

import signal

import pytest

from tests.e2e.harness import Stack, eventually

pytestmark = pytest.mark.traefik


def test_weight_10_is_a_tenth_of_a_thousand_requests(shared_stack: Stack) -> None:
    shared_stack.shift(10)
    counts = shared_stack.count(1_000)

    assert {"v1", "v2"} == set(counts)
    assert 95 <= counts["v2"] <= 105


def test_weight_0_gives_the_canary_nothing(shared_stack: Stack) -> None:
    shared_stack.shift(0)

    assert shared_stack.count(1_000) == {"v1": 1_000}


def test_weight_100_gives_the_canary_everything(shared_stack: Stack) -> None:
    shared_stack.shift(100)

    assert shared_stack.count(1_000) == {"v2": 1_000}


def test_half_a_per_cent_is_five_in_a_thousand(shared_stack: Stack) -> None:
    shared_stack.shift(0.5)

    assert 4 <= shared_stack.count(1_000)["v2"] <= 6


def test_an_abort_takes_everything_back_at_once(shared_stack: Stack) -> None:
    shared_stack.shift(50)
    shared_stack.done("POST", "/rollouts/shop/abort", {"reason": "a try"})
    shared_stack.wait_applied()

    assert shared_stack.count(200) == {"v1": 200}
    shared_stack.done("POST", "/rollouts/shop/retry")


def test_a_promoted_canary_is_the_new_stable(shared_stack: Stack) -> None:
    stack, name, host = shared_stack, "promoted", "promoted.localhost"
    spec = stack.spec(rule=f"Host(`{host}`)")
    stack.done("PUT", f"/rollouts/{name}", {"spec": spec})
    stack.shift(50, name=name)
    stack.done("POST", f"/rollouts/{name}/promote", {"full": True})
    stack.wait_applied(name=name)

    assert stack.count(200, host=host) == {"v2": 200}
    stack.done("PUT", f"/rollouts/{name}", {"spec": spec})
    stack.wait_applied(name=name)
    assert stack.count(200, host=host) == {"v2": 200}, "the same file again must not go back"


def test_steps_and_timed_pauses_move_real_traffic(shared_stack: Stack) -> None:
    stack, name, host = shared_stack, "stepped", "stepped.localhost"
    steps = [{"setWeight": 20}, {"pause": {"duration": "3s"}}, {"setWeight": 60}, {"pause": {}}]
    stack.done("PUT", f"/rollouts/{name}", {"spec": stack.spec(rule=f"Host(`{host}`)", canary=None, steps=steps)})
    stack.done("PUT", f"/rollouts/{name}/canary", stack.spec()["canary"])
    stack.wait_applied(name=name)
    assert 18 <= stack.count(100, host=host)["v2"] <= 22
    eventually(lambda: stack.done("GET", f"/rollouts/{name}")["status"]["weight"] == 60, what="the pause ends")
    stack.wait_applied(name=name)

    assert 58 <= stack.count(100, host=host)["v2"] <= 62


# Beside the tenth of `shop`: a weight, and how many of a thousand requests the canary may get at it.
OTHERS = {"none": (0, range(1)), "all": (100, range(1_000, 1_001)), "few": (0.5, range(4, 7))}


@pytest.mark.parametrize(
    "name", ["provider", *(pytest.param(name, marks=pytest.mark.slow) for name in ("traefik", "valkey"))]
)
def test_the_share_is_the_same_after_a_restart(shared_stack: Stack, name: str) -> None:
    stack = shared_stack
    stack.shift(10)
    for other, (weight, _) in OTHERS.items():
        stack.done("PUT", f"/rollouts/{other}", {"spec": stack.spec(rule=f"Host(`{other}.localhost`)")})
        stack.shift(weight, name=other)
    restart(stack, name)
    stack.wait_for_provider()
    stack.wait_applied()
    counts = stack.count(1_000)

    assert {"v1", "v2"} == set(counts)
    assert 95 <= counts["v2"] <= 105
    for other, (_, expected) in OTHERS.items():
        stack.wait_applied(name=other)
        counts = stack.count(1_000, host=f"{other}.localhost")
        assert counts["v2"] in expected
        assert counts["v1"] + counts["v2"] == 1_000


def restart(stack: Stack, name: str) -> None:
    if name == "traefik":
        stack.stop("traefik")
        stack.start_traefik()
    elif name == "provider":
        stack.stop("provider")
        stack.start_provider()
    else:
        before = stack.valkey_pid()
        stack.kill_valkey(signal.SIGKILL)
        eventually(lambda: stack.valkey_pid() not in {None, before}, what="Valkey runs again")
