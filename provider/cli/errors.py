"""How a command ends when it is not done: one line for people, one exit code for machines."""

from typing import IO, Any

import click

from provider.domain.visible_text import visible


class CommandError(click.ClickException):
    """Refused or failed."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it on stderr, with the name of the program in front."""
        click.echo(f"traefik-canary: {visible(self.format_message())}", file=file, err=True)


class TimedOutError(CommandError):
    """It was not so in time."""

    exit_code = 3
