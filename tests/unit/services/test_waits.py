import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from provider.domain.rollouts import Action, Phase, Side
from provider.services import Arrival, Delivery, Goal, NotFoundError, NotInTimeError, OutOfReachError
from tests.unit.services.test_gateways import carries, created, polled, written_down
from tests.unit.services.traefik import Traefik
from tests.world import ME, World, spec, wait_until

REACHED = {
    Goal.HEALTHY: (Action.PROMOTE_FULL, Phase.HEALTHY),
    Goal.PAUSED: (Action.PAUSE, Phase.PAUSED),
    Goal.DEGRADED: (Action.ABORT, Phase.DEGRADED),
}

SIDE = Side(service="shop-v3@docker")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def move(world: World, action: Action) -> None:
    world.operations.rollouts.move("shop", action, ME)


def waited(world: World, goal: Goal, seconds: float = 0) -> Arrival:
    return world.operations.waiting.wait("shop", goal, seconds=seconds)


@pytest.mark.parametrize("goal", REACHED)
def test_a_phase_that_is_reached_is_answered_at_once_though_the_feed_lags(world: World, goal: Goal) -> None:
    created(world)
    action, phase = REACHED[goal]
    world.feed.close()
    move(world, action)
    arrival = waited(world, goal)

    assert (phase, ()) == (arrival.rollout.status.phase, arrival.reports)


@pytest.mark.parametrize("goal", REACHED)
def test_a_phase_is_waited_for(world: World, pool: ThreadPoolExecutor, goal: Goal) -> None:
    created(world)
    world.operations.rollouts.set_weight("shop", Decimal(10), ME)
    arrival = pool.submit(waited, world, goal, 30)
    action, phase = REACHED[goal]
    move(world, action)

    assert phase is arrival.result(5).rollout.status.phase


@pytest.mark.parametrize(
    ("action", "goal", "words"),
    [
        (Action.ABORT, Goal.HEALTHY, "shop is Degraded"),
        (Action.ABORT, Goal.PAUSED, "shop is Degraded"),
        (Action.PROMOTE_FULL, Goal.PAUSED, "shop is Healthy"),
        (Action.PROMOTE_FULL, Goal.DEGRADED, "shop is Healthy"),
    ],
)
def test_what_does_not_come_by_itself_is_not_waited_for(world: World, action: Action, goal: Goal, words: str) -> None:
    created(world)
    move(world, action)

    with pytest.raises(OutOfReachError, match=f"{words} .*it does not become {goal} without an action"):
        waited(world, goal, 30)


def test_whoever_waits_is_told_when_the_goal_has_moved_out_of_reach(world: World, pool: ThreadPoolExecutor) -> None:
    created(world)
    arrival = pool.submit(waited, world, Goal.HEALTHY, 30)
    move(world, Action.ABORT)

    with pytest.raises(OutOfReachError):
        arrival.result(5)


def test_a_phase_that_does_not_come_in_time_is_told_with_the_one_that_is(world: World) -> None:
    created(world)

    with pytest.raises(NotInTimeError, match=r"^shop is still Paused after 0\.01 s \(waiting for approval\)$"):
        waited(world, Goal.HEALTHY, 0.01)


@pytest.mark.parametrize("goal", Goal)
def test_what_is_not_there_is_not_waited_for(world: World, goal: Goal) -> None:
    with pytest.raises(NotFoundError):
        waited(world, goal, 30)


@pytest.mark.parametrize("goal", [Goal.APPLIED, Goal.HEALTHY])
def test_what_is_deleted_is_no_longer_waited_for(world: World, pool: ThreadPoolExecutor, goal: Goal) -> None:
    created(world)
    arrival = pool.submit(waited, world, goal, 30)
    world.operations.rollouts.delete("shop", ME)

    with pytest.raises(NotFoundError):
        arrival.result(5)


@pytest.mark.parametrize("goal", [Goal.APPLIED, Goal.HEALTHY])
def test_a_worker_that_ends_answers_whoever_waits(world: World, pool: ThreadPoolExecutor, goal: Goal) -> None:
    created(world)
    arrival = pool.submit(waited, world, goal, 30)
    world.feed.close()

    with pytest.raises(NotInTimeError):
        arrival.result(5)


def test_an_undone_canary_does_not_become_healthy(world: World) -> None:
    at_rest = world.operations.rollouts.create("shop", spec(canary=None), ME)
    attempt = world.operations.rollouts.start("shop", SIDE, ME).status.generation
    world.operations.rollouts.undo("shop", at_rest.version, ME)

    with pytest.raises(OutOfReachError, match=f"the canary of attempt {attempt} is not stable"):
        world.operations.waiting.wait("shop", Goal.HEALTHY, seconds=30, attempt=attempt)


def test_a_canary_that_another_one_replaces_does_not_become_healthy(world: World) -> None:
    first = created(world).status.generation
    move(world, Action.ABORT)
    second = world.operations.rollouts.start("shop", SIDE, ME).status.generation
    move(world, Action.PROMOTE_FULL)

    with pytest.raises(OutOfReachError, match=f"attempt {first} is not stable"):
        world.operations.waiting.wait("shop", Goal.HEALTHY, seconds=30, attempt=first)
    assert world.operations.waiting.wait("shop", Goal.HEALTHY, seconds=0, attempt=second).rollout.attempt == second


def test_a_later_attempt_ends_the_wait_for_an_earlier_one(world: World) -> None:
    first = created(world).status.generation
    move(world, Action.ABORT)
    second = world.operations.rollouts.start("shop", SIDE, ME).status.generation

    with pytest.raises(OutOfReachError, match=f"attempt {second} has replaced attempt {first}"):
        world.operations.waiting.wait("shop", Goal.HEALTHY, seconds=30, attempt=first)


def test_an_attempt_that_has_not_begun_is_refused(world: World) -> None:
    newest = created(world).status.generation

    with pytest.raises(OutOfReachError, match=f"no attempt {newest + 1}; the newest is {newest}"):
        world.operations.waiting.wait("shop", Goal.HEALTHY, seconds=30, attempt=newest + 1)


def test_what_every_gateway_has_is_applied(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    rollout = created(world)
    polled(world, gateway="core")
    carries(world, traefik)
    arrival = waited(world, Goal.APPLIED)

    assert rollout == arrival.rollout
    assert [(report.gateway, report.delivery) for report in arrival.reports] == [
        ("core", Delivery.SERVED),
        ("edge", Delivery.APPLIED),
    ]


def test_traefik_is_asked_until_it_has_what_is_waited_for(
    world: World, traefik: Traefik, pool: ThreadPoolExecutor
) -> None:
    written_down(world, traefik.url)
    created(world)
    arrival = pool.submit(waited, world, Goal.APPLIED, 30)
    assert wait_until(lambda: len(traefik.asked) > 2)
    carries(world, traefik)

    assert [report.delivery for report in arrival.result(5).reports] == [Delivery.APPLIED]


def test_what_is_applied_is_what_the_rollout_then_is(
    world: World, traefik: Traefik, pool: ThreadPoolExecutor
) -> None:
    written_down(world, traefik.url)
    created(world)
    arrival = pool.submit(waited, world, Goal.APPLIED, 30)
    assert wait_until(lambda: bool(traefik.asked))
    move(world, Action.ABORT)
    world.caught_up()
    carries(world, traefik)

    assert Phase.DEGRADED is arrival.result(5).rollout.status.phase


def test_where_nobody_polls_that_is_said(world: World) -> None:
    created(world)

    with pytest.raises(NotInTimeError, match=r"^no gateway of shop has polled within 0\.01 s$"):
        waited(world, Goal.APPLIED, 0.01)


def test_what_is_missing_where_is_said(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url, "blind")
    written_down(world, name="lost")
    created(world)
    polled(world, gateway="edge")

    with pytest.raises(NotInTimeError) as refused:
        waited(world, Goal.APPLIED)
    assert (
        str(refused.value)
        == "not applied after 0 s; blind: routers/shop@http is not there yet; lost: it has not polled recently"
    )


def test_many_who_wait_for_one_rollout_ask_traefik_little_more_than_one(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    created(world)
    waits = [
        threading.Thread(target=lambda: _not_in_time(world), daemon=True)  # all look while Traefik has nothing
        for _ in range(40)
    ]
    for wait in waits:
        wait.start()
    for wait in waits:
        wait.join()

    # One alone asks some 10 times in a second, for several parts each; forty would ask for 40 times as many.
    assert len(traefik.asked) < 400


def _not_in_time(world: World) -> None:
    with pytest.raises(NotInTimeError):
        world.operations.waiting.wait("shop", Goal.APPLIED, seconds=1)
