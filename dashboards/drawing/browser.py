"""Pages as PNG files, by a real browser."""

import base64
import io
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from dashboards.drawing.page import WIDTH

_BESIDE = Path(sys.executable).parent
# A palette of so many takes less than half the room, and nobody sees it.
_COLOURS = 256
_FONT = _BESIDE.parent / "inter.woff2"


class BrowserMissingError(Exception):
    """There is no browser; the words say how to get one."""


@contextmanager
def drawing_board() -> Iterator[Callable[[str, Path], None]]:
    """Give what makes a picture of a page, from its HTML, at a path."""
    names = ("chromium-headless-shell", "chromium")
    found = (shutil.which(name, path=path) for path in (str(_BESIDE), None) for name in names)
    program = next(filter(None, found), None)
    if not program:
        raise BrowserMissingError("chromium is missing: make fetches it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        sheet = browser.new_page(viewport={"width": WIDTH, "height": 600})

        def draw(html: str, path: Path) -> None:
            sheet.set_content(html)
            sheet.evaluate("document.fonts.ready")
            shot = Image.open(io.BytesIO(sheet.screenshot(full_page=True))).convert("RGB")
            shot.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)

        yield draw
        browser.close()


def font() -> str:
    """Give Grafana's font, where make has fetched it, as an address that a page may have in it."""
    if not _FONT.exists():
        return ""
    return f"data:font/woff2;base64,{base64.b64encode(_FONT.read_bytes()).decode()}"
