"""Instances that register themselves, and where servers are found, from a shell."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from provider.demo.parts import free_port
from provider.domain.auth import Role
from provider.domain.rollouts import Server
from tests.cli.conftest import CANARY, RULE, STABLE, Run
from tests.world import ME, World, spec, wait_until

# Listens at the port that it is given, says so, and ends well when it is told to.
APP = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def instances(world: World) -> World:
    """Give a rollout with a side whose servers register; one has."""
    world.operations.discovery.announce("shop", "v1", "first", Server(url=STABLE), seconds=3_600)
    stable = {"discover": {"registered": "v1"}}
    world.operations.rollouts.create("shop", spec(stable=stable, canary=None), ME)
    world.caught_up()
    return world


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def names(world: World) -> Sequence[str]:
    return [instance.name for instance in world.store.instances("shop")]


def start(run: Run, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "CANARY_URL": run.url, "CANARY_TOKEN": run.secrets[Role.INSTANCE]}
    command = [sys.executable, "-m", "provider", "register", "shop", *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_a_command_is_registered_when_it_listens_and_withdrawn_before_it_is_ended(run: Run, instances: World) -> None:
    port = free_port()
    where = ["--side", "stable", "--server", f"http://127.0.0.1:{port}", "--id", "two", "--drain", "0.2"]
    with start(run, *where, "--", sys.executable, "-c", APP, str(port)) as process:
        assert wait_until(lambda: "v1/two" in names(instances), seconds=20)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)

    assert names(instances) == ["v1/first"]
    assert process.returncode == 7, "the command's own"
    assert [
        f"traefik-canary: registered two as http://127.0.0.1:{port} in group v1 of shop",
        "traefik-canary: deregistered two",
    ] == said.splitlines()


@pytest.mark.parametrize(("ends", "code"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137)])
def test_a_command_that_ends_by_itself_is_withdrawn_and_its_code_is_ours(
    run: Run, instances: World, ends: str, code: int
) -> None:
    port = free_port()
    app = f"import os, sys, socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(1); {ends}"
    where = ["--group", "v2", "--server", f"http://127.0.0.1:{port}", "--id", "two"]
    with start(run, *where, "--", sys.executable, "-c", app) as process:
        assert wait_until(lambda: "v2/two" in names(instances), seconds=20)
        process.communicate(timeout=20)

    assert (code, ["v1/first"]) == (process.returncode, names(instances))


def test_without_a_command_an_address_is_registered_while_it_answers(
    run: Run, instances: World, listening: str
) -> None:
    with start(run, "--group", "v1", "--server", listening, "--id", "two", "--weight", "3") as process:
        assert wait_until(lambda: "v1/two" in names(instances), seconds=20)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    assert (process.returncode, names(instances)) == (0, ["v1/first"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Missing option '--server'"),
        (["--server", CANARY], 2, "specify --group, such as v2, or --side"),
        (["--server", CANARY, "--group", "v2", "--side", "stable"], 2, "specify --group, such as v2, or --side"),
        (["--server", "10.0.0.2:80", "--group", "v2"], 2, "10.0.0.2:80 is not a server URL such as"),
        (["--server", "http://a:x", "--group", "v2"], 2, "http://a:x is not a server URL such as"),
        (["--server", CANARY, "--group", "v2", "--", "/no/such"], 1, "cannot start /no/such: No such file"),
    ],
)
def test_what_makes_no_sense_is_said(run: Run, instances: World, arguments: list[str], code: int, words: str) -> None:
    done = run("register", "shop", *arguments, role=Role.INSTANCE)

    assert code == done.exit_code
    assert words in done.stderr
    assert names(instances) == ["v1/first"]


@pytest.mark.parametrize(
    ("arguments", "role", "words"),
    [
        (["--side", "canary"], Role.INSTANCE, "shop has no canary whose servers register"),
        (["--group", "v2"], Role.VIEWER, "the role viewer may not register"),
        (["--group", "V2"], Role.INSTANCE, "a name is lowercase letters, digits and inner hyphens"),
    ],
)
def test_what_the_provider_refuses_at_first_ends_it(
    run: Run, instances: World, listening: str, arguments: list[str], role: Role, words: str
) -> None:
    done = run("register", "shop", *arguments, "--server", listening, role=role)

    assert done.exit_code == 1
    assert words in done.stderr


def test_who_answers_for_a_side_is_shown(run: Run, instances: World) -> None:
    (instance,) = instances.store.instances("shop")
    until = instance.until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    run("set-canary", "shop", "shop-v2@docker")
    shown, document = run("servers", "shop"), json.loads(run("servers", "shop", "-o", "json").stdout)

    assert [f"stable  {STABLE}  first, until {until}", "canary  shop-v2@docker"] == shown.stdout.splitlines()
    assert document["stable"]["discover"] == {"registered": "v1"}


def test_a_canary_is_set_by_where_its_servers_are_found(run: Run, instances: World) -> None:
    instances.operations.discovery.announce("shop", "v2", "one", Server(url=CANARY), seconds=3_600)
    done = run("set-canary", "shop", "registered:v2")

    assert done.exit_code == 0, done.stderr
    assert "canary   instances of v2, 1 found\n" in run("status", "shop").stdout


@pytest.mark.parametrize(
    ("side", "words"),
    [
        ("registered:v9", "  /discover: must lead to one server at least: no instance of v9 has registered"),
        ("registered:", "/discover/registered: must be 1 to 63 lowercase letters"),
        ("dns:no.invalid:x", "a DNS side must be dns:NAME:PORT, such as dns:shop-v2:8080, not dns:no.invalid:x"),
        ("nothing", "dns:shop-v2:8080 or registered:v2, not nothing"),
    ],
)
def test_a_canary_that_is_found_nowhere_is_none(run: Run, instances: World, side: str, words: str) -> None:
    done = run("set-canary", "shop", side)

    assert done.exit_code
    assert words in done.stderr


def test_a_rollout_is_made_of_sides_that_are_found(run: Run, instances: World) -> None:
    done = run("create", "other", "--rule", RULE, "--stable", "registered:v1")

    assert "no instance of v1 has registered" in done.stderr, "a group belongs to its rollout"
