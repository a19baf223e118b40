"""Our own work against reference work done in the same moments: ratios, not seconds, and in a process of its own.

There nothing is traced for coverage, which would slow down ours alone.
"""

import json
from pathlib import Path

import pytest

from tests.benchmarks.modules import run_module
from tools.benchmarks.regression import BASELINE, pairs, version

BASELINES = json.loads(BASELINE.read_text())

# What seems slower is measured up to six times.
pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]


@pytest.mark.skipif(version() not in BASELINES, reason=f"there is no baseline of {version()}")
def test_nothing_has_become_slower_by_a_fifth() -> None:
    done = run_module("regression")
    if done.returncode:
        # Where a process has its objects in memory changes the ratios by up to 15%: another one tells a real change.
        done = run_module("regression")

    assert done.returncode == 0, (
        f"slower than {BASELINE.name} says; if that is meant: python -m tools.benchmarks.regression --write\n"
        f"{done.stdout}{done.stderr}"
    )


def test_every_baseline_has_all_that_is_measured() -> None:
    assert all(set(known["ratios"]) == set(pairs()) for known in BASELINES.values())


def test_what_is_slower_than_its_baseline_fails(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({version(): {"processor": "", "ratios": dict.fromkeys(pairs(), 1e-6)}}))
    done = run_module("regression", "--turns", "3", "--baseline", str(file))

    assert done.returncode == 1, done.stderr
    assert len(pairs()) == len(done.stdout.splitlines())


def test_a_baseline_is_written_for_this_python_beside_those_of_others(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({"CPython 2.7": {"ratios": {"joining": 1.5}}}))
    done = run_module("regression", "--turns", "3", "--baseline", str(file), "--write")
    written = json.loads(file.read_text())

    assert done.returncode == 0, done.stderr
    assert written["CPython 2.7"] == {"ratios": {"joining": 1.5}}
    assert all(ratio > 0 for ratio in written[version()]["ratios"].values())
