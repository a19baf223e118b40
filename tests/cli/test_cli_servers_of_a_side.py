"""`scale` and `drain`."""

from provider.domain.auth import Role
from provider.domain.fields import write
from tests.cli.conftest import CANARY, STABLE, Run
from tests.world import World

MORE = "http://10.0.0.3:8080"


def servers(world: World, side: str = "stable") -> list[object]:
    found: list[object] = write(world.operations.rollouts.get("shop").spec)[side]["servers"]
    return found


def test_a_side_is_scaled(run: Run, shop: str, world: World) -> None:
    scaled = run("scale", shop, "stable", STABLE, MORE, "--reason", "the sale begins")

    assert scaled.exit_code == 0
    assert servers(world) == [{"url": STABLE}, {"url": MORE}]
    assert "scale" in run("history", shop).stdout.splitlines()[1]


def test_a_server_that_stays_keeps_what_is_known_of_it(run: Run, shop: str, world: World) -> None:
    run("scale", shop, "canary", CANARY, MORE)
    run("drain", shop, MORE)
    run("scale", shop, "canary", f"{MORE}/", CANARY)

    assert servers(world, "canary") == [{"url": MORE, "drain": True}, {"url": CANARY}]


def test_a_server_drains_until_that_is_undone(run: Run, shop: str, world: World) -> None:
    run("scale", shop, "stable", STABLE, MORE)
    drained = run("drain", shop, MORE, role=Role.OPERATOR)
    shown = run("status", shop).stdout
    back = run("drain", shop, MORE, "--undo", role=Role.OPERATOR)

    assert [drained.exit_code, back.exit_code] == [0, 0]
    assert f"{STABLE}, {MORE} (draining)" in shown
    assert servers(world) == [{"url": STABLE}, {"url": MORE}]


def test_another_version_is_not_scaled_to(run: Run, shop: str) -> None:
    refused = run("scale", shop, "stable", MORE)

    assert refused.exit_code == 1
    assert "at least one server of stable must remain: start it with set-canary" in refused.stderr
