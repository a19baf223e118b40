"""What the documents show is what the project takes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from provider.cli.main import cli
from provider.domain.analysis import Analysis
from provider.domain.fields import read
from provider.domain.rollouts import Spec
from provider.domain.strict_yaml import StrictLoader

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> Iterator[str]:
    for document in DOCUMENTS:
        yield from re.findall(rf"```{language}\n(.*?)```", document.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", [text for text in blocks("yaml") if "spec:" in text])
def test_a_rollout_that_is_shown_is_valid(text: str) -> None:
    assert read(Spec, yaml.load(text, StrictLoader)["spec"])  # noqa: S506 a safe one


@pytest.mark.parametrize("text", [text for text in blocks("yaml") if text.startswith("checks:")])
def test_checks_that_are_shown_are_valid(text: str) -> None:
    assert read(Analysis, yaml.safe_load(text)).checks


@pytest.mark.parametrize(
    "command", sorted({*re.findall(r"\$ traefik-canary ([a-z][a-z-]+)", "".join(blocks("console")))})
)
def test_a_command_that_is_shown_is_there(command: str) -> None:
    assert command in cli.commands


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_refers_to_is_there(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []
