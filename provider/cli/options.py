"""Options shared by commands, and the objects they create."""

import functools
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import click

from provider.cli.client import Client, Write
from provider.cli.errors import CommandError
from provider.cli.output import phase, say, show_json
from provider.domain.json_object import Json

Command = Callable[..., Any]

DEFAULT_URL = "http://127.0.0.1:8080"
_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Shell:
    """API client and output format of a command."""

    client: Client
    is_json: bool
    has_token: bool

    def insist_on_token(self) -> None:
        """Raise UsageError if there is no token."""
        if not self.has_token:
            raise click.UsageError("authentication required: set CANARY_TOKEN or --token")


@dataclass(frozen=True)
class Change:
    """How a command writes, and whether it waits until Traefik has applied the change."""

    write: Write
    waits: bool
    seconds: float


forcing = click.option(
    "--force", is_flag=True, help="Shift traffic even if it is not confirmed that the version can take it"
)


def forced(document: Json, force: bool) -> Json:
    """Give a body that says so."""
    return {**document, "force": True} if force else document


def _header_value(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    value = value.strip()
    if not re.fullmatch(r"[!-~]*", value):
        # Not said what it is: it may be a token.
        raise click.BadParameter("must be printable ASCII without spaces")
    return value


def connected(command: Command) -> Command:
    """Add `--url`, `--token` and `--output` to a command; it receives a Shell."""
    return _with_shell(command, needs_token=True)


def perhaps_connected(command: Command) -> Command:
    """Do the same for a command that may not call the API: it calls `shell.insist_on_token` before it does."""
    return _with_shell(command, needs_token=False)


def _with_shell(command: Command, *, needs_token: bool) -> Command:
    @click.option(
        "--url",
        envvar="CANARY_URL",
        default=DEFAULT_URL,
        show_default=True,
        help="URL of the provider [env: CANARY_URL]",
    )
    @click.option(
        "--token",
        envvar="CANARY_TOKEN",
        default="",
        callback=_header_value,
        help="API token; prefer the environment variable [env: CANARY_TOKEN]",
    )
    @click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table", help="Output format")
    @click.option(
        "--request-id",
        envvar="CANARY_REQUEST_ID",
        default="",
        metavar="ID",
        callback=_header_value,
        help="Request ID for history and log, such as the ID of a CI job (default: generated) [env: "
        "CANARY_REQUEST_ID]",
    )
    @functools.wraps(command)
    def with_shell(*, url: str, token: str, output: str, request_id: str, **rest: Any) -> Any:
        with closing(Client(url, token, request_id=request_id)) as client:
            shell = Shell(client, output == "json", bool(token))
            if needs_token:
                shell.insist_on_token()
            try:
                return command(shell=shell, **rest)
            except KeyError as error:
                raise CommandError(
                    f"the response from {url} lacks {error}; does the provider have another version?"
                ) from error

    return with_shell


explaining = click.option("--reason", default="", help="Reason of the change, kept in the history")


def writing(command: Command) -> Command:
    """Add `--reason`, `--if-match` and `--idempotency-key` to a command; it receives a Write."""

    @explaining
    @click.option(
        "--if-match",
        default="",
        metavar="VERSION",
        callback=_header_value,
        help="Change only if the current version is this one",
    )
    @click.option(
        "--idempotency-key",
        default="",
        metavar="KEY",
        callback=_header_value,
        help="Execute requests with the same key only once",
    )
    @functools.wraps(command)
    def with_write(*, reason: str, if_match: str, idempotency_key: str, **rest: Any) -> Any:
        return command(write=Write(reason, if_match, idempotency_key), **rest)

    return with_write


allowing_shrink = click.option(
    "--allow-shrink",
    is_flag=True,
    help="Allow a change that leaves a gateway with less than half of its rollouts, or with none",
)


def shrink_query(is_allowed: bool) -> dict[str, str]:
    """Give the query that says so."""
    return {"allowShrink": "true"} if is_allowed else {}


def changing(command: Command) -> Command:
    """Add the options of `writing`, and `--wait`, to a command; it receives a Change."""

    @click.option("--wait", "waits", is_flag=True, help="Wait until Traefik has applied the change")
    @click.option(
        "--timeout",
        "seconds",
        type=click.FloatRange(min=0),
        default=_WAIT_SECONDS,
        show_default=True,
        metavar="SECONDS",
        help="Timeout of --wait",
    )
    @writing
    @functools.wraps(command)
    def with_change(*, write: Write, waits: bool, seconds: float, **rest: Any) -> Any:
        return command(change=Change(write, waits, seconds), **rest)

    return with_change


def show_warnings(document: Json) -> None:
    """Say on stderr what the API warns of."""
    for warning in document.get("warnings", ()):
        click.echo(f"warning: {warning['detail']}", err=True)


def finish(shell: Shell, rollout: Json, change: Change, *more: str) -> None:
    """Say what was done and `more` lines about it, and where that was asked for, wait until Traefik has it."""
    if not shell.is_json:
        # Before the wait: it is done, even if Traefik does not get it in time.
        for line in (phase(rollout), *more):
            say(line)
        show_warnings(rollout)
    if change.waits:
        rollout = shell.client.wait(rollout["name"], "applied", seconds=change.seconds)
    show_arrival(shell, rollout)


def show_arrival(shell: Shell, rollout: Json) -> None:
    """Say at which gateways a rollout was seen; to machines, all that is known of it."""
    if shell.is_json:
        show_json(rollout)
        return
    for gateway in rollout.get("gateways", ()):
        say(delivery(gateway))


def delivery(gateway: Json) -> str:
    """Say how far a rollout has come at a gateway."""
    words = {"applied": "applied", "served": "served, not confirmed", "pending": "not applied yet"}
    detail = f" ({gateway['detail']})" if "detail" in gateway else ""
    return f"{gateway['gateway']}: {words.get(gateway['state'], gateway['state'])}{detail}"
