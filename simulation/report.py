"""What was simulated as a table for people (Markdown, as docs/analysis.md shows it) and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from simulation.runs import Result, Share

_HEADINGS = {
    "ours": "rolled back",
    "deflated": "with dispersion",
    "passed": "known good",
    "static": "Flagger 99%",
    "limit": "Argo 95%, failureLimit 3",
    "ranks": "Kayenta Mann–Whitney",
    "msprt": "mSPRT",
    "groups": "O'Brien–Fleming, 6 looks",
    "z": "z-test",
}


def as_text(results: Sequence[Result]) -> str:
    """Lay the results out as tables: those of single errors, then those of bursts."""
    single = [result for result in results if result.cell.burst == 1]
    bursts = [result for result in results if result.cell.burst > 1]
    return "\n".join(line for part in (single, bursts) if part for line in (*_table(part), ""))


def as_document(results: Sequence[Result], *, seed: int) -> dict[str, Any]:
    """Give everything as JSON's types: shares from 0 to 1, medians in minutes."""
    return {"seed": seed, "cells": [asdict(result) for result in results]}


def _table(results: Sequence[Result]) -> Iterator[str]:
    columns = [name for name in _HEADINGS if name == "passed" or name in results[0].rolled_back]
    yield "| " + " | ".join(["requests/s", "canary's errors", *(_HEADINGS[name] for name in columns)]) + " |"
    yield "| " + " | ".join(["---"] * (len(columns) + 2)) + " |"
    for result in results:
        cell = result.cell
        bursts = f", {cell.burst} at once" if cell.burst > 1 else ""
        fault = f"{cell.fault:g} × stable's" if cell.fault > 1 else "as stable's"
        shares = (result.passed if name == "passed" else result.rolled_back[name] for name in columns)
        yield "| " + " | ".join([f"{cell.rate:g}", fault + bursts, *map(_words, shares)]) + " |"


def _words(share: Share) -> str:
    per_cent = f"{100 * share.share:.1f} %"
    return per_cent if share.minutes is None else f"{per_cent}, {share.minutes:.1f} min"
