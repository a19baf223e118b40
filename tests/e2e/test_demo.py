"""`traefik-canary demo`, as somebody sees it who has just cloned the project."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

from provider.demo.parts import free_port
from tests.e2e.harness import HOST, eventually

pytestmark = pytest.mark.traefik

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
        eventually(lambda: "Ctrl-C" in self.said() or self.process.poll() is not None, what="the demo is ready")
        assert "Ctrl-C" in self.said(), self.said()

    def processes(self) -> Sequence[int]:
        """Find every process that descends from the demonstration, whoever its parent is by now."""
        mark = f"CANARY_TEST_MARK={self.mark}".encode()
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and has(entry, mark)]


def has(entry: Path, mark: bytes) -> bool:
    try:
        return mark in (entry / "environ").read_bytes()
    except OSError:
        return False


def free_ports() -> Sequence[str]:
    return [part for option in OPTIONS for part in (option, str(free_port()))]


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Demo]:
    mark, output = uuid4().hex, directory / "said.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [COMMAND, "demo", *free_ports(), *options],
            stdout=file,
            stderr=file,
            text=True,
            env={**os.environ, "CANARY_TEST_MARK": mark, "TMPDIR": str(directory)},
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


def test_what_the_demo_prints_can_be_opened_and_tried(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        demo.wait_until_ready()
        pages = re.findall(r"http://\S+", demo.said().split("Try")[0])
        statuses = {page: status(page) for page in pages}
        lines = demo.said().split("in another shell:\n")[1].split("\nLogs")[0]
        tried = subprocess.run(["bash", "-euc", lines], capture_output=True, text=True, timeout=60, check=False)
        demo.process.send_signal(signal.SIGINT)
        code = demo.process.wait(20)

        assert dict.fromkeys(pages, 200) == statuses
        assert 4 == len(pages)
        assert (0, "") == (tried.returncode, tried.stderr)
        assert ["75 v1", "25 v2"] == [
            " ".join(line.split()) for line in tried.stdout.splitlines() if " v" in line[:13]
        ]
        assert "edge: seen in Traefik" in tried.stdout
        assert "just a try" in tried.stdout.split("WHEN")[1]
        assert 0 == code
        assert [] == demo.processes()
        assert demo.said().endswith("Done.\n")
        assert ["said.txt"] == [path.name for path in tmp_path.iterdir()]


def status(page: str) -> int:
    # A browser knows where NAME.localhost is; not every machine's resolver does.
    name = urlsplit(page).hostname or ""
    return requests.get(page.replace(name, HOST), headers={"Host": name}, timeout=5).status_code


@pytest.mark.parametrize("option", OPTIONS)
def test_a_busy_port_is_one_clear_line(tmp_path: Path, option: str) -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        with running(tmp_path, option, str(port)) as demo:
            code = demo.process.wait(20)

            assert 1 == code
            assert f"port {port} on {HOST}" in demo.said()
            assert f"choose another one with {option}" in demo.said()
            assert 1 == len(demo.said().splitlines())
            assert [] == demo.processes()


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_however_the_demo_ends_no_process_is_left(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as demo:
        demo.wait_until_ready()
        before = demo.processes()
        demo.process.send_signal(number)
        demo.process.wait(20)

        assert len(before) >= 6
        eventually(lambda: not demo.processes(), what="all processes end")


def test_a_part_that_dies_ends_the_demo_and_is_named(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        demo.wait_until_ready()
        os.kill(traefik_of(demo), signal.SIGKILL)
        code = demo.process.wait(20)

        assert 1 == code
        assert "traefik has ended with code -9" in demo.said()
        assert "Traceback" not in demo.said()
        assert [] == demo.processes()


def traefik_of(demo: Demo) -> int:
    return next(pid for pid in demo.processes() if b"configFile" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_a_demo_with_a_directory_goes_on_where_it_was(tmp_path: Path) -> None:
    options = (*free_ports(), "--data-dir", str(tmp_path / "kept"))
    for weight in ("33", "67"):
        with running(tmp_path, *options) as demo:
            demo.wait_until_ready()
            export = re.search(r"export .*", demo.said())
            assert export
            script = f"{export[0]}; {COMMAND} set-weight shop {weight} --wait; {COMMAND} history shop"
            tried = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=True)

    assert "33 % > 67 %" in tried.stdout
