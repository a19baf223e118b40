"""One Traefik asked: its API, its metrics, and the certificate that it shows to a stranger."""

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from provider.domain.analysis.replicas import is_replica, with_start
from provider.domain.json_object import Json
from provider.sources import SourceError, TraefikMetrics
from provider.traefik.api_client import GatewayUnreachableError, TraefikApi
from provider.traefik.doctor.findings import Finding, Severity
from provider.traefik.doctor.routers import examine_routers
from provider.traefik.doctor.static import LatencyBound, Static, StaticError, examine_static, read_static

_PATIENCE_SECONDS = 2.0
# What Traefik writes into the certificate that it makes up (pkg/tls/generate/generate.go).
_MADE_UP = b"TRAEFIK DEFAULT CERT"
# No certificate is for it, so that the default one is shown.
_STRANGER = "stranger.invalid"
# A load balancer may well send several samples in a row to the same one.
_TIMES_ASKED = 6
_OWN_NAMES = """\
# For each of them, a name and an address of its own:
traefik-canary gateway set edge-1 --api http://edge-1:8081
traefik-canary gateway set edge-2 --api http://edge-2:8081"""
_CERTIFICATE = """\
tls:  # in a file of the file provider; `traefik-canary certificate DIRECTORY` makes both
  stores:
    default:
      defaultCertificate:
        certFile: /etc/traefik/certificate/default.crt
        keyFile: /etc/traefik/certificate/default.key"""


def examine_traefik(
    api: str, *, metrics: str | None = None, static: Static | None = None, bounds: Iterable[LatencyBound] = ()
) -> Sequence[Finding]:
    """Find what is set badly in a running Traefik; `static` was read from a file, for one that does not show it."""
    asked = TraefikApi(api)
    with contextlib.closing(asked):
        try:
            return list(_findings(asked, api, metrics or f"{api}/metrics", static, bounds))
        except (GatewayUnreachableError, StaticError) as error:
            return [Finding("api", Severity.ERROR, str(error))]


def _findings(
    asked: TraefikApi, api: str, metrics: str, static: Static | None, bounds: Iterable[LatencyBound]
) -> Iterator[Finding]:
    shown = asked.static()
    known = read_static(shown, is_shown_by_traefik=True) if shown else static
    if known:
        yield from examine_static(known, bounds)
    else:
        yield Finding(
            "static",
            Severity.UNKNOWN,
            "it does not expose its static configuration",
            "traefik-canary doctor --static traefik.yml",
        )
    if known is None or known.has_metrics:
        yield from _of_metrics(metrics)
    yield from _of_certificate(urlsplit(api).hostname or "", asked.entry_points())
    yield from examine_routers(asked.show_all("routers").values())


def _of_metrics(url: str) -> Iterator[Finding]:
    try:
        if _has_several(url):
            yield Finding(
                "replicas",
                Severity.ERROR,
                f"several Traefik instances respond at {url}: their counters are indistinguishable, "
                "so no canary can be analyzed",
                _OWN_NAMES,
            )
    except SourceError as error:
        yield Finding("metrics-page", Severity.ERROR, str(error))


def _has_several(url: str) -> bool:
    """Ask for the metrics page several times, each on a new connection; a restart in between is no second Traefik."""
    starts: tuple[float, ...] = ()
    for _ in range(_TIMES_ASKED):
        with contextlib.closing(TraefikMetrics()) as metrics:
            started = metrics.page("asked", url, services=()).snapshot.started
        if is_replica(started, before=starts, sampled_at=datetime.now(UTC)):
            return True
        starts = with_start(starts, started)
    return False


def _of_certificate(host: str, entry_points: Sequence[Json]) -> Iterator[Finding]:
    ports = map(_port, sorted(entry_points, key=_speaks_no_tls))
    shown = next(filter(None, (_certificate(host, port) for port in ports if port)), None)
    if shown is None:
        yield Finding("certificate", Severity.UNKNOWN, f"no entry point on {host} serves the default certificate")
    elif _MADE_UP in shown:
        yield Finding(
            "certificate",
            Severity.WARNING,
            "no default certificate: Traefik generates an RSA key with every change, about 100 ms of CPU time",
            _CERTIFICATE,
        )


def _speaks_no_tls(entry_point: Json) -> bool:
    return "tls" not in entry_point.get("http", {})


def _port(entry_point: Json) -> int | None:
    port = entry_point["address"].removesuffix("/tcp").rpartition(":")[2]
    return int(port) if port.isdecimal() else None  # else it is for UDP


def _certificate(host: str, port: int) -> bytes | None:
    """Give the certificate (DER) that is shown to who asks for an unknown name; None where there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=_PATIENCE_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=_STRANGER) as secured,
        ):
            return secured.getpeercert(binary_form=True)
    except OSError:
        return None
