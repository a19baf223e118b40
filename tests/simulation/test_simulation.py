"""A short form of the simulation: the promises hold, and what they are compared with errs as it is said to."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from provider.analysis import Counts, Window
from simulation.methods import Method, Ours, StaticRule, ZTest
from simulation.report import as_document, as_text
from simulation.runs import Result, simulate
from simulation.traffic import Cell, Look

RUNS = 40
QUIET, CAUGHT = Cell(5), Cell(50, 10)


@pytest.fixture(scope="module")
def results() -> Mapping[Cell, Result]:
    cells = [Cell(1), QUIET, Cell(50), CAUGHT]
    return dict(zip(cells, simulate(cells, runs=RUNS, seed=1, jobs=1), strict=True))


@pytest.mark.parametrize("cell", [Cell(1), QUIET, Cell(50)], ids=str)
def test_a_canary_that_is_as_good_as_stable_is_hardly_ever_rolled_back(
    cell: Cell, results: Mapping[Cell, Result]
) -> None:
    # α is 5 %; of 40 ramps that may be a few more by chance.
    assert results[cell].rolled_back["ours"].share <= 0.15


def test_ten_times_the_errors_are_always_caught(results: Mapping[Cell, Result]) -> None:
    ours = results[CAUGHT].rolled_back["ours"]

    assert 1 == ours.share
    assert ours.minutes is not None
    assert ours.minutes < 3
    assert 0 == results[CAUGHT].passed.share


def test_what_it_is_compared_with_rolls_good_canaries_back(results: Mapping[Cell, Result]) -> None:
    assert results[QUIET].rolled_back["static"].share > 0.5
    assert results[QUIET].rolled_back["z"].share > 0.15


def test_a_seed_gives_the_same_results_whatever_is_simulated_besides(results: Mapping[Cell, Result]) -> None:
    (again,) = simulate([CAUGHT], runs=RUNS, seed=1, jobs=1)
    (other,) = simulate([CAUGHT], runs=RUNS, seed=2, jobs=1)

    assert results[CAUGHT] == again
    assert results[CAUGHT] != other


def test_processes_give_the_same_results_as_one() -> None:
    (one,) = simulate([CAUGHT], runs=21, seed=1, jobs=1)
    (two,) = simulate([CAUGHT], runs=21, seed=1, jobs=2)

    assert one == two


def test_dispersion_keeps_bursts_from_rolling_back() -> None:
    (result,) = simulate([Cell(50, 1, burst=5)], runs=20, seed=1, jobs=1)

    assert result.rolled_back["ours"].share > result.rolled_back["deflated"].share
    assert result.rolled_back["deflated"].share <= 0.15


def looked(method: Method, *sides: Counts, stable: Counts | None = None) -> list[bool]:
    """Show a method one window for each of the canary's counts."""
    look = Look(Window(stable=stable or Counts()), minutes=1)
    return [method.rolls_back(replace(look, window=replace(look.window, canary=canary))) for canary in sides]


@pytest.mark.parametrize("canary", [Counts(), Counts(10, 1)], ids=["no data", "errors"])
def test_five_bad_minutes_are_too_many_for_the_static_rule(canary: Counts) -> None:
    assert [*[False] * 19, True] == looked(StaticRule(), *[canary] * 20)


def test_good_minutes_do_not_forgive_for_the_static_rule() -> None:
    bad, good = [Counts(10, 1)] * 4, [Counts(1_000)] * 4

    assert looked(StaticRule(), *(bad + good) * 5)[-5]


def test_the_z_test_compares_all_that_was_seen() -> None:
    # 10 of 1,000 against 10 of 2,000: (0.01 - 0.005) / sqrt(0.00667 * 0.99333 * 0.0015) is 1.58; with 11, 1.87.
    for errors, rolls_back in ((10, False), (11, True)):
        assert [rolls_back] == looked(ZTest(), Counts(1_000, errors), stable=Counts(2_000, 10))
    assert [False, False] == looked(ZTest(), Counts(), Counts(10), stable=Counts(10))


def test_ours_notes_when_it_knew_the_canary_to_be_good() -> None:
    ours = Ours()

    assert [False] == looked(ours, Counts(2_100), stable=Counts(2_100))
    assert 1 == ours.passed_minutes


def test_the_report_is_a_table_and_json(results: Mapping[Cell, Result]) -> None:
    (burst,) = simulate([Cell(50, 10, burst=5)], runs=2, seed=1, jobs=1)
    text = as_text([*results.values(), burst])
    document = json.loads(json.dumps(as_document(list(results.values()), seed=1)))

    assert "| requests/s | canary's errors | rolled back | known good | Flagger 99% |" in text
    assert "| 50 | 10 × stable's, 5 at once | 100.0 %" in text
    assert {"rate": 50, "fault": 10, "burst": 1} == document["cells"][-1]["cell"]
    assert RUNS == document["cells"][-1]["runs"]
