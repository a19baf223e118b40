"""Plays a scenario as `traefik-canary demo --scenario` does, and holds its page to what it shows."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from provider.demo.processes import Processes
from provider.demo.scenarios import scenario
from provider.demo.scenarios.stage import Claim, Stage

_PAGES = Path(__file__).parents[2] / "docs" / "scenarios"
_NUMBER = re.compile(r"\d[\d,.]*")


def played(name: str, directory: Path) -> Sequence[Claim]:
    """Play it with real processes and give what it claims."""
    # In a thread: a browser that another test has opened keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_played, name, directory).result()


def _played(name: str, directory: Path) -> Sequence[Claim]:
    said: list[str] = []
    with Processes(directory) as processes:
        return list(scenario(name)(Stage(directory, processes, said.append)))


def not_so(claims: Sequence[Claim]) -> Sequence[str]:
    """Name the claims that were not so."""
    return [claim.words for claim in claims if not claim.holds]


def missing_in_page(name: str, claims: Sequence[Claim]) -> Sequence[str]:
    """Name the claims that the scenario's page does not show, whatever their figures."""
    page = _NUMBER.sub("N", (_PAGES / f"{name}.md").read_text())
    return [claim.words for claim in claims if _NUMBER.sub("N", claim.words) not in page]
