"""Every process ends with the one that started it, whichever is killed, and a restart works at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from provider.demo.processes import Processes
from tests.demonstration import free_ports
from tests.demonstration import running as demo_running
from tests.e2e.harness import Stack, children_of, eventually
from tests.marked import MARK, command_of, marked_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


class Provider:
    """`serve` with its embedded Valkey and two workers, which can be started again on the same port."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self.stack = Stack(directory, processes)
        self.mark = uuid4().hex
        self.start()

    def start(self) -> None:
        self.stack.start_provider(**{MARK: self.mark})
        eventually(lambda: len(self.workers) == 2, what="both workers run")
        self.stack.wait_for_provider()

    def forget(self) -> int:
        """Return the exit code of `serve`, and watch over it no more."""
        child = self.stack.children.pop("provider")
        self.stack.processes.forget(child)
        return child.process.wait(20)

    @property
    def supervisor(self) -> int:
        return self.stack.children["provider"].process.pid

    @property
    def master(self) -> int:
        (master,) = self._masters()
        return master

    @property
    def workers(self) -> list[int]:
        return sorted(worker for master in self._masters() for worker in children_of(master))

    @property
    def valkey(self) -> int:
        return eventually(self.stack.valkey_pid, what="Valkey runs")  # type: ignore[no-any-return]

    @property
    def pids(self) -> list[int]:
        return [self.supervisor, self.master, self.valkey, *self.workers]

    def _masters(self) -> list[int]:
        return [pid for pid in children_of(self.supervisor) if "provider.server.http_server" in command_of(pid)]

    def found(self) -> set[int]:
        """Find all processes; Valkey writes over its environment."""
        return {*marked_processes(self.mark), self.valkey}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    directory = tmp_path_factory.mktemp("provider")
    with Processes(directory) as processes:
        yield Provider(directory, processes)


@pytest.mark.parametrize("name", ["supervisor", "master"])
def test_all_processes_end_when_one_above_them_is_killed_and_a_restart_works_at_once(
    provider: Provider, name: str
) -> None:
    os.kill(getattr(provider, name), signal.SIGKILL)
    code = provider.forget()
    provider.start()  # while the others may still be about to end
    eventually(lambda: provider.found() == set(provider.pids), what="nobody of before is left")

    assert code == (-signal.SIGKILL if name == "supervisor" else 1)


def test_a_killed_worker_is_replaced(provider: Provider) -> None:
    before = provider.workers
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(provider.workers) == 2 and provider.workers != before, what="there is another worker")
    provider.stack.wait_for_provider()

    assert before[1] in provider.workers


def test_a_killed_valkey_is_replaced(provider: Provider) -> None:
    before = provider.valkey
    os.kill(before, signal.SIGKILL)
    eventually(lambda: provider.stack.valkey_pid() not in {None, before}, what="there is another Valkey")
    provider.stack.wait_for_provider()

    assert before not in provider.pids


def test_stray_signals_end_no_process(provider: Provider) -> None:
    before = provider.pids
    for pid in before:
        for number in (signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGIO, signal.SIGRTMIN + 3):
            os.kill(pid, number)
    for worker in provider.workers:
        os.kill(worker, signal.SIGHUP)
    provider.stack.done("PUT", "/rollouts/after", {"spec": provider.stack.spec(rule="Host(`after.localhost`)")})

    assert before == provider.pids
    assert set(before) == provider.found()


def test_a_signal_during_the_start_ends_no_process(provider: Provider) -> None:
    provider.stack.stop("provider")
    child = provider.stack.processes.start(
        "provider",
        [sys.executable, "-m", "provider", "serve"],
        environment={
            "CANARY_BIND": f"127.0.0.1:{provider.stack.provider_port}",
            "CANARY_DATA_DIR": str(provider.stack.directory / "data"),
            "CANARY_ADMIN_TOKEN": provider.stack.token,
            "CANARY_REDIS_URL": "",
            MARK: provider.mark,
        },
    )
    provider.stack.children["provider"] = child
    eventually(lambda: children_of(child.process.pid), what="it has started something")
    os.kill(child.process.pid, signal.SIGHUP)
    for pid in children_of(child.process.pid):
        os.kill(pid, signal.SIGHUP)
    provider.stack.wait_for_provider()

    assert child.is_running


@contextmanager
def controller(directory: Path) -> "Iterator[tuple[subprocess.Popen[bytes], str]]":
    mark = uuid4().hex
    command = [sys.executable, "-m", "provider", "controller", "--redis-url", "redis://127.0.0.1:1"]
    with subprocess.Popen([*command, "--data-dir", str(directory)], env={**os.environ, MARK: mark}) as process:
        try:
            yield process, mark
        finally:
            process.kill()


def test_a_controller_leaves_nothing_and_survives_stray_signals(tmp_path: Path) -> None:
    with controller(tmp_path) as (process, mark):
        eventually(lambda: list(tmp_path.iterdir()), what="it runs")
        process.send_signal(signal.SIGUSR2)
        process.send_signal(signal.SIGALRM)
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) in {0, -signal.SIGTERM}
        eventually(lambda: not marked_processes(mark), what="nothing is left")


def test_a_killed_demonstration_takes_everything_with_it_and_starts_again_at_once(tmp_path: Path) -> None:
    ports = free_ports()
    with demo_running(tmp_path, ports=ports) as demo:
        demo.wait_until_ready()
        demo.process.kill()
        demo.process.wait(20)
        with demo_running(tmp_path, ports=ports) as again:
            again.wait_until_ready()
            eventually(lambda: not demo.processes(), what="nothing of before is left")
            _kill_child(again.process.pid, "sample_app")
            again.process.wait(40)
            eventually(lambda: not again.processes(), what="nothing is left")


def _kill_child(parent: int, command: str) -> None:
    for pid in children_of(parent):
        if command in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
            return
