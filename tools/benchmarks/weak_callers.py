"""What the most expensive requests of weak callers cost: `python -m tools.benchmarks.weak_callers`.

A provider as `serve` runs it, with one worker, a hundred rollouts and one of 2,000 servers. Each attack runs once,
against a provider of its own. Measured are the CPU time of the worker, how far its memory rises above what it was,
and the longest time that a poll of somebody else takes: before the attack, which shows what the machine itself adds,
and during it. With another checkout on PYTHONPATH it measures that one.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from provider.demo.parts import ProviderProcess
from provider.demo.processes import Processes
from tools.benchmarks import machine
from tools.benchmarks.attacks import ATTACKS, REGISTERED, SERVERS, Attack, Caller, shifts

_ROLLOUTS = 100
_POLL_SECONDS, _QUIET_SECONDS = 0.02, 5.0
_MIB = 1024 * 1024
_HEADING = "| caller | request | CPU | memory | slowest poll before | during |\n| - | - | - | - | - | - |"


@dataclass(frozen=True)
class Cost:
    """What an attack cost: seconds of CPU, bytes of memory, and seconds of the slowest poll before and during it."""

    cpu: float
    memory: int
    quiet_poll: float
    slowest_poll: float


class _Slowest:
    """The time that the slowest poll took so far."""

    def __init__(self) -> None:
        self._seconds = multiprocessing.get_context("spawn").Value("d", 0.0)

    def note(self, seconds: float) -> None:
        """Take note of a poll."""
        self._seconds.value = max(self._seconds.value, seconds)

    def take(self) -> float:
        """Return the time, and begin anew."""
        seconds: float = self._seconds.value
        self._seconds.value = 0.0
        return seconds


def _poll(provider: ProviderProcess, token: str, slowest: _Slowest, over: Event) -> None:
    caller = Caller(provider, token)
    while not over.wait(_POLL_SECONDS):
        began = time.perf_counter()
        caller.ask("GET", "/traefik/config?gateway=default")
        slowest.note(time.perf_counter() - began)


@contextmanager
def _polled(provider: ProviderProcess, token: str) -> Iterator[_Slowest]:
    """Poll as a Traefik does while something else goes on: from a process of its own, which nothing here delays."""
    spawn = multiprocessing.get_context("spawn")
    over, slowest = spawn.Event(), _Slowest()
    process = spawn.Process(target=_poll, args=(provider, token, slowest, over))
    process.start()
    try:
        yield slowest
    finally:
        over.set()
        process.join()


def measured(attack: Attack) -> Cost:
    """Start a provider, run an attack, and say what it cost."""
    with tempfile.TemporaryDirectory(prefix="canary-") as path, Processes(Path(path)) as processes:
        provider = ProviderProcess()
        settings = {"CANARY_WORKERS": "1", "CANARY_CONTROLLER": "false"}
        child = provider.start(processes, data_dir=Path(path) / "data", environment=settings)
        worker = _worker(child.process.pid)
        tokens = _filled(provider, is_shifted=attack.is_after_shifts)
        caller = Caller(provider, tokens.get(attack.role, ""))
        if attack.is_page:
            caller.sign_in()
        with _polled(provider, tokens["gateway"]) as slowest:
            time.sleep(1 + _QUIET_SECONDS)
            quiet = slowest.take()
            cpu, memory = machine.cpu_seconds(worker), machine.resident_bytes(worker)
            Path(f"/proc/{worker}/clear_refs").write_text("5")
            attack.run(caller)
            time.sleep(0.2)
            busy = slowest.take()
        try:
            return Cost(machine.cpu_seconds(worker) - cpu, _peak(worker) - memory, quiet, busy)
        except FileNotFoundError:  # the attack ended it
            return Cost(float("nan"), 0, quiet, busy)


def _worker(serve: int) -> int:
    """Find the process that answers: the child of the web process that `serve` has started."""
    found = [worker for web in machine.children(serve) for worker in machine.children(web) if _is_python(worker)]
    return found[-1]


def _is_python(pid: int) -> bool:
    return "valkey" not in Path(f"/proc/{pid}/cmdline").read_text()


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _filled(provider: ProviderProcess, *, is_shifted: bool) -> dict[str, str]:
    """Make rollouts, one of them large, and a token of each role."""
    roles = ("viewer", "instance", "gateway", "operator")
    tokens = {role: provider.call("POST", "/tokens", {"name": role, "role": role}).json()["token"] for role in roles}
    for number in range(_ROLLOUTS):
        spec = {"rule": f"Host(`r{number}.localhost`)", "stable": {"servers": [{"url": "http://10.0.0.1:80"}]}}
        provider.call("POST", "/rollouts", {"name": f"r{number}", "spec": spec})
    sides = {
        side: {"servers": [{"url": f"http://10.{place}.{n // 250}.{n % 250 + 1}:8080"} for n in range(SERVERS)]}
        for place, side in enumerate(("stable", "canary"))
    }
    large = {"rule": "Host(`large.localhost`)", **sides, "steps": [{"setWeight": 5}, {"pause": {}}]}
    provider.call("POST", "/rollouts", {"name": "large", "spec": large})
    steps = [
        part for weight in range(5, 101, 5) for part in ({"setWeight": weight}, {"analysis": {"duration": "10m"}})
    ]
    sides = {side: {"servers": [{"url": f"http://10.3.0.{n}:80"}]} for n, side in enumerate(("stable", "canary"))}
    provider.call(
        "POST", "/rollouts", {"name": "long", "spec": {"rule": "Host(`long.localhost`)", **sides, "steps": steps}}
    )
    instance = Caller(provider, tokens["instance"])
    instance.send(REGISTERED, {"url": "http://10.1.0.1:80"}, "PUT")
    crew = {"rule": "Host(`crew.localhost`)", "stable": {"discover": {"registered": "v1"}}}
    provider.call("POST", "/rollouts", {"name": "crew", "spec": crew})
    if is_shifted:
        shifts(Caller(provider, tokens["operator"]))
    return {**tokens, "admin": provider.token}


def row(attack: Attack, cost: Cost) -> str:
    """Write a row of the table."""
    cpu = f"{cost.cpu:.2f} s" if cost.cpu == cost.cpu else "worker ended"
    memory = f"{max(0, cost.memory) / _MIB:.0f} MiB"
    polls = f"{cost.quiet_poll * 1e3:.0f} ms | {cost.slowest_poll * 1e3:.0f} ms"
    return f"| {attack.role} | {attack.name} | {cpu} | {memory} | {polls} |"


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.weak_callers", description="What weak callers cost.")
    parser.add_argument("--only", default="", help="attacks whose role or name holds this")
    options = parser.parse_args()
    sys.stdout.write(f"{machine.description()}\n\n{_HEADING}\n")
    for attack in ATTACKS:
        if options.only in f"{attack.role} {attack.name}":
            with suppress(BrokenPipeError):
                sys.stdout.write(f"{row(attack, measured(attack))}\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
