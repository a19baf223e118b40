"""The site: it builds without a warning, needs nothing from elsewhere, and its reference is what the code says."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.documentation.transcripts import ROOT
from tools.reference.pages import generated

# What a browser would load by itself, and what mkdocs-material writes of where it comes from.
_LOADED = re.compile(r'(?:src|<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href)="(https?:[^"]+)"')


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, with every warning an error."""
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(directory)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return directory


def pages(site: Path) -> Sequence[Path]:
    return sorted(site.rglob("*.html"))


def test_the_readme_is_the_home_page(site: Path) -> None:
    home = (site / "index.html").read_text()

    assert 'href="tutorial.html"' in home
    assert 'src="images/fleet.png"' in home


def test_files_that_pages_refer_to_are_there_to_read(site: Path) -> None:
    assert "providersThrottleDuration" in (site / "source" / "traefik" / "traefik.yml.html").read_text()
    assert 'href="../../metrics.html"' in (site / "source" / "dashboards" / "index.html").read_text()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    assert [(page.name, found) for page in pages(site) for found in _LOADED.findall(page.read_text())] == []


@pytest.mark.parametrize(("path", "text"), generated().items(), ids=lambda found: getattr(found, "name", ""))
def test_what_is_checked_in_is_what_is_generated(path: Path, text: str) -> None:
    assert path.read_text() == text, "run: python -m tools.reference"
