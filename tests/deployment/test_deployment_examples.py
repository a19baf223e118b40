"""The examples in deploy/: what they name is what the project, its command line and the real Traefik take."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import requests

from provider.cli.main import cli
from provider.demo.gateway import traefik_binary
from provider.demo.parts import free_port
from provider.demo.processes import Processes
from provider.domain.fields import read
from provider.domain.rollouts import Spec
from provider.server.settings import Settings
from tests.deployment.composition import ROOT, document, image, services
from tests.e2e.harness import HOST, eventually

SWARM = document("deploy/swarm/stack.yaml")
LABELS = document("deploy/docker-labels/compose.yaml")
UNIT = ROOT / "deploy/systemd/traefik-canary.service"
_TOKEN = "a-token-that-is-long-enough"


def _parsed(words: list[str]) -> click.Context:
    name, *arguments = words
    command = cli.get_command(click.Context(cli), name)
    assert command, f"there is no {name}"
    with command.make_context(name, arguments) as parsed:
        return parsed


def _settings(environment: dict[str, str]) -> Settings:
    return Settings.from_environment({**image().environment, **environment, "CANARY_ADMIN_TOKEN": _TOKEN})


# systemd


def test_the_unit_runs_a_command_that_is_there() -> None:
    (line,) = re.findall(r"^ExecStart=/opt/traefik-canary/bin/traefik-canary (.*)$", UNIT.read_text(), re.MULTILINE)

    assert _parsed(line.replace("${STATE_DIRECTORY}", "/var/lib/traefik-canary").split())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_unit_and_calls_it_safe(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/traefik-canary/bin/traefik-canary", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert judged.returncode == 0, judged.stdout[-500:]


# Swarm


@pytest.mark.parametrize("name", ["provider", "controller"])
def test_the_stack_runs_what_compose_runs(name: str) -> None:
    service, ours = SWARM["services"][name], services()[name]

    assert service["command"] == ours.document["command"]
    assert _parsed(service["command"]).info_name in {"serve", "controller"}
    assert ours.environment["CANARY_REDIS_URL"] == _settings(service["environment"]).redis_url


def test_the_stack_gives_the_provider_its_secret(tmp_path: Path) -> None:
    shell, option, script, zero = SWARM["services"]["provider"]["entrypoint"]
    (tmp_path / "token").write_text(_TOKEN)
    here = script.replace("$$", "$").replace("/run/secrets/canary_admin_token", str(tmp_path / "token"))
    words = [shell, option, here.replace("traefik-canary", "printenv"), zero, "CANARY_ADMIN_TOKEN"]

    assert f"{_TOKEN}\n" == subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_the_stack_has_the_files_that_traefik_is_configured_with() -> None:
    edge = SWARM["services"]["edge"]
    files = {
        one["target"]: ROOT / "deploy/swarm" / SWARM["configs"][one["source"]]["file"] for one in edge["configs"]
    }
    certificate = document("traefik/dynamic.yml")["tls"]["stores"]["default"]["defaultCertificate"]

    assert {target: (ROOT / source).resolve() for target, source in _traefik_files().items()} == {
        target: path.resolve() for target, path in files.items()
    }
    assert set(certificate.values()) == {one["target"] for one in edge["secrets"]}


def _traefik_files() -> dict[str, str]:
    return {target: source for target, source in services()["edge"].mounts.items() if source.startswith("./")}


@pytest.mark.parametrize("stack", [SWARM, LABELS], ids=["swarm", "labels"])
def test_examples_run_the_versions_of_compose(stack: dict[str, Any]) -> None:
    tested = {services()[name].document["image"] for name in ("edge", "valkey")}
    used = {service["image"] for service in stack["services"].values()}

    assert tested <= used
    assert {one for one in used - tested if "traefik-canary:" not in one} == set()


# Docker's labels


def test_the_rollout_refers_to_services_that_the_labels_make() -> None:
    spec = read(Spec, document("deploy/docker-labels/shop.yaml")["spec"])
    labels = {label for service in LABELS["services"].values() for label in service.get("labels", ())}
    made = {match[1] for label in labels if (match := re.match(r"traefik\.http\.services\.([^.]+)\.", label))}

    assert {f"{name}@docker" for name in made} == {spec.stable.service, spec.canary and spec.canary.service}
    assert _settings(LABELS["services"]["provider"]["environment"])
    assert _parsed(["apply", "--file", str(ROOT / "deploy/docker-labels/shop.yaml")])


@pytest.mark.traefik
def test_traefik_takes_the_flags_that_an_existing_one_needs(tmp_path: Path) -> None:
    port, web = free_port(), free_port()
    flags = [
        flag.replace(":80", f"{HOST}:{web}").replace("provider:8080", f"{HOST}:9")
        for flag in LABELS["services"]["traefik"]["command"]
    ]
    with Processes(tmp_path) as processes:
        processes.start("traefik", [traefik_binary(), *flags, f"--entryPoints.traefik.address={HOST}:{port}"])

        def overview() -> Any:
            processes.check()
            try:
                return requests.get(f"http://{HOST}:{port}/api/overview", timeout=5).json()
            except requests.RequestException:
                return None

        found = eventually(overview, what="Traefik answers")

    assert {"Docker", "HTTP"} <= set(found["providers"])
