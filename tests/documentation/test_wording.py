"""Messages in the code and texts of the pages use the vocabulary and the typography of the documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documentation.test_prose import VOCABULARY
from tests.documentation.transcripts import ROOT

_SPACED_PERCENT = re.compile(r"(?:\d+|\}) %(?=$|[\s.,;:)])(?! \()")
_TAG = re.compile(r"<[^>]*>|\{[%#{].*?[%#}]\}", re.DOTALL)
_SOURCES = sorted((ROOT / "provider").rglob("*.py"))
_TEMPLATES = sorted((ROOT / "provider").rglob("templates/*.html"))
# Terms that are private idiom in messages and not in explanations.
_PRIVATE = {
    r"waiting for a person": "waiting for approval",
    r"all is well": "no problems found",
    r"(?:is|was) written down": "saved",
    r"(?:is|are) forgotten": "deleted",
    r"lower-case": "lowercase",
    r"under the request id": "under request ID",
}


def messages(source: Path) -> Iterator[str]:
    """Yield the string literals of a module without its docstrings; values in f-strings become `{}`."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    skipped = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node.value


def faults(text: str) -> dict[str, str]:
    """Return each unwanted term in a text, with the one to use instead."""
    found = {
        match[0]: instead
        for pattern, instead in (VOCABULARY | _PRIVATE).items()
        for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    }
    return found | {match[0]: "25%" for match in _SPACED_PERCENT.finditer(text)}


@pytest.mark.parametrize("source", _SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_messages_use_the_vocabulary(source: Path) -> None:
    found = {term: instead for text in messages(source) for term, instead in faults(text).items()}

    assert found == {}


@pytest.mark.parametrize("template", _TEMPLATES, ids=lambda template: template.name)
def test_pages_use_the_vocabulary(template: Path) -> None:
    assert faults(_TAG.sub(" ", template.read_text(encoding="utf-8"))) == {}


def test_makefile_help_uses_the_vocabulary() -> None:
    assert faults((ROOT / "Makefile").read_text(encoding="utf-8")) == {}


def test_private_idiom_is_found() -> None:
    assert faults("25 % are waiting for a person") == {"25 %": "25%", "waiting for a person": "waiting for approval"}
