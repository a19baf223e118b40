"""More servers and fewer, and those that are let go."""

import pytest

from provider.domain.fields import read
from provider.domain.rollouts import IllegalMoveError, Phase, Rollout, Server
from tests.unit.rollouts.lives import at_rest, created, standing

ONE, TWO, THREE = (f"http://127.0.0.1:900{number}" for number in (1, 2, 3))
PAIR = {"servers": [{"url": ONE}, {"url": TWO, "weight": 3}]}


def servers(*urls: str) -> tuple[Server, ...]:
    return tuple(read(Server, {"url": url}) for url in urls)


def urls(rollout: Rollout) -> list[str]:
    return [server.url for server in rollout.spec.stable.servers or ()]


def draining(rollout: Rollout) -> list[str]:
    sides = (rollout.spec.stable, rollout.spec.canary)
    return [server.url for side in sides if side for server in side.servers or () if server.drain]


def test_a_side_is_scaled_up_and_down_and_all_else_goes_on() -> None:
    before = created()
    up = before.scale("stable", servers(ONE, THREE))
    down = up.scale("stable", servers(THREE))

    assert urls(up) == [ONE, THREE]
    assert urls(down) == [THREE]
    assert before.status == down.status
    assert before.spec.canary == down.spec.canary


def test_a_canary_on_its_way_is_scaled_and_keeps_its_weight() -> None:
    scaled = created().scale("canary", servers(TWO, THREE))

    assert standing(scaled) == (Phase.PAUSED, 5, 1)
    assert scaled.spec.canary
    assert scaled.spec.canary.servers == servers(TWO, THREE)


@pytest.mark.parametrize("side", ["stable", "canary"])
def test_other_servers_altogether_are_another_version(side: str) -> None:
    words = f"scale of shop is not possible: at least one server of {side} must remain"

    with pytest.raises(IllegalMoveError, match=words):
        created().scale(side, servers(THREE))  # type: ignore[arg-type]


def test_only_a_side_with_servers_of_its_own_is_scaled() -> None:
    with pytest.raises(IllegalMoveError, match="there is no canary; start one with set-canary"):
        at_rest().scale("canary", servers(TWO))
    with pytest.raises(IllegalMoveError, match="stable lists no servers; scale it at their source"):
        at_rest(stable={"service": "shop@docker"}).scale("stable", servers(ONE))


def test_a_server_drains_and_answers_again() -> None:
    before = at_rest(stable=PAIR)
    drained = before.drain(TWO)

    assert draining(drained) == [TWO]
    assert drained.drain(TWO) == drained
    assert drained.undrain(TWO) == before
    assert before.status == drained.status


def test_a_server_of_both_sides_drains_on_both() -> None:
    shared = created(stable=PAIR, canary={"servers": [{"url": TWO}, {"url": THREE}]})

    assert draining(shared.drain(TWO)) == [TWO, TWO]


def test_the_last_server_that_answers_does_not_drain() -> None:
    before = at_rest(stable=PAIR).drain(TWO)
    words = f"drain of shop is not possible: {ONE} is the last server of stable that receives requests"

    with pytest.raises(IllegalMoveError, match=words):
        before.drain(ONE)
    assert draining(before) == [TWO]


def test_a_server_that_is_not_there_does_not_drain() -> None:
    with pytest.raises(IllegalMoveError, match=f"there is no server {THREE} on any side"):
        created().drain(THREE)


def test_a_draining_server_still_tells_the_version() -> None:
    drained = at_rest(stable=PAIR).drain(TWO)

    assert urls(drained.scale("stable", servers(TWO, THREE))) == [TWO, THREE]
    with pytest.raises(IllegalMoveError, match="another version"):
        created(stable=PAIR, canary={"servers": [{"url": THREE}]}).scale("stable", servers(THREE))
