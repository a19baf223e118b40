"""What Traefik takes in each place of its dynamic configuration, as a table.

The fields are those of Traefik's `pkg/config/dynamic` (`http_config.go`, `middlewares.go`) that concern routing: one
unknown field, one empty map or one number with a point, and the *whole* configuration is refused. A shape answers
None for a value that is taken, and for another one its place and what would be right.
"""

import re
from collections.abc import Callable, Collection

from provider.domain.rollouts import expression_problem

Shape = Callable[[object], str | None]

# Traefik keeps the thousand topmost priorities to itself, counted on the smallest machine it runs on.
HIGHEST_PRIORITY = 2**31 - 1_001

_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DURATION = re.compile(r"([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def text(value: object) -> str | None:
    """Take text that has a form in UTF-8, and says something."""
    if type(value) is not str or not value:
        return " must be text that is not empty"
    if not value.isascii() and _LONE_SURROGATE.search(value):
        return " must not hold half of a surrogate pair"
    return None


def flag(value: object) -> str | None:
    """Take true or false."""
    return None if type(value) is bool else " must be true or false"


def duration(value: object) -> str | None:
    """Take a duration as Go writes it."""
    return None if type(value) is str and _DURATION.fullmatch(value) else " must be a duration such as 10s"


def expression(value: object) -> str | None:
    """Take a circuit breaker's expression: with one that Traefik cannot read, the service is disabled."""
    problem = expression_problem(value) if type(value) is str else "must be text"
    return f" {problem}" if problem else None


def whole(lowest: int, highest: int = 2**63 - 1) -> Shape:
    """Take a whole number, written without a point."""

    def check(value: object) -> str | None:
        if type(value) is int and lowest <= value <= highest:
            return None
        return f" must be a whole number from {lowest} to {highest}"

    return check


def some(item: Shape) -> Shape:
    """Take a list of such items, one at least."""

    def check(value: object) -> str | None:
        if type(value) is not list or not value:
            return " must be a list that is not empty"
        for index, one in enumerate(value):
            if problem := item(one):
                return f"[{index}]{problem}"
        return None

    return check


def any_number(item: Shape) -> Shape:
    """Take a list of such items, or of none."""
    filled = some(item)
    return lambda value: None if value == [] else filled(value)


def table(item: Shape) -> Shape:
    """Take a map from names to such items, one at least."""

    def check(value: object) -> str | None:
        if type(value) is not dict or not value:
            return " must be a map that is not empty"
        for name, one in value.items():
            if problem := text(name) or item(one):
                return f".{name}{problem}"
        return None

    return check


def fields(*, needs: Collection[str] = (), may_be_empty: bool = False, **known: Shape) -> Shape:
    """Take a map with no other fields than these."""

    def check(value: object) -> str | None:
        if type(value) is not dict or not (value or may_be_empty):
            return " must be a map that is not empty"
        for name, one in value.items():
            shape = known.get(name)
            if shape is None:
                return f".{name} is no field that Traefik knows"
            if problem := shape(one):
                return f".{name}{problem}"
        for name in needs:
            if name not in value:
                return f".{name} is missing"
        return None

    return check


def name(value: str) -> str | None:
    """Take the name of a router, a service or a transport of ours."""
    return None if _NAME.fullmatch(value) else " must be named with letters, digits, points, - and _"


_STICKY = fields(
    needs=("cookie",),
    cookie=fields(
        name=text, secure=flag, httpOnly=flag, sameSite=text, maxAge=whole(-1, 2**31 - 1), path=text, domain=text
    ),
)
# Empty it means: do as the children's checks say.
_PARENT_CHECK = fields(may_be_empty=True)
_CHILDREN = some(fields(needs=("name", "weight"), name=text, weight=whole(0, 2**31 - 1)))
_HEALTH_CHECK = fields(
    scheme=text,
    mode=text,
    path=text,
    method=text,
    status=whole(100, 599),
    port=whole(1, 65_535),
    interval=duration,
    unhealthyInterval=duration,
    timeout=duration,
    hostname=text,
    followRedirects=flag,
    headers=table(text),
)

ROUTER = fields(
    needs=("rule", "service"),
    rule=text,
    service=text,
    priority=whole(1, HIGHEST_PRIORITY),
    entryPoints=some(text),
    middlewares=some(text),
    tls=fields(
        may_be_empty=True,
        options=text,
        certResolver=text,
        domains=some(fields(needs=("main",), main=text, sans=some(text))),
    ),
    observability=fields(accessLogs=flag, metrics=flag, tracing=flag),
)
SERVICE = fields(
    middlewares=some(text),
    loadBalancer=fields(
        needs=("servers",),
        # None is known while nothing was found anywhere: Traefik answers 503, and takes no empty loadBalancer.
        servers=any_number(fields(needs=("url",), url=text, weight=whole(0, 2**31 - 1), preservePath=flag)),
        strategy=text,
        sticky=_STICKY,
        healthCheck=_HEALTH_CHECK,
        passiveHealthCheck=fields(failureWindow=duration, maxFailedAttempts=whole(1, 2**31 - 1)),
        passHostHeader=flag,
        serversTransport=text,
    ),
    weighted=fields(needs=("services",), services=_CHILDREN, sticky=_STICKY, healthCheck=_PARENT_CHECK),
    highestRandomWeight=fields(needs=("services",), services=_CHILDREN, healthCheck=_PARENT_CHECK),
    mirroring=fields(
        needs=("service", "mirrors"),
        service=text,
        mirrors=some(fields(needs=("name",), name=text, percent=whole(0, 100))),
        mirrorBody=flag,
        maxBodySize=whole(-1),
        healthCheck=_PARENT_CHECK,
    ),
)
MIDDLEWARE = fields(
    retry=fields(
        needs=("attempts",),
        attempts=whole(1),
        initialInterval=duration,
        timeout=duration,
        status=some(text),
        retryNonIdempotentMethod=flag,
    ),
    circuitBreaker=fields(
        needs=("expression",),
        expression=expression,
        checkPeriod=duration,
        fallbackDuration=duration,
        recoveryDuration=duration,
        responseCode=whole(100, 599),
    ),
    inFlightReq=fields(
        needs=("amount",),
        amount=whole(1),
        sourceCriterion=fields(requestHost=flag, ipStrategy=fields(depth=whole(0))),
    ),
)
TRANSPORT = fields(
    serverName=text,
    insecureSkipVerify=flag,
    rootCAs=some(text),
    certificates=some(fields(needs=("certFile", "keyFile"), certFile=text, keyFile=text)),
    maxIdleConnsPerHost=whole(-1, 2**31 - 1),
    disableHTTP2=flag,
    forwardingTimeouts=fields(
        dialTimeout=duration,
        responseHeaderTimeout=duration,
        idleConnTimeout=duration,
        readIdleTimeout=duration,
        pingTimeout=duration,
    ),
)
