"""Several servers of one side: who a client stays with, and what ends in peace."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from provider.demo.parts import free_port
from provider.demo.processes import Processes
from tests.e2e.harness import HOST, SITE, Stack, eventually, started

pytestmark = pytest.mark.traefik

NAMES = {"stable": ("s1", "s2", "s3"), "canary": ("c1", "c2", "c3")}
CHECK = {"path": "/healthz", "interval": "200ms", "timeout": "100ms"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the whole system with three servers a side, to which clients stick."""
    directory = tmp_path_factory.mktemp("instances")
    with Processes(directory) as processes:
        stack = started(directory, processes, CANARY_WORKERS="1")
        sides = {}
        for side, names in NAMES.items():
            ports = [free_port() for _ in names]
            for name, port in zip(names, ports, strict=True):
                stack.start_app(name, port)
            servers = [{"url": f"http://{HOST}:{port}"} for port in ports]
            sides[side] = {"servers": servers, "sticky": {"cookie": {}}, "healthCheck": CHECK}
        stack.done("DELETE", "/rollouts/shop?allowShrink=true")
        stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(**sides)})
        stack.wait_applied()
        yield stack


class Browser:
    """A client that keeps its cookies."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"http://{HOST}:{stack.web_port}/"
        self._session = requests.Session()
        self._session.headers["Host"] = SITE

    def get(self) -> str:
        answer = self._session.get(self._url, timeout=10)
        assert answer.ok, answer.status_code
        return answer.text.strip()


def met(browser: Browser, *, times: int = 20) -> set[str]:
    return {browser.get() for _ in range(times)}


def test_a_client_stays_on_one_server_of_each_side_over_every_shift(stack: Stack) -> None:
    stack.shift(0)
    browsers = [Browser(stack) for _ in range(6)]
    first = [met(browser) for browser in browsers]
    stack.shift(50)
    both = [met(browser) for browser in browsers]
    stack.shift(100)
    last = [met(browser) for browser in browsers]

    assert set(NAMES["stable"]) == set.union(*first)
    assert [len(servers) for servers in first] == [1] * 6
    assert [one | other for one, other in zip(first, last, strict=True)] == both
    assert [len(servers) for servers in both] == [2] * 6


def test_clients_of_a_server_that_drains_or_dies_move_to_another_and_stay_there(stack: Stack) -> None:
    stack.shift(0)
    browsers = [Browser(stack) for _ in range(3)]
    homes = {browser.get(): browser for browser in browsers}
    urls = dict(zip(NAMES["stable"], stack.done("GET", "/rollouts/shop")["spec"]["stable"]["servers"], strict=True))
    stack.done("POST", "/rollouts/shop/drain", urls["s1"])
    stack.wait_applied()
    stack.stop("s2")
    eventually(
        lambda: "DOWN" in stack.traefik_shows("services/shop_1@http")["serverStatus"].values(), what="s2 is down"
    )

    assert set(NAMES["stable"]) == homes.keys()
    assert [{"s3"}] * 3 == [met(browser) for browser in homes.values()]


def test_a_request_under_way_on_a_server_that_is_left_out_is_not_cut(stack: Stack) -> None:
    stack.shift(100)
    servers = stack.done("GET", "/rollouts/shop")["spec"]["canary"]["servers"]
    requests.put(f"{servers[0]['url']}/behaviour", json={"delay_seconds": 2.0}, timeout=5).raise_for_status()
    with ThreadPoolExecutor() as clients:
        # By turns: one of three comes to the slow one.
        under_way = [
            clients.submit(requests.get, f"http://{HOST}:{stack.web_port}/", headers={"Host": SITE}) for _ in range(3)
        ]
        eventually(lambda: sum(one.done() for one in under_way) == 2, what="two are answered")
        stack.done("PUT", "/rollouts/shop/canary/servers", {"servers": servers[1:]})
        stack.wait_applied()
        newcomers = {Browser(stack).get() for _ in range(12)}
        was_under_way = not all(one.done() for one in under_way)
        answers = [one.result() for one in under_way]

    assert was_under_way
    assert {"c2", "c3"} == newcomers
    assert sorted(answer.text.strip() for answer in answers) == ["c1", "c2", "c3"]
