"""Processes that are found by a variable of their environment, whoever their parent is by now."""

from collections.abc import Sequence
from pathlib import Path

MARK = "CANARY_TEST_MARK"


def marked_processes(mark: str, *, variable: str = MARK) -> Sequence[int]:
    """Find the processes that were started with a mark; Valkey is none of them, as it writes over its environment."""
    text = f"{variable}={mark}".encode()
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, text)]


def command_of(pid: int) -> str:
    """Return the command of a process, as one line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _has(entry: Path, text: bytes) -> bool:
    try:
        return text in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
