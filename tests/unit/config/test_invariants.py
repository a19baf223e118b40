"""What holds of the routing of any rollout in any state that it can be brought to."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from math import gcd
from typing import NoReturn

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provider.domain.fields import decode_json, encode, read
from provider.domain.json_object import Json
from provider.domain.rollouts import Rollout, settings_of, with_found
from provider.domain.rules import parse_rule
from provider.traefik.config import Fragment, assemble, encode_fragment, names, ready_transports, render
from tests.pace import examples
from tests.rollouts_strategy import NAMES, rollouts, served

SPLITS = ("weighted", "highestRandomWeight")
# Traefik takes an empty map in these places only (file:"allowEmpty" in pkg/config/dynamic/http_config.go).
MAY_BE_EMPTY = re.compile(
    r"routers/[^/]+/tls"
    r"|services/[^/]+/((weighted|highestRandomWeight|mirroring)/healthCheck|loadBalancer/servers)"
)
ESCAPED_SURROGATE = re.compile(rb"(?<!\\)(\\\\)*\\u[dD][89a-fA-F]")

each_rollout: Callable[[Callable[..., None]], Callable[..., None]] = given(served())
pace = settings(max_examples=examples(60), deadline=None)


def body(*each: Rollout) -> bytes:
    return assemble(encode_fragment(render(rollout)) for rollout in each)


def sections(fragment: Fragment) -> Json:
    return {
        "routers": fragment.routers,
        "services": fragment.services,
        "middlewares": fragment.middlewares,
        "serversTransports": fragment.transports,
    }


def walk(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from walk(item, f"{path}/{name}" if path else name)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, f"{path}/{index}")


def split(fragment: Fragment) -> Json | None:
    """Give the service that splits the traffic, if there is one."""
    parts = [service[kind] for service in fragment.services.values() for kind in SPLITS if kind in service]
    # One of a single child only gives it another name.
    found = [part for part in parts if len(part["services"]) > 1]
    assert len(found) <= 1
    return found[0] if found else None


def own(name: str) -> str:
    """Give a service its plain name: by address it is a child under its full one."""
    return name.removesuffix("@http")


def children(service: Json) -> Iterator[str]:
    for kind in SPLITS:
        yield from (own(child["name"]) for child in service.get(kind, {}).get("services", []))
    if mirroring := service.get("mirroring"):
        yield mirroring["service"]
        yield from (mirror["name"] for mirror in mirroring["mirrors"])


def reached(fragment: Fragment, service: str) -> set[str]:
    """Name a service and every one below it."""
    below = [reached(fragment, child) for child in children(fragment.services.get(service, {}))]
    return {service}.union(*below)


def used(fragment: Fragment) -> set[str]:
    """Name every service that is reached from a router."""
    return set().union(*(reached(fragment, router["service"]) for router in fragment.routers.values()))


def priority(router: Json) -> int:
    """Give a router's priority; Traefik's own default is the rule's length in bytes."""
    return int(router.get("priority", len(router["rule"].encode())))


def share(fragment: Fragment, name: str, target: str) -> Fraction:
    """Tell which part of the requests to a service a target answers."""
    if name == target:
        return Fraction(1)
    service = fragment.services.get(name, {})
    if mirroring := service.get("mirroring"):
        return share(fragment, mirroring["service"], target)
    sides: list[Json] = next((service[kind]["services"] for kind in SPLITS if kind in service), [])
    total = sum(side["weight"] for side in sides)
    return sum(
        (Fraction(side["weight"], total) * share(fragment, own(side["name"]), target) for side in sides), Fraction()
    )


def is_checked(fragment: Fragment, name: str) -> bool:
    service = fragment.services.get(name, {})
    kinds = ("loadBalancer", *SPLITS, "mirroring")
    return any("healthCheck" in service[kind] for kind in kinds if kind in service)


@pace
@given(rollouts())
def test_the_same_state_gives_the_same_bytes(rollout: Rollout) -> None:
    again = read(Rollout, decode_json(encode(rollout)))
    first, other, last = (body(with_found(one, {})) for one in (rollout, rollout, again))

    assert first == other == last


@pace
@each_rollout
def test_no_child_has_weight_0_and_the_ratio_is_exact_and_smallest(rollout: Rollout) -> None:
    found = split(render(rollout))
    if found is None:
        assert rollout.canary is None or rollout.status.weight in {0, 100}
    else:
        weights = [child["weight"] for child in found["services"]]

        assert {int} == set(map(type, weights))
        assert min(weights) > 0
        assert gcd(*weights) == 1
        assert Fraction(rollout.status.weight) / 100 == Fraction(weights[1], sum(weights))


@pace
@each_rollout
def test_the_canary_gets_its_weight_and_nothing_while_at_rest_or_aborted(rollout: Rollout) -> None:
    fragment = render(rollout)
    main = fragment.routers[rollout.name]["service"]
    stable, canary = names.target(rollout, "stable"), rollout.canary
    if canary is None:
        assert {stable} == used(fragment)
        assert {rollout.name} == fragment.routers.keys() - {names.ignored_router(rollout.name)}
    elif canary.service is None or [side.service for side in rollout.sides.values()].count(canary.service) == 1:
        assert Fraction(rollout.status.weight) / 100 == share(fragment, main, names.target(rollout, "canary"))


@pace
@each_rollout
def test_copies_and_overrides_of_steps_are_told_as_if_the_spec_said_them(rollout: Rollout) -> None:
    said = {"mirror": rollout.mirror, "overrides": tuple(rollout.overrides) or None}
    unset = {"mirror": None, "overrides": None}
    same = rollout.model_copy(
        update={
            "spec": rollout.spec.model_copy(update=said),
            "status": rollout.status.model_copy(update=unset),
        }
    )

    assert render(rollout) == render(same)


@pace
@each_rollout
def test_stable_is_copied_while_the_canary_is_asked_to_get_copies(rollout: Rollout) -> None:
    fragment = render(rollout)
    percents = [
        mirror["percent"]
        for service in fragment.services.values()
        for mirror in service.get("mirroring", {}).get("mirrors", [])
    ]
    is_copied = rollout.mirror is not None and rollout.status.weight < 100

    assert ([rollout.mirror.percent] if rollout.mirror and is_copied else []) == percents
    assert len(rollout.overrides) == len([name for name in fragment.routers if "_override_" in name])


@pace
@each_rollout
def test_what_is_counted_has_servers_and_no_copies(rollout: Rollout) -> None:
    fragment = render(rollout)
    counted = {name.removesuffix("@http") for name in names.counted_services(rollout).values()}
    balancers = {name for name, service in fragment.services.items() if "loadBalancer" in service}
    copies = {
        mirror["name"]
        for service in fragment.services.values()
        for mirror in service.get("mirroring", {}).get("mirrors", [])
    }

    apart = {*copies, *overridden(fragment)} - counted

    assert balancers == {name for name in fragment.services if name in counted | apart}
    assert not {name for name in copies if "@" not in name} & counted


def overridden(fragment: Fragment) -> set[str]:
    """Name the services that overrides send requests to."""
    return {router["service"] for name, router in fragment.routers.items() if "_override_" in name}


@pace
@each_rollout
def test_what_overrides_send_is_counted_only_where_asked_for(rollout: Rollout) -> None:
    fragment = render(rollout)
    counted = {own(name) for name in names.counted_services(rollout).values()}
    routers = [router for name, router in fragment.routers.items() if "_override_" in name]

    for router in routers:
        is_counted = router["service"] in counted and "observability" not in router
        assert is_counted is bool(settings_of(rollout).count_overrides)


@pace
@each_rollout
def test_ignored_requests_go_where_all_others_go(rollout: Rollout) -> None:
    routers = render(rollout).routers
    ignored = routers.get(names.ignored_router(rollout.name))

    assert bool(settings_of(rollout).ignore) is (ignored is not None)
    if ignored:
        assert routers[rollout.name]["service"] == ignored["service"]
        assert ignored["observability"] == {"metrics": False}


@pace
@each_rollout
def test_nothing_is_empty_where_traefik_takes_nothing_empty(rollout: Rollout) -> None:
    fragment = render(rollout)
    empty = [
        path for name, part in sections(fragment).items() for path, value in walk(part, name) if value in ({}, [])
    ]
    unused = {name for name, part in sections(fragment).items() if not part}

    assert [path for path in empty if path not in unused and not MAY_BE_EMPTY.fullmatch(path)] == []
    assert {name for name, part in json.loads(body(rollout))["http"].items() if not part} == set()


@pace
@each_rollout
def test_every_service_that_is_referred_to_is_defined_and_every_defined_one_is_used(rollout: Rollout) -> None:
    fragment = render(rollout)

    assert fragment.services.keys() == {name for name in used(fragment) if "@" not in name}


@pace
@each_rollout
def test_every_transport_that_is_referred_to_is_defined(rollout: Rollout) -> None:
    fragment = render(rollout)
    balancers = [service.get("loadBalancer", {}) for service in fragment.services.values()]

    assert {balancer["serversTransport"] for balancer in balancers if "serversTransport" in balancer} <= set(
        fragment.transports
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=2, max_size=2, unique=True), st.data())
def test_the_names_of_two_rollouts_never_meet(both: list[str], data: st.DataObject) -> None:
    one, other = (render(data.draw(served(rollouts(st.just(name))))) for name in both)

    assert not one.routers.keys() & other.routers.keys()
    assert not one.services.keys() & other.services.keys()
    for name in one.transports.keys() & other.transports.keys():
        assert one.transports[name] == other.transports[name]


@pace
@each_rollout
def test_where_traffic_depends_on_another_providers_canary_stable_is_beneath(rollout: Rollout) -> None:
    fragment = render(rollout)
    main, fallback = (fragment.routers.get(name) for name in (rollout.name, f"{rollout.name}_fallback"))
    foreign = rollout.canary.service if rollout.canary else None
    assert main is not None
    if foreign and foreign != rollout.spec.stable.service:
        assert (foreign in reached(fragment, main["service"])) is (fallback is not None)
    if fallback:
        assert main["rule"] == fallback["rule"]
        assert priority(main) - 1 == fallback["priority"]
        assert foreign == rollout.spec.stable.service or foreign not in reached(fragment, fallback["service"])


@pace
@each_rollout
def test_no_two_routers_of_a_rollout_have_the_same_priority(rollout: Rollout) -> None:
    routers = render(rollout).routers.values()
    priorities = set(map(priority, routers))

    assert len(routers) == len(priorities)
    assert min(priorities) > 0


@pace
@each_rollout
def test_every_rule_can_be_read(rollout: Rollout) -> None:
    assert all(parse_rule(router["rule"]) for router in render(rollout).routers.values())


@pace
@each_rollout
def test_a_parent_is_checked_only_if_every_child_is(rollout: Rollout) -> None:
    fragment = render(rollout)
    checked = [service for name, service in fragment.services.items() if is_checked(fragment, name)]

    assert all(is_checked(fragment, child) for service in checked for child in children(service))


def refuse_float(text: str) -> NoReturn:
    raise AssertionError(f"a float: {text}")


@pace
@each_rollout
def test_the_bytes_say_what_was_meant_to_json_and_to_a_yaml_parser(rollout: Rollout) -> None:
    fragment = render(rollout)
    all_of_it = sections(replace(fragment, transports={**ready_transports(), **fragment.transports}))
    meant = {name: dict(part) for name, part in all_of_it.items() if part}
    content = body(rollout)

    assert {"http": meant} == json.loads(content, parse_float=refuse_float)
    assert {"http": meant} == yaml.load(content, Loader=yaml.CSafeLoader)
    assert rb"\/" not in content
    assert not ESCAPED_SURROGATE.search(content)


@settings(max_examples=30, deadline=None)
@given(st.lists(served(), max_size=3, unique_by=lambda rollout: rollout.name))
def test_a_body_has_all_that_its_fragments_have(several: list[Rollout]) -> None:
    decoded = json.loads(body(*several)).get("http", {})
    fragments = list(map(render, several))

    assert {name for part in fragments for name in part.routers} == decoded.get("routers", {}).keys()
    assert {name for part in fragments for name in part.services} == decoded.get("services", {}).keys()
    transports = {name for part in fragments for name in part.transports}
    assert transports | ready_transports().keys() == decoded["serversTransports"].keys()
