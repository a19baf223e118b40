"""How many immediate polls a core answers, beside nginx: `python -m tools.benchmarks.serving`.

One worker of the provider and one of nginx, which has the same bytes in a file, both on one core; wrk on the other
one asks each in turns, over connections that are kept. What is compared are requests a second: by the clock, where
nginx waits for wrk to read so much; and by the CPU time that the server's process has used, where neither waits.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import requests

from provider.demo.parts import ProviderProcess, free_port
from provider.demo.processes import Processes, is_listening
from tools.benchmarks import machine
from tools.benchmarks.stored import at_rest, stored
from tools.benchmarks.system import HOST
from tools.benchmarks.targets import Figures, table

_PATH = "/traefik/config?gateway=edge"
_SERVERS_CORE, _CLIENT_CORE = 0, 1
_RATE = re.compile(r"Requests/sec: +([0-9.]+)")
_FAILURES = re.compile(r"(?:Socket errors|Non-2xx).*")
_NGINX = """\
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx-errors.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=16;
  default_type application/json;
  client_body_temp_path {directory}/nginx-temp;
  proxy_temp_path {directory}/nginx-temp;
  fastcgi_temp_path {directory}/nginx-temp;
  uwsgi_temp_path {directory}/nginx-temp;
  scgi_temp_path {directory}/nginx-temp;
  server {{ listen {host}:{port}; root {directory}/served; }}
}}
"""


class LoadError(Exception):
    """Something that makes the load is missing, or a request has failed; the words say what."""


@dataclass(frozen=True)
class Plan:
    """How much is served (2,150 rollouts at rest make 330 kB), and for how long it is asked for."""

    rollouts: int = 2_150
    rounds: int = 8
    seconds: int = 2
    connections: int = 8


@dataclass
class Server:
    """One that is asked, and the requests a second that it has answered, round by round."""

    url: str
    pid: int
    by_clock: list[float] = field(default_factory=list)
    by_cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What was measured: the size of an answer in bytes, and the servers by name."""

    plan: Plan
    machine: str
    size: int
    provider: Server
    nginx: Server


def measure(plan: Plan) -> Outcome:
    """Measure both in turns. Raises LoadError, ProcessFailedError."""
    before = machine.description()
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as path, Processes(Path(path)) as processes:
        directory = Path(path)
        with stored(directory, at_rest(plan.rollouts)) as store, _provider(processes, directory, store) as provider:
            body = requests.get(provider.url, timeout=30).content
            nginx = _start_nginx(processes, directory, body)
            for server in [nginx, provider] * plan.rounds:
                _ask(server, plan)
    return Outcome(plan, before, len(body), provider, nginx)


@contextmanager
def _provider(processes: Processes, directory: Path, store: str) -> Iterator[Server]:
    provider = ProviderProcess()
    environment = {"CANARY_REDIS_URL": store, "CANARY_RATE_LIMIT": "0", "CANARY_WORKERS": "1"}
    with machine.on_core(_SERVERS_CORE):
        child = provider.start(processes, data_dir=directory / "data", environment=environment)
    (worker,) = machine.children(child.process.pid)
    yield Server(provider.url + _PATH, worker)


def _start_nginx(processes: Processes, directory: Path, body: bytes) -> Server:
    if not shutil.which("nginx"):
        raise LoadError("nginx must be on the path; on Debian: apt-get install nginx-light")
    file = directory / "served" / "traefik" / "config"
    file.parent.mkdir(parents=True)
    file.write_bytes(body)
    # nginx' worker may be another user than we are.
    directory.chmod(0o755)
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(_NGINX.format(directory=directory, host=HOST, port=port))
    with machine.on_core(_SERVERS_CORE):
        child = processes.start("nginx", ["nginx", "-e", str(directory / "nginx-errors.log"), "-c", str(config)])
    processes.wait_until(lambda: is_listening(HOST, port), what="nginx")
    (worker,) = machine.children(child.process.pid)
    server = Server(f"http://{HOST}:{port}{_PATH}", worker)
    if requests.get(server.url, timeout=30).content != body:
        raise LoadError("nginx does not serve the same bytes")
    return server


def _ask(server: Server, plan: Plan) -> None:
    """Ask one for a while, and note how much it has answered."""
    if not shutil.which("wrk"):
        raise LoadError("wrk must be on the path; on Debian: apt-get install wrk")
    command = ["wrk", "-t1", f"-c{plan.connections}", f"-d{plan.seconds}s", server.url]
    before = machine.cpu_seconds(server.pid)
    with machine.on_core(_CLIENT_CORE):
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = machine.cpu_seconds(server.pid) - before
    rate, failures = _RATE.search(said), _FAILURES.search(said)
    if failures or not rate:
        raise LoadError(f"{server.url}: {failures[0] if failures else said}")
    server.by_clock.append(float(rate[1]))
    server.by_cpu.append(float(rate[1]) * plan.seconds / used)


def figures(outcome: Outcome) -> Figures:
    """Give what has a target: by CPU time, which favours nginx."""
    return {"serving": _ratios(outcome)["by CPU time"]}


def _rates(outcome: Outcome) -> Mapping[str, tuple[list[float], list[float]]]:
    """Give the requests a second of the provider and of nginx, by what they are measured by."""
    return {
        "by the clock": (outcome.provider.by_clock, outcome.nginx.by_clock),
        "by CPU time": (outcome.provider.by_cpu, outcome.nginx.by_cpu),
    }


def _ratios(outcome: Outcome) -> Mapping[str, float]:
    """Give the median of the ratios of each round: what else the machine does then falls on both."""
    return {
        name: median(mine / theirs for mine, theirs in zip(*rates, strict=True))
        for name, rates in _rates(outcome).items()
    }


def as_text(outcome: Outcome) -> str:
    """Give what fits on a screen."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    plan, ratios = outcome.plan, _ratios(outcome)
    yield outcome.machine
    yield (
        f"{plan.rollouts:,} rollouts at rest are {outcome.size / 1_000:,.0f} kB; {plan.rounds} rounds of "
        f"{plan.seconds} s in turns, {plan.connections} connections, one worker on one core"
    )
    yield f"{'requests a second':<20}{'provider':>10}{'nginx':>10}{'ratio':>8}"
    for name, (mine, theirs) in _rates(outcome).items():
        yield f"{name:<20}{median(mine):>10,.0f}{median(theirs):>10,.0f}{ratios[name]:>8.2f}"
    yield from table(figures(outcome))


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.serving", description=str(__doc__).splitlines()[0])
    parser.add_argument("--rollouts", type=int, default=Plan.rollouts, help="how many are served, at rest")
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--seconds", type=int, default=Plan.seconds, help="of each server, each round")
    parser.add_argument("--connections", type=int, default=Plan.connections)
    plan = Plan(**vars(parser.parse_args()))
    sys.stdout.write(as_text(measure(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
