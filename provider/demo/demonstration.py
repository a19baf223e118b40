"""`traefik-canary demo`: everything there is, running, in a few seconds."""

import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import requests

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import ProviderProcess, start_app
from provider.demo.processes import Processes, check_ports
from provider.server.process_guard import ignore_stray_signals

_ROLLOUT = "shop"
_HOST = "shop.localhost"
_STEPS: Sequence[Mapping[str, Any]] = (
    {"setWeight": 5},
    {"pause": {}},
    {"setWeight": 25},
    {"pause": {"duration": "1m"}},
    {"setWeight": 50},
    {"pause": {}},
)


@dataclass(frozen=True)
class DemoOptions:
    """Where the demonstration listens, and where it keeps its state: a temporary directory unless one is named."""

    provider_port: int = 8080
    web_port: int = 8000
    websecure_port: int = 8443
    api_port: int = 8081
    stable_port: int = 9001
    canary_port: int = 9002
    data_dir: Path | None = None
    host: str = "127.0.0.1"

    @property
    def web(self) -> str:
        """Where the sample app answers through Traefik, in a browser."""
        return f"http://{_HOST}:{self.web_port}/"

    @property
    def ports(self) -> Mapping[str, tuple[int, str]]:
        """Every port by its purpose, with the option that changes it."""
        return {
            "the provider": (self.provider_port, "--port"),
            "Traefik's entry point web": (self.web_port, "--web-port"),
            "Traefik's entry point websecure": (self.websecure_port, "--websecure-port"),
            "Traefik's API": (self.api_port, "--api-port"),
            "version v1 of the app": (self.stable_port, "--stable-port"),
            "version v2 of the app": (self.canary_port, "--canary-port"),
        }


def run_demo(options: DemoOptions) -> int:
    """Run the demonstration until Ctrl-C; the exit code.

    Raises PortTakenError, ProcessFailedError, TraefikMissingError; all processes have ended then.
    """
    started = time.monotonic()
    check_ports(options.host, options.ports)
    provider = ProviderProcess(port=options.provider_port, host=options.host)
    with _ended_by_signals(), _directory(options) as directory, Processes(directory) as processes:
        try:
            _start(options, processes, directory, provider)
            seconds = time.monotonic() - started
            path = provider.call("POST", "/sign-in-links", {}).json()["path"]
            _say(_greeting(options, provider, directory, sign_in=provider.url + path, seconds=seconds))
            while True:
                processes.check()
                time.sleep(0.2)
        except KeyboardInterrupt:
            _say("\nStopping all processes ...")
    _say("Done.")
    return 0


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 a signal handler's shape
        raise KeyboardInterrupt

    ignore_stray_signals()
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _directory(options: DemoOptions) -> Iterator[Path]:
    if options.data_dir:
        options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield options.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="traefik-canary-demo-") as directory:
        yield Path(directory)


def _start(options: DemoOptions, processes: Processes, directory: Path, provider: ProviderProcess) -> None:
    for version, port in (("v1", options.stable_port), ("v2", options.canary_port)):
        start_app(processes, version=version, port=port, host=options.host)
    provider.start(processes, data_dir=directory / "provider")
    provider.call("PUT", "/gateways/edge", {"spec": {"api": f"http://{options.host}:{options.api_port}"}})
    provider.call("PUT", f"/rollouts/{_ROLLOUT}", {"spec": _spec(options)})
    gateway = GatewayOptions(
        directory=directory,
        provider=provider.url,
        host=options.host,
        web_port=options.web_port,
        websecure_port=options.websecure_port,
        api_port=options.api_port,
    )
    processes.start("traefik", gateway_command(gateway))
    processes.wait_until(lambda: _answers(options), what="the app behind Traefik")


def _spec(options: DemoOptions) -> dict[str, Any]:
    return {
        "rule": f"Host(`{_HOST}`)",
        "entryPoints": ["web"],
        "stable": {"servers": [{"url": f"http://{options.host}:{options.stable_port}"}]},
        "canary": {"servers": [{"url": f"http://{options.host}:{options.canary_port}"}]},
        "overrides": [{"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}],
        "steps": list(_STEPS),
    }


def _answers(options: DemoOptions) -> bool:
    try:
        answer = requests.get(f"http://{options.host}:{options.web_port}/", headers={"Host": _HOST}, timeout=2)
    except requests.RequestException:
        return False
    return answer.ok


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _greeting(
    options: DemoOptions, provider: ProviderProcess, directory: Path, *, sign_in: str, seconds: float
) -> str:
    command = shlex.quote(str(Path(sys.argv[0]))) if Path(sys.argv[0]).name == "traefik-canary" else "traefik-canary"
    return f"""
traefik-canary is running ({seconds:.1f} s): the provider, Traefik, and version v1 and v2 of an app.
The rollout {_ROLLOUT} sends 5% to v2 and waits for you.

Open    {sign_in}
            the pages, signed in: shift, promote, abort. The link works once; later: {command} sign-in
        {options.web}    the app: every square is a request
        http://{options.host}:{options.api_port}/dashboard/    what Traefik has
        {provider.url}/docs    the REST API

Try     in another shell:

export CANARY_URL={provider.url} CANARY_TOKEN={provider.token}
{command} status {_ROLLOUT}
{command} set-weight {_ROLLOUT} 25 --wait
for i in $(seq 100); do curl -s -H 'Host: {_HOST}' http://{options.host}:{options.web_port}/; done | sort | uniq -c
{command} promote {_ROLLOUT} --wait
{command} abort {_ROLLOUT} --reason 'just a try' --wait
{command} history {_ROLLOUT}

Logs    {directory}
End     Ctrl-C
"""
