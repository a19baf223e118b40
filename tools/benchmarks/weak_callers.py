"""What the most expensive requests of weak callers cost: `python -m tools.benchmarks.weak_callers`.

A provider as `serve` runs it, with one worker, a hundred rollouts and one of 2,000 servers. Each attack runs once,
against a provider of its own. Measured are the CPU time of the worker, how far its memory rises above what it was,
and the longest time that a poll of somebody else takes. With another checkout on PYTHONPATH it measures that one.
"""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provider.demo.parts import ProviderProcess
from provider.demo.processes import Processes
from tools.benchmarks import machine

_ROLLOUTS, _SERVERS, _SHIFTS = 100, 1_000, 150
_POLL_SECONDS = 0.02
_MIB = 1024 * 1024
_SERVER = "/rollouts/crew/groups/v1/servers/one"
_PATIENCE_SECONDS = 120.0
_HEADING = "| caller | request | CPU | memory | slowest poll |\n| - | - | - | - | - |"


class Caller:
    """Somebody with one connection, and a token or none."""

    def __init__(self, provider: ProviderProcess, token: str = "") -> None:
        self._connection = http.client.HTTPConnection(provider.host, provider.port, timeout=_PATIENCE_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> int:
        """Send a request and read all of the response; its status, or 0 where the connection broke."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, path, body, {**self._headers, **named})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0
        return answer.status

    def send(self, path: str, document: Any, method: str = "POST") -> int:
        """Send a document, or a text that is one already."""
        text = document if isinstance(document, str) else json.dumps(document)
        return self.ask(method, f"/api/v1{path}", text, Content_Type="application/json")


@dataclass(frozen=True)
class Attack:
    """A request, or many of a kind, of a role; `nobody` has no token."""

    role: str
    name: str
    run: Callable[[Caller], None]


@dataclass(frozen=True)
class Cost:
    """What an attack cost: seconds of CPU, bytes of memory, and seconds of the slowest poll."""

    cpu: float
    memory: int
    slowest_poll: float


def _polls(caller: Caller) -> None:
    for number in range(2_000):
        caller.ask("GET", f"/traefik/config?gateway=g{number}")


def _repeatedly(path: str, times: int) -> Callable[[Caller], None]:
    def run(caller: Caller) -> None:
        for _ in range(times):
            caller.ask("GET", path)

    return run


def _form(caller: Caller) -> None:
    body = "&".join(f"a{number}=b" for number in range(120_000))[:_MIB]
    for _ in range(5):
        caller.ask(
            "POST", "/sign-in", body, Content_Type="application/x-www-form-urlencoded", Cookie="canary_session=x"
        )


def _repeated_key(method: str, path: str) -> Callable[[Caller], None]:
    keys = ",".join(f'"k{number}":0' for number in range(28_000))
    return lambda caller: _ignore(caller.send(path, f'{{{keys},"k27999":0}}', method))


def _addresses(caller: Caller) -> None:
    for number in range(300):
        caller.send(_SERVER, {"url": f"http://10.1.0.{number % 2 + 1}:80"}, "PUT")


def _shifts(caller: Caller) -> None:
    for number in range(_SHIFTS):
        caller.send("/rollouts/large/weight", {"weight": number % 50 + 1}, "PUT")


def _history(caller: Caller) -> None:
    caller.ask("GET", "/api/v1/rollouts/large/history?limit=1000")


def _plan(caller: Caller) -> None:
    factors = ",".join(str(number) for number in range(2, 12))
    for rate in (5, 50, 5_000):
        caller.ask("GET", f"/api/v1/rollouts/long/plan?rate={rate}&k={factors}")


def _ignore(_status: int) -> None:
    return None


ATTACKS: Sequence[Attack] = (
    Attack("nobody", "2,000 polls, each under another name", _polls),
    Attack("nobody", "GET /docs, 50 times", _repeatedly("/docs", 50)),
    Attack("nobody", "GET /metrics, 50 times", _repeatedly("/metrics", 50)),
    Attack("nobody", "POST /sign-in, a form of 1 MiB, 5 times", _form),
    Attack("viewer", "POST of a link, 300 kB of JSON with one key twice", _repeated_key("POST", "/sign-in-links")),
    Attack("viewer", "GET history?limit=1000, 150 changes of 2,000 servers", _history),
    Attack("viewer", "GET plan of 40 steps for 10 regressions, 3 rates", _plan),
    Attack("viewer", "GET /gateways, 50 times", _repeatedly("/api/v1/gateways", 50)),
    Attack("instance", "PUT of a server, 300 kB of JSON with one key twice", _repeated_key("PUT", _SERVER)),
    Attack("instance", "300 changes of an address", _addresses),
    Attack("gateway", "2,000 polls, each under another name", _polls),
    Attack("operator", "150 shifts of a rollout with 2,000 servers", _shifts),
)


class _Prober:
    """Polls as a Traefik does while something else goes on."""

    def __init__(self, provider: ProviderProcess, token: str) -> None:
        self._caller = Caller(provider, token)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.slowest = 0.0

    def __enter__(self) -> "_Prober":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            began = time.perf_counter()
            self._caller.ask("GET", "/traefik/config?gateway=default")
            self.slowest = max(self.slowest, time.perf_counter() - began)


def measured(attack: Attack) -> Cost:
    """Start a provider, run an attack, and say what it cost."""
    with tempfile.TemporaryDirectory(prefix="canary-") as path, Processes(Path(path)) as processes:
        provider = ProviderProcess()
        settings = {"CANARY_WORKERS": "1", "CANARY_CONTROLLER": "false"}
        child = provider.start(processes, data_dir=Path(path) / "data", environment=settings)
        worker = _worker(child.process.pid)
        tokens = _filled(provider, is_shifted=attack.run is _history)
        caller = Caller(provider, tokens.get(attack.role, ""))
        time.sleep(1)
        cpu, memory = machine.cpu_seconds(worker), machine.resident_bytes(worker)
        Path(f"/proc/{worker}/clear_refs").write_text("5")
        with _Prober(provider, tokens["gateway"]) as prober:
            time.sleep(0.2)
            attack.run(caller)
            time.sleep(0.2)
        try:
            return Cost(machine.cpu_seconds(worker) - cpu, _peak(worker) - memory, prober.slowest)
        except FileNotFoundError:  # the attack ended it
            return Cost(float("nan"), 0, prober.slowest)


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
        side: {"servers": [{"url": f"http://10.{place}.{n // 250}.{n % 250 + 1}:8080"} for n in range(_SERVERS)]}
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
    instance.send("/rollouts/crew/groups/v1/servers/one", {"url": "http://10.1.0.1:80"}, "PUT")
    crew = {"rule": "Host(`crew.localhost`)", "stable": {"discover": {"registered": "v1"}}}
    provider.call("POST", "/rollouts", {"name": "crew", "spec": crew})
    if is_shifted:
        _shifts(Caller(provider, tokens["operator"]))
    return {**tokens, "admin": provider.token}


def row(attack: Attack, cost: Cost) -> str:
    """Write a row of the table."""
    cpu = f"{cost.cpu:.2f} s" if cost.cpu == cost.cpu else "worker ended"
    memory, poll = f"{max(0, cost.memory) / _MIB:.0f} MiB", f"{cost.slowest_poll * 1e3:.0f} ms"
    return f"| {attack.role} | {attack.name} | {cpu} | {memory} | {poll} |"


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
