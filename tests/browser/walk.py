"""Every page there is, in every state that looks different, and the way to it. Nothing here may be forgotten.

A way begins anywhere, signed in as the admin, and ends on the page; it leaves everything as it was, as the pages are
walked in light and dark, wide and narrow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from playwright.sync_api import Page

from tests.browser.scene import Scene
from tests.e2e.harness import eventually

Way: TypeAlias = Callable[[Scene, Page], Any]

LONG_NAME = "a-name-that-is-as-long-as-names-may-be-in-a-fleet-of-rollouts-1"
_PAUSING = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
_TIMED = [{"setWeight": 10}, {"pause": {"duration": "10h"}}, {"ramp": {"from": 10, "to": 50, "by": 5, "every": "2m"}}]
_JUDGING = [{"setWeight": 5}, {"analysis": {"duration": "10h"}}, {"setWeight": 50}, {"pause": {}}, {"setMirror": 10}]


@dataclass(frozen=True)
class Stop:
    """A page: its path among the routes, the way to it, and what its visitor is."""

    path: str
    way: Way
    role: str | None = "admin"
    is_lone: bool = False
    """It is there only where nothing is routed and nobody polls."""


def furnish(scene: Scene) -> None:
    """Make a rollout in each phase, as the pages show them."""
    scene.rollout("checkout", canary=None)
    scene.rollout("search", weight=12.5)
    scene.rollout("basket", steps=_PAUSING)
    scene.rollout("mail", steps=_TIMED)
    scene.rollout("payments", steps=_JUDGING)
    scene.rollout(LONG_NAME, weight=100)
    scene.rollout("catalogue", weight=40)
    scene.stack.done("POST", "/rollouts/catalogue/abort", {"reason": "5xx rose to 7% within a minute of the shift"})


def go(path: str) -> Way:
    """Go straight there."""
    return lambda scene, page: page.goto(path)  # noqa: ARG005 every way knows its scene


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _submit(page: Page, name: str) -> None:
    """Press a button whatever the browser itself would say of the form."""
    page.locator("main form").last.evaluate("form => form.noValidate = true")
    _press(page, name)


def _mistaken(scene: Scene, page: Page) -> None:
    page.goto("/new")
    page.locator("summary").click()
    for field in ("rule", "stable", "canary", "steps", "entry_points", "gateways", "more"):
        page.locator(f"#{field}").fill("(wrong!, wrong?)")
    _submit(page, "Create")


def _preview(scene: Scene, page: Page) -> None:
    page.goto("/rollouts/search/edit")
    page.locator("#rule").fill("Host(`search.localhost`) && PathPrefix(`/new`)")
    _press(page, "Preview")


def _race(path: str, button: str, scene: Scene, page: Page) -> None:
    """Come second with a form that was made for an older version."""
    page.goto(path)
    old = page.locator("main [name=version]").first
    old.evaluate("field => { field.value = 1; field.form.dataset.dirty = 'yes'; }")
    _press(page, button)


def _race_for_nothing(scene: Scene, page: Page) -> None:
    page.goto("/rollouts/catalogue")
    form = page.locator("#control")
    form.evaluate("form => { form.elements.version.value = 1; form.dataset.dirty = 'yes'; }")
    form.get_by_role("button", name="Retry").evaluate("button => button.value = 'pause'")
    _press(page, "Retry")


def _gateway_mistake(scene: Scene, page: Page) -> None:
    page.goto("/gateways")
    page.locator("#name").fill("edge")
    page.locator("#api").fill("no address")
    _press(page, "Save")


def _token_mistake(scene: Scene, page: Page) -> None:
    page.goto("/tokens")
    page.locator("#name").fill("Not A Name")
    _press(page, "Create token")


def _new_token(scene: Scene, page: Page) -> None:
    scene.stack.call("DELETE", "/tokens/shown-once")
    page.goto("/tokens")
    page.locator("#name").fill("shown-once")
    _press(page, "Create token")
    page.get_by_label("Secret of shown-once").wait_for()


def _sign_in_mistake(scene: Scene, page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("Token").fill("wrong")
    _press(page, "Sign in")


def _forged(scene: Scene, page: Page) -> None:
    page.goto("/rollouts/search")
    page.locator("#control [name=csrf]").evaluate("field => { field.value = ''; field.form.dataset.dirty = 'yes'; }")
    _press(page, "10%")


def _without_redis(scene: Scene, page: Page) -> None:
    assert scene.redis
    scene.redis.stop()
    try:
        page.goto("/", wait_until="commit")
        page.get_by_role("heading", level=1).wait_for()
    finally:
        scene.redis.start()
    eventually(lambda: page.request.get("/").status == 200, what="Redis answers again")


def _details(scene: Scene, page: Page) -> None:
    page.goto("/rollouts/payments?history=500")
    for summary in page.locator("summary").all():
        summary.click()


STOPS: Mapping[str, Stop] = {
    "fleet": Stop("/", go("/")),
    "fleet, found": Stop("/", go("/?q=a&phase=Paused&sort=name")),
    "fleet, nothing found": Stop("/", go("/?q=nothing-is-called-so")),
    "fleet, empty": Stop("/", go("/"), is_lone=True),
    "fleet of a viewer": Stop("/", go("/"), role="viewer"),
    "healthy": Stop("/rollouts/<name>", go("/rollouts/checkout")),
    "progressing": Stop("/rollouts/<name>", go("/rollouts/search")),
    "paused": Stop("/rollouts/<name>", go("/rollouts/basket")),
    "paused for a while": Stop("/rollouts/<name>", go("/rollouts/mail")),
    "judged": Stop("/rollouts/<name>", _details),
    "degraded": Stop("/rollouts/<name>", go("/rollouts/catalogue")),
    "a long name": Stop("/rollouts/<name>", go(f"/rollouts/{LONG_NAME}")),
    "paused, to a viewer": Stop("/rollouts/<name>", go("/rollouts/basket"), role="viewer"),
    "paused, to an operator": Stop("/rollouts/<name>", go("/rollouts/basket"), role="operator"),
    "delivery": Stop("/rollouts/<name>/delivery", go("/rollouts/search/delivery")),
    "outlook of a shift": Stop("/rollouts/<name>/outlook", go("/rollouts/search/outlook?weight=20")),
    "outlook of a bold shift": Stop("/rollouts/<name>/outlook", go("/rollouts/search/outlook?weight=100")),
    "outlook of a move": Stop("/rollouts/<name>/outlook", go("/rollouts/basket/outlook?action=abort")),
    "outlook, to a viewer": Stop(
        "/rollouts/<name>/outlook", go("/rollouts/basket/outlook?action=promote"), role="viewer"
    ),
    "conflict": Stop("/rollouts/<name>/weight", partial(_race, "/rollouts/search", "50%")),
    "conflict, impossible now": Stop("/rollouts/<name>/move", _race_for_nothing),
    "editor, new": Stop("/new", go("/new")),
    "editor, old": Stop("/rollouts/<name>/edit", go("/rollouts/payments/edit")),
    "editor with mistakes": Stop("/new", _mistaken),
    "editor with a preview": Stop("/rollouts/<name>/edit", _preview),
    "editor, second": Stop("/rollouts/<name>/edit", partial(_race, "/rollouts/search/edit", "Save")),
    "delete": Stop("/rollouts/<name>/delete", go("/rollouts/search/delete")),
    "gateways": Stop("/gateways", go("/gateways")),
    "gateways with a mistake": Stop("/gateways", _gateway_mistake),
    "gateways, none": Stop("/gateways", go("/gateways"), is_lone=True),
    "gateways, to a viewer": Stop("/gateways", go("/gateways"), role="viewer"),
    "tokens": Stop("/tokens", go("/tokens")),
    "tokens with a new secret": Stop("/tokens", _new_token),
    "tokens with a mistake": Stop("/tokens", _token_mistake),
    "sign in": Stop("/sign-in", go("/sign-in"), role=None),
    "sign in with a mistake": Stop("/sign-in", _sign_in_mistake, role=None),
    "error 400": Stop("/rollouts/<name>/weight", _forged),
    "error 403": Stop("/tokens", go("/tokens"), role="viewer"),
    "error 404": Stop("/nothing/here", go("/nothing/here")),
    "error 404 of a rollout": Stop("/rollouts/<name>", go("/rollouts/nothing-is-called-so")),
    "error 409": Stop("/rollouts/<name>/outlook", go("/rollouts/checkout/outlook?weight=20")),
    "error 422": Stop("/rollouts/<name>/outlook", go("/rollouts/search/outlook?weight=much")),
    "error 503": Stop("/", _without_redis, is_lone=True),
}
