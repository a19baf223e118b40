"""`traefik-canary doctor`: find configuration problems, and print the lines to change."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provider.cli.errors import CommandError
from provider.cli.options import Shell, perhaps_connected
from provider.cli.output import say, show_json

if TYPE_CHECKING:
    from provider.traefik.doctor import Finding, Static

Looked = Mapping[str, Sequence["Finding"]]
_INDENT = " " * 13


class _Seconds(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from provider.domain.fields.types import parse_duration  # noqa: PLC0415 most commands need none of it

        try:
            return parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Address(click.ParamType[str]):
    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from provider.domain.fields.addresses import asked_url_problem  # noqa: PLC0415

        problem = asked_url_problem(str(value))
        if problem:
            self.fail(f"must be a URL such as http://edge:8081: {problem}", param, ctx)
        return str(value).removesuffix("/")


@click.command()
@click.option("--api", type=_Address(), help="Examine only the Traefik with this API URL")
@click.option("--metrics", type=_Address(), help="URL of its metrics (default: /metrics below --api)")
@click.option(
    "--static",
    "static_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Its static configuration (YAML), if Traefik is not running or does not expose it",
)
@click.option("--backend", type=_Address(), help="Measure how long this server keeps idle connections open")
@click.option(
    "--max-wait",
    "up_to_seconds",
    type=_Seconds(),
    default="120s",
    show_default=True,
    help="Maximum time to wait with --backend",
)
@perhaps_connected
def doctor(
    *,
    shell: Shell,
    api: str | None,
    metrics: str | None,
    static_file: Path | None,
    backend: str | None,
    up_to_seconds: float,
) -> None:
    """Find problems in Traefik's configuration, and print the fixes.

    Without options, the command examines every gateway of the provider. The exit code is 1 if it finds problems. With
    --backend, it measures a server and prints the keepAliveTimeout for its side.
    """
    if backend:
        if api or metrics or static_file:
            raise click.UsageError("--backend cannot be combined with --api, --metrics or --static")
        _measure(shell, backend, up_to_seconds)
        return
    if metrics and not api:
        raise click.UsageError("--metrics requires --api")
    static = _read(static_file) if static_file else None
    looked = _look(api, metrics, static, static_file) if api or static_file else dict(_look_at_all(shell))
    _show(shell, looked)
    if any(finding.is_bad for findings in looked.values() for finding in findings):
        raise click.exceptions.Exit(1)


def _look(api: str | None, metrics: str | None, static: "Static | None", file: Path | None) -> Looked:
    from provider.traefik.doctor import examine_static, examine_traefik  # noqa: PLC0415

    if api:
        return {api: examine_traefik(api, metrics=metrics, static=static)}
    assert static is not None  # noqa: S101 there is one or the other
    return {str(file): list(examine_static(static))}


def _look_at_all(shell: Shell) -> Iterator[tuple[str, Sequence["Finding"]]]:
    from provider.traefik.doctor import examine_gateway, examine_traefik, latency_bounds  # noqa: PLC0415

    shell.insist_on_token()
    gateways = shell.client.get("gateways")["gateways"]
    if not gateways:
        raise CommandError("no gateway has polled the provider; point a Traefik at it, or examine one with --api")
    rollouts = list(shell.client.pages("rollouts", "rollouts", "cursor"))
    for gateway in gateways:
        findings = list(examine_gateway(gateway))
        spec = gateway.get("spec", {})
        if "api" in spec:
            bounds = list(latency_bounds(rollouts, gateway=gateway["name"]))
            apis, metrics = _listed(spec["api"]), _listed(spec.get("metrics", []))
            for api, counted in zip_longest(apis, metrics[: len(apis)]):
                found = examine_traefik(api, metrics=counted, bounds=bounds)
                if len(apis) > 1:
                    yield f"{gateway['name']} ({api})", found
                else:
                    findings += found
        yield gateway["name"], findings


def _listed(urls: str | list[str]) -> list[str]:
    return [urls] if isinstance(urls, str) else urls


def _read(file: Path) -> "Static":
    import yaml  # noqa: PLC0415

    from provider.domain.strict_yaml import StrictLoader, words_of  # noqa: PLC0415
    from provider.traefik.doctor import StaticError, read_static  # noqa: PLC0415

    try:
        return read_static(yaml.load(file.read_bytes(), StrictLoader) or {})  # noqa: S506 a safe one
    except yaml.YAMLError as error:
        raise CommandError(f"{file}: {words_of(error)}") from error
    except StaticError as error:
        raise CommandError(f"{file}: {error}") from error


def _show(shell: Shell, looked: Looked) -> None:
    if shell.is_json:
        show_json({"findings": [_document(name, finding) for name, found in looked.items() for finding in found]})
        return
    for name, findings in looked.items():
        say(f"{name}: {'problems found' if any(one.is_bad for one in findings) else 'no problems found'}")
        for finding in sorted(findings, key=lambda one: one.severity != "error"):
            say(f"  {finding.severity:7}  {finding.detail}")
            if finding.change:
                say(textwrap.indent(finding.change, _INDENT))


def _document(name: str, finding: "Finding") -> dict[str, Any]:
    facts = {"of": name, "check": finding.check, "severity": str(finding.severity), "detail": finding.detail}
    return facts | ({"change": finding.change} if finding.change else {})


def _measure(shell: Shell, url: str, up_to_seconds: float) -> None:
    from provider.traefik.doctor import BackendError, measure_idle_times  # noqa: PLC0415

    if not shell.is_json:
        say(f"Waiting for {url} to close idle connections, for at most {up_to_seconds:g} s.")
    try:
        times = measure_idle_times(url, up_to_seconds=up_to_seconds)
    except BackendError as error:
        raise CommandError(str(error)) from error
    if shell.is_json:
        document = {"backend": url, "closedAfterSeconds": [round(seconds, 3) for seconds in times.closed]}
        show_json(document | ({"keepAliveTimeout": times.keep_alive_timeout} if times.closed else {}))
    elif times.closed:
        after = ", ".join(f"{seconds:.2f}" for seconds in times.closed)
        say(f"It closed {len(times.closed)} of {times.asked} connections after {after} s. Set on its side:")
        say(f"  keepAliveTimeout: {times.keep_alive_timeout}")
    else:
        say(f"It closed no connection within {up_to_seconds:g} s. Above Traefik's 90 s, no setting is needed.")
