"""Processes that are started again when they end, as systemd would."""

import contextlib
import os
import random
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from provider.demo.processes import Child, Processes

# systemd's RestartSec, if nothing is said.
_RESTART_SECONDS = 0.1


class Part(Protocol):
    """What can be kept: a service, or a server of chaos.servers."""

    @property
    def is_running(self) -> bool:
        """Tell whether its process lives."""
        ...

    def start(self) -> None:
        """Start it, or start it again."""
        ...


class Service:
    """A process, under a name, that can be started again."""

    def __init__(
        self, processes: Processes, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._processes = processes
        self._command = command
        self._environment = environment
        self._child: Child | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether its process lives."""
        return self._child is not None and self._child.is_running

    @property
    def pid(self) -> int:
        """The id of its process; 0 where it never ran."""
        return self._child.process.pid if self._child else 0

    @property
    def log(self) -> Path | None:
        """Where it writes."""
        return self._child.log if self._child else None

    def start(self) -> None:
        """Start it, or start it again."""
        if self._child:
            self._processes.forget(self._child)
        self._child = self._processes.start(self.name, self._command, environment=self._environment)

    def kill(self) -> None:
        """End it, and all processes that it has made, without a warning."""
        for pid in (self.pid, *descendants(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._child:
            self._child.process.wait()

    def end(self) -> None:
        """End it kindly."""
        if self._child:
            self._child.stop()

    def kill_one_child(self, chance: random.Random) -> None:
        """End one of the processes that it has made: a worker."""
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(chance.choice(children(self.pid)), signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process alone, if there is one."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Keeper:
    """Starts again what has ended, from a thread of its own, until it is told to leave it."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._lock = threading.RLock()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def keep(self, part: Part) -> None:
        """Start a part if it does not run, and keep it running."""
        with self._lock:
            if not part.is_running:
                part.start()
            self._parts.append(part)

    @contextmanager
    def left(self, part: Part) -> Iterator[None]:
        """Leave a part as it is for a while."""
        with self._lock:
            was_kept = part in self._parts
            if was_kept:
                self._parts.remove(part)
        try:
            yield
        finally:
            if was_kept:
                self.keep(part)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave all as it is."""
        self._is_ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_ending.wait(_RESTART_SECONDS):
            with self._lock:
                for part in self._parts:
                    if not part.is_running:
                        # Whatever keeps it from starting may be over the next time.
                        with contextlib.suppress(Exception):
                            part.start()


def children(pid: int) -> Sequence[int]:
    """Give the processes that a process has made; none where it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> Sequence[int]:
    """Give the processes that a process has made, and those that they have made."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


def is_alive(pid: int) -> bool:
    """Tell whether a process lives; one that has ended and is not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
