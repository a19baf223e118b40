"""Declarative use: rollouts from a file in a repository."""

import difflib
import json
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from typing import IO, Any

import click

from provider.cli.client import Client, Write, rollout_path
from provider.cli.errors import CommandError
from provider.cli.failures import NotFoundError, OtherStableError
from provider.cli.options import (
    Change,
    Shell,
    allowing_shrink,
    changing,
    connected,
    delivery,
    show_warnings,
    shrink_query,
)
from provider.cli.output import as_yaml, overlap, say, show_json
from provider.domain.json_object import Json

_SHOWN = {"name", "spec", "version", "status", "actions", "waiting", "shadowedBy", "overlapsWith"}
_SHOWN |= {"warnings", "verdict"}
_REPLACING = {"replaceStable": "true"}
_FILE = click.option(
    "--file",
    "-f",
    type=click.File("rb"),
    required=True,
    help="File with rollouts as YAML (separated by ---) or JSON; - is stdin",
)


@click.command()
@_FILE
@click.option("--dry-run", is_flag=True, help="Validate, and print what would change")
@click.option(
    "--replace-stable", is_flag=True, help="Allow the file to route all traffic to another stable version at once"
)
@allowing_shrink
@changing
@connected
def apply(
    shell: Shell, file: IO[bytes], *, dry_run: bool, replace_stable: bool, allow_shrink: bool, change: Change
) -> None:
    """Create the rollouts of a file, or replace their specs.

    The command validates all rollouts before it writes the first. The weight of a canary in progress does not change
    unless the file changes it. A file that names another stable version is rejected: name that version as the canary,
    or use --replace-stable.
    """
    documents = _rollouts(file)
    if change.write.if_match and len(documents) > 1:
        raise click.UsageError("--if-match requires a single rollout: each rollout has its own version")
    check = Write(if_match=change.write.if_match)
    query = {**shrink_query(allow_shrink), **(_REPLACING if replace_stable else {})}
    plans = [(document, *_planned(shell.client, document, check, **query)) for document in documents]
    rollouts = [_applied(shell, *plan, write=change.write, dry_run=dry_run, query=query) for plan in plans]
    if change.waits and not dry_run:
        rollouts = _awaited(shell, rollouts, change)
    if shell.is_json:
        show_json(rollouts)


def _applied(
    shell: Shell,
    document: Json,
    current: Json | None,
    planned: Json,
    *,
    write: Write,
    dry_run: bool,
    query: dict[str, str],
) -> Json:
    name, outcome = document["name"], _outcome(current, planned)
    is_written = not dry_run and outcome != "unchanged"
    rollout = _put(shell.client, document, write.part(name), **query) if is_written else planned
    if not shell.is_json:
        say(f"{name}: {outcome}{' (dry run)' if dry_run else ''}")
        show_warnings(rollout)
        if words := overlap(rollout):
            say(f"{name}: warning: {words}")
    return rollout


def _awaited(shell: Shell, rollouts: Sequence[Json], change: Change) -> list[Json]:
    """Wait for all of them, as long as the command may take in all."""
    deadline = time.monotonic() + change.seconds
    arrived = []
    for rollout in rollouts:
        left_seconds = max(0.0, deadline - time.monotonic())
        arrived.append(shell.client.wait(rollout["name"], "applied", seconds=left_seconds))
        if not shell.is_json:
            say(f"{rollout['name']}: {', '.join(map(delivery, arrived[-1]['gateways']))}")
    return arrived


@click.command()
@_FILE
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there are differences")
@connected
def diff(shell: Shell, file: IO[bytes], exit_code: bool) -> None:
    """Show what apply would change.

    A file that is older than a promotion, or names another stable version, is reported as drift: apply rejects it.
    """
    drifts: list[Json] = []
    lines = [line for document in _rollouts(file) for line in _difference(shell.client, document, drifts)]
    if shell.is_json:
        show_json({"differs": bool(lines), "diff": "\n".join(lines), "drift": drifts})
    else:
        for drift in drifts:
            say(f"drift: {drift['detail']}")
        for line in lines:
            say(line, color=_COLOURS.get(line[:1]))
    if exit_code and lines:
        raise click.exceptions.Exit(1)


_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@connected
def export(shell: Shell, names: tuple[str, ...]) -> None:
    """Print rollouts in the format of apply. Default: all rollouts."""
    client = shell.client
    found = [client.get(rollout_path(name)) for name in names] or list(client.pages("rollouts", "rollouts", "cursor"))
    documents = [{"name": rollout["name"], "spec": rollout["spec"]} for rollout in found]
    if shell.is_json:
        show_json(documents)
    elif not documents:
        click.echo("No rollouts found.", err=True)
    else:
        say("---\n".join(map(as_yaml, documents)).rstrip())


def name_of(file: IO[bytes]) -> str:
    """Say what a file is called."""
    return getattr(file, "name", "<stdin>")


def read_documents(file: IO[bytes]) -> Sequence[Json]:
    """Read the mappings of a YAML (or JSON) file: its documents, or what the list in a document holds.

    CommandError where it is no YAML, or holds anything else.
    """
    import yaml  # noqa: PLC0415 most commands need none of it

    from provider.domain.strict_yaml import StrictLoader, words_of  # noqa: PLC0415

    content = file.read()
    try:
        found = _json_documents(file, content)
        if found is None:
            found = [document for document in yaml.load_all(content, StrictLoader) if document is not None]
        json.dumps(found)
    except yaml.YAMLError as error:
        raise CommandError(f"{name_of(file)} is not YAML: {words_of(error)}") from error
    except (TypeError, ValueError) as error:
        raise CommandError(f"{name_of(file)} contains a value that JSON cannot represent: {error}") from error
    except RecursionError as error:
        raise CommandError(f"{name_of(file)} is nested too deeply") from error
    documents: list[Any] = [one for each in found for one in (each if isinstance(each, list) else [each])]
    for document in documents:
        if not isinstance(document, dict):
            what = textwrap.shorten(json.dumps(document, ensure_ascii=False), 40, placeholder=" ...")
            raise CommandError(f"{name_of(file)} must contain mappings (name: value), not {what}")
    return documents


def _json_documents(file: IO[bytes], content: bytes) -> list[object] | None:
    """Read a file that is JSON; None where it may be YAML, which takes no tabs. CommandError where it has such."""
    from provider.domain.fields import NotJsonError, decode_json  # noqa: PLC0415 only these commands need it

    if content.lstrip()[:1] not in {b"{", b"["}:
        return None
    try:
        return [decode_json(content)]
    except NotJsonError as error:
        if b"\n\t" in content:
            raise CommandError(f"{name_of(file)} is not JSON: {error}") from error
        return None


def _rollouts(file: IO[bytes]) -> Sequence[Json]:
    documents = read_documents(file)
    if not documents:
        raise CommandError(f"{name_of(file)} contains no rollouts")
    for number, document in enumerate(documents, 1):
        mistake = _mistake(document)
        if mistake:
            raise CommandError(f"{name_of(file)}, document {number}: a rollout needs a name and a spec; {mistake}")
    names = [document["name"] for document in documents]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise CommandError(f"{name_of(file)} contains {', '.join(twice)} more than once")
    return documents


def _mistake(document: Json) -> str | None:
    # What `get` prints has more, and is welcome: what a provider adds is left out.
    unknown = set(document) - _SHOWN
    missing = {"name", "spec"} - set(document)
    if unknown:
        return f"not {', '.join(sorted(map(str, unknown)))}"
    if missing:
        return f"there is no {' and no '.join(sorted(missing))}"
    if not isinstance(document["name"], str):
        return f"the name must be text, not {json.dumps(document['name'])}; put it in quotes"
    return None


def _planned(client: Client, document: Json, check: Write, **query: str) -> tuple[Json | None, Json]:
    """Give a rollout as it is, and as it would be."""
    try:
        current = client.get(rollout_path(document["name"]))
    except NotFoundError:
        current = None
    return current, _put(client, document, check, dryRun="true", **query)


def _put(client: Client, document: Json, write: Write, **query: str) -> Json:
    name = document["name"]
    try:
        return client.write("PUT", rollout_path(name), {"spec": document["spec"]}, write, **query)
    except OtherStableError:
        raise  # it names the rollout
    except CommandError as error:
        raise CommandError(f"{name}: {error.message}") from error


def _outcome(current: Json | None, planned: Json) -> str:
    if current is None:
        return "created"
    return "unchanged" if _comparable(current) == _comparable(planned) else "changed"


def _comparable(rollout: Json | None) -> Json:
    return {name: rollout[name] for name in ("name", "spec", "status")} if rollout else {}


def _difference(client: Client, document: Json, drifts: list[Json]) -> Sequence[str]:
    try:
        current, planned = _planned(client, document, Write(), **shrink_query(True))
    except OtherStableError as error:
        reason = "spec-outdated" if error.is_lagging else "stable-changed"
        drifts.append({"name": document["name"], "reasonCode": reason, "detail": error.message})
        current, planned = _planned(client, document, Write(), **shrink_query(True), **_REPLACING)
    before, after = (as_yaml(_shown(rollout)).splitlines() if rollout else [] for rollout in (current, planned))
    name = document["name"]
    return list(difflib.unified_diff(before, after, f"{name} (now)", f"{name} (then)", lineterm=""))


def _shown(rollout: Json) -> dict[str, Any]:
    status = {name: rollout["status"][name] for name in ("phase", "weight", "stepIndex")}
    return {"name": rollout["name"], "spec": rollout["spec"], "status": status}
