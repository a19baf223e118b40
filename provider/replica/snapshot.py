"""The snapshot on disk: the last good state, for a provider that starts while Redis is away."""

import fcntl
import json
import os
import threading
from pathlib import Path

from provider.store import Contents, Key, Kind, Stored

_FORMAT = 1


class SnapshotError(Exception):
    """A snapshot that cannot be read or written; the words say why."""


class SnapshotFile:
    """One file in the data directory, replaced as a whole, by one worker at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self._seen: object = None
        self._taking = threading.Lock()

    def read(self) -> Contents | None:
        """Read the snapshot; None where none was written yet. Raises SnapshotError."""
        self._seen = self._signature()
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SnapshotError(f"cannot read {self.path}: {error}") from error
        try:
            return _parse(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SnapshotError(f"{self.path} is damaged: {error}") from error

    def read_if_changed(self) -> Contents | None:
        """Read the snapshot again; None where it is the one that was read or written last. Raises SnapshotError."""
        return self.read() if self._signature() != self._seen else None

    def write(self, contents: Contents) -> bool:
        """Replace the snapshot, unless another worker does: then answer False. Raises SnapshotError."""
        try:
            if not self._is_ours():
                return False
            self._replace(json.dumps(_format(contents), ensure_ascii=False))
        except OSError as error:
            raise SnapshotError(f"cannot write {self.path}: {error}") from error
        return True

    def is_kept_by_us(self) -> bool:
        """Tell whether this worker is the one that writes; where that cannot be told, every one is."""
        try:
            return self._is_ours()
        except OSError:
            return True

    def close(self) -> None:
        """Let another worker write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _signature(self) -> object:
        """Tell one file under this path from the next; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _is_ours(self) -> bool:
        with self._taking:
            return self._lock is not None or self._is_taken()

    def _is_taken(self) -> bool:
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _replace(self, text: str) -> None:
        # Written aside, forced to disk and renamed: a crash leaves the old snapshot or the new one, whole.
        aside = self.path.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)
        self._seen = self._signature()


def _format(contents: Contents) -> object:
    documents = [[key.kind, key.name, stored.version, stored.text] for key, stored in contents.documents.items()]
    return {
        "format": _FORMAT,
        "lineage": contents.lineage,
        "revision": contents.revision,
        "mark": contents.mark,
        "documents": documents,
    }


def _parse(document: object) -> Contents:
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError("it has another format")
    documents = {
        Key(Kind(kind), str(name)): Stored(int(version), str(text))
        for kind, name, version, text in document["documents"]
    }
    mark = str(document.get("mark", ""))
    return Contents(str(document["lineage"]), int(document["revision"]), documents, mark=mark)
