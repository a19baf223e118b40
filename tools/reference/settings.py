"""The reference of all settings, from `Settings` and the options that set them."""

import re
from collections.abc import Iterator
from dataclasses import fields

import click

from provider.cli.servers import controller, serve
from provider.server.settings import ENV_PREFIX, Settings
from tools.reference.markdown import code, table

# It has no option: the list of processes would show it.
_OF_THE_ADMIN = (
    "The first admin's token: at least 20 characters, 8 of them different. Default: generated and written to "
    "`admin-token-NAMESPACE` in the data directory."
)
_DEFAULTS = {
    "data_dir": "`~/.local/state/traefik-canary`",
    "redis_url": "an embedded Valkey",
    "allow_networks": "all networks",
}


def reference() -> str:
    """Return the table of the settings of `serve` and `controller`."""
    return table(("option", "variable", "default", "command", "description"), _rows())


def _rows() -> Iterator[tuple[str, ...]]:
    options = {option.name: option for option in serve.params if isinstance(option, click.Option)}
    shared = {option.name for option in controller.params}
    defaults = {field.name: field.default for field in fields(Settings) if field.name not in _DEFAULTS}
    for name in dict.fromkeys((*(field.name for field in fields(Settings)), *options)):
        option = options.get(name)
        yield (
            code(" / ".join((*option.opts, *option.secondary_opts))) if option else "",
            code(f"{ENV_PREFIX}{name.upper()}"),
            _DEFAULTS.get(name) or _default(defaults.get(name, "")),
            "both" if name in shared else "serve",
            _words(option.help or "") if option else _OF_THE_ADMIN,
        )


def _default(value: object) -> str:
    return code(str(value).lower() if isinstance(value, bool) else value)


def _words(help_text: str) -> str:
    # The variable and the default have columns of their own.
    text = re.sub(rf"\s*\[env: {ENV_PREFIX}\w+\]$", "", help_text)
    return re.sub(r" \(default: [^)]*\)", "", text).rstrip(".") + "."
