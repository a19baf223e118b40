"""What pages show of a shell: blocks of the language `console`, `$ ` before each command, its output below.

Beside what it says, a block may be told, by comments that no reader sees, on lines of their own above it:

- `<!-- before: COMMAND -->`: what has to be done for it to hold, and is not shown; may be repeated.
- `<!-- figures vary -->`: of its output the words are compared, not the numbers.
- `<!-- goes on -->`: its commands run until the page ends.
- `<!-- run by FILE -->`: too much for here; that test runs it, in these words.
- `<!-- not run: REASON -->`: nothing runs it. Every reason is listed in the test.

In an output `…` stands for anything. A command must succeed, unless the next one is `echo $?`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "dashboards" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE
)
_NOTE = re.compile(r"<!-- (?P<word>before|figures vary|goes on|run by|not run)(?:: | )?(?P<rest>.*?) ?-->", re.DOTALL)
_HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?")


@dataclass(frozen=True)
class Step:
    """A command, and the lines that are shown of its output."""

    command: str
    output: Sequence[str]
    notes: "Notes"
    is_shown: bool = True


@dataclass
class Notes:
    """What a block is told."""

    before: list[str] = field(default_factory=list)
    figures_vary: bool = False
    goes_on: bool = False
    run_by: str = ""
    not_run: str = ""


@dataclass(frozen=True)
class Block:
    """A block of code, its language and what it is told."""

    language: str
    text: str
    notes: Notes

    @property
    def steps(self) -> Sequence[Step]:
        """The commands of a block."""
        return list(_steps(self.text.splitlines(), self.notes))


def blocks(page: Path) -> Iterator[Block]:
    """Find the blocks of a page, in order."""
    text, end = page.read_text(encoding="utf-8"), 0
    for match in _BLOCK.finditer(text):
        yield Block(match["language"], match["text"], _notes(text[end : match.start()]))
        end = match.end()


def steps(page: Path) -> Sequence[Step]:
    """Give all commands of a page that are run with it, those that are not shown among them."""
    found: list[Step] = []
    for block in blocks(page):
        if block.language != "console" or block.notes.not_run or block.notes.run_by:
            continue
        found += [Step(command, (), block.notes, is_shown=False) for command in block.notes.before]
        found += block.steps
    return found


def _notes(above: str) -> Notes:
    notes = Notes()
    for match in _NOTE.finditer(above):
        if match["word"] == "before":
            notes.before.append(match["rest"])
        else:
            setattr(notes, match["word"].replace(" ", "_"), match["rest"] or True)
    return notes


def _steps(lines: Sequence[str], notes: Notes) -> Iterator[Step]:
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        assert line.startswith("$ "), f"an output without a command: {line}"
        command = [line[2:]]
        while command[-1].endswith("\\"):
            command.append(rest.pop(0))
        if match := _HERE_DOCUMENT.search(line):
            while command[-1] != match[1]:
                command.append(rest.pop(0))
        output = []
        while rest and not rest[0].startswith("$ "):
            output.append(rest.pop(0))
        yield Step("\n".join(command), output, notes)
