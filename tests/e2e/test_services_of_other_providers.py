"""A side that another provider of Traefik's owns: it may vanish at any time, and stable must not notice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provider.demo.processes import Processes
from tests.e2e.harness import HOST, Stack, eventually, started

pytestmark = pytest.mark.traefik


def in_files(stack: Stack) -> dict[str, Any]:
    servers = {"stable": stack.stable_port, "canary": stack.canary_port}
    return {
        f"shop-{name}": {"loadBalancer": {"servers": [{"url": f"http://{HOST}:{port}"}]}}
        for name, port in servers.items()
    }


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Stack]:
    """Give the whole system with a Traefik that knows both versions from files too."""
    with Processes(tmp_path) as processes:
        stack = started(tmp_path, processes)
        stack.stop("traefik")
        stack.start_traefik(services=in_files(stack))
        stack.wait_applied()
        yield stack


def without_canary(stack: Stack) -> dict[str, Any]:
    return {name: service for name, service in in_files(stack).items() if name != "shop-canary"}


def refer(stack: Stack, **changes: Any) -> None:
    """Let the canary, and what else is said, be services of the file provider."""
    spec = stack.spec(canary={"service": "shop-canary@file"}, **changes)
    stack.done("PUT", "/rollouts/shop?replaceStable=true", {"spec": spec})


@pytest.mark.parametrize("stable", ["servers of our own", "another service of that provider"])
def test_a_canary_that_vanishes_takes_no_stable_request_with_it(foreign: Stack, stable: str) -> None:
    refer(foreign, **({} if "own" in stable else {"stable": {"service": "shop-stable@file"}}))
    foreign.shift(10)
    with foreign.under_load() as load:
        load.see()
        foreign.define_in_files(without_canary(foreign))
        eventually(lambda: foreign.traefik_shows("services/shop-canary@file") is None, what="the canary vanishes")
        load.see(500)
        gone = foreign.count(100)
        foreign.define_in_files(in_files(foreign))
        eventually(lambda: foreign.traefik_shows("services/shop-canary@file"), what="the canary is back")
        foreign.wait_applied()
        load.see()

    assert load.failures == []
    assert gone == {"v1": 100}
    assert 9 <= foreign.count(100)["v2"] <= 11


def test_a_canary_that_was_never_there_leaves_stable_alone(foreign: Stack) -> None:
    foreign.define_in_files(without_canary(foreign))
    refer(foreign)
    with foreign.under_load() as load:
        refused = foreign.call("PUT", "/rollouts/shop/weight", {"weight": 50})
        foreign.done("PUT", "/rollouts/shop/weight", {"weight": 50, "force": True})
        eventually(lambda: foreign.traefik_shows("routers/shop_fallback@http"), what="Traefik has the rollout")
        load.see()
        answer = foreign.call("GET", "/rollouts/shop/wait?for=applied&timeout=0")

    assert {"v1"} == set(load.answers)
    assert refused.status_code == 409
    assert answer.status_code == 504
    assert "shop-canary@file" in answer.json()["detail"]


def test_a_mirror_that_vanishes_takes_no_stable_request_with_it(foreign: Stack) -> None:
    refer(foreign, mirror={"percent": 100})
    foreign.wait_applied()
    with foreign.under_load() as load:
        foreign.define_in_files(without_canary(foreign))
        eventually(lambda: foreign.traefik_shows("services/shop-canary@file") is None, what="the canary vanishes")
        load.see()

    assert {"v1"} == set(load.answers)


def test_an_override_to_a_canary_that_vanishes_falls_back_to_stable(foreign: Stack) -> None:
    refer(foreign, overrides=[{"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}])
    foreign.shift(0)
    counted = foreign.counted("shop-canary@file")
    before = foreign.get(**{"X-Canary": "always"}).text.strip()
    foreign.shift(100)
    foreign.get()
    eventually(lambda: foreign.counted("shop-canary@file") != counted, what="Traefik counts the request")
    alone = foreign.counted("shop-canary@file")["shop-canary@file"] - counted["shop-canary@file"]
    foreign.shift(0)
    foreign.define_in_files(without_canary(foreign))
    eventually(lambda: foreign.traefik_shows("services/shop-canary@file") is None, what="the canary vanishes")

    assert alone == 1  # what the weight sends; what the override sends is not counted
    assert (before, foreign.get(**{"X-Canary": "always"}).text.strip()) == ("v2", "v1")
