"""MkDocs hooks: the README is the home page, and files that pages link to become pages too.

Every link works in the site as it does in a checkout, and nothing is written twice.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_HOME = "index.md"
_README = _ROOT / "README.md"
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"(```.*?```)", re.DOTALL)
_LANGUAGES = {".service": "ini", ".yml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the home page, and every file of the project that a page links to."""
    files.append(File.generated(config, _HOME, content=_README.read_text(encoding="utf-8")))
    for path in _referred_to(_README, *sorted(_DOCS.rglob("*.md"))):
        files.append(File.generated(config, _uri(path), content=_shown(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite links to the files' places in the site."""
    origin = _origin(page.file.src_uri)
    here = posixpath.dirname(page.file.src_uri)

    def relinked(match: re.Match[str]) -> str:
        target = posixpath.relpath(_uri((origin.parent / match[1]).resolve()), here)
        return f"]({target}{match[2] or ''})"

    return "".join(part if part.startswith("```") else _LINK.sub(relinked, part) for part in _CODE.split(markdown))


def _referred_to(*pages: Path) -> Iterator[Path]:
    waiting, seen = list(pages), set(pages)
    while waiting:
        page = waiting.pop()
        for link, _ in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
            path = (page.parent / link).resolve()
            if path in seen or path.is_relative_to(_DOCS):
                continue
            seen.add(path)
            yield path
            if path.suffix == ".md":
                waiting.append(path)


def _uri(path: Path) -> str:
    if path == _README:
        return _HOME
    if path.is_relative_to(_DOCS):
        return path.relative_to(_DOCS).as_posix()
    source = f"source/{path.relative_to(_ROOT).as_posix()}"
    return source if path.suffix == ".md" else f"{source}.md"


def _origin(uri: str) -> Path:
    if uri == _HOME:
        return _README
    if not uri.startswith("source/"):
        return _DOCS / uri
    path = _ROOT / uri.removeprefix("source/")
    return path if path.exists() else path.with_suffix("")


def _shown(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    language = _LANGUAGES.get(path.suffix, path.suffix.removeprefix("."))
    return f"# {path.relative_to(_ROOT)}\n\n````{language}\n{text.rstrip()}\n````\n"
