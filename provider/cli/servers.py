"""Commands that start servers: the provider, its controller, the demo."""

import itertools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provider.cli.errors import CommandError
from provider.cli.output import say
from provider.demo import SCENARIOS

if TYPE_CHECKING:
    from provider.server.settings import Settings

_PORT = click.IntRange(1, 65_535)
_COMMON = (
    click.option("--data-dir", metavar="DIR", help="Directory of the state [env: CANARY_DATA_DIR]"),
    click.option(
        "--redis-url",
        metavar="URL",
        help="URL of Redis or Valkey (default: an embedded Valkey) [env: CANARY_REDIS_URL]",
    ),
    click.option(
        "--redis-url-file",
        metavar="FILE",
        help="File that contains the URL of Redis or Valkey [env: CANARY_REDIS_URL_FILE]",
    ),
    click.option(
        "--confirm-replicas",
        type=int,
        metavar="N",
        help="Confirm a change when N replicas have it [env: CANARY_CONFIRM_REPLICAS]",
    ),
    click.option(
        "--confirm-fsync",
        is_flag=True,
        default=None,
        help="Confirm a change when the server and the N replicas have written it to disk [env: "
        "CANARY_CONFIRM_FSYNC]",
    ),
    click.option(
        "--namespace",
        metavar="NAME",
        help="Namespace, for several independent providers on one Redis [env: CANARY_NAMESPACE]",
    ),
    click.option(
        "--allow-networks",
        metavar="LIST",
        help="Allowlist of networks for servers, webhooks and other outgoing requests, such as "
        "10.0.0.0/8,fd00::/8 (default: all networks) [env: CANARY_ALLOW_NETWORKS]",
    ),
    click.option(
        "--secrets-dir",
        metavar="DIR",
        help="Directory of the secrets with the credentials of gateways; must contain nothing else "
        "[env: CANARY_SECRETS_DIR]",
    ),
    click.option("--log-format", type=click.Choice(["text", "json"]), help="Log format [env: CANARY_LOG_FORMAT]"),
)


def _common(command: Any) -> Any:
    for option in reversed(_COMMON):
        command = option(command)
    return command


@click.command()
@click.option("--bind", metavar="HOST:PORT", help="Address to listen on (default: 127.0.0.1:8080) [env: CANARY_BIND]")
@click.option(
    "--reuse-port",
    is_flag=True,
    default=None,
    help="Share the port with other providers on the same Redis [env: CANARY_REUSE_PORT]",
)
@click.option("--workers", type=int, help="Number of worker processes (default: 2) [env: CANARY_WORKERS]")
@click.option(
    "--controller/--no-controller",
    default=None,
    help="Run the controller as part of this provider [env: CANARY_CONTROLLER]",
)
@click.option(
    "--polls-need-token",
    is_flag=True,
    default=None,
    help="Require a token with the role gateway for polls [env: CANARY_POLLS_NEED_TOKEN]",
)
@click.option(
    "--rate-limit",
    type=int,
    metavar="N",
    help="Maximum requests per second, caller and worker; 0 for no limit [env: CANARY_RATE_LIMIT]",
)
@_common
def serve(**options: object) -> None:
    """Run the provider.

    Settings come from the environment (CANARY_...) and from these options, which take precedence. At the first start,
    the first admin's token is written to a file in the data directory, unless CANARY_ADMIN_TOKEN is set.
    """
    from provider.server.embedded_valkey import EmbeddedServerError  # noqa: PLC0415
    from provider.server.serve import serve as run  # noqa: PLC0415 no client needs a server
    from provider.server.settings import SettingError  # noqa: PLC0415

    try:
        sys.exit(run(_settings(options)))
    except (SettingError, EmbeddedServerError) as error:
        raise CommandError(str(error)) from error


@click.command()
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Address to serve the controller's metrics on, instead of a local provider's /metrics",
)
@_common
def controller(metrics: str | None, **options: object) -> None:
    """Run only the controller, beside `serve --no-controller`.

    Without --redis-url, it uses the embedded server of a provider with the same --data-dir; that provider's /metrics
    then includes the controller's metrics.
    """
    from provider.server.controller_process import control  # noqa: PLC0415
    from provider.server.settings import SettingError  # noqa: PLC0415

    try:
        control(_settings(options), metrics=metrics)
    except SettingError as error:
        raise CommandError(str(error)) from error


@click.command()
@click.option("--redis-url", metavar="URL", help="URL of Redis or Valkey [env: CANARY_REDIS_URL]")
@click.option(
    "--redis-url-file",
    metavar="FILE",
    help="File that contains the URL of Redis or Valkey [env: CANARY_REDIS_URL_FILE]",
)
@click.option("--namespace", metavar="NAME", help="Namespace (default: default) [env: CANARY_NAMESPACE]")
def init(**options: object) -> None:
    """Begin a namespace in an empty Redis.

    Providers begin an empty namespace themselves, except if gateways were served from it before: they protect the
    state that was lost. If that state is not needed, this command begins anew. A namespace that has begun stays as it
    is.
    """
    from provider.server.settings import SettingError  # noqa: PLC0415
    from provider.server.stores import is_embedded, open_store  # noqa: PLC0415
    from provider.services import ProtectedNamespaceError, initialize  # noqa: PLC0415
    from provider.store import StoreUnavailableError  # noqa: PLC0415

    settings = _settings(options)
    if is_embedded(settings):
        raise CommandError("an embedded server needs no init; name a Redis with --redis-url (CANARY_REDIS_URL)")
    try:
        done = initialize(open_store(settings), actor="init")
    except (SettingError, StoreUnavailableError, ProtectedNamespaceError) as error:
        raise CommandError(str(error)) from error
    state = "initialized" if done.is_new else "already initialized"
    say(f"namespace {settings.namespace}: {state}, revision {done.revision}")


def _settings(options: Mapping[str, object]) -> "Settings":
    from provider.server.settings import ENV_PREFIX, SettingError, Settings  # noqa: PLC0415

    if options.get("redis_url_file"):
        options = {"redis_url": "", **{name: value for name, value in options.items() if value is not None}}
    chosen = {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in options.items() if value is not None}
    try:
        return Settings.from_environment({**os.environ, **chosen})
    except SettingError as error:
        raise CommandError(str(error)) from error


@click.command()
@click.option("--port", "provider_port", type=_PORT, default=8080, show_default=True, help="Port of the provider")
@click.option("--web-port", type=_PORT, default=8000, show_default=True, help="HTTP port of Traefik")
@click.option("--websecure-port", type=_PORT, default=8443, show_default=True, help="HTTPS port of Traefik")
@click.option("--api-port", type=_PORT, default=8081, show_default=True, help="Port of Traefik's API and dashboard")
@click.option("--stable-port", type=_PORT, default=9001, show_default=True, help="Port of the app, version v1")
@click.option("--canary-port", type=_PORT, default=9002, show_default=True, help="Port of the app, version v2")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Directory of state and logs")
@click.option("--scenario", type=click.Choice(SCENARIOS), help="Run this scenario on free ports, and exit")
def demo(data_dir: Path | None, scenario: str | None, **ports: Any) -> None:
    """Run the provider, Traefik, and two versions of an app."""
    from provider.demo.demonstration import DemoOptions, run_demo  # noqa: PLC0415
    from provider.demo.gateway import TraefikMissingError  # noqa: PLC0415
    from provider.demo.processes import PortTakenError, ProcessFailedError  # noqa: PLC0415
    from provider.demo.scenarios.running import run_scenario  # noqa: PLC0415

    _check_ports_differ(ports)
    try:
        sys.exit(run_scenario(scenario) if scenario else run_demo(DemoOptions(data_dir=data_dir, **ports)))
    except (PortTakenError, ProcessFailedError, TraefikMissingError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"the demo failed: {error}") from error


def _check_ports_differ(ports: Mapping[str, int]) -> None:
    for (one, port), (other, same) in itertools.combinations(ports.items(), 2):
        if port == same:
            options = " and ".join(f"--{name.removeprefix('provider_').replace('_', '-')}" for name in (one, other))
            raise click.UsageError(f"{options} both use port {port}")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=("localhost",),
    show_default=True,
    help="Host name of the certificate; may be repeated",
)
def certificate(directory: Path, hosts: tuple[str, ...]) -> None:
    """Write a self-signed default certificate for Traefik.

    It is ECDSA. Without a default certificate, Traefik generates an RSA key at every configuration change, which
    takes about 100 ms of CPU time.
    """
    try:
        from provider.demo.certificate import write_certificate  # noqa: PLC0415

        is_new = write_certificate(directory, hosts=hosts)
    except ImportError as error:
        raise CommandError(
            "the package cryptography is missing: pip install 'traefik-canary[certificate]'"
        ) from error
    except OSError as error:
        raise CommandError(f"cannot write to {directory}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"cannot create a certificate for {', '.join(map(repr, hosts))}: {error}") from error
    click.echo(f"{'created' if is_new else 'kept existing'} default.crt and default.key in {directory}")
