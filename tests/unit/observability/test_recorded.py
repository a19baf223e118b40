"""What is counted where things happen. Figures only rise, for all tests of a process: looked at is what was added."""

from datetime import timedelta
from decimal import Decimal

import pytest

from provider.domain.analysis import Outcome as Verdict
from provider.domain.fields import read
from provider.domain.notifications import Message, WebhookSpec
from provider.domain.rollouts import Action
from provider.net.webhook_client import Outcome
from provider.observability.metrics import OTHER, RECORDED, Bounded
from provider.services import Call
from provider.store import ConflictError, Key, Kind, Request, StoreUnavailableError
from provider.store.timing import timed
from provider.web.api import create_app
from provider.workers import Controller, Line
from tests.canaries import Confirmed
from tests.unit.poll.test_application import Connection, Poller
from tests.unit.workers.test_promoter import BAD, Looks
from tests.world import ME, World, spec


class Figure:
    """How much a series has risen since this was made."""

    def __init__(self, name: str, **labels: str) -> None:
        self._name, self._labels = name, labels
        self._before = self._now()

    def _now(self) -> float:
        return RECORDED.get_sample_value(self._name, self._labels) or 0.0

    @property
    def added(self) -> float:
        return self._now() - self._before


# Polls


def test_polls_are_counted_by_what_they_were_answered(world: World) -> None:
    def polls(outcome: str, gateway: str = "edge", held: str = "false") -> Figure:
        return Figure("canary_polls_total", gateway=gateway, long=held, outcome=outcome)

    unavailable, refused, new, same = polls("unavailable", ""), polls("refused", ""), polls("new"), polls("same")
    changed = Figure("canary_propagation_seconds_count", stage="served")
    poller, connection = Poller(world), Connection()
    poller.poll(connection)
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    for _ in range(3):
        poller.poll(connection)
    poller.poll(connection, query="gateway=NOT-A-NAME")
    world.operations.rollouts.set_weight("shop", Decimal(5), ME)
    world.caught_up()
    poller.poll(connection)

    assert (unavailable.added, refused.added, new.added, same.added) == (1, 1, 2, 2)
    assert changed.added == 1


def test_a_poll_that_is_held_is_timed(world: World) -> None:
    held = Figure("canary_long_poll_duration_seconds_count", outcome="new")
    now = Figure("canary_long_polls_in_progress")
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    Poller(world).poll(Connection(), HTTP_PREFER="wait=8")

    assert (held.added, now.added) == (1, 0)


def test_a_body_tells_the_first_change_that_the_one_before_lacks(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    first = world.feed.body("edge")
    world.clock.pass_time(10)
    changed = world.clock.time
    for weight in (5, 25):
        world.operations.rollouts.set_weight("shop", Decimal(weight), ME)
        world.clock.pass_time(10)
    world.caught_up()
    second = world.feed.body("edge")

    assert first
    assert first.cause is None
    assert second
    assert second.cause
    assert second.cause.at == changed


def test_names_that_callers_choose_are_bounded() -> None:
    bounded = Bounded(2)

    assert [bounded(name) for name in ("a", "b", "c", "a")] == ["a", "b", OTHER, "a"]


# Rollouts


@pytest.mark.parametrize("outcome", ["promoted", "aborted", "removed", "deleted"])
def test_an_end_is_counted_and_how_long_it_took(outcome: str, world: World) -> None:
    rollouts = world.operations.rollouts
    ends = Figure("canary_rollouts_finished_total", rollout="shop", outcome=outcome)
    took = Figure("canary_rollout_duration_seconds_sum", outcome=outcome)
    rollouts.create("shop", spec(), ME)
    world.clock.pass_time(90)
    match outcome:
        case "promoted":
            rollouts.move("shop", Action.PROMOTE_FULL, ME)
        case "aborted":
            rollouts.move("shop", Action.ABORT, ME)
        case "removed":
            rollouts.replace("shop", spec(canary=None), ME)
        case _:
            rollouts.delete("shop", ME)

    assert (ends.added, took.added) == (1, 90)


def test_what_ends_no_canary_is_no_end_nor_what_was_done_before_or_never(world: World) -> None:
    rollouts = world.operations.rollouts
    ends = Figure("canary_rollouts_finished_total", rollout="shop", outcome="aborted")
    changes = Figure("canary_changes_total", kind="rollout", action="abort")
    rollouts.create("shop", spec(), ME)
    rollouts.set_weight("shop", Decimal(5), ME)
    rollouts.move("shop", Action.ABORT, Call(actor="ci", is_dry_run=True))
    once = Call(actor="ci", request=Request("ci:1", "same", keep_seconds=60))
    for _ in range(2):
        rollouts.move("shop", Action.ABORT, once)
    rollouts.delete("shop", ME)

    assert (ends.added, changes.added) == (1, 1)


def test_looks_are_counted_by_verdict_and_leave_their_evidence(world: World) -> None:
    verdict = Figure("canary_verdicts_total", rollout="judged", outcome="Failed")
    looks = Figure("canary_measurement_duration_seconds_count", loop="controller", outcome="ok")
    world.operations.rollouts.create(
        "judged",
        spec(
            rule="Host(`judged.localhost`)",
            analysis={"sustained": "0s", "warmUp": "0s"},
            steps=[{"setWeight": 5}, {"pause": {}}],
        ),
        ME,
    )
    world.caught_up()
    counted = Looks()
    controller = Controller(world.operations, looking=counted, proof=Confirmed())
    for counted.counted in (((0, 0), (0, 0)), BAD):
        world.clock.pass_time(timedelta(seconds=5).total_seconds())
        controller.tick()
    claim = {"rollout": "judged", "metric": "errors", "claim": "worse"}
    value = RECORDED.get_sample_value("canary_rollout_e_value", claim)
    needed = RECORDED.get_sample_value("canary_rollout_e_value_threshold", claim)

    assert (verdict.added, looks.added) == (1, 2)
    assert value
    assert needed
    assert value > needed


def test_verdicts_begin_at_0_so_that_a_rate_sees_the_first_of_each(world: World) -> None:
    world.operations.rollouts.create(
        "fresh", spec(rule="Host(`resh.localhost`)", analysis={}, steps=[{"setWeight": 5}, {"pause": {}}]), ME
    )
    world.caught_up()
    world.clock.pass_time(timedelta(seconds=5).total_seconds())
    Controller(world.operations, looking=Looks(), proof=Confirmed()).tick()
    found = {
        outcome: RECORDED.get_sample_value("canary_verdicts_total", {"rollout": "fresh", "outcome": outcome})
        for outcome in Verdict
    }

    assert {**dict.fromkeys(Verdict, 0), Verdict.INCONCLUSIVE: 1} == found


# Those who are told, and who is asked


@pytest.mark.parametrize(
    ("answer", "outcome"), [(200, "delivered"), (500, "failed"), (None, "failed"), (410, "gone")]
)
def test_deliveries_are_counted_by_what_became_of_them(answer: int | None, outcome: str, world: World) -> None:
    def receive(url: str, message: Message) -> Outcome:
        return Outcome(answer, "")

    figure = Figure("canary_webhook_deliveries_total", webhook="chat", outcome=outcome)
    world.operations.webhooks.put("chat", read(WebhookSpec, {"url": "https://chat.example/x"}), ME)
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    line = Line("chat", world.store, world.feed, receive)
    while not line.step():
        pass

    assert figure.added == 1


def test_a_notice_that_is_too_old_is_given_up(world: World) -> None:
    figure = Figure("canary_webhook_deliveries_total", webhook="chat", outcome="given-up")
    world.operations.webhooks.put("chat", read(WebhookSpec, {"url": "https://chat.example/x"}), ME)
    world.operations.rollouts.create("shop", spec(), ME)
    world.clock.pass_time(3_600)
    world.caught_up()
    line = Line("chat", world.store, world.feed, lambda *_: Outcome(500, ""))
    while not line.step():
        pass

    assert figure.added == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (ConflictError(Key(Kind.ROLLOUT, "shop"), 1, 2), "ok"),
        (StoreUnavailableError("away"), "unavailable"),
    ],
)
def test_calls_of_the_store_are_counted_by_whether_it_answered(error: Exception | None, outcome: str) -> None:
    figure = Figure("canary_store_call_duration_seconds_count", call="asked", outcome=outcome)

    @timed
    def asked() -> None:
        if error:
            raise error

    if error:
        with pytest.raises(type(error)):
            asked()
    else:
        asked()

    assert figure.added == 1


def test_requests_are_counted_by_their_routes_template(world: World) -> None:
    def requests(method: str, route: str, status: str) -> Figure:
        name = "canary_api_request_duration_seconds_count"
        return Figure(name, method=method, route=route, status=status)

    found, unknown = requests("GET", "/api/v1/rollouts/<name>", "401"), requests(OTHER, OTHER, "404")
    client = create_app(world.operations, version="1").test_client()
    for name in ("shop", "blog"):
        client.get(f"/api/v1/rollouts/{name}")
    client.get("/api/v1/nonsense")
    client.open("/api/v1/more", method="NONSENSE")

    assert (found.added, unknown.added) == (2, 2)
