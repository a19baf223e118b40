"""What Traefik is told of a rollout, word for word."""

from typing import Any

import pytest

from provider.domain.rollouts import Rollout
from provider.domain.rules import parse_rule
from provider.traefik.config import Fragment, render
from tests.unit.config.sides import CANARY, CHECK, NOW, STABLE, at_rest, held

RULE = "Host(`shop.localhost`)"
PRIORITY = len(RULE)
FOREIGN_CANARY = {"service": "shop-v2@docker"}
FOREIGN_STABLE = {"service": "shop-v1@docker"}
SHOP_1, SHOP_2 = {"loadBalancer": STABLE}, {"loadBalancer": CANARY}
HEADER = {"name": "X-Canary", "value": "always"}


def weighted(stable: tuple[str, int], canary: tuple[str, int], **options: object) -> dict[str, Any]:
    children = [{"name": name, "weight": weight} for name, weight in (stable, canary)]
    return {"weighted": {"services": children, **options}}


def router(service: str, **options: object) -> dict[str, Any]:
    return {"rule": RULE, "service": service, **options}


@pytest.mark.parametrize(
    "rollout",
    [at_rest(), held(10).abort(now=NOW), held(0), held(0, sticky={"cookie": {"name": "a"}}, strategy="wrr")],
    ids=["no canary", "aborted", "weight 0", "weight 0 and sticky"],
)
def test_at_rest_everything_goes_to_stable_alone(rollout: Rollout) -> None:
    assert Fragment(routers={"shop": router("shop_1")}, services={"shop_1": SHOP_1}) == render(rollout)


def test_a_split_is_a_weighted_service_with_each_sides_share() -> None:
    assert Fragment(
        routers={"shop": router("shop")},
        services={"shop": weighted(("shop_1", 9), ("shop_2", 1)), "shop_1": SHOP_1, "shop_2": SHOP_2},
    ) == render(held(10))


def test_with_all_traffic_on_the_canary_stable_is_not_there() -> None:
    assert Fragment(routers={"shop": router("shop_2")}, services={"shop_2": SHOP_2}) == render(held(100))


def test_a_promoted_canary_keeps_its_service() -> None:
    promoted = held(50).promote_full(now=NOW)

    assert Fragment(routers={"shop": router("shop_2")}, services={"shop_2": SHOP_2}) == render(promoted)


def test_by_address_the_split_has_the_same_shape_with_names_that_traefik_scores_apart() -> None:
    split = weighted(("shop_1@http", 1), ("shop_2@http", 1))["weighted"]

    assert {"highestRandomWeight": split} == render(held(50, strategy="hrw")).services["shop"]


@pytest.mark.parametrize(
    "cookie",
    [
        {"name": "shop"},
        {"name": "shop", "secure": True, "httpOnly": True, "sameSite": "lax", "maxAge": 0, "path": "/a"},
        {"name": "shop", "secure": False, "domain": "shop.localhost"},
    ],
)
def test_clients_stick_to_a_side_by_the_cookie_as_it_is_written(cookie: dict[str, Any]) -> None:
    split = weighted(("shop_1", 1), ("shop_2", 1), sticky={"cookie": cookie})

    assert render(held(50, sticky={"cookie": cookie})).services["shop"] == split


OPTIONS = {"entryPoints": ["web", "websecure"], "middlewares": ["b@file", "a@docker"], "priority": 9}


@pytest.mark.parametrize(
    "tls",
    [{}, {"certResolver": "le", "options": "modern@file", "domains": [{"main": "a.b", "sans": ["c.b", "d.b"]}]}],
)
def test_a_router_has_what_the_spec_says_of_it(tls: dict[str, Any]) -> None:
    assert {"shop": router("shop", tls=tls, **OPTIONS)} == render(held(10, tls=tls, **OPTIONS)).routers


def test_every_router_of_a_rollout_has_the_same_options() -> None:
    overrides = [{"header": HEADER, "to": "canary"}]
    routers = render(held(10, tls={}, overrides=overrides, canary=FOREIGN_CANARY, **OPTIONS)).routers
    kept = [{name: router[name] for name in ("entryPoints", "middlewares", "tls")} for router in routers.values()]

    assert list(routers) == ["shop", "shop_fallback", "shop_override_0"]
    assert kept == [{"entryPoints": ["web", "websecure"], "middlewares": ["b@file", "a@docker"], "tls": {}}] * 3


def test_servers_have_what_the_spec_says_of_them() -> None:
    side = {
        "servers": [{"url": "http://127.0.0.1:9001", "weight": 2}, {"url": "h2c://127.0.0.1:9011"}],
        "healthCheck": {
            "path": "/healthz",
            "interval": "10s",
            "unhealthyInterval": "1.5s",
            "timeout": "500ms",
            "scheme": "https",
            "hostname": "shop.localhost",
            "port": 8081,
            "method": "HEAD",
            "status": 204,
            "headers": {"X-Check": "1"},
            "followRedirects": False,
        },
        "passiveHealthCheck": {"failureWindow": "1m", "maxFailedAttempts": 3},
        "passHostHeader": False,
    }

    assert {"shop_1": {"loadBalancer": side}} == render(at_rest(stable=side)).services


def test_an_empty_passive_check_is_one_with_traefiks_default() -> None:
    services = render(at_rest(stable={**STABLE, "passiveHealthCheck": {}})).services

    assert services["shop_1"]["loadBalancer"]["passiveHealthCheck"] == {"maxFailedAttempts": 1}


@pytest.mark.parametrize(
    ("stable", "canary", "options"),
    [
        ({**STABLE, "healthCheck": CHECK}, {**CANARY, "healthCheck": CHECK}, {"healthCheck": {}}),
        ({**STABLE, "healthCheck": CHECK}, CANARY, {}),
        (STABLE, {**CANARY, "healthCheck": CHECK}, {}),
        ({**STABLE, "healthCheck": CHECK}, FOREIGN_CANARY, {}),
        ({**STABLE, "passiveHealthCheck": {}}, {**CANARY, "passiveHealthCheck": {}}, {}),
    ],
    ids=["both", "stable", "canary", "a canary of another provider's", "passive ones"],
)
def test_a_split_knows_who_is_down_only_if_both_sides_are_checked(
    stable: dict[str, Any], canary: dict[str, Any], options: dict[str, Any]
) -> None:
    split = render(held(50, stable=stable, canary=canary)).services["shop"]["weighted"]

    assert {name: value for name, value in split.items() if name != "services"} == options


def idle(seconds: str) -> dict[str, Any]:
    return {"forwardingTimeouts": {"idleConnTimeout": seconds}, "maxIdleConnsPerHost": 200}


@pytest.mark.parametrize(
    ("stable", "canary", "transports"),
    [
        (None, None, {}),
        ("5s", None, {"idle_4s": idle("4s")}),
        ("5s", "5s", {"idle_4s": idle("4s")}),
        ("5s", "90s", {"idle_1m12s": idle("1m12s"), "idle_4s": idle("4s")}),
        ("1s", None, {"idle_800ms": idle("800ms")}),
    ],
)
def test_traefik_lets_go_of_a_connection_before_the_backend_does(
    stable: str | None, canary: str | None, transports: dict[str, Any]
) -> None:
    sides = {
        "stable": {**STABLE, **({"keepAliveTimeout": stable} if stable else {})},
        "canary": {**CANARY, **({"keepAliveTimeout": canary} if canary else {})},
    }
    fragment = render(held(50, **sides))
    used = [fragment.services[name]["loadBalancer"].get("serversTransport") for name in ("shop_1", "shop_2")]

    assert transports == fragment.transports
    assert [bool(stable), bool(canary)] == [name in transports for name in used]


def test_an_aborted_canary_leaves_no_transport_behind() -> None:
    rollout = held(50, canary={**CANARY, "keepAliveTimeout": "5s"}).abort(now=NOW)

    assert render(rollout).transports == {}


def fallback(service: str = "shop_1", priority: int = PRIORITY - 1) -> dict[str, Any]:
    return {"shop_fallback": router(service, priority=priority)}


def test_a_canary_of_another_provider_has_a_fallback_to_stable_beneath() -> None:
    assert Fragment(
        routers={"shop": router("shop"), **fallback()},
        services={"shop": weighted(("shop_1", 1), ("shop-v2@docker", 1)), "shop_1": SHOP_1},
    ) == render(held(50, canary=FOREIGN_CANARY))


@pytest.mark.parametrize(
    ("rollout", "routers"),
    [
        (held(0, canary=FOREIGN_CANARY), {"shop": router("shop_1")}),
        (held(100, canary=FOREIGN_CANARY), {"shop": router("shop-v2@docker"), **fallback()}),
        (
            held(5, canary=FOREIGN_CANARY, priority=2),
            {"shop": router("shop", priority=2), **fallback(priority=1)},
        ),
        (held(5, canary=FOREIGN_CANARY).abort(now=NOW), {"shop": router("shop_1")}),
        (held(5, canary=FOREIGN_CANARY).promote_full(now=NOW), {"shop": router("shop-v2@docker")}),
        (held(5, stable=FOREIGN_STABLE), {"shop": router("shop")}),
    ],
    ids=["weight 0", "weight 100", "lowest priority", "aborted", "promoted", "only stable is another's"],
)
def test_a_fallback_is_there_as_long_as_traffic_depends_on_another_provider(
    rollout: Rollout, routers: dict[str, Any]
) -> None:
    assert render(rollout).routers == routers


def test_at_full_weight_the_fallback_still_has_stables_servers() -> None:
    assert render(held(100, canary=FOREIGN_CANARY)).services == {"shop_1": SHOP_1}


def test_between_services_of_other_providers_there_is_only_the_split() -> None:
    both = {"stable": FOREIGN_STABLE, "canary": FOREIGN_CANARY}

    assert Fragment(
        routers={"shop": router("shop"), **fallback("shop-v1@docker")},
        services={"shop": weighted(("shop-v1@docker", 3), ("shop-v2@docker", 1))},
    ) == render(held(25, **both))
    assert Fragment(routers={"shop": router("shop-v1@docker")}) == render(held(0, **both))


def test_a_fallback_is_below_a_rule_as_long_as_traefik_counts_it() -> None:
    """Traefik's own priority is the rule's length in bytes."""
    rule = "Host(`a`) && PathPrefix(`/é😀`)\n"
    routers = render(held(5, canary=FOREIGN_CANARY, rule=rule)).routers

    assert {"rule": rule, "service": "shop"} == routers["shop"]
    assert {"rule": rule, "service": "shop_1", "priority": len(rule.encode()) - 1} == routers["shop_fallback"]


OVERRIDES = [
    {"header": HEADER, "to": "canary"},
    {"cookie": {"name": "beta", "value": "1.0"}, "to": "canary"},
    {"header": {"name": "X-Canary", "value": "never"}, "to": "stable"},
]


def override(condition: str, service: str, priority: int) -> dict[str, Any]:
    return {"rule": f"({RULE}) && {condition}", "service": service, "priority": priority}


def test_overrides_are_above_the_rule_and_the_first_that_matches_wins() -> None:
    assert {
        "shop": router("shop"),
        "shop_override_0": override("Header(`X-Canary`, `always`)", "shop_2_override", PRIORITY + 3),
        "shop_override_1": override(
            r"HeaderRegexp(`Cookie`, `(^|; ?)beta=1\.0(;|$)`)", "shop_2_override", PRIORITY + 2
        ),
        "shop_override_2": override("Header(`X-Canary`, `never`)", "shop_1_override", PRIORITY + 1),
    } == render(held(10, overrides=OVERRIDES)).routers


@pytest.mark.parametrize(("weight", "main"), [(0, {"shop_1": SHOP_1}), (100, {"shop_2": SHOP_2})])
def test_an_override_to_a_side_without_other_traffic_still_has_its_servers(weight: int, main: dict[str, Any]) -> None:
    apart = {"shop_1_override": SHOP_1, "shop_2_override": SHOP_2}

    assert {**main, **apart} == render(held(weight, overrides=OVERRIDES)).services


def test_overrides_that_count_go_to_the_services_of_the_sides() -> None:
    fragment = render(held(10, overrides=OVERRIDES, analysis={"countOverrides": True}))
    targets = [fragment.routers[f"shop_override_{index}"]["service"] for index in range(3)]

    assert targets == ["shop_2", "shop_2", "shop_1"]
    assert list(fragment.services) == ["shop", "shop_1", "shop_2"]


def test_a_service_of_an_override_keeps_the_options_and_the_cookie_of_its_side() -> None:
    canary = {**CANARY, "healthCheck": CHECK, "keepAliveTimeout": "5s", "sticky": {"cookie": {"httpOnly": True}}}
    breaker = {"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.5"}}
    services = render(held(10, canary=canary, overrides=OVERRIDES, resilience=breaker)).services

    assert services["shop_2"] == services["shop_2_override"]
    assert services["shop_2_override"]["loadBalancer"]["sticky"]["cookie"]["name"] == "shop_2_server"


def test_an_override_to_a_mirrored_stable_is_not_mirrored() -> None:
    fragment = render(held(10, overrides=OVERRIDES, mirror=MIRROR))

    assert fragment.services[fragment.routers["shop_override_2"]["service"]] == SHOP_1


UNCOUNTED = {"metrics": False}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"shop_override_0": UNCOUNTED, "shop_override_1": UNCOUNTED, "shop_override_2": None}),
        ({"analysis": {"countOverrides": True}}, dict.fromkeys([f"shop_override_{index}" for index in range(3)])),
    ],
    ids=["by default", "with countOverrides"],
)
def test_what_overrides_send_to_another_providers_service_is_counted_nowhere(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    routers = render(held(10, overrides=OVERRIDES, canary=FOREIGN_CANARY, **changes)).routers

    assert {name: routers[name].get("observability") for name in expected} == expected


HEALTH, PROBE = "PathPrefix(`/health`)", "Header(`X-Probe`, `1`)\n"
IGNORED = f"({RULE}) && (({HEALTH}) || ({PROBE.strip()}))"


@pytest.mark.parametrize(
    ("rollout", "service"),
    [
        (at_rest(analysis={"ignore": [HEALTH, PROBE]}), "shop_1"),
        (held(10, analysis={"ignore": [HEALTH, PROBE]}), "shop"),
        (held(100, analysis={"ignore": [HEALTH, PROBE]}), "shop_2"),
        (held(10, analysis={"ignore": [HEALTH, PROBE]}).abort(now=NOW), "shop_1"),
    ],
    ids=["no canary", "split", "weight 100", "aborted"],
)
def test_ignored_requests_are_split_as_all_others_and_counted_nowhere(rollout: Rollout, service: str) -> None:
    routers = render(rollout).routers

    assert {
        "shop": router(service),
        "shop_ignored": {
            "rule": IGNORED,
            "service": service,
            "priority": PRIORITY + 1,
            "observability": UNCOUNTED,
        },
    } == routers
    assert parse_rule(IGNORED)


def test_overrides_win_over_ignored_requests() -> None:
    routers = render(held(10, overrides=OVERRIDES, analysis={"ignore": [HEALTH]})).routers

    assert routers["shop_ignored"]["priority"] == PRIORITY + 1
    assert [routers[f"shop_override_{index}"]["priority"] for index in range(3)] == [
        PRIORITY + 4,
        PRIORITY + 3,
        PRIORITY + 2,
    ]


def test_an_override_to_another_provider_needs_no_fallback_beside_the_rule_itself() -> None:
    fragment = render(held(0, overrides=OVERRIDES[:1], canary=FOREIGN_CANARY))

    assert (
        Fragment(
            routers={
                "shop": router("shop_1"),
                "shop_override_0": {
                    **override("Header(`X-Canary`, `always`)", "shop-v2@docker", PRIORITY + 1),
                    "observability": {"metrics": False},
                },
            },
            services={"shop_1": SHOP_1},
        )
        == fragment
    )


@pytest.mark.parametrize(
    "rollout",
    [
        at_rest(overrides=OVERRIDES),
        held(10, overrides=OVERRIDES).abort(now=NOW),
    ],
    ids=["no canary", "aborted"],
)
def test_without_a_canary_nothing_is_overridden(rollout: Rollout) -> None:
    assert {"shop": router("shop_1")} == render(rollout).routers


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [
        ("a", "b", "HeaderRegexp(`Cookie`, `(^|; ?)a=b(;|$)`)"),
        ("a.b|c", "(d)$", r"HeaderRegexp(`Cookie`, `(^|; ?)a\.b\|c=\(d\)\$(;|$)`)"),
        ("a^*+", "[x]{2}?", r"HeaderRegexp(`Cookie`, `(^|; ?)a\^\*\+=\[x\]\{2\}\?(;|$)`)"),
        ("a", "`", 'HeaderRegexp(`Cookie`, "(^|; ?)a=`(;|$)")'),
    ],
)
def test_a_cookie_is_matched_literally_wherever_it_stands_in_the_header(
    name: str, value: str, condition: str
) -> None:
    overrides = [{"cookie": {"name": name, "value": value}, "to": "canary"}]
    rule = render(held(10, overrides=overrides)).routers["shop_override_0"]["rule"]

    assert f"({RULE}) && {condition}" == rule
    assert parse_rule(rule)


def test_a_rule_that_ends_in_a_line_break_is_overridden_all_the_same() -> None:
    rule = "Host(`a`) ||\nHost(`b`)\n"
    overridden = render(held(10, rule=rule, overrides=OVERRIDES[:1])).routers["shop_override_0"]

    assert overridden["rule"] == "(Host(`a`) ||\nHost(`b`)) && Header(`X-Canary`, `always`)"
    assert len(rule) + 1 == overridden["priority"]


def mirroring(service: str, mirror: str, **options: object) -> dict[str, Any]:
    mirrors = [{"name": mirror, "percent": 10}]
    return {"mirroring": {"service": service, "mirrors": mirrors, "maxBodySize": 1_048_576, **options}}


MIRROR = {"percent": 10}


def test_a_mirror_takes_stables_name_and_copies_to_a_service_of_its_own() -> None:
    assert Fragment(
        routers={"shop": router("shop_1")},
        services={
            "shop_1": mirroring("shop_1_servers", "shop_2_mirror"),
            "shop_1_servers": SHOP_1,
            "shop_2_mirror": SHOP_2,
        },
    ) == render(held(0, mirror=MIRROR))


def test_a_split_is_mirrored_on_stables_side() -> None:
    assert {
        "shop": weighted(("shop_1", 9), ("shop_2", 1)),
        "shop_1": mirroring("shop_1_servers", "shop_2_mirror"),
        "shop_1_servers": SHOP_1,
        "shop_2": SHOP_2,
        "shop_2_mirror": SHOP_2,
    } == render(held(10, mirror=MIRROR)).services


def test_a_mirror_is_checked_if_both_sides_are() -> None:
    stable, canary = ({**side, "healthCheck": CHECK} for side in (STABLE, CANARY))
    services = render(held(50, mirror=MIRROR, stable=stable, canary=canary)).services

    assert mirroring("shop_1_servers", "shop_2_mirror", healthCheck={}) == services["shop_1"]
    assert weighted(("shop_1", 1), ("shop_2", 1), healthCheck={}) == services["shop"]


def test_a_mirror_of_another_providers_has_a_fallback_even_at_weight_0() -> None:
    assert Fragment(
        routers={"shop": router("shop_1"), **fallback("shop_1_servers")},
        services={"shop_1": mirroring("shop_1_servers", "shop-v2@docker"), "shop_1_servers": SHOP_1},
    ) == render(held(0, mirror=MIRROR, canary=FOREIGN_CANARY))


def test_a_stable_side_of_another_providers_is_mirrored_under_a_name_of_ours() -> None:
    assert Fragment(
        routers={"shop": router("shop_1")},
        services={"shop_1": mirroring("shop-v1@docker", "shop_2_mirror"), "shop_2_mirror": SHOP_2},
    ) == render(held(0, mirror=MIRROR, stable=FOREIGN_STABLE))


@pytest.mark.parametrize(
    "rollout",
    [
        at_rest(mirror=MIRROR),
        held(10, mirror=MIRROR).abort(now=NOW),
        held(0, mirror={"percent": 0}),
    ],
    ids=["no canary", "aborted", "0%"],
)
def test_without_copies_there_is_no_mirror(rollout: Rollout) -> None:
    assert render(rollout).services == {"shop_1": SHOP_1}


def test_with_all_traffic_on_the_canary_there_is_nothing_to_copy() -> None:
    assert render(held(100, mirror=MIRROR)).services == {"shop_2": SHOP_2}


def test_what_overrides_send_to_a_side_is_not_copied() -> None:
    routers = render(held(0, mirror=MIRROR, overrides=OVERRIDES)).routers

    assert [router["service"] for router in routers.values()] == [
        "shop_1",
        "shop_2_override",
        "shop_2_override",
        "shop_1_override",
    ]


def test_a_server_that_drains_is_left_out() -> None:
    servers = [{"url": "http://a:1", "weight": 2}, {"url": "http://b:1", "drain": True}]
    answering = {"url": "http://c:1", "drain": False}
    rollout = at_rest(stable={"servers": [*servers, answering]})

    assert render(rollout).services == {
        "shop_1": {"loadBalancer": {"servers": [{"url": "http://a:1", "weight": 2}, {"url": "http://c:1"}]}}
    }


def test_clients_stay_on_a_server_by_a_cookie_of_each_sides_own() -> None:
    sticky = {"sticky": {"cookie": {"httpOnly": True}}}
    rollout = held(50, stable=STABLE | sticky, canary=CANARY | sticky, sticky={"cookie": {"name": "shop"}})
    services = render(rollout).services

    def cookie(service: str) -> Any:
        (options,) = services[service].values()
        return options["sticky"]["cookie"]

    assert cookie("shop") == {"name": "shop"}
    assert cookie("shop_1") == {"name": "shop_1_server", "httpOnly": True}
    assert cookie("shop_2") == {"name": "shop_2_server", "httpOnly": True}


def test_the_cookie_stays_while_stable_is_mirrored_and_when_a_canary_is_promoted() -> None:
    sticky: dict[str, Any] = {"sticky": {"cookie": {}}}
    rollout = held(0, stable=STABLE | sticky, canary=CANARY | sticky, mirror={"percent": 10})
    mirrored, promoted = render(rollout).services, render(rollout.promote_full(now=NOW)).services

    assert mirrored["shop_1_servers"]["loadBalancer"]["sticky"]["cookie"] == {"name": "shop_1_server"}
    assert promoted["shop_2"]["loadBalancer"]["sticky"]["cookie"] == {"name": "shop_2_server"}
