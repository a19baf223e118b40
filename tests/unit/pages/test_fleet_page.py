"""The page of all rollouts."""

import re
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.rollouts import Action, Server
from tests.unit.pages.conftest import Browser
from tests.world import ME, World, spec


def names(browser: Browser) -> list[str]:
    return re.findall(r'<a class="name" href="/rollouts/([a-z0-9-]+)"', browser.page.text)


@pytest.fixture
def fleet(world: World) -> World:
    rollouts = world.operations.rollouts
    for index, name in enumerate(("basket", "checkout", "search", "shop")):
        world.clock.pass_time(10)
        rollouts.create(name, spec(rule=f"Host(`{name}.localhost`)", canary=None if not index else spec().canary), ME)
    world.clock.pass_time(10)
    rollouts.move("checkout", Action.ABORT, ME)
    rollouts.set_weight("search", Decimal(40), ME)
    world.caught_up()
    return world


@pytest.mark.parametrize(
    ("stable", "text"),
    [
        ({"service": "blog-v1@docker"}, "BLOG-V1@docker"),
        ({"discover": {"registered": "blue"}}, "blue"),
        ({"discover": {"registered": "blue"}}, "10.0.0.7"),
    ],
)
def test_a_rollout_is_found_by_a_server_of_a_side(
    viewer: Browser, fleet: World, stable: dict[str, Any], text: str
) -> None:
    discovery = fleet.operations.discovery
    discovery.announce("blog", "blue", "one", Server(url="http://10.0.0.7:8080"), seconds=60)
    fleet.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)", stable=stable, canary=None), ME)
    fleet.caught_up()
    viewer.open(f"/?q={text}")

    assert names(viewer) == ["blog"]


def test_an_empty_fleet_says_what_to_do_next(admin: Browser, viewer: Browser) -> None:
    admin.open("/")
    viewer.open("/")

    assert "Create rollout" in admin.text
    assert "An admin can create one" in viewer.text
    assert 'href="/new"' not in viewer.page.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["checkout", "search", "shop", "basket"]),
        ("?sort=name", ["basket", "checkout", "search", "shop"]),
        ("?sort=weight", ["search", "basket", "checkout", "shop"]),
        ("?sort=age", ["checkout", "search", "shop", "basket"]),
        ("?sort=nonsense&phase=nonsense&page=nonsense", ["checkout", "search", "shop", "basket"]),
        ("?phase=Degraded", ["checkout"]),
        ("?q=SH", ["shop"]),
        ("?q=localhost+ba", ["basket"]),
        ("?q=none", []),
        ("?q=9002", ["checkout", "search", "shop"]),
        ("?q=9001+9002+SEARCH", ["search"]),
    ],
)
def test_rollouts_are_found_filtered_and_sorted(
    viewer: Browser, fleet: World, query: str, expected: list[str]
) -> None:
    viewer.open(f"/{query}")

    assert names(viewer) == expected


def test_what_waits_for_a_person_is_counted(viewer: Browser, fleet: World) -> None:
    viewer.open("/")

    assert "1 rollout waits for approval." in viewer.text


def test_many_rollouts_are_shown_a_screenful_at_a_time(viewer: Browser, world: World) -> None:
    for number in range(120):
        world.operations.rollouts.create(f"r{number:03}", spec(rule=f"Host(`r{number:03}.localhost`)"), ME)
    world.caught_up()
    seen = []
    for page in (1, 2, 3, 99):
        viewer.open(f"/?sort=name&page={page}")
        seen.append(names(viewer))

    assert [len(page) for page in seen] == [50, 50, 20, 20]
    assert [f"r{number:03}" for number in range(120)] == [name for page in seen[:3] for name in page]
    assert "Page 3 of 3" in viewer.text
