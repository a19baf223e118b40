import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux'")

# Starts a child in this way and tells its process id; the child hangs in Python, signals or not.
PARENT = """
import subprocess, sys, time
from provider.server.process_guard import parent_bound
child = subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"],
    stdout=subprocess.PIPE, preexec_fn=parent_bound(), start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
HUNG = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
from provider.server.process_guard import end_with_parent, never_outlive_parent
parent = os.getpid()
child = os.fork()
if child == 0:
    end_with_parent(parent)
    never_outlive_parent(parent, grace_seconds=0.1)
    print(os.getpid(), flush=True)
time.sleep(600)
"""
STRAY = """
import signal, time
from provider.server.process_guard import ignore_stray_signals
ignore_stray_signals(signal.SIGHUP)
print("up", flush=True)
time.sleep(600)
"""


def python(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("code", [PARENT, HUNG], ids=["bound", "hung"])
def test_a_child_ends_with_its_parent(code: str) -> None:
    with python(code) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    eventually(lambda: not is_alive(child), what="the child has ended")


def is_alive(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_child_whose_parent_is_another_one_ends_at_once() -> None:
    code = "from provider.server.process_guard import end_with_parent; end_with_parent(1); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert os.getpid() != 1
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize(
    "number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGRTMIN + 1, signal.SIGHUP]
)
def test_a_stray_signal_ends_nothing(number: signal.Signals) -> None:
    with python(STRAY) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)

    assert code == -signal.SIGTERM


def test_as_many_files_as_are_permitted_can_be_opened() -> None:
    code = (
        "import resource as r; from provider.server.process_guard import raise_open_files; "
        "r.setrlimit(r.RLIMIT_NOFILE, (64, r.getrlimit(r.RLIMIT_NOFILE)[1])); raise_open_files(); "
        "print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    soft, hard = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert hard == soft
