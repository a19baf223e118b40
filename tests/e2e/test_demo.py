"""`traefik-canary demo`, as somebody sees it who has just cloned the project."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.demonstration import COMMAND, OPTIONS, Demo, free_ports, running
from tests.e2e.harness import HOST, eventually

pytestmark = pytest.mark.traefik


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
        assert len(pages) == 4
        assert (tried.returncode, tried.stderr) == (0, "")
        assert [" ".join(line.split()) for line in tried.stdout.splitlines() if " v" in line[:13]] == [
            "75 v1",
            "25 v2",
        ]
        assert "edge: applied" in tried.stdout
        assert "just a try" in tried.stdout.split("TIME")[1]
        assert code == 0
        assert demo.processes() == []
        assert demo.said().endswith("Done.\n")
        assert [path.name for path in tmp_path.iterdir()] == ["said.txt"]


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

            assert code == 1
            assert f"port {port} on {HOST}" in demo.said()
            assert f"choose another one with {option}" in demo.said()
            assert len(demo.said().splitlines()) == 1
            assert demo.processes() == []


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

        assert code == 1
        assert "traefik exited with code -9" in demo.said()
        assert "Traceback" not in demo.said()
        assert demo.processes() == []


def traefik_of(demo: Demo) -> int:
    return next(pid for pid in demo.processes() if b"configFile" in Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.slow
def test_a_demo_with_a_directory_goes_on_where_it_was(tmp_path: Path) -> None:
    options = (*free_ports(), "--data-dir", str(tmp_path / "kept"))
    for weight in ("33", "67"):
        with running(tmp_path, *options) as demo:
            demo.wait_until_ready()
            export = re.search(r"export .*", demo.said())
            assert export
            script = f"{export[0]}; {COMMAND} set-weight shop {weight} --wait; {COMMAND} history shop"
            tried = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=True)

    assert "33% > 67%" in tried.stdout
