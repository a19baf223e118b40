"""The spec of a rollout: its desired state, valid by construction."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, StrictBool, field_validator, model_validator
from pydantic.alias_generators import to_camel

from provider.domain.analysis import Analysis
from provider.domain.fields import Document, exactly_one, format_duration, one_of
from provider.domain.fields.types import (
    CheckedPath,
    Duration,
    EntryPoint,
    HeaderValue,
    Name,
    Reference,
    Rule,
    ServerUrl,
    Token,
    UrlPath,
    WholeNumber,
)
from provider.domain.rollouts.discovery import Discover
from provider.domain.rollouts.overrides import MOST_OVERRIDES, Override
from provider.domain.rollouts.resilience import Resilience
from provider.domain.rollouts.schedule import Schedule
from provider.domain.rollouts.servers_transport import ServersTransport
from provider.domain.rollouts.steps import Step

# Traefik keeps the thousand topmost priorities to itself, counted on the smallest machine it runs on (pkg/server/
# router/router.go); each override has one above ours, the fallback the one below.
HIGHEST_PRIORITY = 2**31 - 1_001 - MOST_OVERRIDES
MIRROR_BODY_BYTES = 1_048_576

SideName = Literal["stable", "canary", "baseline"]
SIDES: tuple[SideName, ...] = get_args(SideName)


class Server(Document):
    """One server of a side."""

    url: ServerUrl
    """URL of the server: scheme, host and port, without a path."""
    weight: WholeNumber | None = Field(default=None, ge=1, le=1_000_000)
    """Weight relative to the other servers of the side. Default: `1`."""
    drain: StrictBool | None = None
    """Send the server no new requests. Requests in flight complete."""

    @field_validator("drain", mode="after")
    @classmethod
    def _only_where_so(cls, drain: bool | None) -> bool | None:
        return drain or None  # to say that it does not drain is to say nothing


def _answering(servers: tuple[Server, ...]) -> tuple[Server, ...]:
    if len({server.url for server in servers}) != len(servers):
        raise ValueError("servers must have unique URLs")
    if all(server.drain for server in servers):
        raise ValueError("at least one server must not be draining")
    return servers


Servers = Annotated[tuple[Server, ...], Field(min_length=1, max_length=1_000), AfterValidator(_answering)]


class HealthCheck(Document):
    """Traefik's active health check of every server of a side."""

    path: CheckedPath
    """Path of the request, such as `/healthz`."""
    interval: Duration | None = None
    """Time between two checks. Default: `30s`."""
    unhealthy_interval: Duration | None = None
    """Time between two checks of an unhealthy server. Default: `interval`."""
    timeout: Duration | None = None
    """Maximum time to wait for a response; must be shorter than `interval`. Default: `5s`."""
    scheme: Literal["http", "https"] | None = None
    """Scheme of the request. Default: the scheme of the server's URL."""
    hostname: HeaderValue | None = None
    """`Host` header of the request. Default: the host of the server's URL."""
    port: WholeNumber | None = Field(default=None, ge=1, le=65_535)
    """Port of the request. Default: the port of the server's URL."""
    method: Token | None = None
    """HTTP method of the request. Default: `GET`."""
    status: WholeNumber | None = Field(default=None, ge=200, le=599)
    """Status code of a healthy server. Default: any status from 200 to 399."""
    headers: dict[Token, HeaderValue] | None = Field(default=None, min_length=1, max_length=32)
    """Headers of the request, by name."""
    follow_redirects: StrictBool | None = None
    """Follow redirects. Default: `true`."""

    @model_validator(mode="after")
    def _timeout_below_interval(self) -> Self:
        if self.interval and self.timeout and self.timeout >= self.interval:
            raise ValueError("timeout must be shorter than interval")
        return self


class PassiveHealthCheck(Document):
    """Traefik's passive health check: it observes the responses of each server."""

    failure_window: Duration | None = None
    """Time window in which failures are counted. Default: `10s`."""
    # Traefik's own default, said because it takes no empty check.
    max_failed_attempts: WholeNumber = Field(default=1, ge=1, le=1_000_000)
    """Number of failures within the window after which Traefik marks the server as unhealthy."""


class CookieOptions(Document):
    """Attributes of a cookie."""

    secure: StrictBool | None = None
    """Set the `Secure` attribute: browsers send the cookie over HTTPS only."""
    http_only: StrictBool | None = None
    """Set the `HttpOnly` attribute: scripts cannot read the cookie."""
    same_site: Literal["none", "lax", "strict"] | None = None
    """Value of the `SameSite` attribute."""
    max_age: WholeNumber | None = Field(default=None, ge=0, le=2**31 - 1)
    """Seconds until the cookie expires. Default, and with `0`: a session cookie."""
    path: UrlPath | None = None
    """Value of the `Path` attribute. Default: `/`."""
    domain: HeaderValue | None = None
    """Value of the `Domain` attribute. Default: the host of the request."""


class ServerCookie(CookieOptions):
    """The cookie that keeps a client on one server of a side.

    Its name is not configurable: Traefik derives it from the service of each side, so that the two sides and the
    split between them do not overwrite each other's cookies.
    """

    @model_validator(mode="before")
    @classmethod
    def _unnamed(cls, given: Any) -> Any:
        if isinstance(given, dict) and "name" in given:
            raise ValueError("name is not allowed: each side's cookie is named after its service in Traefik")
        return given


class StickyServers(Document):
    """Sticky sessions between the servers of a side."""

    cookie: ServerCookie
    """Attributes of the cookie. `{}` uses the defaults."""


class Side(Document):
    """The backend of a side: a list of servers, discovered servers, or a service of another provider."""

    model_config = one_of("servers", "service", "discover")

    servers: Servers | None = None
    """List of servers."""
    service: Reference | None = None
    """Service of another Traefik provider, such as `shop-v2@docker`."""
    discover: Discover | None = None
    """Service discovery."""
    health_check: HealthCheck | None = None
    """Active health check. When every side has one, the others receive the requests of a side that is unhealthy."""
    passive_health_check: PassiveHealthCheck | None = None
    """Passive health check."""
    pass_host_header: StrictBool | None = None
    """Forward the client's `Host` header. Default: `true`."""
    keep_alive_timeout: Duration | None = None
    """Time after which the backend closes idle connections. Traefik is configured to close them earlier."""
    servers_transport: ServersTransport | None = None
    """TLS settings of the connections from Traefik to the servers."""
    sticky: StickyServers | None = None
    """Keep each client on one server of the side."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if exactly_one(self, "servers", "service", "discover") == "service":
            self._refuse_options_of_servers()
        return self

    def _refuse_options_of_servers(self) -> None:
        options = (
            *("health_check", "passive_health_check", "pass_host_header", "keep_alive_timeout"),
            *("servers_transport", "sticky"),
        )
        for option in options:
            if getattr(self, option) is not None:
                raise ValueError(f"{to_camel(option)} requires servers; for a service, its own provider sets it")

    def is_same_version(self, other: "Side") -> bool:
        """Tell a side that was scaled or tuned from one that is another version.

        A side is the same version as long as it names the same service, looks in the same place, or keeps one of its
        servers.
        """
        if self.service or other.service:
            return self.service == other.service
        if self.discover or other.discover:
            return self.discover == other.discover
        mine = {server.url for server in self.servers or ()}
        return any(server.url in mine for server in other.servers or ())


class Mirror(Document):
    """Traffic mirroring: Traefik copies requests of stable to the canary and discards the canary's responses."""

    percent: WholeNumber = Field(ge=0, le=100)
    """Percentage of stable's requests to copy."""
    # Traefik's own default holds bodies of any size in memory, which can take stable down.
    max_body_size: WholeNumber = Field(default=MIRROR_BODY_BYTES, ge=0, le=2**40)
    """Maximum size of a mirrored request body in bytes. Traefik buffers it in memory."""


class StickyCookie(CookieOptions):
    """The cookie that keeps a client on one side."""

    name: Token
    """Name of the cookie."""

    @model_validator(mode="after")
    def _not_of_servers(self) -> Self:
        if re.search(r"_[0-9]+(_baseline)?_server$", self.name):
            raise ValueError("name must not end in _NUMBER_server, which is reserved for the cookies of servers")
        return self


class Sticky(Document):
    """Sticky sessions: keep each client on one side."""

    cookie: StickyCookie
    """Name and attributes of the cookie."""


class Domain(Document):
    """Domain names of a certificate."""

    main: HeaderValue
    """Main domain name."""
    sans: tuple[HeaderValue, ...] | None = Field(default=None, min_length=1, max_length=100)
    """Subject alternative names."""


class Tls(Document):
    """TLS settings of the router."""

    cert_resolver: EntryPoint | None = None
    """Name of a certificate resolver in Traefik's static configuration."""
    options: HeaderValue | None = None
    """Name of the TLS options, such as `modern@file`."""
    domains: tuple[Domain, ...] | None = Field(default=None, min_length=1, max_length=100)
    """Domains to request certificates for. Default: the hosts of the rule."""


class Strategy(StrEnum):
    """How Traefik chooses a side: weighted round robin (`wrr`) or by client address (`hrw`)."""

    WRR = "wrr"
    HRW = "hrw"


class Spec(Document):
    """Desired state of a rollout."""

    rule: Rule
    """Traefik router rule that selects the requests."""
    entry_points: tuple[EntryPoint, ...] | None = Field(default=None, min_length=1, max_length=32)
    """Traefik entry points. Default: all entry points; Traefik then builds one router for each."""
    middlewares: tuple[Reference, ...] | None = Field(default=None, min_length=1, max_length=32)
    """Middlewares of other providers, such as `auth@file`, applied in this order."""
    priority: WholeNumber | None = Field(default=None, ge=2, le=HIGHEST_PRIORITY)
    """Priority of the router. Default: the length of the rule, as in Traefik."""
    tls: Tls | None = None
    """Terminate TLS. `{}` enables TLS with Traefik's default certificate."""
    gateways: tuple[Name, ...] | None = Field(default=None, min_length=1, max_length=100)
    """Gateways that serve the rollout. Default: all gateways."""
    strategy: Strategy = Strategy.WRR
    """`wrr` is weighted round robin. `hrw` chooses by the client's address and is stable across configuration
    reloads."""
    sticky: Sticky | None = None
    """Keep each client on the side of its first request."""
    stable: Side
    """The stable version."""
    canary: Side | None = None
    """The new version."""
    baseline: Side | None = None
    """New instances of the stable version. While a canary is in progress, they receive the canary's weight, and the
    analysis compares the canary with them instead of stable."""
    overrides: tuple[Override, ...] | None = Field(default=None, min_length=1, max_length=MOST_OVERRIDES)
    """Requests that are routed to one side regardless of the weight."""
    mirror: Mirror | None = None
    """Traffic mirroring to the canary."""
    resilience: Resilience | None = None
    """Retries, timeouts, circuit breaker and concurrency limit."""
    steps: tuple[Step, ...] | None = Field(default=None, min_length=1, max_length=200)
    """Steps of the rollout. Without steps, the weight changes only on request."""
    analysis: Analysis | None = None
    """Analysis in the background while the canary receives traffic. A canary that fails is aborted."""
    progress_deadline: Duration | None = None
    """Abort a canary that stays in one step for longer than this. Manual approvals are exempt."""
    schedule: Schedule | None = None
    """Times at which steps may advance automatically."""
    rollback_window: Duration | None = None
    """A version that was stable within this time is promoted at once when it is set as the canary again."""
    revert_when_broken: StrictBool | None = Field(
        default=None,
    )
    """Revert a change that Traefik reports as invalid to the last state that Traefik accepted."""
    dry_run: StrictBool | None = None
    """Evaluate the analysis without acting on it: verdicts are reported but do not abort or pause the canary."""

    @model_validator(mode="after")
    def _sticky_needs_turns(self) -> Self:
        if self.sticky and self.strategy is Strategy.HRW:
            raise ValueError("sticky requires strategy wrr; hrw keeps clients on their side by address")
        return self

    @model_validator(mode="after")
    def _ignored_fits_above(self) -> Self:
        if self.analysis and self.analysis.ignore and self.priority == HIGHEST_PRIORITY:
            raise ValueError(
                f"priority must be below {HIGHEST_PRIORITY} with analysis.ignore, whose router has one above"
            )
        return self

    @model_validator(mode="after")
    def _steps_wait_somewhere(self) -> Self:
        if self.steps and not any(step.is_waiting for step in self.steps):
            raise ValueError(
                "steps must contain a pause, an analysis or a ramp; otherwise the canary becomes stable at once"
            )
        return self

    @model_validator(mode="after")
    def _steps_end_before_the_deadline(self) -> Self:
        if not self.progress_deadline:
            return self
        longest = max((step.longest_wait or timedelta() for step in self.steps or ()), default=timedelta())
        if self.progress_deadline <= longest:
            raise ValueError(f"progressDeadline must be longer than the longest step, {format_duration(longest)}")
        return self

    @property
    def sides(self) -> Mapping[SideName, Side]:
        """Return the sides that there are, by name, in the order of SIDES."""
        return {name: side for name in SIDES if (side := getattr(self, name))}

    def is_carried_by(self, gateway: str) -> bool:
        """Tell whether a gateway carries the rollout: every one does unless the spec names some."""
        return self.gateways is None or gateway in self.gateways
