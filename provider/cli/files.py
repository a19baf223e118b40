"""Declarative use: rollouts from a file that is kept in git."""

import difflib
import json
from collections.abc import Sequence
from typing import IO, Any

import click

from provider.cli.client import Client, Json, NotFoundError, Write, rollout_path
from provider.cli.errors import CommandError
from provider.cli.options import Change, Shell, changing, connected, delivery
from provider.cli.output import as_yaml, say, show_json

_FILE = click.option(
    "--file",
    "-f",
    type=click.File("rb"),
    required=True,
    help="Rollouts as YAML, several with --- between; - is stdin",
)


@click.command()
@_FILE
@click.option("--dry-run", is_flag=True, help="Only check, and say what would change")
@changing
@connected
def apply(shell: Shell, file: IO[bytes], dry_run: bool, change: Change) -> None:
    """Make the rollouts of a file so: create them, or replace their specs.

    All are checked before the first is written. A canary on its way keeps its weight unless the file changes it.
    """
    plans = [(document, *_planned(shell.client, document)) for document in _rollouts(file)]
    rollouts = []
    for document, current, planned in plans:
        outcome = _outcome(current, planned)
        is_written = not dry_run and outcome != "unchanged"
        rollouts.append(_put(shell.client, document, change.write) if is_written else planned)
        if not shell.is_json:
            say(f"{document['name']}: {outcome}{' (not written: --dry-run)' if dry_run else ''}")
    if dry_run or not change.waits:
        if shell.is_json:
            show_json(rollouts)
        return
    _wait_for_all(shell, rollouts, change)


def _wait_for_all(shell: Shell, rollouts: Sequence[Json], change: Change) -> None:
    arrived = [shell.client.wait(rollout["name"], "applied", seconds=change.seconds) for rollout in rollouts]
    if shell.is_json:
        show_json(arrived)
        return
    for rollout in arrived:
        say(f"{rollout['name']}: {', '.join(map(delivery, rollout['gateways']))}")


@click.command()
@_FILE
@click.option("--exit-code", is_flag=True, help="End with 1 where there are differences")
@connected
def diff(shell: Shell, file: IO[bytes], exit_code: bool) -> None:
    """Show what apply would change."""
    lines = [line for document in _rollouts(file) for line in _difference(shell.client, document)]
    if shell.is_json:
        show_json({"differs": bool(lines), "diff": "\n".join(lines)})
    else:
        for line in lines:
            say(click.style(line, fg=_COLOURS.get(line[:1])))
    if exit_code and lines:
        raise click.exceptions.Exit(1)


_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@connected
def export(shell: Shell, names: tuple[str, ...]) -> None:
    """Print rollouts in the form that apply reads; all of them if none is named."""
    client = shell.client
    found = [client.get(rollout_path(name)) for name in names] or list(client.pages("rollouts", "rollouts", "cursor"))
    documents = [{"name": rollout["name"], "spec": rollout["spec"]} for rollout in found]
    if shell.is_json:
        show_json(documents)
    else:
        say("---\n".join(map(as_yaml, documents)).rstrip())


def read_documents(file: IO[bytes]) -> Sequence[Json]:
    """Read the YAML (or JSON) documents of a file; CommandError where it is not a mapping, or not YAML."""
    import yaml  # noqa: PLC0415 most commands need none of it

    from provider.cli.strict_yaml import StrictLoader  # noqa: PLC0415

    try:
        documents = [found for found in yaml.load_all(file.read(), StrictLoader) if found is not None]
        json.dumps(documents, allow_nan=False)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{file.name} is not YAML: {' '.join(str(error).split())}") from error
    except (TypeError, ValueError) as error:
        raise CommandError(f"{file.name} holds what JSON cannot: {error}") from error
    for document in documents:
        if not isinstance(document, dict):
            raise CommandError(f"{file.name} must hold mappings, not a {type(document).__name__}")
    return documents


def _rollouts(file: IO[bytes]) -> Sequence[Json]:
    documents = read_documents(file)
    if not documents:
        raise CommandError(f"{file.name} holds no rollout")
    for number, document in enumerate(documents, 1):
        # What `get` prints has more, and is welcome: what a provider adds is left out.
        unknown = set(document) - {"name", "spec", "version", "status", "actions"}
        if unknown or not isinstance(document.get("name"), str) or "spec" not in document:
            what = f"not {', '.join(map(str, sorted(unknown, key=str)))}" if unknown else "one of them is missing"
            raise CommandError(f"{file.name}, document {number}: a rollout has a name and a spec; {what}")
    names = [document["name"] for document in documents]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CommandError(f"{file.name} has {', '.join(twice)} more than once")
    return documents


def _planned(client: Client, document: Json) -> tuple[Json | None, Json]:
    """Give a rollout as it is, and as it would be."""
    try:
        current = client.get(rollout_path(document["name"]))
    except NotFoundError:
        current = None
    try:
        return current, _put(client, document, Write(), dryRun="true")
    except CommandError as error:
        raise CommandError(f"{document['name']}: {error.message}") from error


def _put(client: Client, document: Json, write: Write, **query: str) -> Json:
    return client.write("PUT", rollout_path(document["name"]), {"spec": document["spec"]}, write, **query)


def _outcome(current: Json | None, planned: Json) -> str:
    if current is None:
        return "created"
    return "unchanged" if _comparable(current) == _comparable(planned) else "changed"


def _comparable(rollout: Json | None) -> Json:
    return {name: rollout[name] for name in ("name", "spec", "status")} if rollout else {}


def _difference(client: Client, document: Json) -> Sequence[str]:
    current, planned = _planned(client, document)
    before, after = (as_yaml(_shown(rollout)).splitlines() if rollout else [] for rollout in (current, planned))
    name = document["name"]
    return list(difflib.unified_diff(before, after, f"{name} (now)", f"{name} (then)", lineterm=""))


def _shown(rollout: Json) -> dict[str, Any]:
    status = {name: rollout["status"][name] for name in ("phase", "weight", "stepIndex")}
    return {"name": rollout["name"], "spec": rollout["spec"], "status": status}
