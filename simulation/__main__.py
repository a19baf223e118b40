"""`python -m simulation`."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from simulation.report import as_document, as_text
from simulation.runs import BURST_CELLS, CELLS, Result, simulate


def main() -> int:
    """Simulate and print; the exit code."""
    options = _options()
    cells = CELLS + (BURST_CELLS if options.bursts else ())
    results = list(_told(simulate(cells, runs=options.runs, seed=options.seed, jobs=options.jobs)))
    sys.stdout.write(as_text(results))
    if options.json:
        options.json.write_text(json.dumps(as_document(results, seed=options.seed), indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m simulation", description="How often a canary is judged wrongly.")
    parser.add_argument("--runs", type=_positive, default=1_000, metavar="N", help="ramps of each kind")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same figures")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="processes at once")
    parser.add_argument("--no-bursts", dest="bursts", action="store_false", help="only errors that come singly")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _told(results: Iterator[Result]) -> Iterator[Result]:
    """Say of each result that it is there: all of them take minutes."""
    for result in results:
        sys.stderr.write(f"simulation: done {result.cell}\n")
        yield result


if __name__ == "__main__":
    sys.exit(main())
