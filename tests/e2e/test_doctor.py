"""The doctor at a Traefik that is set as it is shipped, at one that is not, and at a backend."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from provider.demo.gateway import traefik_binary
from provider.demo.parts import free_port, start_app
from provider.demo.processes import is_listening
from tests.e2e.harness import HOST, SITE, Stack, eventually

pytestmark = pytest.mark.traefik


def badly_set(stack: Stack, directory: Path, api_port: int) -> Path:
    """Write a configuration as somebody does who has read nothing: what is not needed to run is left out."""
    nothing = {"loadBalancer": {"servers": [{"url": f"http://{HOST}:{stack.stable_port}"}]}}
    router = {"rule": f"Host(`{SITE}`)", "service": "old", "priority": 1_000}
    dynamic = directory / "dynamic.yml"
    dynamic.write_text(yaml.safe_dump({"http": {"routers": {"old": router}, "services": {"old": nothing}}}))
    static = directory / "traefik.yml"
    ports = {"web": free_port(), "websecure": free_port(), "traefik": api_port}
    content: dict[str, Any] = {
        "entryPoints": {name: {"address": f"{HOST}:{port}"} for name, port in ports.items()},
        "api": {"insecure": True},
        "metrics": {"prometheus": {"addServicesLabels": False}},
        "providers": {
            "http": {"endpoint": f"http://{HOST}:{stack.provider_port}/traefik/config"},
            "file": {"filename": str(dynamic)},
        },
    }
    static.write_text(yaml.safe_dump(content))
    return static


@pytest.fixture(scope="module")
def bad(shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the configuration of a second Traefik, set badly, that polls as well and carries the rollout."""
    stack, api_port = shared_stack, free_port()
    static = badly_set(stack, tmp_path_factory.mktemp("bad"), api_port)
    analysis = {"latency": {"above": "500ms"}}
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(analysis=analysis)})
    stack.done("PUT", "/gateways/default", {"spec": {"api": f"http://{HOST}:{api_port}"}})
    child = stack.processes.start("bad", [traefik_binary(), f"--configFile={static}"])
    eventually(lambda: is_listening(HOST, api_port), what="the second Traefik")
    eventually(lambda: seen_by(stack) == {"edge", "default"}, what="both are seen")
    yield static
    child.stop()
    stack.processes.forget(child)


def seen_by(stack: Stack) -> set[str]:
    gateways = stack.done("GET", "/gateways")["gateways"]
    return {one["name"] for one in gateways if one["instances"] and not one["errors"]}


def checks(shown: str, of: str) -> set[str]:
    return {finding["check"] for finding in json.loads(shown)["findings"] if finding["of"] == of}


def test_what_is_set_badly_is_found_and_what_is_shipped_is_well(shared_stack: Stack, bad: Path) -> None:
    answer = shared_stack.command("doctor", "-o", "json")

    assert answer.returncode == 1, answer.stderr
    assert set() == checks(answer.stdout, "edge")
    assert {
        "buckets",
        "certificate",
        "coarse-buckets",
        "gateway-name",
        "held-polls",
        "idle-connections",
        "service-labels",
        "shadowed-router",
        "throttle",
    } == checks(answer.stdout, "default")


def test_one_that_is_well_ends_with_0_and_needs_no_provider(shared_stack: Stack) -> None:
    api = f"http://{HOST}:{shared_stack.api_port}"
    answer = shared_stack.command("doctor", "--api", api, "--token", "")

    assert (0, f"{api}: no problems found\n") == (answer.returncode, answer.stdout)


def test_a_file_tells_the_same_of_itself_as_the_traefik_that_runs_with_it(shared_stack: Stack, bad: Path) -> None:
    file = shared_stack.command("doctor", "--static", str(bad), "-o", "json")

    assert {
        "coarse-buckets",
        "gateway-name",
        "held-polls",
        "idle-connections",
        "service-labels",
        "throttle",
    } == checks(file.stdout, str(bad))


def test_a_backend_is_measured(shared_stack: Stack) -> None:
    port = free_port()
    start_app(shared_stack.processes, version="v3", port=port, options=("--idle-timeout", "1"))
    answer = shared_stack.command("doctor", "--backend", f"http://{HOST}:{port}")

    assert answer.returncode == 0, answer.stderr
    found = re.search(r"It closed 3 of 3 connections after ([\d.]+), ([\d.]+), ([\d.]+) s", answer.stdout)
    assert found, answer.stdout
    # A clock tick early, or late as far as the machine is busy.
    assert all(0.9 <= float(seconds) < 5 for seconds in found.groups())
    assert re.search(r"^ +keepAliveTimeout: \S+s$", answer.stdout, re.MULTILINE)
