"""People in a browser before the real thing: who they are, what they look at, and what the traffic then does."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, StorageState, sync_playwright

from provider.server.embedded_valkey import EmbeddedServer
from tests.e2e.harness import HOST, Stack

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LIGHT, DARK = "light", "dark"
ROLES = ("viewer", "operator", "admin")
_PATIENCE_MS = 8_000
_BAD_ANSWER = "Failed to load resource: the server responded with a status of"


def needed(path: str | None, *, what: str) -> str:
    """Give the path of what the tests need. Where it is missing they are skipped, and fail in CI."""
    if path:
        return path
    words = f"{what} is missing; `make test` installs it"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(words)
    pytest.skip(words)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Run a browser."""
    # The one without windows starts, and makes a visitor, in a third of the time.
    path = needed(shutil.which("chromium-headless-shell") or shutil.which("chromium"), what="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Scene:
    """A provider, and those who are signed in there. Each visit has a browser of its own, as good as new."""

    stack: Stack
    browser: Browser
    signed_in: dict[str, StorageState] = field(default_factory=dict)
    contexts: list[BrowserContext] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    redis: EmbeddedServer | None = None
    """A Redis that is not the provider's own, and that nobody starts again but the test."""
    problems: list[str] = field(default_factory=list)
    """What a console has said: nobody looks there, so nothing may go wrong there."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.stack.provider_port}"

    # People

    def token(self, name: str, role: str) -> str:
        """Make a token and give its secret."""
        secret: str = self.stack.done("POST", "/tokens", {"name": name, "role": role})["token"]
        return secret

    def context(self, **options: Any) -> BrowserContext:
        """Open a browser that has never been here, unless it has a `storage_state`."""
        context = self.browser.new_context(base_url=self.url, **{"viewport": WIDE, **options})
        context.set_default_timeout(_PATIENCE_MS)
        context.on("console", self._listen)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        self.contexts.append(context)
        return context

    def visitor(self, role: str = "admin", **options: Any) -> Page:
        """Give somebody who is signed in an empty page."""
        if role not in self.signed_in:  # once: so many attempts a minute are allowed
            self.signed_in[role] = self._sign_in(role)
        return self.context(storage_state=self.signed_in[role], **options).new_page()

    def visit(self, path: str = "/", *, role: str = "admin", **options: Any) -> Page:
        """Open a page as somebody who is signed in."""
        page = self.visitor(role, **options)
        page.goto(path)
        return page

    def _sign_in(self, role: str) -> StorageState:
        secret = self.stack.token if role == "admin" else self.token(f"a-{role}", role)
        page = self.context().new_page()
        page.goto("/sign-in")
        page.get_by_label("Token").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.url}/")
        return page.context.storage_state()

    def _listen(self, message: ConsoleMessage) -> None:
        # How a page itself was answered is asserted where it matters; the console says it once more.
        is_of_page = message.page is not None and message.location["url"] == message.page.url
        if message.type in {"error", "warning"} and not (is_of_page and message.text.startswith(_BAD_ANSWER)):
            self.problems.append(f"{message.location['url']}: {message.text}")

    # Rollouts

    def rollout(self, name: str, *, weight: float | None = None, **changes: Any) -> str:
        """Make a rollout with a host of its own, have it in Traefik, and give its name."""
        self.made.append(name)
        document = self.stack.spec(rule=f"Host(`{name}.localhost`)", **changes)
        self.stack.done("PUT", f"/rollouts/{name}", {"spec": document})
        if weight is not None:
            self.stack.done("PUT", f"/rollouts/{name}/weight", {"weight": weight})
        self.stack.wait_applied(name=name)
        return name

    def status(self, name: str) -> Mapping[str, Any]:
        status: Mapping[str, Any] = self.stack.done("GET", f"/rollouts/{name}")["status"]
        return status

    def canary_gets(self, name: str) -> int:
        """Tell how many of 20 requests the canary answers, once Traefik has what is to be; stable has all others."""
        self.stack.wait_applied(name=name)
        counted = self.stack.count(20, host=f"{name}.localhost")
        assert set(counted) <= {"v1", "v2"}, counted
        return counted["v2"]

    def leave(self) -> None:
        """Close what was opened and delete what was made; AssertionError where a console has said something."""
        for context in self.contexts:
            context.close()
        for name in self.made:
            self.stack.call("DELETE", f"/rollouts/{name}?allowShrink=true")
        self.contexts.clear()
        self.made.clear()
        self.all_is_well()

    def all_is_well(self) -> None:
        """Raise AssertionError where a console has said something, and forget it."""
        problems = list(self.problems)
        self.problems.clear()
        assert problems == [], problems

    # What breaks

    def stop_provider(self) -> None:
        self.stack.stop("provider")

    def start_provider(self) -> None:
        self.stack.start_provider()
        self.stack.wait_for_provider()


def axe_source() -> str:
    """Give the script that finds what people with other senses stumble over."""
    path = Path(".venv/axe.min.js")
    return Path(needed(str(path) if path.exists() else None, what=str(path))).read_text()
