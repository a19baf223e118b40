"""What processes hold: memory, descriptors, threads, zombies, and connections that they do not close."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from tools.chaos.keeping import descendants

_CLOSE_WAIT = "08"


@dataclass(frozen=True)
class Holding:
    """What one process holds: its memory in MiB, and numbers of descriptors and threads."""

    memory: float
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Sample:
    """What all processes hold, by process id; `closing` are the inodes of their sockets in CLOSE_WAIT."""

    holdings: Mapping[int, Holding]
    zombies: frozenset[int]
    closing: frozenset[str]


def sample(roots: Sequence[int]) -> Sample:
    """Examine processes and their descendants."""
    pids = [pid for root in roots for pid in (root, *descendants(root))]
    states = {pid: state for pid in pids if (state := _state(pid))}
    holdings = {pid: holding for pid in states if (holding := _holding(pid))}
    sockets = {inode for pid in states for inode in _sockets(pid)}
    zombies = frozenset(pid for pid, state in states.items() if state == "Z")
    return Sample(holdings, zombies, frozenset(_in_close_wait() & sockets))


def levels(samples: Sequence[Sample]) -> Mapping[int, Holding]:
    """Return the median of what each process holds that is in all samples."""
    pids = set.intersection(*(set(one.holdings) for one in samples))
    held = {pid: [one.holdings[pid] for one in samples] for pid in pids}
    return {
        pid: Holding(
            median(one.memory for one in found),
            round(median(one.descriptors for one in found)),
            round(median(one.threads for one in found)),
        )
        for pid, found in held.items()
    }


def lasting_zombies(samples: Sequence[Sample]) -> Collection[int]:
    """Return the zombies of two samples in a row: every process that ends is one for a moment."""
    return {pid for before, after in pairwise(samples) for pid in before.zombies & after.zombies}


def lasting_closing(samples: Sequence[Sample]) -> Collection[str]:
    """Return the sockets in CLOSE_WAIT of three samples in a row."""
    triples = zip(samples, samples[1:], samples[2:], strict=False)
    return {inode for first, second, third in triples for inode in first.closing & second.closing & third.closing}


def _state(pid: int) -> str:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def _holding(pid: int) -> Holding | None:
    with suppress(OSError, KeyError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        facts = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return Holding(int(facts["VmRSS"][0]) / 1024, descriptors, int(facts["Threads"][0]))
    return None


def _sockets(pid: int) -> Collection[str]:
    found = set()
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                name = str(entry.readlink())
                if name.startswith("socket:["):
                    found.add(name[len("socket:[") : -1])
    return found


def _in_close_wait() -> set[str]:
    lines = [line.split() for name in ("tcp", "tcp6") for line in _lines(Path(f"/proc/net/{name}"))]
    return {fields[9] for fields in lines if len(fields) > 9 and fields[3] == _CLOSE_WAIT}


def _lines(path: Path) -> Sequence[str]:
    return path.read_text().splitlines()[1:] if path.exists() else []
