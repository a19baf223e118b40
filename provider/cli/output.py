"""What commands print: tables and few words for people, JSON for machines."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from provider.domain.visible_text import visible


def say(text: str, *, color: str | None = None) -> None:
    """Print a line, on a terminal in a color."""
    shown = visible(text)
    click.echo(click.style(shown, fg=color) if color else shown)


def show_json(document: object) -> None:
    """Print a document for machines."""
    click.echo(visible(json.dumps(document, indent=2, ensure_ascii=False)))


def as_yaml(document: object) -> str:
    """Give a document as YAML, in the order of its fields."""
    import yaml  # noqa: PLC0415 most commands need none of it

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print a table: with lines and colours on a terminal, bare columns into a pipe, `empty` where it has no row."""
    rows = [[visible(cell) for cell in row] for row in rows]
    if not rows:
        click.echo(empty, err=True)
    elif sys.stdout.isatty():
        _show_rich(columns, rows)
    else:
        _show_bare(columns, rows)


def _show_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box  # noqa: PLC0415 only terminals need it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console().print(table)


_STYLES = {"Healthy": "green", "Progressing": "cyan", "Paused": "yellow", "Degraded": "red"}


def _show_bare(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_facts(facts: Mapping[str, str]) -> None:
    """Print names and what they are, one a line; those of no value are left out."""
    width = max(map(len, facts))
    for name, value in facts.items():
        if value:
            click.echo(visible(f"{name.ljust(width)}  {value}"))


def ago(moment: str) -> str:
    """Say how long ago something was: `3m`, `2h`, `5d`."""
    return _length((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())


def between(begin: str, end: str) -> str:
    """Say how long it was from one moment to another, as `ago` does."""
    return _length((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds())


def span(seconds: float) -> str:
    """Say how long something takes: `3m`, `2h`, `5d`."""
    return _length(seconds)


def _length(time: float) -> str:
    seconds = max(0, int(time))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def side(document: Mapping[str, Any] | None) -> str:
    """Say who answers for a side: its addresses, or the service it refers to."""
    if not document:
        return ""
    if "discover" in document:
        return _discover(**document["discover"])
    return document.get("service") or ", ".join(map(_server, document["servers"]))


def _server(document: Mapping[str, Any]) -> str:
    weight = f"weight {document['weight']}" if "weight" in document else ""
    words = ", ".join(filter(None, (weight, "draining" if document.get("drain") else "")))
    return f"{document['url']} ({words})" if words else str(document["url"])


def _discover(*, dns: Mapping[str, Any] | None = None, registered: str = "") -> str:
    if not dns:
        return f"instances of {registered}"
    return f"{dns['name']}{':{port}'.format(**dns) if 'port' in dns else ''} ({dns['type']})"


def attempt_of(rollout: Mapping[str, Any]) -> int:
    """Return the generation of the canary, or of the stable version while there is no canary."""
    key = "generation" if "canary" in rollout["spec"] else "stableGeneration"
    return int(rollout["status"].get(key, 1))


def attempt_words(rollout: Mapping[str, Any]) -> str:
    """Return the canary's attempt and the try of its version, such as `7, try 3 of this canary`."""
    if "canary" not in rollout["spec"]:
        return ""
    most = rollout["spec"].get("analysis", {}).get("maxAttempts")
    limit = f" (at most {most})" if most else ""
    return f"{attempt_of(rollout)}, try {rollout['status'].get('attempts', 1)} of this canary{limit}"


def overlap(rollout: Mapping[str, Any]) -> str:
    """Say which rollouts take requests of one; empty where none does."""
    if other := rollout.get("shadowedBy"):
        return f"receives no traffic: shadowed by {other}"
    others = ", ".join(rollout.get("overlapsWith", ()))
    return f"matches requests of {others} with the same priority" if others else ""


def phase(rollout: Mapping[str, Any]) -> str:
    """Say in one line where a rollout stands."""
    status = rollout["status"]
    share = f", {status['weight']}% to the canary" if "canary" in rollout["spec"] else ""
    return f"{rollout['name']} is {status['phase']}{share}: {status['reason']}"
