"""Commands of those who run the provider: tokens, gateways, restoring."""

import click

from provider.cli.client import Json, Write, path_of
from provider.cli.options import Shell, connected, explaining, writing
from provider.cli.output import ago, say, show_json, show_table

ROLES = ("viewer", "operator", "admin", "gateway", "instance")


@click.group()
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="gateway may only poll, instance only register")
@click.option("--gateway", metavar="NAME", help="The only gateway that a token of this role may poll as")
@writing
@connected
def create_token(shell: Shell, name: str, role: str, gateway: str | None, write: Write) -> None:
    """Make a token; it is shown this once."""
    document = {"name": name, "role": role, **({"gateway": gateway} if gateway else {})}
    made = shell.client.write("POST", "tokens", document, write)
    if shell.is_json:
        show_json(made)
    else:
        say(made["token"])


@token.command("list")
@connected
def list_tokens(shell: Shell) -> None:
    """List tokens, without their secrets."""
    tokens = shell.client.get("tokens")["tokens"]
    if shell.is_json:
        show_json(tokens)
    else:
        rows = [(one["name"], one["role"], one.get("gateway", "")) for one in tokens]
        show_table(("NAME", "ROLE", "GATEWAY"), rows, empty="There is no token.")


@token.command("revoke")
@click.argument("name")
@writing
@connected
def revoke_token(shell: Shell, name: str, write: Write) -> None:
    """Make a token worthless, at once."""
    shell.client.delete(path_of("tokens", name), write)
    if not shell.is_json:
        say(f"{name} is revoked")


@click.group()
def gateway() -> None:
    """The Traefik instances that poll: list them, and say where they can be asked."""


@gateway.command("list")
@connected
def list_gateways(shell: Shell) -> None:
    """List gateways: last poll, what they were served and what they applied."""
    gateways = shell.client.get("gateways")["gateways"]
    if shell.is_json:
        show_json(gateways)
        return
    show_table(
        ("NAME", "INSTANCES", "LAST POLL", "SERVED", "APPLIED", "STATE"),
        [_row(one) for one in gateways],
        empty="No Traefik has polled yet; see traefik/traefik.yml for how it does.",
    )


def _row(gateway: Json) -> tuple[str, ...]:
    polled = f"{ago(gateway['lastPoll'])} ago" if "lastPoll" in gateway else "never"
    served, applied = (str(gateway.get(name, "-")) for name in ("revisionServed", "revisionApplied"))
    standing = "current" if gateway["isCurrent"] else "behind" if gateway["instances"] else "has not polled"
    state = "; ".join(gateway["errors"]) or standing
    return gateway["name"], str(len(gateway["instances"])), polled, served, applied, state


@gateway.command("set")
@click.argument("name")
@click.option("--api", help="Traefik's API, such as http://edge:8080")
@click.option("--metrics", help="Its metrics, such as http://edge:8080/metrics")
@click.option("--basic-auth", metavar="SECRET", help="Name of a secret of the provider with USER:PASSWORD")
@click.option("--header", metavar="NAME=SECRET", help="A header, and the name of a secret with its value")
@click.option("--ca", metavar="SECRET", help="Name of a secret with the CA certificates for https")
@writing
@connected
def set_gateway(
    *,
    shell: Shell,
    name: str,
    api: str | None,
    metrics: str | None,
    basic_auth: str | None,
    header: str | None,
    ca: str | None,
    write: Write,
) -> None:
    """Say where a gateway can be asked: what it applied is then seen, not believed.

    Secrets are files in the directory --secrets-dir of the provider. Only their names are sent.
    """
    named = {"api": api, "metrics": metrics, "basicAuth": basic_auth, "header": _header(header), "ca": ca}
    spec = {field: value for field, value in named.items() if value}
    stored = shell.client.write("PUT", path_of("gateways", name), {"spec": spec}, write)
    if shell.is_json:
        show_json(stored)
    else:
        say(f"{name} is asked at {api}" if api else f"{name} is written down; without --api it cannot be asked")


def _header(text: str | None) -> Json | None:
    if not text:
        return None
    name, separator, secret = text.partition("=")
    if not separator:
        raise click.UsageError("--header must be NAME=SECRET, such as X-Api-Key=edge-key")
    return {"name": name.strip(), "secret": secret.strip()}


@gateway.command("delete")
@click.argument("name")
@writing
@connected
def delete_gateway(shell: Shell, name: str, write: Write) -> None:
    """Forget where a gateway can be asked."""
    shell.client.delete(path_of("gateways", name), write)
    if not shell.is_json:
        say(f"{name} is forgotten")


@click.command()
@click.option(
    "--from",
    "truth",
    type=click.Choice(["served", "stored"]),
    required=True,
    help="What is served, or what Redis has",
)
@explaining
@connected
def restore(shell: Shell, truth: str, reason: str) -> None:
    """Decide which is right when Redis came back with less than is served."""
    restored = shell.client.write("POST", "restore", {"from": truth}, Write(reason))
    if shell.is_json:
        show_json(restored)
    else:
        say(f"what was {truth} is right; Redis and the provider agree at revision {restored['revision']}")


@click.command("sign-in")
@connected
def sign_in(shell: Shell) -> None:
    """Print a link that signs in to the pages, once and within ten minutes."""
    made = shell.client.write("POST", "sign-in-links", {}, Write())
    link = shell.client.url.rstrip("/") + made["path"]
    if shell.is_json:
        show_json({**made, "link": link})
    else:
        say(link)
