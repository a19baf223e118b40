"""The command as a whole: help, what it imports, terminals and pipes."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from provider.cli import output
from provider.cli.main import cli
from provider.cli.output import ago, show_facts, show_table
from provider.domain.auth import Role
from provider.domain.step_text import step_text
from tests.cli.conftest import Run

HEAVY = {"flask", "gunicorn", "gevent", "requests", "redis", "pydantic", "yaml", "rich", "cryptography", "re2"}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = list(commands(cli))


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, as the command is run."""
    settings = {**os.environ, "NO_PROXY": "*", **environment}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=settings, check=False)


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_and_option_says_what_it_does(
    offline: Run, path: tuple[str, ...], command: click.Command
) -> None:
    shown = offline(*path, "--help")

    assert shown.exit_code == 0
    assert f"Usage: traefik-canary {' '.join(path)}" in shown.stdout
    assert command.help
    assert "\n\n" in command.help or command.help.endswith(".")
    assert all(option.help for option in command.params if isinstance(option, click.Option))
    assert shown.stdout == offline(*path, "-h").stdout


def test_the_commands_are_those_of_the_interface() -> None:
    promised = (
        "serve demo controller apply diff export list get create delete set-weight promote abort pause resume retry "
        "skip status history wait doctor"
    )

    assert set(promised.split()) <= set(cli.commands)
    assert {"create", "list", "revoke"} == {path[1] for path, _ in COMMANDS if path[0] == "token" and len(path) > 1}


def test_the_help_shows_every_command_once_and_whole(offline: Run) -> None:
    shown = offline("--help").stdout

    assert "..." not in shown.split("Shift traffic:")[1]
    for name in cli.commands:
        assert sum(line.startswith(f"  {name} ") for line in shown.splitlines()) == 1


def test_the_version_is_told(offline: Run) -> None:
    assert offline("--version").stdout.startswith("traefik-canary ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope"], "No such command 'nope'"),
        (["pause"], "Missing argument 'NAME'"),
        (["pause", "a", "b"], "Got unexpected extra argument"),
        (["promote", "a", "--ful"], "No such option '--ful'"),
        (["list", "-o", "yaml"], "'yaml' is not one of 'table', 'json'"),
        (["list", "--phase", "Happy"], "is not one of 'healthy', 'progressing', 'paused', 'degraded'"),
        (["wait", "a", "--for", "ready"], "is not one of 'applied', 'healthy', 'paused', 'degraded'"),
        (["wait", "a", "--timeout", "-1"], "-1.0 is not in the range x>=0"),
        (["history", "a", "--limit", "0"], "0 is not in the range 1<=x<=1000"),
        (["create", "a"], "Missing option '--rule'"),
        (["token"], "Usage: traefik-canary token"),
        ([], "Usage: traefik-canary"),
    ],
    ids=str,
)
def test_wrong_usage_has_an_exit_code_of_its_own(offline: Run, arguments: list[str], words: str) -> None:
    refused = offline(*arguments)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert words in refused.stderr


def test_a_client_does_not_wait_for_what_it_does_not_need() -> None:
    code = f"import sys, provider.cli; print(sorted({HEAVY!r} & set(sys.modules)))"

    assert python("-c", code).stdout == "[]\n"


def test_the_supervisor_of_an_embedded_server_does_not_wait_for_what_its_web_process_needs() -> None:
    heavy = HEAVY - {"pydantic", "re2"}  # what settings are checked with
    code = f"import sys, provider.cli, provider.server.serve; print(sorted({heavy!r} & set(sys.modules)))"

    assert python("-c", code).stdout == "[]\n"


def test_the_module_is_the_command() -> None:
    done = python("-m", "provider", "token", "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: traefik-canary token" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_a_reader_that_has_gone_is_no_error_to_look_at(run: Run, shop: str, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "CANARY_URL": run.url, "CANARY_TOKEN": run.secrets[Role.VIEWER], "NO_PROXY": "*"}
    command = [sys.executable, "-m", "provider", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writer)

    assert (done.returncode, done.stderr) == (1, b"")


def test_what_a_terminal_cannot_show_is_no_crash(run: Run, shop: str) -> None:
    run("abort", shop, "--reason", "schön \u2603")
    environment = {"CANARY_URL": run.url, "CANARY_TOKEN": run.secrets[Role.VIEWER], "PYTHONIOENCODING": "latin-1"}
    settings = {**os.environ, "NO_PROXY": "*", **environment}
    shown = subprocess.run(
        [sys.executable, "-m", "provider", "history", shop], capture_output=True, env=settings, check=True
    )

    assert "schön \\u2603".encode("latin-1") in shown.stdout


class Terminal(io.StringIO):
    """A text stream that says that a person looks at it."""

    def isatty(self) -> bool:
        return True


def test_a_table_on_a_terminal_has_lines() -> None:
    with contextlib.redirect_stdout(Terminal()) as terminal:
        show_table(("NAME", "PHASE"), [("shop", "Paused"), ("[b]blog", "Healthy")], empty="")

    assert "─" in terminal.getvalue()
    assert "[b]blog" in terminal.getvalue()


@pytest.mark.parametrize(("side", "words"), [({"service": "a@docker"}, "a@docker"), (None, ""), ({}, "")])
def test_a_side_is_told_by_who_answers(side: dict[str, str] | None, words: str) -> None:
    assert output.side(side) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (86_400 * 3, "3d")]
)
def test_time_that_has_passed_is_told_in_its_largest_unit(seconds: int, words: str) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=seconds + 0.2)

    assert ago(moment.isoformat().replace("+00:00", "Z")) == words


def test_steps_are_told_in_few_words() -> None:
    steps: list[dict[str, Any]] = [{"setWeight": 2.5}, {"pause": {"duration": "10m"}}, {"pause": {}}]

    assert [step_text(one) for one in steps] == ["2.5%", "pause 10m", "pause"]


def test_facts_of_no_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_facts({"rollout": "shop", "canary": "", "actions": "start"})

    assert capsys.readouterr().out == "rollout  shop\nactions  start\n"


@pytest.mark.parametrize(
    "command",
    [
        *(["list"], ["get", "shop"], ["status", "shop"], ["history", "shop"], ["export"], ["token", "list"]),
        *(["gateway", "list"], ["abort", "shop"], ["wait", "shop", "--for", "paused"], ["set-weight", "shop", "9"]),
        *(["token", "create", "ci", "--role", "viewer"], ["gateway", "set", "edge"], ["restore", "--from", "stored"]),
    ],
    ids=" ".join,
)
def test_every_answer_for_machines_is_one_json_document(run: Run, shop: str, command: list[str]) -> None:
    done = run(*command, "--output", "json")

    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout) is not None
