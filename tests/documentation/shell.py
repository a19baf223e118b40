"""A shell that goes on from command to command, as the reader's does."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from uuid import uuid4

from tests.e2e.harness import eventually
from tests.marked import MARK, marked_processes

_SECONDS = 60.0
_VARYING = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "TIME"),
    (r"\b\d+[smh] ago", "AGO"),
    (r"tcy_[\w-]{20,}", "TOKEN"),
    (r"/sign-in/[\w-]{20,}", "/sign-in/LINK"),
)


@dataclass(frozen=True)
class Done:
    """What a command has said, and how it ended."""

    output: str
    code: int


class Shell:
    """A bash to which commands are given one by one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._mark = f"end-{uuid4().hex}"
        self._lines: Queue[str | None] = Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def run(self, command: str) -> Done:
        """Run a command to its end; AssertionError when it does not come."""
        # `$?` stays what it was, for the next command to ask for.
        self._write(f'{command}\n{{ set -- $?; printf "\\n%s %d\\n" {self._mark} $1; (exit $1); }}\n')
        lines: list[str] = []
        while True:
            try:
                line = self._lines.get(timeout=_SECONDS)
            except Empty:
                raise AssertionError(f"{command}: no end in {_SECONDS:g} s; it said {''.join(lines)}") from None
            assert line is not None, f"{command}: the shell has ended; it said {''.join(lines)}"
            if line.startswith(self._mark):
                return Done("".join(lines).removesuffix("\n"), int(line.split()[1]))
            lines.append(line)

    def start(self, command: str) -> None:
        """Start a command that goes on."""
        self.run(f"{{ {command}\n}} >/dev/null 2>&1 &")

    def _write(self, text: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)


@contextmanager
def running(directory: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """Run a shell in a directory; what it started ends with it."""
    mark = uuid4().hex
    with subprocess.Popen(
        ["bash", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        env={**environment, MARK: mark},
        start_new_session=True,
    ) as process:
        shell = Shell(process)
        try:
            yield shell
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            shell.reader.join()
            eventually(lambda: not marked_processes(mark), what="what it started has ended with it")


def matches(shown: Sequence[str], said: str, *, figures_vary: bool) -> bool:
    """Tell whether an output is the one that is shown: but for times, secrets, the width of columns, and `…`."""
    expected = _plain("\n".join(shown), figures_vary=figures_vary)
    pattern = ".*?".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, _plain(said, figures_vary=figures_vary), re.DOTALL) is not None


def _plain(text: str, *, figures_vary: bool) -> str:
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text)
    if figures_vary:
        text = re.sub(r"\d+(\.\d+)?(ms|[smh])?\b", "N", text)
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)
