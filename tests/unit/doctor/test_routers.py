from typing import Any

import pytest

from provider.traefik.doctor.routers import examine_routers

RULE = "Host(`shop.localhost`) && PathPrefix(`/cart`)"


def router(name: str, rule: str, priority: int, **changes: Any) -> dict[str, Any]:
    provider = name.rpartition("@")[2]
    shown = {"name": name, "provider": provider, "rule": rule, "priority": priority, "using": ["web"]}
    return {**shown, "status": "enabled", **changes}


OURS = router("shop@http", RULE, 45)


@pytest.mark.parametrize(
    "rule",
    [
        RULE,
        "PathPrefix(`/cart`) && Host(`shop.localhost`)",
        "Host(`shop.localhost`)",
        "PathPrefix(`/`)",
        "Host(`shop.localhost`) && PathPrefix(`/`)",
        "Host(`a.localhost`) || Host(`shop.localhost`)",
    ],
)
@pytest.mark.parametrize(("priority", "words"), [(45, "may get"), (46, "gets all"), (44, None)])
def test_a_router_that_matches_the_same_shadows_ours_unless_its_priority_is_lower(
    rule: str, priority: int, words: str | None
) -> None:
    found = list(examine_routers([OURS, router("old@docker", rule, priority)]))

    assert (["shadowed-router"] if words else []) == [finding.check for finding in found]
    assert all(f"router old@docker {words} requests of shop@http" in finding.detail for finding in found)
    assert all(finding.change == f"spec:\n  priority: {priority + 1}" for finding in found)


@pytest.mark.parametrize(
    "other",
    [
        router("old@docker", "Host(`blog.localhost`)", 1_000),
        router("old@docker", f"{RULE} && Method(`GET`)", 1_000),
        router("old@docker", "!Host(`shop.localhost`)", 1_000),
        router("old@docker", RULE, 1_000, using=["internal"]),
        router("old@docker", RULE, 1_000, tls={}),
        router("old@docker", RULE, 1_000, status="disabled"),
        router("old@docker", "Host(`shop.localhost`", 1_000),
        router("api@internal", "PathPrefix(`/`)", 9_223_372_036_854_775_805),
    ],
)
def test_what_matches_something_else_or_elsewhere_shadows_nothing(other: dict[str, Any]) -> None:
    assert list(examine_routers([OURS, other])) == []


def test_a_rule_with_alternatives_is_shadowed_by_what_takes_all_of_them() -> None:
    ours = router("shop@http", "Host(`a`) || Host(`b`)", 10)

    assert list(examine_routers([ours, router("old@file", "Host(`a`)", 99)])) == []
    assert list(examine_routers([ours, router("old@file", "Host(`b`) || Host(`a`) || Host(`c`)", 99)])) != []


def test_a_router_of_ours_that_is_broken_is_told_with_its_reason() -> None:
    broken = {**OURS, "status": "disabled", "error": ["the service does not exist"]}
    (finding,) = examine_routers([broken, {**broken, "name": "x@file", "provider": "file"}])

    assert finding.detail == "router shop@http is disabled: the service does not exist"


def test_a_rollout_that_another_one_shadows_is_found() -> None:
    found = list(examine_routers([OURS, router("other@http", RULE, 1_000)]))

    assert [(one.check, "other@http" in one.detail) for one in found] == [("shadowed-router", True)]


def test_rollouts_that_overlap_with_the_same_priority_are_found() -> None:
    one = router("one@http", "Host(`shop`) && PathPrefix(`/a`)", 9)
    other = router("other@http", "Host(`shop`) && Header(`X-One`, `1`)", 9)

    assert [finding.check for finding in examine_routers([one, other])] == ["overlapping-router"] * 2
