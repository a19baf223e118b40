"""Child processes that end with us: each in a session of its own, its output in a log."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from provider.server.port_probe import PORT_PATIENCE_SECONDS, bind_patiently
from provider.server.process_guard import parent_bound

# A process that ends earlier is reported at once; a slow machine needs the time.
_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_LOOK_SECONDS = 0.02


class ProcessFailedError(Exception):
    """A process has ended, or does not get ready; the words hold the last lines of its log."""


class PortTakenError(Exception):
    """A port is in use; the words name it, what wanted it and how to choose another."""


@dataclass
class Child:
    """A process that was started, and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.process.poll() is None

    def last_words(self) -> str:
        """Give the end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-8:]) or "    (no output)"

    def send_signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process and everything in its session."""
        with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
            os.killpg(self.process.pid, number)

    def stop(self, *, number: int = signal.SIGTERM) -> None:
        """End the process: kindly, then for certain."""
        self.send_signal(number)
        self.wait()

    def wait(self) -> None:
        """Wait until a process that was told to end has ended; kill it where it does not."""
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
            self.process.wait()


class Processes:
    """The processes of one demonstration. Leaving the context ends all of them, whatever happened."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        """Begin with none."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell all to end, then wait for them: Traefik only ends once the provider lets its poll go."""
        for child in reversed(self._children):
            child.send_signal()
        while self._children:
            self._children.pop().wait()

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Child:
        """Start a process under a name; its output goes to NAME.log."""
        log = self._directory / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                # Ctrl-C reaches us alone: we end the others in order.
                start_new_session=True,
                preexec_fn=parent_bound(),  # noqa: PLW1509
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def wait_until(self, is_ready: Callable[[], bool], *, what: str, seconds: float = _READY_SECONDS) -> None:
        """Wait until something is ready; ProcessFailedError when a process dies before, or in time it is not."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise ProcessFailedError(f"{what} is not ready after {seconds:g} s")
            time.sleep(_LOOK_SECONDS)

    def forget(self, child: Child) -> None:
        """Watch no more over a process that was ended on purpose."""
        self._children.remove(child)

    def check(self) -> None:
        """Raise ProcessFailedError when one of the processes has ended."""
        for child in self._children:
            if not child.is_running:
                code = child.process.returncode
                raise ProcessFailedError(f"{child.name} exited with code {code}:\n{child.last_words()}")


def check_ports(host: str, ports: Mapping[str, tuple[int, str]]) -> None:
    """Raise PortTakenError where a port stays in use; `ports` holds for each purpose its port and option.

    Processes of a demonstration that was killed need a moment to end.
    """
    deadline = time.monotonic() + PORT_PATIENCE_SECONDS
    for purpose, (port, option) in ports.items():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                bind_patiently(probe, (host, port), patience_seconds=deadline - time.monotonic())
            except OSError as error:
                raise PortTakenError(
                    f"port {port} on {host}, wanted for {purpose}, cannot be used ({error.strerror}); "
                    f"choose another one with {option}"
                ) from error


def is_listening(host: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
