from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from provider.domain.fields import Document, InvalidDocumentError, read, write
from provider.domain.rollouts import Override, Server, Side, Spec, Step, Strategy
from provider.domain.rollouts.spec import HIGHEST_PRIORITY, HealthCheck, Mirror, PassiveHealthCheck, Sticky
from provider.domain.rollouts.steps import AnalysisStep, Pause
from tests.world import spec

A, B, C = ({"url": f"http://{host}"} for host in "abc")
KINDS = "setWeight or pause or analysis or ramp or setMirror or setOverride"
HEADER = {"name": "X-Canary", "value": "always"}


def mistakes(model: type[BaseModel], document: object) -> dict[str, str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read(model, document)
    return {mistake.pointer: mistake.detail for mistake in caught.value.mistakes}


def side(**document: Any) -> Side:
    return read(Side, document)


def test_a_smallest_spec_has_its_defaults() -> None:
    smallest = read(Spec, {"rule": "Host(`a`)", "stable": {"servers": [A]}})

    assert Strategy.WRR is smallest.strategy
    assert (smallest.canary, smallest.steps, smallest.gateways, smallest.mirror) == (None, None, None, None)
    assert (Server(url="http://a"),) == smallest.stable.servers


def test_the_spec_of_the_interface_is_taken_as_it_is_written() -> None:
    document = {
        "rule": "Host(`shop.localhost`)",
        "entryPoints": ["web"],
        "middlewares": ["auth@file"],
        "priority": 20,
        "tls": {"certResolver": "le"},
        "gateways": ["edge"],
        "strategy": "wrr",
        "sticky": {"cookie": {"name": "shop", "secure": True, "httpOnly": True}},
        "stable": {"servers": [{"url": "http://10.0.0.1:8080"}], "healthCheck": {"path": "/", "interval": "10s"}},
        "canary": {"service": "shop-v2@docker"},
        "overrides": [{"header": HEADER, "to": "canary"}],
        "mirror": {"percent": 10, "maxBodySize": 0},
        "steps": [
            {"setMirror": 50},
            {"setOverride": [{"header": HEADER, "to": "canary"}]},
            {"analysis": {"until": "known", "deadline": "1h"}},
            {"setMirror": 0},
            {"setOverride": []},
            {"setWeight": 5},
            {"pause": {"duration": "10m"}},
            {"setWeight": 0.5},
            {"pause": {}},
            {"ramp": {"from": 5, "to": 50.5, "by": 5, "every": "2m"}},
            {"analysis": {"duration": "10m"}},
        ],
        "progressDeadline": "2h",
        "schedule": {
            "timeZone": "Europe/Berlin",
            "windows": [{"days": ["mon", "fri"], "from": "09:00", "to": "17:30"}],
            "freezes": [{"from": "2026-12-24", "to": "2027-01-01"}],
        },
        "rollbackWindow": "24h",
        "dryRun": True,
    }

    assert write(read(Spec, document)) == document


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError):
        spec().rule = "Host(`b`)"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("model", "document", "words"),
    [
        (Side, {}, "must have exactly one of servers or service or discover"),
        (Side, {"servers": [A], "service": "a@file"}, "must have exactly one of servers or service or discover"),
        (Step, {}, f"must have exactly one of {KINDS}"),
        (Step, {"setWeight": 5, "pause": {}}, f"must have exactly one of {KINDS}"),
        (Step, {"setMirror": 0, "setOverride": []}, f"must have exactly one of {KINDS}"),
        (AnalysisStep, {}, "must have exactly one of duration or until"),
        (AnalysisStep, {"duration": "5m", "until": "known"}, "must have exactly one of duration or until"),
        (AnalysisStep, {"deadline": "5m"}, "must have exactly one of duration or until"),
        (Override, {"to": "canary"}, "must have exactly one of header or cookie"),
        (Override, {"to": "canary", "header": HEADER, "cookie": HEADER}, "must have exactly one of header or cookie"),
    ],
)
def test_of_what_excludes_each_other_there_is_exactly_one(
    model: type[Document], document: object, words: str
) -> None:
    assert {"": words} == mistakes(model, document)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("healthCheck", {"path": "/"}),
        ("passiveHealthCheck", {}),
        ("passHostHeader", False),
        ("keepAliveTimeout", "5s"),
        ("serversTransport", {"insecureSkipVerify": True}),
        ("sticky", {"cookie": {}}),
    ],
)
def test_options_of_servers_go_with_servers(option: str, value: object) -> None:
    words = f"{option} requires servers; for a service, its own provider sets it"

    assert {"": words} == mistakes(Side, {"service": "a@file", option: value})
    assert {option, "servers"} == write(side(servers=[A], **{option: value})).keys()


def test_a_pause_without_a_value_waits_for_a_person() -> None:
    assert Step(pause=Pause()) == read(Step, {"pause": None})
    assert Step(set_weight=Decimal(5)) == read(Step, {"pause": None, "setWeight": 5})
    assert {"": f"must have exactly one of {KINDS}"} == mistakes(Step, {"pause": None, "setMirror": None})


def test_a_server_is_named_once() -> None:
    words = {"/servers": "servers must have unique URLs"}

    assert mistakes(Side, {"servers": [A, B, {"url": "http://a/", "weight": 2}]}) == words


def test_somebody_answers_for_a_side() -> None:
    words = "at least one server must not be draining"

    assert {"/servers": words} == mistakes(Side, {"servers": [A | {"drain": True}, B | {"drain": True}]})
    assert side(servers=[A | {"drain": True}, B | {"drain": False}]).servers


def test_the_cookie_of_a_sides_servers_has_no_name_that_others_could_have() -> None:
    words = "name is not allowed: each side's cookie is named after its service in Traefik"
    taken = "name must not end in _NUMBER_server, which is reserved for the cookies of servers"

    assert {"/sticky/cookie": words} == mistakes(Side, {"servers": [A], "sticky": {"cookie": {"name": "a"}}})
    assert {"/cookie": taken} == mistakes(Sticky, {"cookie": {"name": "shop_2_server"}})
    assert read(Sticky, {"cookie": {"name": "my_server"}}).cookie.name == "my_server"


@pytest.mark.parametrize(
    ("weight", "detail"),
    [
        (0, "must be greater than or equal to 1"),
        (1_000_001, "must be less than or equal to 1000000"),
        (1.5, "must be a valid integer, got a number with a fractional part"),
    ],
)
def test_a_servers_weight_is_a_whole_number_above_0(weight: float, detail: str) -> None:
    assert {"/weight": detail} == mistakes(Server, {"url": "http://a", "weight": weight})


@pytest.mark.parametrize("timeout", ["10s", "11s"])
def test_a_health_checks_timeout_ends_before_the_next_check(timeout: str) -> None:
    document = {"path": "/", "interval": "10s", "timeout": timeout}

    assert mistakes(HealthCheck, document) == {"": "timeout must be shorter than interval"}
    assert timedelta(milliseconds=9_999) == read(HealthCheck, {**document, "timeout": "9999ms"}).timeout


def test_an_empty_passive_health_check_says_traefiks_default() -> None:
    """Traefik takes no empty one."""
    assert write(read(PassiveHealthCheck, {})) == {"maxFailedAttempts": 1}


def test_sticky_does_not_go_with_picking_by_address() -> None:
    document = write(spec(sticky={"cookie": {"name": "shop"}})) | {"strategy": "hrw"}
    words = "sticky requires strategy wrr; hrw keeps clients on their side by address"

    assert {"": words} == mistakes(Spec, document)


@pytest.mark.parametrize("priority", [2, HIGHEST_PRIORITY])
def test_a_priority_leaves_room_for_the_fallback_below_it(priority: int) -> None:
    assert spec(priority=priority).priority == priority


@pytest.mark.parametrize("priority", [-1, 0, 1, HIGHEST_PRIORITY + 1])
def test_a_priority_that_leaves_none_is_refused(priority: int) -> None:
    assert list(mistakes(Spec, write(spec()) | {"priority": priority})) == ["/priority"]


def test_the_highest_priority_leaves_room_for_all_overrides_on_the_smallest_machine() -> None:
    most = Spec.model_json_schema()["properties"]["overrides"]["anyOf"][0]["maxItems"]

    assert HIGHEST_PRIORITY + most == 2**31 - 1 - 1_000


@pytest.mark.parametrize(("document", "duration"), [({}, None), ({"duration": "10m"}, timedelta(minutes=10))])
def test_a_pause_is_for_a_duration_or_for_a_person(document: object, duration: timedelta | None) -> None:
    assert read(Pause, document).duration == duration


def test_a_mirror_bounds_the_bodies_that_traefik_holds_in_memory() -> None:
    assert read(Mirror, {"percent": 10}).max_body_size == 1_048_576


@pytest.mark.parametrize(
    ("gateways", "gateway", "is_carried"),
    [(None, "edge", True), (["edge"], "edge", True), (["core", "edge"], "edge", True), (["core"], "edge", False)],
)
def test_a_gateway_carries_what_names_it_or_names_none(
    gateways: list[str] | None, gateway: str, is_carried: bool
) -> None:
    assert is_carried is spec(gateways=gateways).is_carried_by(gateway)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (side(servers=[A]), side(servers=[A]), True),
        (side(servers=[A]), side(servers=[A, B]), True),
        (side(servers=[A, B]), side(servers=[B, C]), True),
        (side(servers=[A]), side(servers=[{**A, "weight": 9}], passHostHeader=False), True),
        (side(servers=[A]), side(servers=[B]), False),
        (side(service="a@file"), side(service="a@file"), True),
        (side(service="a@file"), side(service="b@file"), False),
        (side(service="a@file"), side(servers=[A]), False),
    ],
)
def test_a_side_that_was_scaled_or_tuned_is_the_same_version(one: Side, other: Side, is_same: bool) -> None:
    assert is_same is one.is_same_version(other)
    assert is_same is other.is_same_version(one)


@pytest.mark.parametrize(
    ("option", "value"),
    [("path", "//host/x"), ("path", "/%zz"), ("path", "/a%"), ("status", 100), ("status", 199), ("status", 600)],
)
def test_a_health_check_that_traefik_cannot_make_is_refused(option: str, value: object) -> None:
    check = {"path": "/", option: value}
    side = {"servers": [{"url": "http://10.0.0.1:8080"}], "healthCheck": check}
    with pytest.raises(InvalidDocumentError) as caught:
        read(Spec, {"rule": "Host(`a`)", "stable": side})

    assert [mistake.pointer for mistake in caught.value.mistakes] == [f"/stable/healthCheck/{option}"]
