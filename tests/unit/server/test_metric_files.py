"""What processes of one data directory count, together. Each is a process of its own, as in life."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provider.observability.metrics import RECORDED
from provider.server.metric_files import keep_metrics, kept_metrics, own_metrics

ROOT = Path(__file__).parents[3]
# Counts so many changes, holds a poll, says so, and lives until its input ends.
_PROCESS = """
import sys
from pathlib import Path
from provider.server.metric_files import keep_metrics
read = keep_metrics(Path(sys.argv[1]))
from provider.observability import metrics
metrics.CHANGES.labels("rollout", "create").inc(int(sys.argv[2]))
metrics.POLLS_HELD.inc()
print(sum(s.value for m in read() for s in m.samples if s.name == "canary_changes_total"), flush=True)
sys.stdin.read()
"""


@contextmanager
def counting(folder: Path, changes: int) -> Iterator[float]:
    """Run a process that counts so many changes; what it reads of all of them."""
    command = [sys.executable, "-c", _PROCESS, str(folder), str(changes)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield float(process.stdout.readline())
        process.communicate()


def value(folder: Path, name: str) -> float:
    return sum(sample.value for metric in kept_metrics(folder) for sample in metric.samples if sample.name == name)


def test_processes_count_as_one_and_the_next_goes_on_where_one_has_ended(tmp_path: Path) -> None:
    with counting(tmp_path, 2) as first:
        with counting(tmp_path, 3) as both:
            held_by_both = value(tmp_path, "canary_long_polls_in_progress")
        held_by_one = value(tmp_path, "canary_long_polls_in_progress")
        with counting(tmp_path, 5) as all_three:
            slots = sorted(file.name for file in tmp_path.glob("counter_*.db"))
    with counting(tmp_path, 7) as anew:
        pass

    assert (first, both, all_three) == (2, 5, 10)
    assert (held_by_both, held_by_one) == (2, 1)
    assert slots == ["counter_0.db", "counter_1.db"]
    assert anew == 7


def test_files_that_are_damaged_cost_what_they_hold_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "histogram_0.db").touch()  # of a process that found the disk full
    assert kept_metrics(tmp_path) == []
    assert caplog.records == []

    (tmp_path / "counter_0.db").write_bytes(b"\xff\xff\xff\x7f" * 100)

    assert kept_metrics(tmp_path) == []
    assert [record.message for record in caplog.records] == ["metrics.unreadable"]


def test_metrics_that_are_made_stay_where_they_are(tmp_path: Path) -> None:
    assert RECORDED is not None
    assert keep_metrics(tmp_path) is own_metrics
    assert not list(tmp_path.iterdir())


def test_where_there_is_no_room_a_process_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with counting(tmp_path / "file", 4) as alone:
        assert alone == 4
