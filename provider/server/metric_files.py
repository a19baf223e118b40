"""Where the processes of a data directory keep what they count, so that each of them can give the sum.

prometheus_client's multi-process mode: files that are mapped into memory. A process takes the first slot that is
free, and goes on with the figures of the one that had it before: there are never more files than processes that ran
at once, and two that share a directory from two containers, with the same process id, do not meet.
"""

import fcntl
import logging
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from provider.server.settings import SettingError, address_of

if TYPE_CHECKING:
    from prometheus_client import Metric

log = logging.getLogger(__name__)

# What a process maps and a full disk cannot back would end it (SIGBUS): so much is allotted beforehand.
_ALLOTTED_BYTES = 1 << 20
_KINDS = ("counter", "histogram", "gauge_livesum", "gauge_max", "gauge_mostrecent")
_DAMAGED = (OSError, RuntimeError, ValueError, struct.error)

Recorded = Callable[[], "Iterable[Metric]"]


def keep_metrics(folder: Path) -> Recorded:
    """Keep this process' figures in a folder; the answer reads those of all processes that do.

    Call it before anything imports `provider.observability.metrics`: a metric stays where it was created. If it is
    called too late, or the folder cannot be written, the process counts for itself only.
    """
    if "provider.observability.metrics" in sys.modules:
        return own_metrics
    try:
        slot = _take_slot(folder)
    except OSError as error:
        log.warning("metrics.not_shared", extra={"error": f"cannot write to {folder}: {error.strerror}"})
        return own_metrics
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import values  # noqa: PLC0415 it looks at the environment

    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
    return lambda: kept_metrics(folder)


def serve_metrics(bind: str) -> None:
    """Give this process' own figures at HOST:PORT, in threads. Raises SettingError."""
    from prometheus_client import start_http_server  # noqa: PLC0415

    from provider.observability.metrics import RECORDED  # noqa: PLC0415

    host, port = address_of(bind, setting="--metrics")
    try:
        start_http_server(port, addr=host, registry=RECORDED)
    except OSError as error:
        raise SettingError(f"metrics cannot be served at {bind}: {error.strerror}") from error


def own_metrics() -> "Iterable[Metric]":
    """Read what this process alone has counted."""
    from provider.observability.metrics import RECORDED  # noqa: PLC0415 not before it is known where they are kept

    return RECORDED.collect()


def kept_metrics(folder: Path) -> "Iterable[Metric]":
    """Read what all processes have counted; of those that have ended, not what was so only while they ran."""
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    try:
        with _locked(folder):
            # An empty one is of a process that found no room.
            files = [str(file) for file in folder.glob("*.db") if file.stat().st_size and not _is_over(file)]
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]
    except _DAMAGED as error:
        log.warning("metrics.unreadable", extra={"error": str(error)})
        return []


def _take_slot(folder: Path) -> str:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        if not any(map(_is_held, folder.glob("*.lock"))):
            for file in folder.glob("*.db"):
                file.unlink()
        slot = next(str(number) for number in count() if _take(folder / f"{number}.lock"))
        for file in folder.glob(f"gauge_live*_{slot}.db"):
            file.unlink()
        for kind in _KINDS:
            _allot(folder / f"{kind}_{slot}.db")
    return slot


def _take(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True  # it stays open, and locked, until the process ends


def _is_held(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _is_over(file: Path) -> bool:
    slot = file.stem.rpartition("_")[2]
    return file.name.startswith("gauge_live") and not _is_held(file.with_name(f"{slot}.lock"))


def _allot(file: Path) -> None:
    with _opened(file) as allotted:
        allotted.write(bytes(max(0, _ALLOTTED_BYTES - allotted.tell())))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with _opened(folder / "slots") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(file: Path) -> BinaryIO:
    """Open a file to add to it; a new one is for its owner alone."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")
