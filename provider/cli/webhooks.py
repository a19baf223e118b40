"""Commands for webhooks: notifications about rollouts."""

from typing import TextIO

import click

from provider.cli.client import Write, path_of
from provider.cli.errors import CommandError
from provider.cli.options import Shell, connected, writing
from provider.cli.output import say, show_json, show_table
from provider.domain.json_object import Json

FORMATS = ("json", "slack", "teams", "discord")
EVENTS = ("created", "started", "advanced", "waiting", "aborted", "promoted", "removed", "deleted")


@click.group()
def webhook() -> None:
    """Send notifications about rollouts to Slack, Teams, Discord or any URL."""


@webhook.command("list")
@connected
def list_webhooks(shell: Shell) -> None:
    """List webhooks, without their secrets."""
    webhooks = shell.client.get("webhooks")["webhooks"]
    if shell.is_json:
        show_json(webhooks)
        return
    show_table(
        ("NAME", "FORMAT", "EVENTS", "ROLLOUTS", "SIGNED", "URL"),
        [_row(one) for one in webhooks],
        empty="No webhooks found. docs/webhooks.md explains how to create one.",
    )


def _row(webhook: Json) -> tuple[str, ...]:
    spec = webhook["spec"]
    events, rollouts = (", ".join(spec.get(name, ())) or "all" for name in ("events", "rollouts"))
    signed = "yes" if webhook["hasSecret"] else "no"
    return webhook["name"], spec["format"], events, rollouts, signed, _place(spec["url"])


def _place(url: str) -> str:
    # A table is shown around; the path of a chat's webhook lets anybody write there. `-o json` has it all.
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}{slash}{'…' if path else ''}"


@webhook.command("set")
@click.argument("name")
@click.argument("address")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="json",
    show_default=True,
    help="Format of the messages",
)
@click.option(
    "--event",
    "events",
    type=click.Choice(EVENTS),
    multiple=True,
    help="Event to send; may be repeated (default: all events)",
)
@click.option(
    "--rollout",
    "rollouts",
    multiple=True,
    metavar="NAME",
    help="Rollout to send events of; may be repeated (default: all rollouts)",
)
@click.option("--template", help="Template of the text, or for json of the body; $text, $rollout, $weight, …")
@click.option("--secret-file", type=click.File(), help="File with the secret that signs the messages; - is stdin")
@click.option(
    "--no-secret", is_flag=True, help="Remove the secret; without this and --secret-file, the stored secret is kept"
)
@writing
@connected
def set_webhook(
    shell: Shell,
    *,
    name: str,
    address: str,
    format_: str,
    events: tuple[str, ...],
    rollouts: tuple[str, ...],
    template: str | None,
    secret_file: TextIO | None,
    no_secret: bool,
    write: Write,
) -> None:
    """Create or replace the webhook NAME with the URL ADDRESS."""
    if secret_file and no_secret:
        raise click.UsageError("--secret-file and --no-secret are mutually exclusive")
    given: Json = {
        "url": address,
        "format": format_,
        "template": template,
        "events": list(events) or None,
        "rollouts": list(rollouts) or None,
        "secret": _secret(secret_file) if secret_file else "" if no_secret else None,
    }
    spec = {field: value for field, value in given.items() if value is not None}
    stored = shell.client.write("PUT", path_of("webhooks", name), {"spec": spec}, write)
    if shell.is_json:
        show_json(stored)
    else:
        say(f"{name} saved; send a test message with `traefik-canary webhook test {name}`")


def _secret(file: TextIO) -> str:
    secret = file.read().strip()
    if not secret:
        # An empty one would take the secret away, which --no-secret says clearly.
        raise CommandError("the secret file is empty")
    return secret


@webhook.command("delete")
@click.argument("name")
@writing
@connected
def delete_webhook(shell: Shell, name: str, write: Write) -> None:
    """Delete a webhook."""
    shell.client.delete(path_of("webhooks", name), write)
    if not shell.is_json:
        say(f"{name} deleted")


@webhook.command("test")
@click.argument("name")
@connected
def test_webhook(shell: Shell, name: str) -> None:
    """Send a test message; exit code 1 if it is not accepted."""
    outcome = shell.client.write("POST", path_of("webhooks", name, "test"), {}, Write())
    if shell.is_json:
        show_json(outcome)
    if not outcome["delivered"]:
        raise CommandError(f"{name} did not accept the message: {outcome['detail']}")
    if not shell.is_json:
        say(f"{name} accepted the message: {outcome['detail']}")
