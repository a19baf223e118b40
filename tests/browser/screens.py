"""Pictures of every page, light and dark, wide and narrow, to look at: `python -m tests.browser.screens FOLDER`.

Two more are for the documentation, `fleet.png` and `rollout-phone.png`: with traffic. A palette makes them smaller.
"""

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from provider.demo.processes import Processes
from provider.server.embedded_valkey import EmbeddedServer
from tests.browser.scene import DARK, LIGHT, NARROW, WIDE, Scene, browsing
from tests.browser.walk import LONG_NAME, STOPS, Stop, furnish
from tests.e2e.harness import Stack, started

_LOOKS = {"light-wide": (LIGHT, WIDE), "dark-wide": (DARK, WIDE), "light": (LIGHT, NARROW), "dark": (DARK, NARROW)}
_BUSY = ("search", "basket", "mail", "payments")


def main() -> int:
    """Take all pictures; the exit code."""
    parser = argparse.ArgumentParser("python -m tests.browser.screens", description="Pictures of every page.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs-only", action="store_true", help="take only the two for the documentation")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="canary-") as path, browsing() as browser:
        directory = Path(path)
        for name in ("whole", "lone"):
            (directory / name).mkdir()
        with (
            Processes(directory / "whole") as processes,
            Processes(directory / "lone") as others,
            EmbeddedServer(directory / "redis") as redis,
        ):
            whole = Scene(started(directory / "whole", processes), browser)
            furnish(whole)
            _for_documentation(whole, options.folder)
            if options.docs_only:
                return 0
            whole.rollout(LONG_NAME, weight=100)
            stack = Stack(directory / "lone", others)
            stack.start_provider(CANARY_REDIS_URL=redis.url)
            stack.wait_for_provider()
            lone = Scene(stack, browser, redis=redis)
            for name, stop in STOPS.items():
                _take(lone if stop.is_lone else whole, name, stop, options.folder)
    return 0


def _take(scene: Scene, name: str, stop: Stop, folder: Path) -> None:
    page = scene.visitor(stop.role) if stop.role else scene.context().new_page()
    stop.way(scene, page)
    for look, (scheme, size) in _LOOKS.items():
        _dress(page, scheme, size)
        page.screenshot(path=folder / f"{name.replace(', ', '-').replace(' ', '-')}.{look}.png", full_page=True)
    page.context.close()


def _dress(page: Page, scheme: Any, size: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)


def _for_documentation(scene: Scene, folder: Path) -> None:
    scene.stack.done("DELETE", f"/rollouts/{LONG_NAME}?allowShrink=true")
    with _traffic(scene):
        fleet = scene.visit("/")
        for name in _BUSY:
            fleet.locator(f"#r-{name} small", has_text="achieved").wait_for(timeout=60_000)
        _dress(fleet, LIGHT, {"width": 1_000, "height": 770})
        fleet.screenshot(path=folder / "fleet.png")
        phone = scene.visit("/rollouts/basket")
        phone.locator("#traffic", has_text="achieved").wait_for()
        phone.locator(".delivery .applied").wait_for()
        _dress(phone, DARK, NARROW)
        phone.screenshot(path=folder / "rollout-phone.png")


@contextmanager
def _traffic(scene: Scene) -> Iterator[None]:
    ends = threading.Event()

    def run() -> None:
        while not ends.is_set():
            for name in _BUSY:
                scene.stack.count(1, host=f"{name}.localhost")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
