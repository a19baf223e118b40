"""The results as a table, as JSON, and in docs/chaos.md."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tools.chaos.trial import Result

BEGIN, END = "<!-- what came out -->", "<!-- until here -->"
_HEAD = (
    "fault",
    "lasts",
    "requests",
    "failed",
    "writes",
    "lost",
    "out of order",
    "longest without a write",
    "writes again after",
    "change in traffic within",
    "polls",
    "late",
    "failed",
)


def as_document(results: Sequence[Result], *, machine: str, seed: int) -> dict[str, Any]:
    """Return all results as JSON types."""
    return {
        "machine": machine,
        "seed": seed,
        "results": [{**asdict(result), "isGood": result.is_good} for result in results],
    }


def as_table(results: Sequence[Result]) -> str:
    """Return a Markdown table that is readable as text."""
    rows = [_HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]) + "\n"


def as_words(results: Sequence[Result]) -> str:
    """Return one line for each failure."""
    return "".join(f"{line}\n" for result in results for line in _complaints(result))


def written_into(page: str, text: str) -> str:
    """Return a page with a text between its markers. Raise ValueError if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}{END}{after}"


def _row(result: Result) -> tuple[str, ...]:
    if result.skipped:
        return (f"{result.words}: not tried, {result.skipped}", *([""] * (len(_HEAD) - 1)))
    return (
        result.words,
        f"{result.lasted:.1f} s",
        str(result.requests),
        str(len(result.failed)),
        str(result.writes),
        str(len(result.lost)),
        str(len(result.violations)),
        f"{result.without_writes:.1f} s",
        f"{result.writes_after:.1f} s",
        f"{result.to_traffic:.1f} s",
        str(result.polls),
        str(len(result.late)),
        f"{result.failed_polls}{' (may)' if result.failed_polls and result.polls_may_fail else ''}",
    )


def _complaints(result: Result) -> Iterator[str]:
    for found in sorted(set(result.failed)):
        yield f"{result.fault}: {result.failed.count(found)} requests were answered {found[:80]}"
    for found in (*result.lost, *result.violations):
        yield f"{result.fault}: {found}"
    if result.late:
        yield f"{result.fault}: late polls, answered after {', '.join(f'{seconds:.1f} s' for seconds in result.late)}"
    if result.failed_polls and not result.polls_may_fail:
        yield f"{result.fault}: {result.failed_polls} polls failed"
    if result.error:
        yield f"{result.fault}: {result.error}"
