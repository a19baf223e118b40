"""Every command that a page shows is run, page by page, and says what the page shows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest

from provider.demo.parts import ProviderProcess, free_port
from tests.demonstration import OPTIONS, Demo, free_ports
from tests.demonstration import running as demo_running
from tests.documentation.shell import Done, Shell, matches, running
from tests.documentation.transcripts import PAGES, ROOT, Step, blocks, steps

pytestmark = pytest.mark.traefik

# The ports that are shown, in the order of OPTIONS.
SHOWN = ("8080", "8000", "8443", "8081", "9001", "9002")
# That of a version which a page starts itself.
OWN = "9003"
# Why something is shown that nothing runs.
MINUTES = "it takes minutes"
REASONS = {
    "no container engine": "docker ",
    "no systemd": "systemctl ",
    MINUTES: "",
}
# They show the numbers of revisions, as they are at the first start.
FIRST = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
LONG = [step for page in PAGES for block in blocks(page) if block.notes.not_run == MINUTES for step in block.steps]
_WORD = re.compile(r"[a-z][\w-]{3,}")
_COMMANDS = re.compile(
    r"^\s*(\$ )?(traefik-canary|make|docker|pip|curl|\.venv/bin/\S+|[A-Z_]+=\S+ traefik-canary) ", re.MULTILINE
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@dataclass(frozen=True)
class Place:
    """Where a reader is: a checkout, with a demonstration running and `traefik-canary` on the path."""

    shell: Shell
    ports: Mapping[str, str]
    """The ports that are shown, and those that are so here."""

    def run(self, step: Step) -> Done:
        command = self._here(step.command)
        if step.notes.goes_on and step.is_shown:
            self.shell.start(command)
            return Done("", 0)
        done = self.shell.run(command)
        return Done(self._shown(done.output), done.code)

    def _here(self, text: str) -> str:
        for shown, here in self.ports.items():
            text = re.sub(rf"(?<=[:=\s]){shown}\b", here, text)
        return text

    def _shown(self, text: str) -> str:
        for shown, here in self.ports.items():
            text = re.sub(rf"(?<=[:=\s]){here}\b", shown, text)
        return text


@dataclass(frozen=True)
class World:
    """A demonstration that runs, and how it was when it began."""

    ports: Mapping[str, str]
    environment: Mapping[str, str]
    provider: ProviderProcess
    spec: Any

    @classmethod
    def of(cls, demo: Demo, ports: Sequence[str]) -> Self:
        """Read what a demonstration says of itself."""
        exported = dict(re.findall(r"(CANARY_\w+)=(\S+)", demo.said()))
        logs = re.search(r"Logs +(.+)", demo.said())
        assert logs
        provider = ProviderProcess(port=int(ports[0]), token=exported["CANARY_TOKEN"])
        return cls(
            ports=dict(zip(SHOWN, ports, strict=True)),
            environment={**exported, "CANARY_DATA_DIR": f"{logs[1]}/provider"},
            provider=provider,
            spec=provider.call("GET", "/rollouts/shop").json()["spec"],
        )

    def begin_anew(self) -> None:
        """Make it what it was, but for the numbers of its revisions."""
        call = self.provider.call
        for webhook in call("GET", "/webhooks").json()["webhooks"]:
            call("DELETE", f"/webhooks/{webhook['name']}")
        for rollout in call("GET", "/rollouts").json()["rollouts"]:
            call("DELETE", f"/rollouts/{rollout['name']}?allowShrink=true")
        call("PUT", "/rollouts/shop", {"spec": self.spec})
        call("GET", "/rollouts/shop/wait?for=applied")


@contextmanager
def demonstrated(directory: Path) -> Iterator[World]:
    """Run a demonstration."""
    options = free_ports()
    with demo_running(directory, *options) as demo:
        demo.wait_until_ready()
        yield World.of(demo, options[1::2])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give a demonstration that pages use one after another."""
    with demonstrated(tmp_path_factory.mktemp("demo")) as world:
        yield world


@contextmanager
def checkout(world: World, directory: Path) -> Iterator[Place]:
    """Run a shell in what looks like a checkout."""
    place = directory / "checkout"
    place.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in {"build", "dist"}:
            (place / entry.name).symlink_to(entry)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CANARY_")},
        **world.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(directory),
        "no_proxy": "*",
    }
    with running(place, environment) as shell:
        yield Place(shell, {**world.ports, OWN: str(free_port())})


@pytest.mark.parametrize("page", FIRST, ids=named)
def test_what_is_shown_happens_at_the_first_start(page: Path, tmp_path: Path) -> None:
    with demonstrated(tmp_path) as world, checkout(world, tmp_path) as place:
        happens(page, place)


@pytest.mark.parametrize("page", [page for page in PAGES if steps(page) and page not in FIRST], ids=named)
def test_what_is_shown_happens(page: Path, tmp_path: Path, shared: World) -> None:
    shared.begin_anew()
    with checkout(shared, tmp_path) as place:
        happens(page, place)


def happens(page: Path, place: Place) -> None:
    found = steps(page)
    for step, following in zip(found, [*found[1:], None], strict=True):
        done = place.run(step)
        may_fail = following and following.command == "echo $?"

        assert done.code == 0 or may_fail, f"$ {step.command}\n{done.output}\n(exit code {done.code})"
        assert not step.output or matches(step.output, done.output, figures_vary=step.notes.figures_vary), (
            f"$ {step.command}\nis shown to say\n{chr(10).join(step.output)}\nand said\n{done.output}"
        )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_nothing_is_shown_that_is_not_run(page: Path) -> None:
    for block in blocks(page):
        notes = block.notes
        if block.language not in {"console", "text"}:
            assert not _COMMANDS.search(block.text), f"commands must be shown as console: {block.text}"
        if notes.not_run:
            assert notes.not_run in REASONS
            assert REASONS[notes.not_run] in block.text
        if notes.run_by:
            test = (ROOT / notes.run_by).read_text().lower()
            words = {word for step in block.steps for word in _WORD.findall(step.command)}
            assert any({word, word.replace("-", "_")} & set(_WORD.findall(test)) for word in words)


@pytest.mark.parametrize("step", LONG, ids=lambda step: step.command.partition("#")[0])
def test_what_takes_minutes_is_there(step: Step) -> None:
    command = step.command.partition("#")[0]
    if target := re.search(r"\bmake ([a-z-]+)", command):
        assert f"\n{target[1]}: " in (ROOT / "Makefile").read_text()
        return
    module = re.search(r"-m (\S+)", command)
    assert module

    assert set(re.findall(r"--[a-z-]+", command)) <= options_of(module[1])


@cache
def options_of(module: str) -> frozenset[str]:
    """Return the options that a module's help shows."""
    asked = [sys.executable, "-m", module, "--help"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return frozenset(re.findall(r"--[a-z-]+", said))


def test_the_ports_that_are_shown_are_the_defaults() -> None:
    assert len(SHOWN) == len(OPTIONS)
