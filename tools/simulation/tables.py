"""The tables of docs/analysis.md: what is simulated for each, and how it is laid out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from statistics import median

from provider.domain.analysis import Analysis, Outcome
from tools.simulation.counting import EDGES
from tools.simulation.judges import PEERS, Judge, Ours
from tools.simulation.traffic import (
    KINDS,
    NEW,
    BrokenPools,
    ColdSteps,
    CountedTesters,
    Differing,
    Downloads,
    Drifting,
    Kind,
    Scenario,
    Schedule,
    SharedOutage,
    StickyMix,
    StickyRetries,
    StickySessions,
    Swing,
)

DEFAULTS = Analysis()
OTEL_EDGES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
HOUR = 3_600
# What one simulated attempt gives: a number for each thing that is counted, None where it did not happen.
Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Cell:
    """Many attempts of one kind: the labels of its row, and what simulates one of them."""

    labels: Sequence[str]
    attempt: Callable[[Random], Numbers]
    most_runs: int | None = None


@dataclass(frozen=True)
class Table:
    """A table: the headings of its labels, its columns with how they are summed up, and its cells."""

    title: str
    headings: Sequence[str]
    columns: Sequence[tuple[str, str, Callable[[Sequence[float | None]], str]]]
    cells: Sequence[Cell]


def share(values: Sequence[float | None]) -> str:
    """Give how often something happened, and when (the median, in minutes)."""
    happened = [value for value in values if value is not None]
    words = f"{100 * len(happened) / len(values):.1f}%"
    return f"{words}, {duration(60 * median(happened))}" if happened and median(happened) > 0 else words


def frequency(values: Sequence[float | None]) -> str:
    """Give how often something happened."""
    return f"{100 * sum(bool(value) for value in values) / len(values):.1f}%"


def until(values: Sequence[float | None]) -> str:
    """Give the median and the 90th percentile of a time in minutes; what did not happen took longer than all else."""
    ordered = sorted(float("inf") if value is None else value for value in values)
    middle, late = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, 9 * len(ordered) // 10)]
    return f"{duration(60 * middle)} [{duration(60 * late)}]"


def count(values: Sequence[float | None]) -> str:
    """Give the median of a number."""
    ordered = sorted(float("inf") if value is None else value for value in values)
    middle = ordered[len(ordered) // 2]
    return "-" if middle == float("inf") else f"{middle:,.0f}"


def duration(seconds: float) -> str:
    """Give a duration in words."""
    if seconds == float("inf"):
        return "-"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def rolled_back(judges: dict[str, Judge], scenario: Scenario) -> Numbers:
    """Show one attempt to every judge, and say in which minute each would roll back."""
    minutes: Numbers = dict.fromkeys(judges)
    for sample in scenario.samples():
        waiting = [name for name, minute in minutes.items() if minute is None]
        if not waiting:
            break
        for name in waiting:
            if judges[name].rolls_back(sample):
                minutes[name] = sample.seconds / 60
    return minutes


def false_rollbacks() -> Table:
    """How often an equal canary is rolled back, in each circumstance."""
    return Table(
        "An equal canary is rolled back",
        ("traffic", "requests/s"),
        [("defaults", "defaults", share)],
        [_judged_by({"defaults": DEFAULTS}, kind, rate) for kind in KINDS for rate in kind.rates],
    )


# Traffic in which the two sides really differ, and the settings that allow for it.
DIFFERENT = (StickySessions, StickyMix, CountedTesters, Drifting, Differing, Downloads)
CURES = {
    "dispersion: 5": DEFAULTS.model_copy(update={"dispersion": 5}),
    "worseThan: 1.6": DEFAULTS.model_copy(update={"worse_than": 1.6}),
    "sustained: 2m": DEFAULTS.model_copy(update={"sustained": timedelta(minutes=2)}),
}


def cures() -> Table:
    """How often other settings roll an equal canary back, where the two sides differ."""
    kinds = [kind for kind in KINDS if kind.scenario in DIFFERENT]
    return Table(
        "An equal canary is rolled back, with other settings",
        ("traffic", "requests/s"),
        [(name, f"`{name}`", share) for name in CURES],
        [_judged_by(CURES, kind, rate) for kind in kinds for rate in kind.rates],
    )


def _judged_by(variants: Mapping[str, Analysis], kind: Kind, rate: float) -> Cell:
    def attempt(random: Random) -> Numbers:
        scenario = kind.scenario(rate, random, kind.schedule)
        judges: dict[str, Judge] = {
            name: Ours(settings, gateways=scenario.gateways) for name, settings in variants.items()
        }
        return rolled_back(judges, scenario)

    return Cell((kind.title, f"{rate:g}"), attempt)


FAULTS = {"2×": 2.0, "5×": 5.0, "total failure": 1 / 0.005}
HORIZON_HOURS = 12


def power() -> Table:
    """How long it takes until a bad canary is found, and a good one is known to be good."""

    def cell(rate: float, weight: float) -> Cell:
        schedule = Schedule(((HORIZON_HOURS * HOUR, weight),))

        def attempt(random: Random) -> Numbers:
            numbers: Numbers = {}
            for name, fault in FAULTS.items():
                numbers |= rolled_back({name: Ours(DEFAULTS)}, Scenario(rate, random, schedule, fault=fault))
            numbers["known good"] = _known_good(Ours(DEFAULTS), Scenario(rate, random, schedule))
            return numbers

        return Cell((f"{rate:g}", f"{100 * weight:g}%"), attempt, most_runs=40)

    return Table(
        "Time until a verdict: median [90th percentile]",
        ("requests/s", "weight"),
        [(name, name, until) for name in (*FAULTS, "known good")],
        [cell(rate, weight) for rate in (0.2, 1, 5, 50) for weight in (0.05, 0.25)],
    )


def _known_good(judge: Ours, scenario: Scenario) -> float | None:
    for sample in scenario.samples():
        if judge.take(sample) is Outcome.SUCCESSFUL:
            return sample.seconds / 60
    return None


@dataclass(frozen=True)
class Slower:
    """A regression of durations: medians of stable and of the canary in seconds."""

    title: str
    stable: float
    canary: float


REGRESSIONS = (
    Slower("p50 20 to 40 ms", 0.02, 0.04),
    Slower("p50 10 to 20 ms", 0.01, 0.02),
    Slower("p50 100 to 200 ms", 0.1, 0.2),
    Slower("p50 100 to 120 ms", 0.1, 0.12),
    Slower("p50 400 to 800 ms", 0.4, 0.8),
    Slower("equal, p50 100 ms", 0.1, 0.1),
    Slower("5% slower", 0.1, 0.105),
)


def latency() -> Table:
    """How many requests the canary gets until a regression of durations is found."""
    bucket_sets = {"Traefik's 4 default edges": EDGES, "14 edges": OTEL_EDGES}
    schedule = Schedule(((2 * HOUR, 0.05),))

    def cell(regression: Slower) -> Cell:
        def attempt(random: Random) -> Numbers:
            numbers: Numbers = {}
            for name, edges in bucket_sets.items():
                judge = Ours(DEFAULTS, edges=edges)
                scenario = Scenario(
                    50,
                    random,
                    schedule,
                    edges=edges,
                    stable_median=regression.stable,
                    canary_median=regression.canary,
                    sigma=0.5,
                )
                found = rolled_back({name: judge}, scenario)[name]
                numbers[name] = None if found is None else judge.canary_requests
                numbers[f"{name}: rolled back"] = None if found is None else 1
            return numbers

        return Cell((regression.title,), attempt, most_runs=100)

    columns = [
        column
        for name in bucket_sets
        for column in ((name, name, count), (f"{name}: rolled back", "rolled back", frequency))
    ]
    return Table(
        "Canary requests until slower responses are found", ("regression",), columns, [*map(cell, REGRESSIONS)]
    )


def steps() -> Table:
    """What three steps come to: promoted, held, rolled back."""

    def cell(minutes: int, rate: float, title: str, fault: float) -> Cell:
        schedule = Schedule(tuple((60 * minutes, weight) for weight in (0.05, 0.25, 0.5)))

        def attempt(random: Random) -> Numbers:
            return _walked(Ours(DEFAULTS, step="0"), Scenario(rate, random, schedule, fault=fault), 60 * minutes)

        return Cell((f"duration {minutes}m", f"{rate:g}", title), attempt)

    return Table(
        "Three timed steps (5, 25, 50%)",
        ("steps", "requests/s", "canary"),
        [(name, name, frequency) for name in ("promoted", "held", "rolled back")],
        [
            cell(minutes, rate, title, fault)
            for minutes in (10, 30)
            for rate in (1, 5, 50)
            for title, fault in (("equal", 1.0), ("2×", 2.0), ("5×", 5.0))
        ],
    )


def _walked(judge: Ours, scenario: Scenario, step_seconds: int) -> Numbers:
    for sample in scenario.samples():
        if judge.rolls_back(sample):
            return {"promoted": 0, "held": 0, "rolled back": 1}
        if sample.seconds % step_seconds == 0:
            if not judge.ends_well():
                return {"promoted": 0, "held": 1, "rolled back": 0}
            judge.begin_step(str(sample.seconds // step_seconds))
    return {"promoted": 1, "held": 0, "rolled back": 0}


def baseline() -> Table:
    """How often a canary is rolled back that is compared with stable, and with a baseline."""
    ways = {"with stable": False, "with a baseline": True}

    def cell(kind: Kind, rate: float, fault: float, title: str) -> Cell:
        def attempt(random: Random) -> Numbers:
            numbers: Numbers = {}
            for name, has_baseline in ways.items():
                # Each has draws of its own, so that one of them can be simulated alone.
                own = Random(random.random())  # noqa: S311
                scenario = kind.scenario(rate, own, kind.schedule, fault=fault, has_baseline=has_baseline)
                judge = Ours(DEFAULTS, gateways=scenario.gateways, has_baseline=has_baseline)
                numbers |= rolled_back({name: judge}, scenario)
            return numbers

        return Cell((kind.title, title, f"{rate:g}"), attempt)

    equal = [cell(kind, rate, 1.0, "equal") for kind in NEW for rate in kind.rates]
    faults = [
        cell(kind, rate, fault, title)
        for kind in (NEW[0], NEW[3])
        for rate in kind.rates
        for title, fault in (("2×", 2.0), ("5×", 5.0), ("total failure", 200.0))
    ]
    return Table(
        "Rolled back, compared with stable or with a baseline",
        ("traffic", "canary", "requests/s"),
        [(name, name, share) for name in ways],
        [*equal, *faults],
    )


def peers() -> Table:
    """The same attempts, judged by this project and by the methods of others. Only errors differ."""
    equal = {
        "equal, independent": Scenario,
        "equal, swing 80%": Swing,
        "equal, shared outage": SharedOutage,
        "equal, broken pools": BrokenPools,
        "equal, sticky retries": StickyRetries,
        "equal, cold at each step": ColdSteps,
    }
    faults = {"2×": 2.0, "5×": 5.0, "total failure": 200.0}

    def cell(title: str, rate: float, scenario: type[Scenario], fault: float, onset: float = 0.0) -> Cell:
        def attempt(random: Random) -> Numbers:
            judges: dict[str, Judge] = {"ours": Ours(DEFAULTS), **{name: make() for name, make in PEERS.items()}}
            return rolled_back(judges, scenario(rate, random, fault=fault, onset=onset))

        return Cell((title, f"{rate:g}"), attempt)

    cells = [cell(title, rate, scenario, 1.0) for title, scenario in equal.items() for rate in (5, 50)]
    cells += [cell(title, rate, Scenario, fault) for title, fault in faults.items() for rate in (1, 5, 50)]
    cells.append(cell("5× from minute 15", 50, Scenario, 5.0, 900.0))
    return Table(
        "Rolled back, by method", ("traffic", "requests/s"), [(n, n, share) for n in ("ours", *PEERS)], cells
    )


TABLES: dict[str, Callable[[], Table]] = {
    "false-rollbacks": false_rollbacks,
    "baseline": baseline,
    "cures": cures,
    "power": power,
    "latency": latency,
    "steps": steps,
    "peers": peers,
}
