"""`python -m tools.simulation`."""

import argparse
import json
import os
import sys
from pathlib import Path

from tools.simulation.report import as_document, as_text
from tools.simulation.runs import simulate
from tools.simulation.tables import TABLES


def main() -> int:
    """Simulate the chosen tables, and print each as soon as it is complete; return the exit code."""
    options = _options()
    documents = {}
    for name in options.tables or TABLES:
        table = TABLES[name]()
        results = []
        for attempts in simulate(name, runs=options.runs, seed=options.seed, jobs=options.jobs, rows=options.rows):
            results.append(attempts)
            sys.stderr.write(f"simulation: {name}: {len(results)} of {len(table.cells)}\n")
        sys.stdout.write(f"{table.title}\n\n{as_text(table, results)}\n")
        sys.stdout.flush()
        documents[name] = as_document(table, results)
    if options.json:
        options.json.write_text(json.dumps({"seed": options.seed, "tables": documents}) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tools.simulation", description="How often the analysis is wrong.")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"one of {', '.join(TABLES)}; default: all")
    parser.add_argument("--runs", type=_positive, default=1_000, metavar="N", help="attempts per cell (default 1000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same figures")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="processes")
    parser.add_argument("--rows", type=_positive, metavar="N", help="only the first rows of each table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every attempt's numbers to a file")
    options = parser.parse_args()
    unknown = [name for name in options.tables if name not in TABLES]
    if unknown:
        parser.error(f"unknown table {unknown[0]}; choose from {', '.join(TABLES)}")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
