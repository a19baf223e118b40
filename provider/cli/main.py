"""The command `traefik-canary`, with its help in sections."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

from provider.cli import administration, doctor, files, plans, registering, rollouts, servers, webhooks

SECTIONS: dict[str, Sequence[click.Command]] = {
    "Shift traffic": (
        rollouts.set_weight,
        rollouts.promote,
        *rollouts.MOVES,
        rollouts.undo,
        rollouts.set_canary,
        rollouts.scale,
        rollouts.drain,
    ),
    "Inspect": (
        rollouts.status,
        rollouts.list_,
        rollouts.get,
        registering.servers,
        rollouts.history,
        rollouts.analysis,
        plans.plan,
        rollouts.wait,
    ),
    "Configure": (files.apply, files.diff, files.export, rollouts.create, rollouts.delete),
    "Administer": (
        administration.token,
        administration.sign_in,
        administration.gateway,
        webhooks.webhook,
        administration.restore,
    ),
    "Run": (
        registering.register,
        servers.serve,
        servers.demo,
        servers.controller,
        servers.init,
        servers.certificate,
        doctor.doctor,
    ),
}


class _Sections(click.Group):
    """A group whose help lists its commands in sections."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of commands per section."""
        width = max(len(name) for name in self.list_commands(ctx))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [((one.name or "").ljust(width), one.get_short_help_str(limit=90)) for one in commands]
                )


@click.group(cls=_Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="traefik-canary", message="%(prog)s %(version)s")
def cli() -> None:
    """Progressive delivery for Traefik, without Kubernetes."""


for _commands in SECTIONS.values():
    for _command in _commands:
        cli.add_command(_command)


def main() -> None:
    """Run the command line. Exit codes: 0 success, 1 refused or failed, 2 usage error, 3 timeout."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A reason may hold what the terminal cannot show.
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="traefik-canary")
