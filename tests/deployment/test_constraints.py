"""constraints.txt and uv.lock: what is pinned is all that the tests run with, and both can be made anew."""

import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deployment.composition import ROOT

_LINES = (ROOT / "constraints.txt").read_text().splitlines()


def _needed(texts: Sequence[str], extras: Sequence[str] = ("",), seen: set[str] | None = None) -> Iterator[str]:
    """Give all that requirements bring on this platform, by canonical name."""
    seen = set() if seen is None else seen
    for requirement in map(Requirement, texts):
        key = f"{canonicalize_name(requirement.name)}{sorted(requirement.extras)}"
        applies = not requirement.marker or any(requirement.marker.evaluate({"extra": one}) for one in extras)
        if applies and key not in seen:
            seen.add(key)
            yield canonicalize_name(requirement.name)
            yield from _needed(_requires(requirement.name), ("", *requirement.extras), seen)


def _requires(name: str) -> Sequence[str]:
    try:
        return requires(name) or ()
    except PackageNotFoundError as error:
        raise AssertionError(f"{name} is not installed: run make install") from error


def test_all_that_is_installed_for_the_tests_is_pinned() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pinned = {canonicalize_name(line.partition("==")[0]) for line in _LINES[1:]}

    assert set() == set(_needed(["traefik-canary[demo]", *groups["test"]])) - pinned - {"traefik-canary"}


def test_pins_are_exact_sorted_and_free_of_this_project() -> None:
    names = [line.partition("==")[0] for line in _LINES[1:]]

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in _LINES[1:])
    assert sorted(names, key=str.lower) == names
    assert "traefik-canary" not in names


def test_the_target_that_the_header_names_is_there() -> None:
    target = re.search(r"make ([a-z]+)$", _LINES[0])

    assert target
    done = subprocess.run(
        ["make", "--dry-run", target[1]], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "constraints.txt" in done.stdout


# uv.lock


_LOCKED = {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _asked(texts: Sequence[str]) -> set[tuple[str, tuple[str, ...], str]]:
    found = map(Requirement, texts)
    return {(canonicalize_name(one.name), tuple(sorted(one.extras)), str(one.specifier)) for one in found}


def _locked(requirements: Sequence[dict[str, Any]]) -> set[tuple[str, tuple[str, ...], str]]:
    return {(one["name"], tuple(one.get("extras", ())), one.get("specifier", "")) for one in requirements}


def test_the_lock_has_the_pins() -> None:
    pins = dict(line.split("==") for line in _LINES[1:])

    assert {canonicalize_name(name): version for name, version in pins.items()} == {
        name: package["version"] for name, package in _LOCKED.items() if name in map(canonicalize_name, pins)
    }, "make lock"


def test_the_lock_was_made_from_this_project() -> None:
    metadata = _LOCKED["traefik-canary"]["metadata"]
    project, extras = _PROJECT["project"], _PROJECT["project"]["optional-dependencies"]
    asked = _asked([*project["dependencies"], *(text for texts in extras.values() for text in texts)])

    assert _locked(metadata["requires-dist"]) == asked, "make lock"
    assert _asked(_PROJECT["dependency-groups"]["test"]) == _locked(metadata["requires-dev"]["test"]), "make lock"
    assert f'requires-python = "{project["requires-python"]}"' in (ROOT / "uv.lock").read_text()


def test_the_lock_names_the_public_index_alone() -> None:
    hosts = set(re.findall(r"[a-z]+://([^/\"]+)", (ROOT / "uv.lock").read_text()))

    assert {"pypi.org", "files.pythonhosted.org"} == hosts
