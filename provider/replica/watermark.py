"""The newest revision that any worker of a data directory serves, and whether such a worker is alive.

The snapshot lags behind by up to a second, and one worker alone writes it. A worker that starts while Redis is away
therefore compares its snapshot with this mark: as long as a sibling that followed Redis is alive, an older snapshot
is not the truth.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Standing:
    """A revision of a lineage, and the mark of the change that made it; empty where it is not known."""

    lineage: str = ""
    revision: int = 0
    mark: str = ""

    def is_newer_than(self, other: "Standing") -> bool:
        """Return whether this is another history than the other one, or more of the same."""
        return bool(self.lineage) and (self.lineage != other.lineage or self.revision > other.revision)


class Watermark:
    """Two small files beside the snapshot. Nothing here raises: without them a worker relies on its snapshot."""

    def __init__(self, snapshot: Path) -> None:
        self._path = snapshot.with_suffix(".served")
        self._alive_path = snapshot.with_suffix(".alive")
        self._alive: int | None = None
        self._has_joined = False
        self._lock = threading.Lock()

    def read(self) -> Standing:
        """Return the newest standing that was served; an empty one where none is known."""
        with suppress(OSError):
            return _parsed(self._path.read_bytes())
        return Standing()

    def raise_to(self, standing: Standing) -> None:
        """Record what is about to be served, unless a sibling serves more of the same history."""
        with suppress(OSError), _locked(self._path) as file:
            before = _parsed(os.pread(file, 256, 0))
            if standing.is_newer_than(before):
                _overwrite(file, standing)

    def begin(self, standing: Standing) -> None:
        """Record what the store holds, and be a sibling from now on; no more than that is served if none is alive."""
        with suppress(OSError):
            if not self.has_siblings():
                with _locked(self._path) as file:
                    _overwrite(file, standing)
        self.raise_to(standing)
        with self._lock, suppress(OSError):
            self._has_joined = True
            fcntl.flock(self._open(), fcntl.LOCK_SH)

    def has_siblings(self) -> bool:
        """Return whether another worker that has followed the store is alive."""
        with self._lock, suppress(OSError):
            return self._is_locked_by_others(self._open())
        return False

    def close(self) -> None:
        """Be no sibling any more."""
        with self._lock:
            self._has_joined = False
            if self._alive is not None:
                os.close(self._alive)
                self._alive = None

    def _is_locked_by_others(self, file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            # An attempt gives up the lock that was held before (flock(2)).
            fcntl.flock(file, fcntl.LOCK_SH if self._has_joined else fcntl.LOCK_UN)
        return False

    def _open(self) -> int:
        if self._alive is None:
            self._alive = os.open(self._alive_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._alive


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _overwrite(file: int, standing: Standing) -> None:
    content = f"{standing.lineage} {standing.revision}".encode()
    os.pwrite(file, content, 0)
    os.ftruncate(file, len(content))


def _parsed(content: bytes) -> Standing:
    lineage, _, revision = content.decode(errors="replace").partition(" ")
    return Standing(lineage, int(revision)) if revision.isdecimal() else Standing()
