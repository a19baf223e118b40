"""Where the time of a shift goes, and how Traefik is told: short runs of the real things, and how they are shown."""

import pytest

from tests.benchmarks.modules import run_module
from tools.benchmarks import stages, telling

pytestmark = pytest.mark.bench


@pytest.mark.slow
def test_every_stage_of_a_shift_is_seen() -> None:
    found = stages.measure(3, shifts=3, gateways=2)

    assert dict.fromkeys(stages.STAGES, 3) == {stage: len(seconds) for stage, seconds in found.items()}
    assert all(second > 0 for stage in stages.STAGES[:3] for second in found[stage])


@pytest.mark.slow
def test_traefik_takes_a_shift_however_it_is_told() -> None:
    taken = telling.measure(2, shifts=2)

    assert {way.name: 2 for way in telling.WAYS} == {name: len(each.seconds) for name, each in taken.items()}
    assert all(second > 0 for each in taken.values() for second in each.seconds)


def test_stages_are_rows_and_sizes_are_columns() -> None:
    found = {size: {stage: [0.001, 0.002 * size, 9.0] for stage in stages.STAGES} for size in (1, 1_000)}
    head, *rows = stages.table(found)

    assert head.split()[-2:] == ["1", "1,000"]
    assert [stage for stage in stages.STAGES if stage in rows[stages.STAGES.index(stage)]] == list(stages.STAGES)
    assert {("2.0", "2000.0")} == {tuple(row.split()[-2:]) for row in rows}


def test_every_way_stands_beside_the_first() -> None:
    taken = {"JSON": telling.Taken([0.1, 0.2, 0.3], [0.4, 0.4]), "YAML": telling.Taken([0.1], [0.2])}
    _, first, second = telling.table(5_000, taken)

    assert first.split() == ["JSON", "200.0", "1.00", "400.0", "1.00"]
    assert second.split() == ["YAML", "100.0", "0.50", "200.0", "0.50"]


@pytest.mark.parametrize("module", ["stages", "telling"])
def test_wrong_usage_is_refused_at_once(module: str) -> None:
    done = run_module(module, "--shifts", "many")

    assert done.returncode == 2
    assert "usage" in done.stderr
