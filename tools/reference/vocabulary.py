"""All names that clients, dashboards and log searches rely on, collected from the code.

`python -m tools.reference.vocabulary` writes them to `vocabulary.txt`, one per line. A test compares the file
with the code, so that a name changes only on purpose.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click
from prometheus_client.metrics import MetricWrapperBase

from provider.cli.main import cli
from provider.domain.gateways import GatewayHealth
from provider.domain.notifications.notice import sample
from provider.domain.notifications.templates import fields as template_fields
from provider.observability.metrics import recorded, states
from provider.replica.follower import State
from provider.server.settings import ENV_PREFIX, Settings
from provider.web.api.app import ENDPOINTS
from provider.web.api.problems import KINDS
from tools.reference.schemas import openapi

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("vocabulary.txt")
_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_EVENT = re.compile(r"[a-z][a-z_]*(\.[a-z_]+)+")
_HEADER = re.compile(r"X-Canary-[A-Z][A-Za-z-]+")


def vocabulary() -> Sequence[str]:
    """Return all names, each as `group: name`, in alphabetical order."""
    calls = [call for tree in _modules() for call in ast.walk(tree) if isinstance(call, ast.Call)]
    groups: Mapping[str, Iterable[str]] = {
        "endpoint": (f"{one.method} {one.path}" for one in ENDPOINTS),
        "schema": _schemas(),
        "problem type": (kind.type for kind in KINDS.values()),
        "metric": _metrics(),
        "log event": chain(_first_arguments(calls, _LEVELS, _EVENT), _state_events()),
        "history action": _first_arguments(calls, {"Decision"}, re.compile(r"[a-z-]+")),
        "doctor check": _first_arguments(calls, {"Finding"}, re.compile(r"[a-z-]+")),
        "span": _first_arguments(calls, {"arrived", "beginning", "step"}, re.compile(r"[a-z ]+")),
        "header": _headers(),
        "template field": template_fields(sample(datetime(2026, 1, 1, tzinfo=UTC))),
        "command": _commands(cli),
        "setting": (f"{ENV_PREFIX}{field.name.upper()}" for field in fields(Settings)),
    }
    return sorted({f"{group}: {name}" for group, names in groups.items() for name in names})


def _schemas() -> Iterator[str]:
    schemas: Mapping[str, Any] = openapi()["components"]["schemas"]
    for name, schema in schemas.items():
        document = name.removesuffix("-Input").removesuffix("-Output")
        yield from (f"{document}.{field}" for field in schema.get("properties", ()))
        yield from (f"{document} = {value}" for value in schema.get("enum", ()))
        yield from (
            f"{document}.{field} = {value}"
            for field, described in schema.get("properties", {}).items()
            for value in _values(described)
        )


def _values(described: Mapping[str, Any]) -> Iterator[str]:
    for one in (described, described.get("items", {}), *described.get("anyOf", ())):
        yield from one.get("enum", ())
        if isinstance(one.get("const"), str):
            yield one["const"]


def _metrics() -> Iterator[str]:
    for state in states.STATES:
        yield f"{state.name}{{{', '.join(state.labels)}}}"
    for metric in vars(recorded).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            yield f"{family.name}{{{', '.join(metric._labelnames)}}}"


def _state_events() -> Iterator[str]:
    # The watcher logs each bad health, and the follower each state; see the calls with a name that is put together.
    never_logged = {GatewayHealth.HEALTHY, GatewayHealth.NEVER_POLLED}
    yield from (f"gateway.{one.replace('-', '_')}" for one in GatewayHealth if one not in never_logged)
    yield from (f"store.{one}" for one in State if one is not State.STARTING)


def _commands(command: click.Command, *path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _commands(inner, *path, name)
    else:
        yield " ".join(path)
        for option in command.params:
            if isinstance(option, click.Option):
                yield " ".join((*path, *option.opts, *option.secondary_opts))


def _headers() -> Iterator[str]:
    for file in sorted((ROOT / "provider").rglob("*.py")):
        yield from _HEADER.findall(file.read_text(encoding="utf-8"))


def _modules() -> Iterator[ast.Module]:
    for file in sorted((ROOT / "provider").rglob("*.py")):
        if "demo" not in file.parts:
            yield ast.parse(file.read_text(encoding="utf-8"))


def _first_arguments(calls: Iterable[ast.Call], functions: Iterable[str], pattern: re.Pattern[str]) -> Iterator[str]:
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in functions and call.args and isinstance(call.args[0], ast.Constant):
            value = call.args[0].value
            if isinstance(value, str) and pattern.fullmatch(value):
                yield value


if __name__ == "__main__":
    FILE.write_text("".join(f"{name}\n" for name in vocabulary()), encoding="utf-8")
