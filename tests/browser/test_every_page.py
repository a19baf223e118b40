"""What holds for every page there is: nobody is shut out, nothing from elsewhere runs, and it is light."""

import re
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Page, Response

from provider.demo.processes import Processes
from provider.web.pages.app import ROUTES
from tests.browser.scene import DARK, LIGHT, NARROW, WIDE, Scene, axe_source
from tests.browser.walk import STOPS, Stop
from tests.e2e.harness import Stack
from tools.benchmarks.pages import crowded

pytestmark = pytest.mark.traefik

LARGEST_PAGE_BYTES = 100_000
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HARDENED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
# A colour does not depend on the width, and a width not on the colours.
LOOKS = ((LIGHT, WIDE), (DARK, NARROW))
# What answers the scripts of other pages.
PARTS = {"/live", "/rule"}


class Walk:
    """Somebody of each role, who goes from page to page; and every answer on the way."""

    def __init__(self, furnished: Scene, lone: Scene) -> None:
        self.scenes = {False: furnished, True: lone}
        self.answers: list[Response] = []
        self._pages: dict[tuple[bool, str | None], Page] = {}

    def to(self, stop: Stop) -> Page:
        self.answers.clear()
        page = self._pages.get((stop.is_lone, stop.role)) or self._begin(stop)
        stop.way(self.scenes[stop.is_lone], page)
        page.locator("main").wait_for()
        return page

    def end(self) -> None:
        for scene in self.scenes.values():
            scene.leave()

    def _hear(self, answer: Response) -> None:
        self.answers.append(answer)

    def _begin(self, stop: Stop) -> Page:
        scene = self.scenes[stop.is_lone]
        page = scene.visitor(stop.role) if stop.role else scene.context().new_page()
        page.on("response", self._hear)
        self._pages[stop.is_lone, stop.role] = page
        return page


@pytest.fixture(scope="module")
def walk(furnished_scene: Scene, lone_scene: Scene) -> Iterator[Walk]:
    walk = Walk(furnished_scene, lone_scene)
    yield walk
    walk.end()


@pytest.fixture(scope="module")
def axe() -> str:
    return axe_source()


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_a_page_shuts_nobody_out_and_runs_nothing_from_elsewhere(walk: Walk, axe: str, stop: Stop) -> None:
    page = walk.to(stop)
    answers = list(walk.answers)
    path = re.sub(r"(?<=^/rollouts/)[a-z0-9-]+", "<name>", re.sub(r"^http://[^/]+|[?#].*$", "", page.url))
    found = [words for look in LOOKS for words in mistakes(page, axe, *look)]

    assert stop.path == path
    assert found == []
    assert [words for answer in answers for words in weaknesses(answer)] == []
    assert {"document", "stylesheet", "script"} <= {answer.request.resource_type for answer in answers}
    walk.scenes[stop.is_lone].all_is_well()


def mistakes(page: Page, axe: str, scheme: str, size: dict[str, int]) -> Iterator[str]:
    """Tell what is wrong with a look: what axe finds, the rule and what breaks it; and what does not fit."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size(size)  # type: ignore[arg-type]
    result = page.evaluate(axe + "; axe.run({resultTypes: ['violations']})")
    for violation in result["violations"]:
        for node in violation["nodes"]:
            yield f"{scheme}: {violation['id']}: {node['target']} {node['failureSummary']}"
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield f"{scheme}: it is wider than the window"


def weaknesses(answer: Response) -> Sequence[str]:
    """Tell which headers of an answer let in what should stay out."""
    headers = answer.headers
    policy = dict(part.split(" ", 1) for part in headers.get("content-security-policy", "none none").split("; "))
    is_static = "/static/" in answer.url
    found = {
        "policy": policy == POLICY,
        "headers": {name: headers.get(name) for name in HARDENED} == HARDENED,
        "cache": headers.get("cache-control") == ("public, max-age=31536000, immutable" if is_static else "no-store"),
    }
    return [f"{answer.url}: {name}: {headers}" for name, is_strict in found.items() if not is_strict]


def test_no_page_is_forgotten() -> None:
    paths = {route.path for route in ROUTES if route.method == "GET"} - PARTS

    assert paths <= {stop.path for stop in STOPS.values()}


@pytest.fixture(scope="module")
def crowd(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Give a provider with a thousand rollouts."""
    directory = tmp_path_factory.mktemp("crowd")
    with Processes(directory) as processes, crowded(directory, rollouts=1_000) as url:
        stack = Stack(directory, processes)
        stack.start_provider(CANARY_REDIS_URL=url)
        stack.wait_for_provider()
        scene = Scene(stack, browser)
        yield scene
        scene.leave()


def test_each_page_weighs_less_than_100_kb_with_a_thousand_rollouts(crowd: Scene) -> None:
    rollout = "/rollouts/shop-1"
    rollout_pages = [rollout + rest for rest in ("", "/edit", "/delete", "/outlook?weight=100", "/delivery")]
    paths = ["/", "/?page=20", "/?q=shop-99", *rollout_pages, "/new", "/gateways", "/tokens", "/nothing", "/sign-in"]
    visitor, stranger = crowd.visitor(), crowd.context().new_page()
    weights = {path: weight(stranger if path == "/sign-in" else visitor, path) for path in paths}

    assert {path: size for path, size in weights.items() if not 40_000 < size < LARGEST_PAGE_BYTES} == {}


def weight(page: Page, path: str) -> int:
    """Tell how many bytes a page is with all that is on it, kept from before or not; a stream goes on and is none."""
    page.goto(path, wait_until="load")
    return int(page.evaluate("performance.getEntries().reduce((sum, one) => sum + (one.decodedBodySize || 0), 0)"))
