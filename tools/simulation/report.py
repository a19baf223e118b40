"""The results of a table as Markdown, and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from tools.simulation.tables import Numbers, Table


def as_text(table: Table, results: Sequence[Sequence[Numbers]]) -> str:
    """Lay out the results as a table of docs/analysis.md."""
    return "\n".join(_lines(table, results)) + "\n"


def as_document(table: Table, results: Sequence[Sequence[Numbers]]) -> dict[str, Any]:
    """Give every attempt's numbers: minutes, requests, or whether something happened."""
    cells = [
        {"labels": list(cell.labels), "attempts": list(attempts)}
        for cell, attempts in zip(table.cells, results, strict=False)
    ]
    return {"title": table.title, "cells": cells}


def _lines(table: Table, results: Sequence[Sequence[Numbers]]) -> Iterator[str]:
    headings = [*table.headings, *(heading for _, heading, _ in table.columns)]
    yield _row(headings)
    yield _row(["---"] * len(headings))
    for cell, attempts in zip(table.cells, results, strict=False):
        values = [summed([numbers[name] for numbers in attempts]) for name, _, summed in table.columns]
        yield _row([*cell.labels, *values])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
