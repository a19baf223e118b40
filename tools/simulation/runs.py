"""Many attempts of each cell, on all cores. The same seed gives the same figures with any number of processes."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from multiprocessing import get_context
from random import Random

from tools.simulation.tables import TABLES, Numbers, Table

# Attempts that a process gets at a time: few enough that none works alone at the end.
_CHUNK = 10
Task = tuple[str, int, int, range]


def simulate(table: str, *, runs: int, seed: int, jobs: int, rows: int | None = None) -> Iterator[Sequence[Numbers]]:
    """Yield the attempts of each cell of a table, in order; only of the first `rows` cells if given."""
    cells = _table(table).cells[:rows]
    wanted = [min(runs, cell.most_runs or runs) for cell in cells]
    tasks = [
        (table, index, seed, range(start, min(start + _CHUNK, number)))
        for index, number in enumerate(wanted)
        for start in range(0, number, _CHUNK)
    ]
    ahead, done = iter(wanted), list[Numbers]()
    number = next(ahead)
    for chunk in _mapped(tasks, jobs):
        done += chunk
        if len(done) == number:
            yield done
            done, number = [], next(ahead, 0)


def _mapped(tasks: Sequence[Task], jobs: int) -> Iterator[Sequence[Numbers]]:
    if jobs == 1:
        yield from map(_run, tasks)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_run, tasks)


def _run(task: Task) -> Sequence[Numbers]:
    table, index, seed, numbers = task
    cell = _table(table).cells[index]
    # Each attempt has a seed of its own, so that it does not matter which process runs it.
    return [cell.attempt(Random(f"{seed} {table} {cell.labels} {number}")) for number in numbers]  # noqa: S311


@lru_cache
def _table(name: str) -> Table:
    return TABLES[name]()
