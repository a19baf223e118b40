"""Fragments that must not reach Traefik, one for each kind of fault, and what it would do with them."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from provider.traefik.config import Fragment

RULE = "Host(`shop.localhost`)"


@dataclass(frozen=True)
class Fault:
    """A fragment, what is to be said of it, and what the real Traefik makes of it.

    `refused`: it takes nothing of the whole body. `disabled`: the router answers 404. `harmful`: it takes it, and
    loses traffic.
    """

    fragment: Fragment
    words: str
    effect: Literal["refused", "disabled", "harmful"]


def balancer(port: int, **options: Any) -> dict[str, Any]:
    """Make a service of one server."""
    return {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{port}"}], **options}}


def split_fragment(**options: Any) -> Fragment:
    """Make a fragment of two sides that get traffic."""
    children = [{"name": "shop_1", "weight": 3}, {"name": "shop_2", "weight": 1}]
    return Fragment(
        routers={"shop": {"rule": RULE, "service": "shop"}},
        services={
            "shop": {"weighted": {"services": children, **options}},
            "shop_1": balancer(1),
            "shop_2": balancer(2),
        },
    )


def with_part(fragment: Fragment, path: str, value: object) -> Fragment:
    """Put another value at a path, such as `services/shop_1/loadBalancer`."""
    section, *way, last = path.split("/")
    parts = copy.deepcopy(dict(getattr(fragment, section)))
    place: Any = parts
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return replace(fragment, **{section: parts})


def _both_checked() -> Fragment:
    checked = {"path": "/", "interval": "10s"}
    fragment = split_fragment(healthCheck={})
    for name, port in (("shop_1", 1), ("shop_2", 2)):
        fragment = with_part(fragment, f"services/{name}", balancer(port, healthCheck=checked))
    return fragment


def with_breaker(expression: str) -> Fragment:
    """Make a split whose canary has a circuit breaker."""
    fragment = with_part(split_fragment(), "services/shop_2/middlewares", ["shop_circuit_breaker"])
    return replace(fragment, middlewares={"shop_circuit_breaker": {"circuitBreaker": {"expression": expression}}})


FAULTS: Mapping[str, Fault] = {
    "an unknown field": Fault(
        with_part(split_fragment(), "routers/shop/weight", 5), "routers.shop.weight is no field", "refused"
    ),
    "an empty map": Fault(
        with_part(split_fragment(), "services/shop_1", {"loadBalancer": {}}), "must be a map that is not", "refused"
    ),
    "a weight with a point": Fault(
        with_part(split_fragment(), "services/shop/weighted/services/0/weight", 3.5),
        "services[0].weight must be a whole number",
        "refused",
    ),
    "text in the place of a number": Fault(
        with_part(split_fragment(), "routers/shop/priority", "high"), "priority must be a whole number", "refused"
    ),
    "half of a surrogate pair": Fault(
        with_part(split_fragment(), "routers/shop/middlewares", ["\ud83d@file"]), "half of a surrogate", "refused"
    ),
    "a rule that cannot be read": Fault(
        with_part(split_fragment(), "routers/shop/rule", "Host(`shop.localhost`"), "routers.shop.rule: ", "disabled"
    ),
    "a service that is not there": Fault(
        with_part(split_fragment(), "routers/shop/service", "gone"), "names gone, which is not there", "disabled"
    ),
    "a child that is not there": Fault(
        with_part(split_fragment(), "services/shop/weighted/services/1/name", "gone"),
        "names gone, which is not there",
        "disabled",
    ),
    "a service of two kinds": Fault(
        with_part(split_fragment(), "services/shop/loadBalancer", balancer(3)["loadBalancer"]),
        "must be of one kind, not weighted and loadBalancer",
        "disabled",
    ),
    "a middleware that is not there": Fault(
        with_part(split_fragment(), "services/shop_2/middlewares", ["gone"]), "names gone, which is", "disabled"
    ),
    "a breaker's ratio without a point": Fault(
        with_breaker("NetworkErrorRatio() > 1"), "circuitBreaker.expression must be an expression such as", "disabled"
    ),
    "a priority that Traefik keeps to itself": Fault(
        with_part(split_fragment(), "routers/shop/priority", 2**63 - 1), "must be a whole number from 1", "disabled"
    ),
    "a check above a child that has none": Fault(
        split_fragment(healthCheck={}), "healthCheck needs a healthCheck of shop_1", "disabled"
    ),
    "a check above a weight of 0": Fault(
        with_part(_both_checked(), "services/shop/weighted/services/1/weight", 0),
        "must not stand above a weight of 0",
        "harmful",
    ),
    "no weight above 0": Fault(
        with_part(
            with_part(split_fragment(), "services/shop/weighted/services/0/weight", 0),
            "services/shop/weighted/services/1/weight",
            0,
        ),
        "needs a weight above 0: it would answer 503",
        "harmful",
    ),
}
