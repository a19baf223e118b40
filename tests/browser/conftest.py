"""One browser, and one system, for all tests of the pages: each test has rollouts of its own, and leaves none."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from provider.demo.processes import Processes
from provider.server.embedded_valkey import EmbeddedServer
from tests.browser.scene import Scene, browsing
from tests.browser.walk import furnish
from tests.e2e.harness import Stack, started

# How long a page takes while others use the machine is no test's business.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="package")
def whole_scene(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("pages")
    with Processes(directory) as processes:
        yield Scene(started(directory, processes, CANARY_WORKERS="1"), browser)


@pytest.fixture(scope="package")
def lone_scene(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("lone")
    with EmbeddedServer(directory / "redis") as server, Processes(directory) as processes:
        stack = Stack(directory, processes)
        stack.start_provider(CANARY_REDIS_URL=server.url, CANARY_WORKERS="1")
        stack.wait_for_provider()
        yield Scene(stack, browser, redis=server)


@pytest.fixture(scope="package")
def furnished_scene(whole_scene: Scene) -> Scene:
    """Give the whole system with a rollout in each phase, which then stay."""
    furnish(whole_scene)
    whole_scene.made.clear()
    return whole_scene


@pytest.fixture
def scene(whole_scene: Scene) -> Iterator[Scene]:
    """Give the whole system: provider, Valkey, Traefik, two versions of an app."""
    yield whole_scene
    whole_scene.leave()


@pytest.fixture
def lone(lone_scene: Scene) -> Iterator[Scene]:
    """Give a provider that nobody polls and that has nothing to route."""
    yield lone_scene
    lone_scene.leave()
