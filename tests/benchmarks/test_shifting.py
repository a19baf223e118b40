"""A short run of the real thing: what it says is right in shape. How long anything took is no test's business."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.modules import ROOT, run_module

pytestmark = [pytest.mark.bench, pytest.mark.traefik]


@pytest.mark.slow
def test_a_short_run_measures_both_ways_and_loses_no_request(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = run_module("shifting", "--changes", "5", "--peer-changes", "1", "--rollouts", "2", "--json", str(file))
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    milliseconds, samples = document["milliseconds"], document["samples"]

    assert (document["changes"], document["otherRollouts"]) == (5, 2)
    assert tuple(len(samples[name]) for name in ("arrived", "called", "served", "peerArrived")) == (5, 5, 2, 1)
    assert all(value > 0 for name in ("arrived", "called", "served", "peerArrived") for value in samples[name])
    assert milliseconds.keys() == samples.keys() | {"probeGap"}
    assert {name: document["requests"][name] for name in ("failed", "stale")} == {"failed": 0, "stale": 0}
    assert document["requests"]["sent"] > 5
    assert "change reaches traffic (5)" in done.stdout
    assert "times as long" in done.stdout


@pytest.mark.parametrize("arguments", [["--changes", "0"], ["--rollouts", "-1"], ["--json"]])
def test_wrong_usage_is_refused_at_once(arguments: list[str]) -> None:
    done = run_module("shifting", *arguments)

    assert done.returncode == 2
    assert "usage" in done.stderr


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    done = run_module("shifting", "--json", str(tmp_path / "absent" / "figures.json"))

    assert done.returncode == 1
    assert "starting" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tools.benchmarks.shifting"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as running:
        assert running.stderr
        assert any(line.startswith("bench: round 1") for line in running.stderr), (
            "it has ended before the first round"
        )
        assert processes_that_name(tmp_path), "nothing would be found, whatever was left"
        running.send_signal(number)
        said = running.stderr.read()

    assert running.returncode == 130, said
    assert list(tmp_path.iterdir()) == []
    assert processes_that_name(tmp_path) == []


def processes_that_name(directory: Path) -> list[bytes]:
    """Find what was started for a directory: it stands in the command or in the environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if bytes(directory) in words:
                found.append(words)
    return found
