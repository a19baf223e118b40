"""`traefik-canary demo` as a process, on ports of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from provider.demo.parts import free_port
from tests.e2e.harness import eventually
from tests.marked import MARK, marked_processes

COMMAND = str(Path(sys.executable).with_name("traefik-canary"))
OPTIONS = ("--port", "--web-port", "--websecure-port", "--api-port", "--stable-port", "--canary-port")


@dataclass
class Demo:
    """A demonstration that runs, and what it has said."""

    process: subprocess.Popen[str]
    mark: str
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def wait_until_ready(self) -> None:
        eventually(
            lambda: "Ctrl-C" in self.said() or self.process.poll() is not None, what="the demo is ready", seconds=60
        )
        assert "Ctrl-C" in self.said(), self.said()

    def processes(self) -> Sequence[int]:
        """Find every process that descends from the demonstration, whoever its parent is by now."""
        return marked_processes(self.mark)


def free_ports() -> Sequence[str]:
    return [part for option in OPTIONS for part in (option, str(free_port()))]


@contextmanager
def running(directory: Path, *options: str, ports: Sequence[str] | None = None) -> Iterator[Demo]:
    mark, output = uuid4().hex, directory / "said.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [COMMAND, "demo", *(ports or free_ports()), *options],
            stdout=file,
            stderr=file,
            text=True,
            env={**os.environ, MARK: mark, "TMPDIR": str(directory)},
            start_new_session=True,
        )
    demo = Demo(process, mark, output)
    try:
        yield demo
    finally:
        process.terminate()
        process.wait(20)
        for pid in demo.processes():
            os.kill(pid, signal.SIGKILL)
