"""The pages below a path of a reverse proxy: a Traefik with StripPrefix, which sends `X-Forwarded-Prefix`."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from playwright.sync_api import Page, Response, expect

from provider.demo.gateway import traefik_binary
from provider.demo.parts import free_port
from provider.demo.processes import is_listening
from tests.browser.scene import Scene
from tests.e2e.harness import HOST

pytestmark = pytest.mark.traefik

PREFIX = "/tools/canary"
_ATTRIBUTES = ("href", "src", "action", "formaction", "hx-get", "hx-post")
_LINKS = """names => names.flatMap(name =>
    [...document.querySelectorAll(`[${name}]`)].map(one => one.getAttribute(name)))"""


@pytest.fixture(scope="module")
def front(whole_scene: Scene) -> Iterator[str]:
    """Give the URL of the pages behind a Traefik of their own."""
    stack, port = whole_scene.stack, free_port()
    directory = stack.directory / "front"
    directory.mkdir()
    dynamic = {
        "http": {
            "routers": {"pages": {"rule": f"PathPrefix(`{PREFIX}`)", "service": "pages", "middlewares": ["strip"]}},
            "middlewares": {"strip": {"stripPrefix": {"prefixes": [PREFIX]}}},
            "services": {"pages": {"loadBalancer": {"servers": [{"url": whole_scene.url}]}}},
        }
    }
    static = {
        "global": {"checkNewVersion": False},
        "entryPoints": {"web": {"address": f"{HOST}:{port}"}},
        "providers": {"file": {"filename": str(directory / "dynamic.yml")}},
    }
    for name, document in (("dynamic", dynamic), ("static", static)):
        (directory / f"{name}.yml").write_text(yaml.safe_dump(document))
    child = stack.processes.start("front", [traefik_binary(), f"--configFile={directory / 'static.yml'}"])
    url = f"http://{HOST}:{port}{PREFIX}"
    # It listens before it has read the file: until then it answers 404.
    stack.processes.wait_until(lambda: is_listening(HOST, port), what="the Traefik in front")
    stack.processes.wait_until(lambda: stack.session.get(f"{url}/livez", timeout=5).ok, what="the route to the pages")
    yield url
    child.stop()
    stack.processes.forget(child)


def at(page: Page, front: str, path: str) -> None:
    expect(page).to_have_url(re.compile(re.escape(f"{front}{path}") + r"(\?.*)?"))


def links_out(page: Page) -> list[str]:
    """Return the links of a page that lead to this host, but not below the prefix."""
    here = urlsplit(page.url).netloc
    found = (urlsplit(urljoin(page.url, link)) for link in page.evaluate(_LINKS, list(_ATTRIBUTES)))
    return [url.path for url in found if url.netloc == here and not f"{url.path}/".startswith(f"{PREFIX}/")]


def test_the_pages_work_below_a_prefix(scene: Scene, front: str) -> None:
    name = scene.rollout("below-a-prefix", weight=10)
    page = scene.context().new_page()
    page.set_default_timeout(30_000)  # the page /docs is large
    failed: list[str] = []

    def note(response: Response) -> None:
        if response.status >= 400 or not urlsplit(response.url).path.startswith(PREFIX):
            failed.append(f"{response.status} {response.url}")

    page.on("response", note)
    page.goto(f"{front}/rollouts/{name}")
    at(page, front, "/sign-in")
    page.get_by_label("Token").fill(scene.token("below-a-prefix", "admin"))
    page.get_by_role("button", name="Sign in").click()
    at(page, front, f"/rollouts/{name}")
    (cookie,) = (one for one in page.context.cookies() if "session" in str(one.get("name")))

    expect(page.locator("#connection")).to_have_text("Live")
    scene.stack.done("PUT", f"/rollouts/{name}/weight", {"weight": 25})
    expect(page.locator("#weight")).to_have_text("25%")
    page.get_by_role("button", name="50%", exact=True).click()
    expect(page.locator("#weight")).to_have_text("50%")
    at(page, front, f"/rollouts/{name}")

    strays = {}
    for path in ("/", f"/rollouts/{name}", f"/rollouts/{name}/edit", "/gateways", "/tokens", "/docs"):
        page.goto(f"{front}{path}")
        at(page, front, path)
        strays[path] = links_out(page)
    page.goto(f"{front}/")
    page.get_by_role("link", name=name).first.click()
    at(page, front, f"/rollouts/{name}")
    page.get_by_role("button", name="Sign out").click()
    at(page, front, "/sign-in")
    page.goto(f"{front}/")
    at(page, front, "/sign-in")

    assert cookie["path"] == PREFIX
    assert not any(strays.values()), strays
    assert failed == []


def test_a_link_signs_in_below_a_prefix(scene: Scene, front: str) -> None:
    path = scene.stack.done("POST", "/sign-in-links", {})["path"]
    page = scene.context().new_page()
    page.goto(f"{front}{path}")
    page.get_by_role("button", name="Sign in").click()

    at(page, front, "/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rollouts")
