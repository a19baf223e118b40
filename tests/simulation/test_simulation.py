"""A short form of the simulation: traffic is what it should be, the judges decide, and the tables are complete."""

import json
import subprocess
import sys
from collections.abc import Sequence
from math import isclose
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from tools.simulation.counting import Responses
from tools.simulation.judges import (
    PEERS,
    FailureLimit,
    Judge,
    MannWhitney,
    MixtureSprt,
    OBrienFleming,
    Ours,
    StaticThreshold,
)
from tools.simulation.report import as_document, as_text
from tools.simulation.tables import DEFAULTS, TABLES, Numbers, rolled_back
from tools.simulation.traffic import ERRORS, KINDS, NEW, RISING, SLOW, Kind, Sample, Scenario, Schedule, StickyMix

SHORT = Schedule(((300, 0.2),))


def rng(seed: object) -> Random:
    return Random(f"{seed}")  # noqa: S311


def test_requests_weights_errors_and_durations_are_as_defined() -> None:
    samples = [sample.sides for seed in range(4) for sample in Scenario(50, rng(seed), RISING, fault=2).samples()]
    stable, canary = (sum((sides[side] for sides in samples), Responses()) for side in (0, 1))
    everything = stable.requests + canary.requests

    assert isclose(everything / (4 * RISING.seconds), 50, rel_tol=0.01)
    assert isclose(canary.requests / everything, 0.8 / 3, rel_tol=0.01)
    assert isclose(stable.errors / stable.requests, ERRORS, rel_tol=0.1)
    assert isclose(canary.errors / canary.requests, 2 * ERRORS, rel_tol=0.1)
    assert isclose(sum(stable.buckets[3:]) / stable.requests, SLOW, rel_tol=0.1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_every_kind_of_traffic_has_requests_to_both_sides(kind: Kind) -> None:
    samples = list(kind.scenario(20, rng(1), kind.schedule).samples())
    sides = [sample.sides for sample in samples]

    assert len(samples) == kind.schedule.seconds / 5
    assert fmean(stable.requests for stable, _ in sides) > fmean(canary.requests for _, canary in sides) > 0


@pytest.mark.parametrize("fault", [1.0, 200.0], ids=["equal", "total failure"])
def test_ours_rolls_back_what_fails_and_nothing_else(fault: float) -> None:
    found = [rolled_back({"ours": Ours(DEFAULTS)}, Scenario(20, rng(seed), SHORT, fault=fault)) for seed in range(5)]

    assert [one["ours"] is not None for one in found] == [fault > 1] * 5


@pytest.mark.parametrize("kind", NEW, ids=lambda kind: kind.title)
def test_a_baseline_gets_as_many_requests_as_the_canary(kind: Kind) -> None:
    scenario = kind.scenario(50, rng(1), Schedule(((300, 0.25),)), has_baseline=True)
    requests = [[side.requests for side in sample.gateways["edge"]] for sample in scenario.samples()]
    stable, canary, baseline = (sum(sides) for sides in zip(*requests, strict=True))

    assert isclose(canary, baseline, rel_tol=0.25)
    assert stable > canary


def test_a_baseline_tells_other_clients_from_a_fault() -> None:
    quarter = Schedule(((1_200, 0.25),))

    def rolls_back(*, fault: float, has_baseline: bool) -> list[bool]:
        return [
            rolled_back(
                {"ours": Ours(DEFAULTS, has_baseline=has_baseline)},
                StickyMix(100, rng(seed), quarter, fault=fault, has_baseline=has_baseline),
            )["ours"]
            is not None
            for seed in range(3)
        ]

    assert rolls_back(fault=1, has_baseline=False) == [True] * 3
    assert rolls_back(fault=1, has_baseline=True) == [False] * 3
    assert rolls_back(fault=5, has_baseline=True) == [True] * 3


def minutes(judge: Judge, *canary: Responses, stable: Responses | None = None) -> Sequence[bool]:
    """Show a judge one minute for each of the canary's responses, and return what it says at the end of each."""
    answers = []
    for number, responses in enumerate(canary):
        for part in range(12):
            sides = (stable or Responses(), responses) if part == 0 else (Responses(), Responses())
            answers.append(judge.rolls_back(Sample(60 * number + 5 * (part + 1), 0.5, {"edge": sides})))
    return answers[11::12]


@pytest.mark.parametrize("canary", [Responses(), Responses(10, 1)], ids=["no data", "errors"])
def test_the_fifth_bad_minute_exceeds_the_static_threshold(canary: Responses) -> None:
    assert minutes(StaticThreshold(), *[canary] * 5) == [False] * 4 + [True]


def test_the_fourth_bad_minute_exceeds_the_failure_limit_and_no_data_is_no_failure() -> None:
    bad = Responses(10, 1)

    assert minutes(FailureLimit(), bad, bad, Responses(), bad, bad) == [False] * 4 + [True]


def test_the_rank_test_compares_ten_minutes_with_a_tolerance() -> None:
    stable = Responses(1_000, 10)

    assert minutes(MannWhitney(), *[Responses(1_000, 12)] * 10, stable=stable)[-1] is False
    assert minutes(MannWhitney(), *[Responses(1_000, 20)] * 10, stable=stable)[-1] is True


@pytest.mark.parametrize("make", [MixtureSprt, OBrienFleming])
def test_the_pooled_tests_find_a_difference_and_no_other(make: type[MixtureSprt] | type[OBrienFleming]) -> None:
    stable = Responses(1_000, 10)

    assert not any(minutes(make(), *[Responses(1_000, 10)] * 5, stable=stable))
    assert any(minutes(make(), *[Responses(1_000, 40)] * 5, stable=stable))


def figures(directory: Path, *, seed: int, jobs: int) -> object:
    """Simulate in a process of its own: multiprocessing's helper process ends with it."""
    file = directory / f"{seed}-{jobs}.json"
    options = ["--runs", "1", "--seed", str(seed), "--jobs", str(jobs), "--rows", "2", "--json", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "tools.simulation", "peers", *options], capture_output=True, check=False, timeout=100
    )
    assert done.returncode == 0
    return json.loads(file.read_text())["tables"]


def test_a_seed_gives_the_same_figures_with_any_number_of_processes(tmp_path: Path) -> None:
    one, two, other = (figures(tmp_path, seed=seed, jobs=jobs) for seed, jobs in ((1, 1), (1, 2), (2, 1)))

    assert one == two != other


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_a_row_per_cell_and_a_value_per_column(name: str) -> None:
    table = TABLES[name]()
    numbers: Numbers = {column: 1.0 for column, _, _ in table.columns}
    results = [[numbers] for _ in table.cells]
    lines = as_text(table, results).splitlines()

    assert len(lines) == 2 + len(table.cells)
    assert {line.count("|") for line in lines} == {1 + len(table.headings) + len(table.columns)}
    assert len(json.loads(json.dumps(as_document(table, results)))["cells"]) == len(table.cells)


def test_the_methods_of_others_are_simulated_beside_ours() -> None:
    assert [name for name, _, _ in TABLES["peers"]().columns] == ["ours", *PEERS]


def test_an_unknown_table_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.simulation", "no-such-table"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert "unknown table no-such-table; choose from false-rollbacks" in done.stderr
