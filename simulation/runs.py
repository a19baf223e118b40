"""Many ramps of each cell, on all cores, and what came of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from statistics import median

from simulation.methods import Method, Ours, StaticRule, ZTest
from simulation.peers import FailureLimit, GroupSequential, MannWhitney, MixtureSprt
from simulation.traffic import Cell, looks

RATES = (1, 5, 50)
FAULTS = (1, 2, 5, 10)
BURST = 5
CELLS = tuple(Cell(rate, fault) for rate in RATES for fault in FAULTS)
BURST_CELLS = tuple(Cell(rate, fault, BURST) for rate in RATES for fault in (1, 5))
# Ramps that a process is given at a time: few enough that at the end none works while the others wait.
_CHUNK = 20

Minutes = float | None


@dataclass(frozen=True)
class Run:
    """One ramp, in minutes: when each method would have rolled back, and when ours knew the canary to be good."""

    rolled_back: Mapping[str, Minutes]
    passed: Minutes


@dataclass(frozen=True)
class Share:
    """How many of the runs something happened in, from 0 to 1, and in which minute (the median); None if in none."""

    share: float
    minutes: Minutes


@dataclass(frozen=True)
class Result:
    """All ramps of a cell: what each method rolled back, and what ours knew to be good before it rolled it back."""

    cell: Cell
    runs: int
    rolled_back: Mapping[str, Share]
    passed: Share


def simulate(cells: Sequence[Cell], *, runs: int, seed: int, jobs: int) -> Iterator[Result]:
    """Give the result of each cell as soon as it is known. The same seed gives the same, whatever `jobs` is."""
    tasks = [
        (cell, seed, range(start, min(start + _CHUNK, runs))) for cell in cells for start in range(0, runs, _CHUNK)
    ]
    done: list[Run] = []
    ahead = iter(cells)
    for chunk in _mapped(tasks, jobs):
        done += chunk
        if len(done) == runs:
            yield _result(next(ahead), done)
            done = []


def run_once(cell: Cell, random: Random) -> Run:
    """Show one ramp to every method until all of them have rolled back, or to its end."""
    ours = Ours()
    methods: dict[str, Method] = {
        "ours": ours,
        "static": StaticRule(),
        "limit": FailureLimit(),
        "ranks": MannWhitney(),
        "msprt": MixtureSprt(),
        "groups": GroupSequential(),
        "z": ZTest(),
    }
    if cell.burst > 1:
        methods["deflated"] = Ours(dispersion=cell.burst)
    rolled_back: dict[str, Minutes] = dict.fromkeys(methods)
    for look in looks(cell, random):
        waiting = [name for name in methods if rolled_back[name] is None]
        rolled_back |= {name: look.minutes for name in waiting if methods[name].rolls_back(look)}
        if None not in rolled_back.values():
            break
    return Run(rolled_back, ours.passed_minutes)


Task = tuple[Cell, int, range]


def _mapped(tasks: Sequence[Task], jobs: int) -> Iterator[Sequence[Run]]:
    if jobs == 1:
        yield from map(_run_task, tasks)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_run_task, tasks)


def _run_task(task: Task) -> Sequence[Run]:
    cell, seed, numbers = task
    # Each ramp has a seed of its own, so that it does not matter which process runs it.
    return [run_once(cell, Random(f"{seed} {cell} {number}")) for number in numbers]  # noqa: S311 nothing is secret


def _result(cell: Cell, runs: Sequence[Run]) -> Result:
    return Result(
        cell=cell,
        runs=len(runs),
        rolled_back={name: _share([run.rolled_back[name] for run in runs]) for name in runs[0].rolled_back},
        passed=_share([run.passed for run in runs]),
    )


def _share(minutes: Sequence[Minutes]) -> Share:
    happened = [minute for minute in minutes if minute is not None]
    return Share(share=len(happened) / len(minutes), minutes=median(happened) if happened else None)
