"""What a person asks for: the spec of a rollout, valid by construction."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, field_validator, model_validator
from pydantic.alias_generators import to_camel

from provider.analysis import Analysis
from provider.documents import Document, exactly_one, format_duration, one_of
from provider.documents.fields import (
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
from provider.rollouts.discover import Discover
from provider.rollouts.overrides import MOST_OVERRIDES, Override
from provider.rollouts.resilience import Resilience
from provider.rollouts.schedule import Schedule
from provider.rollouts.servers_transport import ServersTransport
from provider.rollouts.steps import Step

# Traefik keeps the thousand topmost priorities to itself, counted on the smallest machine it runs on (pkg/server/
# router/router.go); each override has one above ours, the fallback the one below.
HIGHEST_PRIORITY = 2**31 - 1_001 - MOST_OVERRIDES
MIRROR_BODY_BYTES = 1_048_576


class Server(Document):
    """One address that answers for a side."""

    url: ServerUrl
    """Where it listens: scheme, host and port, without a path."""
    weight: WholeNumber | None = Field(default=None, ge=1, le=1_000_000)
    """Its share beside the other servers of the side; 1 if left out."""
    drain: StrictBool | None = None
    """It gets no new requests; those that are under way end in peace."""

    @field_validator("drain", mode="after")
    @classmethod
    def _only_where_so(cls, drain: bool | None) -> bool | None:
        return drain or None  # to say that it does not drain is to say nothing


def _answering(servers: tuple[Server, ...]) -> tuple[Server, ...]:
    if len({server.url for server in servers}) != len(servers):
        raise ValueError("servers must not name the same url twice")
    if all(server.drain for server in servers):
        raise ValueError("servers must not all be draining: nobody would answer; leave one without drain")
    return servers


Servers = Annotated[tuple[Server, ...], Field(min_length=1, max_length=1_000), AfterValidator(_answering)]


class HealthCheck(Document):
    """Traefik's active check of every server of a side."""

    path: CheckedPath
    """What is asked for, such as /healthz."""
    interval: Duration | None = None
    """How often; every 30s if left out."""
    unhealthy_interval: Duration | None = None
    """How often while the server is not healthy; as `interval` if left out."""
    timeout: Duration | None = None
    """How long an answer may take; 5s if left out."""
    scheme: Literal["http", "https"] | None = None
    """The server's own if left out."""
    hostname: HeaderValue | None = None
    """The Host header; the server's own if left out."""
    port: WholeNumber | None = Field(default=None, ge=1, le=65_535)
    """The server's own if left out."""
    method: Token | None = None
    """GET if left out."""
    status: WholeNumber | None = Field(default=None, ge=200, le=599)
    """The status that is healthy; any below 400 if left out."""
    headers: dict[Token, HeaderValue] | None = Field(default=None, min_length=1, max_length=32)
    """What is sent with it, by name."""
    follow_redirects: StrictBool | None = None
    """Whether a redirect is followed; true if left out."""

    @model_validator(mode="after")
    def _timeout_below_interval(self) -> Self:
        if self.interval and self.timeout and self.timeout >= self.interval:
            raise ValueError("timeout must be shorter than interval")
        return self


class PassiveHealthCheck(Document):
    """Traefik's judgement of a server by the answers it gave."""

    failure_window: Duration | None = None
    """How long failures are remembered; 10s if left out."""
    # Traefik's own default, said because it takes no empty check.
    max_failed_attempts: WholeNumber = Field(default=1, ge=1, le=1_000_000)
    """So many failures within the window take the server out for a while."""


class CookieOptions(Document):
    """What a browser does with a cookie."""

    secure: StrictBool | None = None
    """By TLS only."""
    http_only: StrictBool | None = None
    """Not for scripts."""
    same_site: Literal["none", "lax", "strict"] | None = None
    """Whether other sites send it along."""
    max_age: WholeNumber | None = Field(default=None, ge=0, le=2**31 - 1)
    """Seconds until it is over; as long as the browser runs if left out or 0."""
    path: UrlPath | None = None
    """Where it holds; / if left out."""
    domain: HeaderValue | None = None
    """For which hosts it holds; the one that was asked if left out."""


class ServerCookie(CookieOptions):
    """The cookie by which a client stays on one server of a side.

    It has no name of its own: with one name, two sides and the split between them would overwrite each other's.
    """

    @model_validator(mode="before")
    @classmethod
    def _unnamed(cls, given: Any) -> Any:
        if isinstance(given, dict) and "name" in given:
            raise ValueError("name is not chosen here: each side's cookie is named after its service in Traefik")
        return given


class StickyServers(Document):
    """How clients stay on one server of a side."""

    cookie: ServerCookie
    """What the browser does with it; {} has the defaults."""


class Side(Document):
    """Who answers for stable or canary: servers of our own, written down or found, or another provider's service."""

    model_config = one_of("servers", "service", "discover")

    servers: Servers | None = None
    """Servers that are written down."""
    service: Reference | None = None
    """A service of another of Traefik's providers, such as shop-v2@docker."""
    discover: Discover | None = None
    """Servers that are looked for."""
    health_check: HealthCheck | None = None
    """Have Traefik ask every server whether it is well. With one on both sides, stable stands in for a canary."""
    passive_health_check: PassiveHealthCheck | None = None
    """Have Traefik take a server out that fails."""
    pass_host_header: StrictBool | None = None
    """Whether the server gets the Host that the client sent; true if left out."""
    keep_alive_timeout: Duration | None = None
    """How long the backend keeps an idle connection: Traefik is told to let go first."""
    servers_transport: ServersTransport | None = None
    """How Traefik connects to servers that speak TLS: their CA and name, and its own certificate."""
    sticky: StickyServers | None = None
    """Keep a client on one server of the side."""

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
                raise ValueError(f"{to_camel(option)} goes with servers; a service's provider sets its own")

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
    """Shadow traffic: a copy of stable's requests goes to the canary, whose answers are thrown away."""

    percent: WholeNumber = Field(ge=0, le=100)
    """How many per cent of stable's requests."""
    # Traefik's own default holds bodies of any size in memory, which can take stable down.
    max_body_size: WholeNumber = Field(default=MIRROR_BODY_BYTES, ge=0, le=2**40)
    """The largest body in bytes that is copied: Traefik holds it in memory."""


class StickyCookie(CookieOptions):
    """The cookie by which a client stays on the side that it got first."""

    name: Token
    """The cookie's name."""

    @model_validator(mode="after")
    def _not_of_servers(self) -> Self:
        if re.search(r"_[0-9]+_server$", self.name):
            raise ValueError("name must not end in _NUMBER_server: the cookies of a side's servers are named so")
        return self


class Sticky(Document):
    """How clients stay on one side."""

    cookie: StickyCookie
    """The cookie that keeps them there."""


class Domain(Document):
    """Names that a certificate is asked for."""

    main: HeaderValue
    """The first name."""
    sans: tuple[HeaderValue, ...] | None = Field(default=None, min_length=1, max_length=100)
    """Further names."""


class Tls(Document):
    """Traefik's TLS options of the router."""

    cert_resolver: EntryPoint | None = None
    """A certificate resolver of Traefik's."""
    options: HeaderValue | None = None
    """TLS options by name, such as modern@file."""
    domains: tuple[Domain, ...] | None = Field(default=None, min_length=1, max_length=100)
    """The names to ask the resolver for; those of the rule if left out."""


class Strategy(StrEnum):
    """How Traefik picks a side: by turns, or by the client's address."""

    WRR = "wrr"
    HRW = "hrw"


class Spec(Document):
    """What is asked of a rollout."""

    rule: Rule
    """Traefik's router rule: which requests are meant."""
    entry_points: tuple[EntryPoint, ...] | None = Field(default=None, min_length=1, max_length=32)
    """Traefik's entry points. All of them if left out, which makes Traefik build the router for each."""
    middlewares: tuple[Reference, ...] | None = Field(default=None, min_length=1, max_length=32)
    """Middlewares of other providers, such as auth@file, in this order."""
    priority: WholeNumber | None = Field(default=None, ge=2, le=HIGHEST_PRIORITY)
    """The router's priority; Traefik takes the length of the rule if left out."""
    tls: Tls | None = None
    """Terminate TLS; {} does it with what Traefik has."""
    gateways: tuple[Name, ...] | None = Field(default=None, min_length=1, max_length=100)
    """The Traefiks that carry it; all of them if left out."""
    strategy: Strategy = Strategy.WRR
    """wrr takes turns; hrw goes by the client's address, and is steady across reloads."""
    sticky: Sticky | None = None
    """Keep a client on the side that it got first."""
    stable: Side
    """Who answers when nothing is tried out."""
    canary: Side | None = None
    """The version that is tried out."""
    overrides: tuple[Override, ...] | None = Field(default=None, min_length=1, max_length=MOST_OVERRIDES)
    """Requests that go to one side whatever the weight."""
    mirror: Mirror | None = None
    """Copy requests to the canary."""
    resilience: Resilience | None = None
    """Retries, timeouts, a circuit breaker and a limit."""
    steps: tuple[Step, ...] | None = Field(default=None, min_length=1, max_length=200)
    """How a canary takes over. Without steps it moves by hand alone."""
    analysis: Analysis | None = None
    """How the canary is judged all the while it gets traffic; one that fails is aborted."""
    progress_deadline: Duration | None = None
    """A canary that waits longer in one step, and not for a person, is aborted."""
    schedule: Schedule | None = None
    """When steps may advance by themselves."""
    rollback_window: Duration | None = None
    """A version that was stable so recently takes over at once when it comes back."""
    revert_when_broken: StrictBool | None = Field(
        default=None,
    )
    """A change that Traefik reports as broken is taken back to the last state that it carried well."""
    dry_run: StrictBool | None = None
    """Verdicts change nothing: what they would have done is said instead."""

    @model_validator(mode="after")
    def _sticky_needs_turns(self) -> Self:
        if self.sticky and self.strategy is Strategy.HRW:
            raise ValueError("sticky goes with strategy wrr; hrw keeps a client on its side by its address")
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
                "steps must wait somewhere, with a pause, an analysis or a ramp: the canary would take over at once"
            )
        return self

    @model_validator(mode="after")
    def _steps_end_before_the_deadline(self) -> Self:
        if not self.progress_deadline:
            return self
        longest = max((step.longest_wait or timedelta() for step in self.steps or ()), default=timedelta())
        if self.progress_deadline <= longest:
            raise ValueError(
                f"progressDeadline must be longer than what a step waits for, {format_duration(longest)}"
            )
        return self

    def is_carried_by(self, gateway: str) -> bool:
        """Tell whether a gateway carries the rollout: every one does unless the spec names some."""
        return self.gateways is None or gateway in self.gateways
