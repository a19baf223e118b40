"""Commands for administrators: tokens, sign-in links, gateways, restore."""

import click

from provider.cli.client import Write, path_of
from provider.cli.options import Shell, connected, explaining, writing
from provider.cli.output import ago, say, show_json, show_table
from provider.domain.json_object import Json
from provider.domain.visible_text import visible

ROLES = ("viewer", "operator", "admin", "gateway", "instance")


@click.group()
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help="Role of the token; gateway may only poll, instance may only register",
)
@click.option("--gateway", metavar="NAME", help="The only gateway that a token with the role gateway may poll as")
@writing
@connected
def create_token(shell: Shell, name: str, role: str, gateway: str | None, write: Write) -> None:
    """Create a token and print it; it is shown only once."""
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
        show_table(("NAME", "ROLE", "GATEWAY"), rows, empty="No tokens found.")


@token.command("revoke")
@click.argument("name")
@writing
@connected
def revoke_token(shell: Shell, name: str, write: Write) -> None:
    """Revoke a token. It stops working at once."""
    shell.client.delete(path_of("tokens", name), write)
    if not shell.is_json:
        say(f"{name} revoked")


@click.group()
def gateway() -> None:
    """List gateways, and configure the URLs of their APIs."""


@gateway.command("list")
@connected
def list_gateways(shell: Shell) -> None:
    """List gateways with last poll, served and applied revision, and health."""
    gateways = shell.client.get("gateways")["gateways"]
    if shell.is_json:
        show_json(gateways)
        return
    show_table(
        ("NAME", "INSTANCES", "LAST POLL", "SERVED", "APPLIED", "HEALTH"),
        [_row(one) for one in gateways],
        empty="No gateway has polled yet. traefik/traefik.yml shows the configuration that Traefik needs.",
    )


def _row(gateway: Json) -> tuple[str, ...]:
    polled = f"{ago(gateway['lastPoll'])} ago" if "lastPoll" in gateway else "never"
    served, applied = (str(gateway.get(name, "-")) for name in ("revisionServed", "revisionApplied"))
    health = ": ".join(filter(None, (gateway["health"].replace("-", " "), "; ".join(gateway["errors"]))))
    return gateway["name"], str(len(gateway["instances"])), polled, served, applied, health


@gateway.command("set")
@click.argument("name")
@click.option("--api", multiple=True, help="URL of Traefik's API, such as http://edge:8080; repeat for each instance")
@click.option(
    "--metrics",
    multiple=True,
    help="URL of Traefik's metrics, such as http://edge:8080/metrics; repeat for each instance",
)
@click.option("--basic-auth", metavar="SECRET", help="Name of the secret that contains USER:PASSWORD")
@click.option("--header", metavar="NAME=SECRET", help="Header, and the name of the secret that contains its value")
@click.option("--ca", metavar="SECRET", help="Name of the secret that contains the CA certificates for https URLs")
@writing
@connected
def set_gateway(
    *,
    shell: Shell,
    name: str,
    api: tuple[str, ...],
    metrics: tuple[str, ...],
    basic_auth: str | None,
    header: str | None,
    ca: str | None,
    write: Write,
) -> None:
    """Set the URL of a gateway's API, so that the provider can confirm what Traefik has applied.

    Secrets are files in the directory --secrets-dir of the provider. The command sends only their names.
    """
    named = {
        "api": _plain(api),
        "metrics": _plain(metrics),
        "basicAuth": basic_auth,
        "header": _header(header),
        "ca": ca,
    }
    spec = {field: value for field, value in named.items() if value}
    stored = shell.client.write("PUT", path_of("gateways", name), {"spec": spec}, write)
    if shell.is_json:
        show_json(stored)
    else:
        where = f"the API {', '.join(api)}" if api else "no API: its state cannot be confirmed"
        say(f"{name} configured, with {where}")


def _plain(urls: tuple[str, ...]) -> str | list[str] | None:
    return urls[0] if len(urls) == 1 else list(urls) or None


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
    """Delete the configuration of a gateway."""
    shell.client.delete(path_of("gateways", name), write)
    if not shell.is_json:
        say(f"configuration of {name} deleted")


@click.command()
@click.option(
    "--from",
    "truth",
    type=click.Choice(["served", "stored"]),
    required=True,
    help="Keep the served state, or the state in Redis",
)
@explaining
@connected
def restore(shell: Shell, truth: str, reason: str) -> None:
    """Choose the state to keep after Redis lost data."""
    restored = shell.client.write("POST", "restore", {"from": truth}, Write(reason))
    if shell.is_json:
        show_json(restored)
    else:
        say(f"kept the {truth} state; Redis and the provider agree at revision {restored['revision']}")
    for pair in restored.get("overlappingRules", ()):
        click.echo(visible(f"warning: {pair['detail']}"), err=True)


@click.command("sign-in")
@connected
def sign_in(shell: Shell) -> None:
    """Print a single-use link that signs in to the web pages. It is valid for ten minutes."""
    made = shell.client.write("POST", "sign-in-links", {}, Write())
    link = shell.client.url.rstrip("/") + made["path"]
    if shell.is_json:
        show_json({**made, "link": link})
    else:
        say(link)
