"""The reference of the command line, from the commands."""

import inspect
from collections.abc import Iterator, Sequence

import click

from provider.cli.main import SECTIONS, cli
from tools.reference.markdown import code, table

# Options of all commands that call the API; the page describes them once.
_COMMON = {"url", "token", "output", "request_id"}


def reference() -> str:
    """Return all commands with their help, in the order of the sections."""
    return "\n".join(f"## {title}\n\n{_section(commands)}" for title, commands in SECTIONS.items())


def _section(commands: Sequence[click.Command]) -> str:
    return "\n".join(text for command in commands for text in _texts(command, "traefik-canary"))


def _texts(command: click.Command, parent: str) -> Iterator[str]:
    name = f"{parent} {command.name}"
    # A command caches its help option, so it must be that of the command line: `-h` and `--help`.
    context = click.Context(command, info_name=name, parent=click.Context(cli, **cli.context_settings))
    if isinstance(command, click.Group):
        for one in command.commands.values():
            yield from _texts(one, name)
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"### {name.removeprefix('traefik-canary ')}\n\n```text\n{name} {usage}\n```\n\n{_words(command)}\n"
    rows = [
        (code(", ".join((*option.opts, *option.secondary_opts)) + _value(option, context)), *_told(option, context))
        for option in command.params
        if isinstance(option, click.Option) and option.name not in _COMMON
    ]
    if rows:
        yield table(("option", "default", "description"), rows)


def _words(command: click.Command) -> str:
    return inspect.cleandoc(click.unstyle(command.help or "").replace("\b", ""))


def _value(option: click.Option, context: click.Context) -> str:
    return "" if option.is_flag else f" {option.make_metavar(context)}"


def _told(option: click.Option, context: click.Context) -> tuple[str, str]:
    default = option.get_default(context, call=False)
    is_shown = isinstance(default, str | int | float) and not option.is_flag
    return code(default if is_shown else ""), option.help or ""
