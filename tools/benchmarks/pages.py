"""How long a page takes to come and to be seen: `python -m tools.benchmarks.pages`.

A provider as `serve` runs it, with a thousand rollouts stored, or as many as are asked for, a tenth of them with a
canary. Measured is how long the server takes to answer, from the first byte sent to the last byte read over a
connection that is open; and, where Chromium and Playwright are there, when a browser that has the style sheet shows
something for the first time.
"""

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from provider.demo.parts import ProviderProcess
from provider.demo.processes import Processes
from provider.domain.fields import read
from provider.domain.rollouts import Rollout, Spec
from tools.benchmarks.distribution import Distribution
from tools.benchmarks.stored import stored

PATHS = {"fleet": "/", "fleet, searched": "/?q=shop-9&sort=weight", "rollout": "/rollouts/shop-1", "editor": "/new"}
LISTS = {"list of 100": "/api/v1/rollouts?limit=100", "list of the last": "/api/v1/rollouts?limit=100&cursor=shop-99"}
_WARM_UP = 10
_EVERY = 10
_PAINTED = """() => new Promise((resolve) => new PerformanceObserver((list) =>
  resolve(list.getEntries()[0].startTime)).observe({type: "paint", buffered: true}))"""


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.pages", description="How long a page takes.")
    parser.add_argument("--rollouts", type=int, default=1_000, help="how many are stored")
    parser.add_argument("--requests", type=int, default=100, help="how often each page is asked for")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="canary-") as path, Processes(Path(path)) as processes:
        directory = Path(path)
        with crowded(directory, rollouts=options.rollouts) as store:
            provider = ProviderProcess()
            environment = {"CANARY_REDIS_URL": store, "CANARY_RATE_LIMIT": "0"}
            provider.start(processes, data_dir=directory / "data", environment=environment)
            _report(provider, options.rollouts, options.requests)
    return 0


@contextmanager
def crowded(directory: Path, *, rollouts: int) -> Iterator[str]:
    """Run a store that holds so many rollouts, `shop-0` and on, and give its address."""
    with stored(directory, _rollouts(rollouts)) as url:
        yield url


def _rollouts(count: int) -> Iterator[Rollout]:
    now = datetime.now(UTC)
    for index in range(count):
        yield Rollout.create(f"shop-{index}", _spec(index), now=now)


def _spec(index: int) -> Spec:
    document: dict[str, Any] = {
        "rule": f"Host(`shop-{index}.localhost`)",
        "stable": {"servers": [{"url": "http://10.0.0.1:80"}]},
    }
    if index % _EVERY == 1:
        document |= {
            "canary": {"servers": [{"url": "http://10.0.0.2:80"}]},
            "steps": [{"setWeight": index % 89 + 1}, {"pause": {}}, {"setWeight": 90}],
        }
    return read(Spec, document)


def _report(provider: ProviderProcess, rollouts: int, asked: int) -> None:
    session = requests.Session()
    link = provider.url + provider.call("POST", "/sign-in-links", {}).json()["path"]
    (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', session.get(link, timeout=10).text)
    session.post(link, data={"csrf": csrf}, timeout=10).raise_for_status()
    sys.stdout.write(f"{rollouts:,} rollouts, {asked} requests a page; milliseconds\n")
    _row("the server answers", ())
    for name, path in PATHS.items():
        _row(f"  {name}", [_answered(session, provider.url + path) for _ in range(_WARM_UP + asked)][_WARM_UP:])
    _row("the REST API answers", ())
    session.headers["Authorization"] = f"Bearer {provider.token}"
    for name, path in LISTS.items():
        _row(f"  {name}", [_answered(session, provider.url + path) for _ in range(_WARM_UP + asked)][_WARM_UP:])
    del session.headers["Authorization"]
    _row("first seen in Chromium, from the click", ())
    for name, seconds in _first_paints(provider.url, dict(session.cookies.items()), asked // 2):
        _row(f"  {name}", seconds)


def _answered(session: requests.Session, url: str) -> float:
    began = time.perf_counter()
    session.get(url, timeout=30).raise_for_status()
    return time.perf_counter() - began


def _first_paints(url: str, cookies: dict[str, str], asked: int) -> Iterator[tuple[str, Sequence[float]]]:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stdout.write("  chromium is not on the path: left out\n")
        return
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 the rest needs no browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        for name, value in cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": url}])
        page = context.new_page()
        for name, path in PATHS.items():
            milliseconds = []
            for _ in range(_WARM_UP + asked):
                page.goto(url + path)
                milliseconds.append(float(page.evaluate(_PAINTED)))
            yield name, [value / 1_000 for value in milliseconds[_WARM_UP:]]
        browser.close()


def _row(name: str, seconds: Sequence[float]) -> None:
    if not seconds:
        sys.stdout.write(f"{name:<40}{'min':>9}{'p50':>9}{'p95':>9}{'max':>9}\n")
        return
    figures = Distribution.of([value * 1_000 for value in seconds])
    shown = (figures.min, figures.p50, figures.p95, figures.max)
    sys.stdout.write(f"{name:<40}" + "".join(f"{value:>9.1f}" for value in shown) + "\n")


if __name__ == "__main__":
    sys.exit(main())
