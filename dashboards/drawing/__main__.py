"""`python -m dashboards.drawing`: play the story, and draw the dashboards of what Prometheus has seen of it."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from dashboards.drawing.answers import Questions
from dashboards.drawing.browser import BrowserMissingError, drawing_board, font
from dashboards.drawing.page import page
from dashboards.drawing.prometheus import FOLDER, PrometheusMissingError, Span, start_prometheus
from dashboards.drawing.story import ROLLOUT, busy, play, set_up
from provider.demo.gateway import TraefikMissingError
from provider.demo.processes import Processes, ProcessFailedError
from provider.demo.scenarios.stage import Stage

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "pictures"


def main() -> int:
    """Play, unless what was played is to be drawn again, and draw; the exit code."""
    parser = argparse.ArgumentParser("python -m dashboards.drawing", description="Pictures of the dashboards.")
    parser.add_argument("--again", action="store_true", help=f"draw what was played last, from {KEPT.name}")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images", help="where the pictures go")
    options = parser.parse_args()
    try:
        if not options.again:
            _play()
        _draw(options.folder)
    except (BrowserMissingError, PrometheusMissingError, TraefikMissingError, ProcessFailedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _play() -> None:
    with tempfile.TemporaryDirectory(prefix="canary-") as path, Processes(Path(path)) as processes:
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        fleet = set_up(Stage(Path(path), processes, _say))
        start_prometheus(KEPT, processes, fleet.targets)
        with busy(fleet):
            time.sleep(20)  # what rates look back on
            began = time.time()
            play(fleet, _say)
            (KEPT / "span.json").write_text(json.dumps([began, time.time()]))


def _draw(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    start, end = json.loads((KEPT / "span.json").read_text())
    with Processes(KEPT) as processes, drawing_board() as board:
        prometheus = start_prometheus(KEPT, processes, {})
        variables = {"datasource": "Prometheus", "rollout": ROLLOUT}
        questions = Questions(prometheus, Span(start, end), variables)
        for path in sorted(FOLDER.glob("*.json")):
            board(page(json.loads(path.read_text()), questions, font=font()), folder / f"dashboard-{path.stem}.png")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
