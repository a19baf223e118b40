"""Commands on a rollout, for CI and the shell."""

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, Any

import click

from provider.cli.client import Write, rollout_path
from provider.cli.errors import CommandError, TimedOutError
from provider.cli.files import name_of, read_documents
from provider.cli.options import (
    Change,
    Shell,
    allowing_shrink,
    changing,
    connected,
    delivery,
    finish,
    forced,
    forcing,
    show_arrival,
    shrink_query,
    writing,
)
from provider.cli.output import (
    ago,
    as_yaml,
    attempt_of,
    attempt_words,
    between,
    overlap,
    phase,
    say,
    show_facts,
    show_json,
    show_table,
    side,
)
from provider.domain.json_object import Json
from provider.domain.step_text import step_text

GOALS = ("applied", "healthy", "paused", "degraded")
SIDES = ("stable", "canary", "baseline")
PHASES = ("Healthy", "Progressing", "Paused", "Degraded")
# Moves that go by another name here.
_COMMANDS = {"start": "set-canary", "promote-full": "promote --full"}


@click.command("list")
@click.option(
    "--phase", "wanted", type=click.Choice(PHASES, case_sensitive=False), help="List only rollouts in this phase"
)
@click.option("--gateway", help="List only rollouts that this gateway serves")
@connected
def list_(shell: Shell, wanted: str | None, gateway: str | None) -> None:
    """List rollouts."""
    query = {name: value for name, value in (("phase", wanted), ("gateway", gateway)) if value}
    rollouts = list(shell.client.pages("rollouts", "rollouts", "cursor", **query))
    if shell.is_json:
        show_json(rollouts)
        return
    show_table(
        ("NAME", "PHASE", "WEIGHT", "STEP", "SINCE", "REASON"),
        [_row(rollout) for rollout in rollouts],
        empty="No rollouts match." if query else "No rollouts yet. Create one with traefik-canary create or apply.",
    )


def _row(rollout: Json) -> tuple[str, ...]:
    spec, status = rollout["spec"], rollout["status"]
    steps, index = spec.get("steps", ()), status["stepIndex"]
    at = f"{min(index + 1, len(steps))}/{len(steps)}" if steps and "canary" in spec else "-"
    weight = f"{status['weight']}%" if "canary" in spec else "-"
    return rollout["name"], status["phase"], weight, at, ago(status["since"]), status["reason"]


@click.command()
@click.argument("name")
@connected
def get(shell: Shell, name: str) -> None:
    """Print a rollout as YAML or JSON."""
    rollout = shell.client.get(rollout_path(name))
    if shell.is_json:
        show_json(rollout)
    else:
        say(as_yaml(rollout).rstrip())


@click.command()
@click.argument("name")
@click.option("--rule", required=True, help="Traefik router rule, such as 'Host(`shop.example.com`)'")
@click.option(
    "--stable",
    required=True,
    multiple=True,
    metavar="SIDE",
    help="URL (may be repeated), service@provider, dns:NAME:PORT, or registered:GROUP",
)
@click.option("--canary", multiple=True, metavar="SIDE", help="As --stable (default: no canary)")
@click.option("--entry-point", multiple=True, help="Traefik entry point; may be repeated (default: all entry points)")
@click.option(
    "--gateway", multiple=True, help="Gateway that serves the rollout; may be repeated (default: all gateways)"
)
@changing
@connected
def create(shell: Shell, name: str, rule: str, change: Change, **choices: tuple[str, ...]) -> None:
    """Create a rollout from options. For all fields of a spec, use apply."""
    spec: Json = {"rule": rule, "stable": _side(choices["stable"])}
    if choices["canary"]:
        spec["canary"] = _side(choices["canary"])
    for field, option in (("entryPoints", "entry_point"), ("gateways", "gateway")):
        if choices[option]:
            spec[field] = list(choices[option])
    rollout = shell.client.write("POST", "rollouts", {"name": name, "spec": spec}, change.write)
    words = overlap(rollout)
    finish(shell, rollout, change, *([f"warning: {words}"] if words else []))


def _side(sides: tuple[str, ...]) -> Json:
    kind, _, rest = sides[0].partition(":")
    if len(sides) == 1 and kind in _FOUND:
        return {"discover": _FOUND[kind](rest)}
    for text in sides:
        if "://" not in text and "@" not in text:
            raise click.UsageError(
                "a side must be a URL such as http://10.0.0.1:8080, a service such as shop-v2@docker, "
                f"dns:shop-v2:8080 or registered:v2, not {text}"
            )
    references = [side for side in sides if "://" not in side]
    if not references:
        return {"servers": [{"url": url} for url in sides]}
    if len(sides) > 1:
        raise click.UsageError(f"a side must be one service or one or more URLs, not {', '.join(sides)}")
    return {"service": references[0]}


def _by_name(text: str) -> Json:
    name, colon, port = text.partition(":")
    if not colon:
        return {"dns": {"name": name, "type": "SRV"}}
    if not port.isdigit():
        raise click.UsageError(f"a DNS side must be dns:NAME:PORT, such as dns:shop-v2:8080, not dns:{text}")
    return {"dns": {"name": name, "port": int(port)}}


_FOUND: Mapping[str, Callable[[str], Json]] = {"dns": _by_name, "registered": lambda group: {"registered": group}}


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation")
@writing
@connected
def delete(shell: Shell, name: str, yes: bool, write: Write) -> None:
    """Delete a rollout. Traefik then responds with 404 for its rule."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(f"deleting {name} removes its router from Traefik; confirm with --yes")
    if not yes:
        click.confirm(f"Traefik will respond with 404 for the rule of {name}. Delete it?", abort=True)
    shell.client.delete(rollout_path(name), write, allowShrink="true")
    if not shell.is_json:
        say(f"{name} deleted")


@click.command("set-canary")
@click.argument("name")
@click.argument("sides", nargs=-1, metavar="[URL... | SERVICE@PROVIDER | dns:NAME:PORT | registered:GROUP]")
@click.option(
    "--file", "-f", type=click.File("rb"), help="File with a side and all its options, as YAML or JSON; - is stdin"
)
@click.option(
    "--baseline-server",
    "baseline",
    multiple=True,
    metavar="SIDE",
    help="New instances of the stable version to compare the canary with, as --stable of create "
    "(default: the baseline of the spec)",
)
@forcing
@changing
@connected
def set_canary(
    shell: Shell,
    name: str,
    *,
    sides: tuple[str, ...],
    file: IO[bytes] | None,
    baseline: tuple[str, ...],
    force: bool,
    change: Change,
) -> None:
    """Start a new canary at the first step.

    List its servers or its service, or discover its servers: by DNS (dns:NAME:PORT, or dns:NAME for SRV records), or
    as instances that register (registered:GROUP).
    """
    if bool(sides) == bool(file):
        raise click.UsageError("specify the canary as URLs, a service, dns:…, registered:…, or with --file")
    document = _one_document(file) if file else _side(sides)
    if baseline:
        document["baseline"] = _side(baseline)
    rollout = shell.client.write("PUT", rollout_path(name, "canary"), forced(document, force), change.write)
    finish(shell, rollout, change, f"attempt {attempt_of(rollout)}")


def _one_document(file: IO[bytes]) -> Json:
    documents = read_documents(file)
    if len(documents) != 1:
        raise CommandError(f"{name_of(file)} must contain exactly one document, not {len(documents)}")
    return documents[0]


@click.command()
@click.argument("name")
@click.argument("wanted", type=click.Choice(SIDES), metavar="|".join(SIDES))
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@changing
@connected
def scale(shell: Shell, name: str, wanted: str, urls: tuple[str, ...], change: Change) -> None:
    """Replace the servers of a side.

    Servers that remain keep their weight and drain state. At least one server must remain: a completely different set
    is another version, which set-canary starts.
    """
    rollout = shell.client.get(rollout_path(name))
    servers = rollout["spec"].get(wanted, {}).get("servers", ())
    known = {server["url"]: server for server in servers}
    document = {"servers": [known.get(url.removesuffix("/"), {"url": url}) for url in urls]}
    # What stays is written as it was read: somebody may have changed it meanwhile.
    write = replace(change.write, if_match=change.write.if_match or str(rollout["version"]))
    finish(shell, shell.client.write("PUT", rollout_path(name, wanted, "servers"), document, write), change)


@click.command()
@click.argument("name")
@click.argument("server", metavar="URL")
@click.option("--undo", "is_undone", is_flag=True, help="Stop draining")
@changing
@connected
def drain(shell: Shell, name: str, server: str, is_undone: bool, change: Change) -> None:
    """Drain a server: it receives no new requests, and requests in flight complete."""
    document = {"url": server, "undo": is_undone}
    finish(shell, shell.client.write("POST", rollout_path(name, "drain"), document, change.write), change)


def _per_cent(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    try:
        weight = float(value.removesuffix("%"))
    except ValueError:
        weight = math.nan
    if not 0 <= weight <= 100:
        raise click.BadParameter(f"{value} is not a number from 0 to 100")
    return weight


@click.command("set-weight")
@click.argument("name")
@click.argument("weight", callback=_per_cent)
@forcing
@changing
@connected
def set_weight(shell: Shell, name: str, weight: float, force: bool, change: Change) -> None:
    """Send WEIGHT percent of the traffic to the canary, and hold."""
    document = forced({"weight": int(weight) if weight.is_integer() else weight}, force)
    finish(shell, shell.client.write("PUT", rollout_path(name, "weight"), document, change.write), change)


@click.command()
@click.argument("name")
@click.option("--full", is_flag=True, help="Skip all remaining steps and make the canary stable now")
@forcing
@changing
@connected
def promote(shell: Shell, name: str, full: bool, force: bool, change: Change) -> None:
    """Promote to the next step; after the last step, the canary becomes stable."""
    document = forced({"full": full}, force)
    finish(shell, shell.client.write("POST", rollout_path(name, "promote"), document, change.write), change)


@click.command()
@click.argument("name")
@click.option("--to-revision", type=click.IntRange(min=1), required=True, help="Revision from the history")
@allowing_shrink
@forcing
@changing
@connected
def undo(shell: Shell, name: str, *, to_revision: int, allow_shrink: bool, force: bool, change: Change) -> None:
    """Roll back to an earlier revision. The canary keeps that revision's weight."""
    document = forced({"toRevision": to_revision}, force)
    query = shrink_query(allow_shrink)
    finish(shell, shell.client.write("POST", rollout_path(name, "undo"), document, change.write, **query), change)


def _move(action: str, words: str) -> click.Command:
    @click.command(action, help=words)
    @click.argument("name")
    @changing
    @connected
    def move(shell: Shell, name: str, change: Change) -> None:
        finish(shell, shell.client.write("POST", rollout_path(name, action), {}, change.write), change)

    return move


_RETRYING = click.option(
    "--force",
    is_flag=True,
    help="Retry beyond analysis.maxAttempts, and even if it is not confirmed that the version can take traffic",
)


def _forcible_move(action: str, words: str, force_option: Callable[..., Any] = forcing) -> click.Command:
    @click.command(action, help=words)
    @click.argument("name")
    @force_option
    @changing
    @connected
    def move(shell: Shell, name: str, force: bool, change: Change) -> None:
        finish(shell, shell.client.write("POST", rollout_path(name, action), forced({}, force), change.write), change)

    return move


@click.command()
@click.argument("name")
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    metavar="N",
    help="Abort only if this attempt, as printed by set-canary and status, is the current one (default: any)",
)
@changing
@connected
def abort(shell: Shell, name: str, attempt: int | None, change: Change) -> None:
    """Abort the canary: send all traffic to stable at once."""
    document = {} if attempt is None else {"attempt": attempt}
    finish(shell, shell.client.write("POST", rollout_path(name, "abort"), document, change.write), change)


MOVES = (
    abort,
    _move("pause", "Pause at the current weight until resumed or promoted."),
    _forcible_move("resume", "Resume after a pause, or after the weight was set manually."),
    _forcible_move("retry", "Start the aborted canary again.", _RETRYING),
    _forcible_move("skip", "Skip the current step."),
)


@click.command()
@click.argument("name")
@connected
def status(shell: Shell, name: str) -> None:
    """Show the status of a rollout, and whether Traefik has applied it."""
    rollout = shell.client.get(rollout_path(name))
    spec, now = rollout["spec"], rollout["status"]
    seen = _seen(shell, name)
    found = _found(shell, name) if any("discover" in (spec.get(one) or {}) for one in SIDES) else {}
    traffic = shell.client.get(rollout_path(name, "traffic")) if 0 < now["weight"] < 100 else None
    if shell.is_json:
        show_json({**rollout, "delivery": seen, **({"traffic": traffic} if traffic else {})})
        return
    show_facts(
        {
            "rollout": phase(rollout),
            "since": f"{now['since']} ({ago(now['since'])} ago)",
            "rule": spec["rule"],
            "stable": side(spec["stable"]) + found.get("stable", ""),
            "canary": side(spec.get("canary")) + found.get("canary", ""),
            **({"baseline": side(spec["baseline"]) + found.get("baseline", "")} if "baseline" in spec else {}),
            "attempt": attempt_words(rollout),
            "steps": _steps(rollout),
            "overlap": overlap(rollout),
            "waiting": "{reasonCode}: {detail}".format(**rollout["waiting"]) if "waiting" in rollout else "",
            "traefik": "; ".join(seen),
            "traffic": _traffic(traffic) if traffic else "",
            "verdict": _verdict(rollout.get("verdict")),
            "actions": ", ".join(_COMMANDS.get(action, action) for action in rollout["actions"]),
        }
    )


def _verdict(known: Json | None) -> str:
    """Say what is known of the canary, and how long it takes to know more."""
    if not known:
        return ""
    left = f"; {known['verdictIn']}" if "verdictIn" in known else ""
    return f"{known['outcome']}: {known['reason']}{left}"


def _found(shell: Shell, name: str) -> Mapping[str, str]:
    """Say how many servers were found for each side that looks for them, and why some are kept."""
    sides = shell.client.get(rollout_path(name, "servers"))
    return {
        one: f", {len(known['servers'])} found" + (f"; kept: {known['keptReason']}" if "keptReason" in known else "")
        for one, known in sides.items()
        if "discover" in known
    }


def _seen(shell: Shell, name: str) -> list[str]:
    try:
        answer = shell.client.wait(name, "applied", seconds=0)
    except TimedOutError as error:
        # It was asked how it is now: that no time was given need not be said.
        return [re.sub(r" (after|within) 0 s", "", error.message)]
    return [delivery(gateway) for gateway in answer.get("gateways", ())]


def _traffic(share: Json) -> str:
    """Say what was asked for and what came of it, over how long it was counted."""
    asked, canary = f"requested {share['requested']}%", share["canaryRequests"]
    if "achieved" not in share:
        return f"{asked}: {share['summary']}"
    total = canary + share["stableRequests"] + share.get("baselineRequests", 0)
    time = between(share["since"], share["measuredAt"])
    got = f"{asked}, achieved {share['achieved']:g}% ({canary} of {total} requests in {time})"
    return f"{got}; {share['summary']}" if share["summary"] else got


def _steps(rollout: Json) -> str:
    steps = rollout["spec"].get("steps", ())
    at = rollout["status"]["stepIndex"] if "canary" in rollout["spec"] else -1
    return " > ".join(f"[{step_text(one)}]" if index == at else step_text(one) for index, one in enumerate(steps))


def _history(shell: Shell, name: str, limit: int) -> list[Json]:
    """Read so many changes; a response holds fewer where documents are large."""
    entries: list[Json] = []
    older: dict[str, int] = {}
    while len(entries) < limit:
        answer = shell.client.get(rollout_path(name, "history"), limit=limit - len(entries), **older)
        entries += answer["history"]
        if "before" not in answer or not answer["history"]:
            break
        older = {"before": answer["before"]}
    return entries


@click.command()
@click.argument("name")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Maximum number of changes"
)
@connected
def history(shell: Shell, name: str, limit: int) -> None:
    """Show the changes of a rollout, newest first."""
    entries = _history(shell, name, limit)
    if shell.is_json:
        show_json(entries)
        return
    rows = [
        (entry["at"], str(entry["revision"]), entry["actor"], entry["action"], _weight(entry), entry["reason"])
        for entry in entries
    ]
    show_table(("TIME", "REVISION", "ACTOR", "ACTION", "WEIGHT", "REASON"), rows, empty="No changes yet.")


@click.command()
@click.argument("name")
@connected
def analysis(shell: Shell, name: str) -> None:
    """Show the analysis of the canary: verdicts and the latest measurements."""
    known = shell.client.get(rollout_path(name, "analysis"))
    if shell.is_json:
        show_json(known)
        return
    in_step = known["currentStep"]
    show_facts(
        {
            "canary": f"{known['overall']['outcome']}: {known['overall']['reason']}",
            "this step": f"{in_step['outcome']}: {in_step['reason']}",
            **({"now": known["warmUpRemaining"]} if known.get("warmUpRemaining") else {}),
            "time left": known.get("verdictIn", ""),
            **{check["name"]: f"{check['outcome']}: {check['reason']}" for check in known["checks"]},
        }
    )
    say("")
    sides = [
        one for one in ("canary", "stable", "baseline") if any(f"{one}Requests" in look for look in known["samples"])
    ]
    rows = [
        (look["at"], look["outcome"], *(str(look.get(f"{one}Requests", "")) for one in sides), look["reason"])
        for look in known["samples"]
    ]
    columns = ("TIME", "OUTCOME", *(one.upper() for one in sides), "REASON")
    show_table(columns, rows, empty="No measurements yet.")
    say("")
    settings = [(one["name"], _value(one["value"]), one["origin"]) for one in known["settings"]]
    show_table(("SETTING", "VALUE", "ORIGIN"), settings, empty="")


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _weight(entry: dict[str, Any]) -> str:
    before, after = (_weight_of(entry.get(side)) for side in ("before", "after"))
    if before and after and _stable_of(entry["before"]) != _stable_of(entry["after"]):
        return f"{before} > stable"  # it has taken over; that there is no canary now is not what moved
    return after if before in {"", after} else f"{before} > {after or '-'}"


def _weight_of(document: Json | None) -> str:
    try:
        return f"{document['status']['weight']}%" if document else ""
    except (KeyError, TypeError):
        return ""  # it was damaged by hand


def _stable_of(document: Json) -> object:
    return document["status"].get("stableGeneration")


@click.command()
@click.argument("name")
@click.option(
    "--for",
    "goal",
    type=click.Choice(GOALS),
    default="applied",
    show_default=True,
    help="State to wait for; applied means that Traefik has applied the configuration",
)
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Timeout",
)
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    metavar="N",
    help="Attempt of the canary, as printed by set-canary and status (default: current attempt)",
)
@connected
def wait(shell: Shell, name: str, goal: str, seconds: float, attempt: int | None) -> None:
    """Wait until a rollout is in a phase, or until Traefik has applied it.

    The exit code is 3 on timeout, and 1 if the state cannot be reached by waiting.
    """
    if attempt is None and goal != "applied":
        # A long wait consists of several requests, which all have to mean the same attempt.
        attempt = attempt_of(shell.client.get(rollout_path(name)))
    rollout = shell.client.wait(name, goal, seconds=seconds, attempt=attempt)
    if not shell.is_json:
        say(phase(rollout))
    show_arrival(shell, rollout)
