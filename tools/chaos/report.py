"""The results as a table, as JSON, and in docs/chaos.md."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tools.chaos.trial import Result

BEGIN, END = "<!-- what came out -->", "<!-- until here -->"
_MOST_LINES = 10
_HEAD = (
    "fault",
    "lasts",
    "requests",
    "failed",
    "writes",
    "lost",
    "out of order",
    "longest without a write",
    "bad canary aborted within",
    "back within",
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
        f"{result.lasted:.1f} s" if result.lasted >= 0.05 else "at once",
        str(result.requests),
        str(len(result.failed)),
        str(result.writes),
        str(len(result.lost)),
        str(len(result.violations)),
        f"{result.without_writes:.1f} s",
        f"{result.aborted_after:.1f} s",
        f"{result.back_after:.1f} s",
        str(result.polls),
        str(len(result.late)),
        f"{result.failed_polls}{' (may)' if result.failed_polls and result.polls_may_fail else ''}",
    )


def _complaints(result: Result) -> Iterator[str]:
    for found in (*_harm(result), *_slowness(result)):
        yield f"{result.fault}: {found}"


def _harm(result: Result) -> Iterator[str]:
    for found in sorted(set(result.failed)):
        yield f"{result.failed.count(found)} requests were answered {found[:80]}"
    wrong = (*result.lost, *result.violations)
    yield from wrong[:_MOST_LINES]
    if len(wrong) > _MOST_LINES:
        yield f"and {len(wrong) - _MOST_LINES} more"
    if result.failed_polls and not result.polls_may_fail:
        yield f"{result.failed_polls} polls failed"
    if result.error:
        yield result.error


def _slowness(result: Result) -> Iterator[str]:
    if result.late and not result.polls_may_fail:
        yield f"late polls, answered after {', '.join(f'{seconds:.1f} s' for seconds in result.late)}"
    if result.aborted_after > result.limits.abort:
        yield f"the bad canary kept its traffic for {result.aborted_after:.1f} s"
    if result.back_after > result.limits.back:
        yield f"everything worked again after {result.back_after:.1f} s"
