"""The machine that is measured on: what it is, which core does what, and what a process takes of it. Linux only."""

import os
import platform
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1_024


def description() -> str:
    """Say what is measured on, and how busy it is right now."""
    parts = (
        f"{os.cpu_count()} cores",
        f"{sys.platform} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"load {os.getloadavg()[0]:.1f} before",
    )
    return ", ".join(parts)


def processor() -> str:
    """Name the kind of processor, as the kernel does; empty where it does not."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Keep this process, and all that it starts meanwhile, on one core; where there is one only, that is the same."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[number % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_open_files(count: int) -> None:
    """Raise the limit of open files for this process and what it starts. ValueError or OSError if not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(count, hard)))


def cpu_seconds(pid: int) -> float:
    """Give the CPU time that a process has used, its own and the kernel's for it."""
    # The name in parentheses may hold spaces; utime and stime are the 14th and 15th field (proc(5)).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Give how much memory a process has, with what it shares with others."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * _KIB for line in lines if line.startswith("VmRSS:"))


def children(pid: int) -> Sequence[int]:
    """Name the processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
