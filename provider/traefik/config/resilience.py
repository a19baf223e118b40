"""A rollout's resilience as Traefik's middlewares and transports."""

from collections.abc import Mapping
from datetime import timedelta

from provider.domain.fields import format_duration, write
from provider.domain.json_object import Json
from provider.domain.rollouts import Resilience, Side
from provider.traefik.config import names

# Traefik must let go of an idle connection before the backend does, or a request meets one being closed: 502.
IDLE_SHARE_OF_KEEP_ALIVE = 0.8
# As in traefik/traefik.yml: a named transport inherits nothing from there, and Traefik's own default is 90 s.
IDLE_TIMEOUT = "4s"
# A named transport that leaves this out keeps 2 idle connections a host, where the default transport keeps 200.
IDLE_CONNECTIONS_PER_HOST = 200
# How long common servers keep an idle connection unless told otherwise: gunicorn 2 s; Node, Apache, uvicorn and
# hypercorn 5 s; Tomcat's server.xml 20 s; Tomcat without it and AWS' load balancers 60 s. What lies between two of
# them, as Jetty's 30 s, or above all, as nginx' 75 s, takes the lower one.
COMMON_KEEP_ALIVES = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 20, 60))


def middlewares(rollout: str, resilience: Resilience) -> Mapping[str, Json]:
    """Give the middlewares of a rollout by name."""
    kinds: dict[str, Json] = {}
    if resilience.retry:
        kinds["retry"] = {"retry": write(resilience.retry)}
    if resilience.circuit_breaker:
        kinds["circuit_breaker"] = {"circuitBreaker": write(resilience.circuit_breaker)}
    if resilience.in_flight:
        # Depth 0 is the address that the connection comes from; Traefik takes no empty strategy.
        is_client = resilience.in_flight.per == "client"
        criterion = {"ipStrategy": {"depth": 0}} if is_client else {"requestHost": True}
        limit = {"amount": resilience.in_flight.amount, "sourceCriterion": criterion}
        kinds["in_flight"] = {"inFlightReq": limit}
    return {names.middleware(rollout, kind): middleware for kind, middleware in kinds.items()}


def of_routers(rollout: str, resilience: Resilience) -> list[str]:
    """Name what stands before both sides: a request counts as one, however often it is sent again."""
    kinds = {"in_flight": resilience.in_flight, "retry": resilience.retry}
    return [names.middleware(rollout, kind) for kind, chosen in kinds.items() if chosen]


def of_sides(rollout: str, resilience: Resilience) -> list[str]:
    """Name what stands before each side alone: a breaker before both would take stable down with the canary."""
    return [names.middleware(rollout, "circuit_breaker")] if resilience.circuit_breaker else []


def transport(side: Side, resilience: Resilience) -> tuple[str, Json] | None:
    """Give the transport to a side's servers, with its name; None where Traefik's default one does."""
    limits = resilience.timeouts
    chosen = {
        "dial": limits.connect if limits else None,
        "responseHeader": limits.response_header if limits else None,
    }
    waits = {kind: format_duration(wait) for kind, wait in chosen.items() if wait}
    tls = write(side.servers_transport) if side.servers_transport else {}
    if side.service or not (side.keep_alive_timeout or waits or tls):
        return None
    return _transport(side.keep_alive_timeout, waits, tls)


def ready_transports() -> Mapping[str, Json]:
    """Give the transports that every Traefik has, whatever rollouts there are.

    Services of its other providers can name one: `serversTransport: idle_4s@http`.
    """
    return dict(_transport(keep_alive, {}, {}) for keep_alive in COMMON_KEEP_ALIVES)


def _transport(keep_alive: timedelta | None, waits: Mapping[str, str], tls: Json) -> tuple[str, Json]:
    idle = format_duration(keep_alive * IDLE_SHARE_OF_KEEP_ALIVE) if keep_alive else IDLE_TIMEOUT
    timeouts = {f"{kind}Timeout": wait for kind, wait in {"idleConn": idle, **waits}.items()}
    return names.transport(idle, waits, tls), {
        **tls,
        "forwardingTimeouts": timeouts,
        "maxIdleConnsPerHost": IDLE_CONNECTIONS_PER_HOST,
    }
