from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.rollouts import Action, IllegalMoveError, Phase, Rollout, Side, TriesUsedUpError
from provider.services import (
    MOVES,
    Call,
    ContentionError,
    ExistsError,
    NotFoundError,
    Operations,
    OtherAttemptError,
    ShrinkError,
    StaleVersionError,
    UnreadableDocumentError,
)
from provider.store import Key, Kind, Request, RequestReusedError
from provider.traefik.config import UnfitFragmentError
from tests.unit.services.conftest import Race, overwrite
from tests.world import ME, World, spec

STEPS = [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "10m"}}]
OTHER = Side.model_validate({"servers": [{"url": "http://127.0.0.1:9003"}]})
Write = Callable[[Operations, Call], Any]

# Every write of a rollout that is there, at weight 5 in the first pause.
WRITES: dict[str, Write] = {
    "replace": lambda operations, call: operations.rollouts.replace("shop", spec(steps=STEPS, priority=9), call),
    "canary": lambda operations, call: operations.rollouts.start("shop", OTHER, call),
    "set-weight": lambda operations, call: operations.rollouts.set_weight("shop", Decimal(25), call),
    "promote": lambda operations, call: operations.rollouts.move("shop", Action.PROMOTE, call),
    "abort": lambda operations, call: operations.rollouts.move("shop", Action.ABORT, call),
    "delete": lambda operations, call: operations.rollouts.delete("shop", replace(call, allow_shrink=True)),
}
READ: Write = lambda operations, _: operations.rollouts.get("shop")  # noqa: E731 stands beside the writes
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


def created(operations: Operations, name: str = "shop", **changes: Any) -> Rollout:
    return operations.rollouts.create(
        name, spec(**{"rule": f"Host(`{name}.localhost`)", "steps": STEPS, **changes}), ME
    )


def standing(rollout: Rollout) -> tuple[Phase, float]:
    return rollout.status.phase, float(rollout.status.weight)


def last_action(world: World) -> tuple[str, str, str]:
    event = world.operations.rollouts.history("shop", limit=1)[0]
    return event.action, event.actor, event.reason


def test_what_is_created_can_be_read(world: World) -> None:
    rollout = created(world.operations)

    assert standing(rollout) == (Phase.PAUSED, 5)
    assert rollout.version == 1
    assert world.operations.rollouts.get("shop") == rollout


def test_a_name_is_taken_once(world: World) -> None:
    created(world.operations)

    with pytest.raises(ExistsError, match="there is a rollout shop already"):
        created(world.operations)


@pytest.mark.parametrize("name", ["", "Shop", "a_b", "x" * 64])
def test_a_name_that_is_none_is_never_stored(world: World, name: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 63 lowercase letters"):
        created(world.operations, name)
    assert world.store.revision()[1] == 0


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        (Action.PROMOTE, (), (Phase.PAUSED, 50)),
        (Action.PROMOTE_FULL, (), (Phase.HEALTHY, 0)),
        (Action.ABORT, (), (Phase.DEGRADED, 0)),
        (Action.PAUSE, (Action.PROMOTE,), (Phase.PAUSED, 50)),
        (Action.RESUME, (), (Phase.PAUSED, 50)),
        (Action.RETRY, (Action.ABORT,), (Phase.PAUSED, 5)),
        (Action.SKIP, (), (Phase.PAUSED, 50)),
    ],
)
def test_a_move_is_stored_with_who_and_why(
    world: World, action: Action, before: tuple[Action, ...], after: tuple[Phase, float]
) -> None:
    created(world.operations)
    for earlier in before:
        world.operations.rollouts.move("shop", earlier, ME)
    moved = world.operations.rollouts.move("shop", action, Call(actor="ann", reason="because"))

    assert standing(moved) == after
    assert world.operations.rollouts.get("shop") == moved
    assert (action, "ann", "because") == last_action(world)


def test_every_move_that_can_be_asked_for_by_name_is_tried_above() -> None:
    assert MOVES.keys() == {
        Action.PROMOTE,
        Action.PROMOTE_FULL,
        Action.ABORT,
        Action.PAUSE,
        Action.RESUME,
        Action.RETRY,
        Action.SKIP,
    }


def test_a_move_that_the_phase_does_not_allow_changes_nothing(world: World) -> None:
    rollout = created(world.operations)

    with pytest.raises(IllegalMoveError):
        world.operations.rollouts.move("shop", Action.RETRY, ME)
    assert world.operations.rollouts.get("shop") == rollout


def test_a_weight_is_set_by_hand(world: World) -> None:
    created(world.operations)
    rollout = world.operations.rollouts.set_weight("shop", Decimal("12.5"), Call("ann", reason="slowly"))

    assert standing(rollout) == (Phase.PROGRESSING, 12.5)
    assert last_action(world) == ("set-weight", "ann", "slowly")


def test_a_new_canary_starts_from_the_first_step(world: World) -> None:
    created(world.operations)
    world.operations.rollouts.move("shop", Action.PROMOTE, ME)
    rollout = world.operations.rollouts.start("shop", OTHER, ME)

    assert rollout.canary == OTHER
    assert standing(rollout) == (Phase.PAUSED, 5)
    assert last_action(world)[0] == "canary"


def test_a_timed_pause_ends_no_sooner_than_it_is_over(world: World) -> None:
    created(world.operations, steps=[{"pause": {"duration": "10m"}}])
    world.clock.pass_time(599)
    with pytest.raises(IllegalMoveError):
        world.operations.rollouts.advance("shop", ME)
    world.clock.pass_time(1)

    assert Phase.HEALTHY is world.operations.rollouts.advance("shop", ME).status.phase


def test_a_spec_is_replaced_or_made(world: World) -> None:
    made, is_new = world.operations.rollouts.replace("shop", spec(), ME)
    same, is_same_new = world.operations.rollouts.replace("shop", spec(), ME)
    other, is_other_new = world.operations.rollouts.replace("shop", spec(priority=9), ME)

    assert [is_new, is_same_new, is_other_new] == [True, False, False]
    assert made == same
    assert (other.version, other.spec.priority) == (2, 9)
    assert [event.action for event in world.operations.rollouts.history("shop", limit=9)] == ["replace", "create"]


def test_other_analysis_settings_for_a_canary_under_way_are_remarked_in_the_history(world: World) -> None:
    steps = [{"setWeight": 5}, {"analysis": {"until": "known"}}]
    rollouts = world.operations.rollouts
    rollouts.create("shop", spec(steps=steps, analysis={}), ME)
    rollouts.replace("shop", spec(steps=steps, analysis={}, priority=9), ME)
    rollouts.replace("shop", spec(steps=steps, analysis={"alpha": 0.01}, priority=9), Call("ann", reason="stricter"))
    changed, same, _ = rollouts.history("shop", limit=9)

    assert changed.reason == "the analysis settings or the baseline changed: the evidence starts anew; stricter"
    assert ME.reason == same.reason


def test_what_is_deleted_is_gone_but_for_its_history(world: World) -> None:
    created(world.operations)
    world.operations.rollouts.delete("shop", Call("ann", reason="done", allow_shrink=True))

    with pytest.raises(NotFoundError):
        world.operations.rollouts.get("shop")
    assert last_action(world) == ("delete", "ann", "done")
    assert created(world.operations).version == 3


@pytest.mark.parametrize("write", [READ, *(write for name, write in WRITES.items() if name != "replace")])
def test_what_is_not_there_is_not_found(world: World, write: Write) -> None:
    with pytest.raises(NotFoundError, match="there is no rollout shop"):
        write(world.operations, ME)


@each_write
def test_a_write_on_the_version_that_was_seen_is_taken(world: World, write: Write) -> None:
    version = created(world.operations).version
    write(world.operations, Call("ann", if_match=version, must_exist=True))

    assert world.store.revision()[1] == 2


@each_write
@pytest.mark.parametrize("seen", [0, 1, 3])
def test_a_write_on_another_version_changes_nothing(world: World, write: Write, seen: int) -> None:
    created(world.operations)
    rollout = world.operations.rollouts.set_weight("shop", Decimal(10), ME)

    with pytest.raises(StaleVersionError, match=f"^rollout shop is at version 2, not at {seen}$"):
        write(world.operations, Call("ann", if_match=seen))
    assert world.operations.rollouts.get("shop") == rollout


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("ann", must_exist=True), "rollout shop is not there"),
        (Call("ann", if_match=4), "rollout shop is not there, not at 4"),
    ],
)
def test_a_condition_on_what_is_not_there_does_not_hold(world: World, call: Call, words: str) -> None:
    with pytest.raises(StaleVersionError, match=f"^{words}$"):
        world.operations.rollouts.replace("shop", spec(), call)


def test_version_0_asks_that_it_is_not_there_yet(world: World) -> None:
    absent = Call("ann", if_match=0)

    assert world.operations.rollouts.replace("shop", spec(), absent)[1]
    with pytest.raises(StaleVersionError):
        world.operations.rollouts.replace("shop", spec(priority=9), absent)


@each_write
def test_a_write_that_another_one_overtook_is_decided_anew(race: Race, write: Write) -> None:
    created(race.operations)
    race.store.interrupt = lambda: race.operations.rollouts.replace("shop", spec(steps=STEPS, priority=7), ME)
    write(race.operations, Call("ann"))
    events = race.operations.rollouts.history("shop", limit=9)

    assert [event.actor for event in events] == ["ann", "test", "test"]
    assert events[1].after == events[0].before


@each_write
def test_a_write_on_a_version_that_was_overtaken_is_refused(race: Race, write: Write) -> None:
    version = created(race.operations).version
    race.store.interrupt = lambda: race.operations.rollouts.replace("shop", spec(steps=STEPS, priority=7), ME)

    with pytest.raises(StaleVersionError, match="is at version 2, not at 1"):
        write(race.operations, Call("ann", if_match=version))


def test_a_move_that_another_one_made_impossible_is_refused(race: Race) -> None:
    created(race.operations)
    race.store.interrupt = lambda: race.operations.rollouts.move("shop", Action.ABORT, ME)

    with pytest.raises(IllegalMoveError):
        race.operations.rollouts.move("shop", Action.PROMOTE, ME)


def test_a_document_that_never_stands_still_is_given_up(race: Race) -> None:
    created(race.operations)
    race.store.always = True

    with pytest.raises(ContentionError, match="rollout/shop kept changing"):
        race.operations.rollouts.move("shop", Action.ABORT, ME)


@each_write
def test_a_repeated_request_is_done_once(world: World, write: Write) -> None:
    created(world.operations)
    call = Call("ann", request=Request("one", "fingerprint"))
    answers = [write(world.operations, call) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert world.store.revision()[1] == 2


def test_a_repeated_request_is_answered_as_at_first_whatever_came_since(world: World) -> None:
    call = Call("ann", if_match=1, request=Request("one", "fingerprint"))
    created(world.operations)
    first = world.operations.rollouts.move("shop", Action.PROMOTE, call)
    world.operations.rollouts.delete("shop", ME)

    assert world.operations.rollouts.move("shop", Action.PROMOTE, call) == first


@each_write
def test_a_request_id_serves_one_request(world: World, write: Write) -> None:
    rollout = world.operations.rollouts.create(
        "shop", spec(steps=STEPS), Call("ann", request=Request("one", "creation"))
    )

    with pytest.raises(RequestReusedError):
        write(world.operations, Call("ann", request=Request("one", "another")))
    assert world.operations.rollouts.get("shop") == rollout


@each_write
def test_a_dry_run_changes_nothing(world: World, write: Write) -> None:
    rollout = created(world.operations)
    write(world.operations, Call("ann", is_dry_run=True))

    assert world.operations.rollouts.get("shop") == rollout
    assert world.store.revision()[1] == 1


def test_a_dry_run_answers_what_would_be(world: World) -> None:
    dry = Call("ann", is_dry_run=True)
    made, is_new = world.operations.rollouts.replace("shop", spec(steps=STEPS), dry)
    created(world.operations)
    moved = world.operations.rollouts.move("shop", Action.PROMOTE, dry)

    assert (is_new, made.version, standing(made)) == (True, 0, (Phase.PAUSED, 5))
    assert (moved.version, standing(moved)) == (1, (Phase.PAUSED, 50))
    with pytest.raises(StaleVersionError):
        world.operations.rollouts.move("shop", Action.PROMOTE, Call("ann", if_match=9, is_dry_run=True))


@pytest.mark.parametrize("text", ["nonsense", "{}", "[]", '{"spec": {}, "status": {}}'])
def test_a_document_that_cannot_be_read_is_told(world: World, text: str) -> None:
    overwrite(world.store, Kind.ROLLOUT, "shop", text)

    for write in (READ, WRITES["abort"], WRITES["canary"]):
        with pytest.raises(UnreadableDocumentError, match="the stored rollout shop cannot be read"):
            write(world.operations, ME)
    with pytest.raises(ExistsError):
        created(world.operations)


def test_a_document_that_cannot_be_read_is_replaced_or_deleted(world: World) -> None:
    overwrite(world.store, Kind.ROLLOUT, "shop")
    mended, is_new = world.operations.rollouts.replace("shop", spec(), ME)
    overwrite(world.store, Kind.ROLLOUT, "shop")
    world.operations.rollouts.delete("shop", ME)

    assert (mended.version, is_new) == (2, False)
    assert world.store.read(Key(Kind.ROLLOUT, "shop"))[0] is None


NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9])
def test_pages_together_are_all_rollouts_by_name(world: World, limit: int) -> None:
    for name in reversed(NAMES):
        created(world.operations, name)
    pages = [world.operations.rollouts.page(limit=limit)]
    while pages[-1].cursor:
        pages.append(world.operations.rollouts.page(limit=limit, cursor=pages[-1].cursor))

    assert [rollout.name for page in pages for rollout in page.rollouts] == NAMES
    assert all(limit == len(page.rollouts) for page in pages[:-1])


@pytest.mark.parametrize(
    ("phase", "gateway", "names"),
    [
        (None, None, ["everywhere", "inner", "outer"]),
        (Phase.DEGRADED, None, ["outer"]),
        (None, "edge", ["everywhere", "outer"]),
        (Phase.PAUSED, "edge", ["everywhere"]),
        (Phase.HEALTHY, None, []),
    ],
)
def test_rollouts_are_listed_by_phase_and_gateway(
    world: World, phase: Phase | None, gateway: str | None, names: list[str]
) -> None:
    created(world.operations, "everywhere")
    created(world.operations, "outer", gateways=["edge"])
    created(world.operations, "inner", gateways=["core"])
    world.operations.rollouts.move("outer", Action.ABORT, ME)
    page = world.operations.rollouts.page(limit=9, phase=phase, gateway=gateway)

    assert names == [rollout.name for rollout in page.rollouts]
    assert page.cursor is None


def test_a_retry_beyond_the_tries_is_refused_unless_it_is_forced(world: World) -> None:
    created(world.operations, analysis={"maxAttempts": 2})
    move = world.operations.rollouts.move
    for action in (Action.ABORT, Action.RETRY):
        move("shop", action, ME)
    aborted = move("shop", Action.ABORT, ME)

    with pytest.raises(TriesUsedUpError):
        move("shop", Action.RETRY, ME)
    assert world.operations.rollouts.get("shop") == aborted
    assert move("shop", Action.RETRY, replace(ME, force=True)).status.attempts == 3


def test_a_retry_that_the_phase_does_not_allow_is_refused_for_its_phase(world: World) -> None:
    created(world.operations, analysis={"maxAttempts": 1})

    with pytest.raises(IllegalMoveError):
        world.operations.rollouts.move("shop", Action.RETRY, ME)


def test_a_change_of_the_limit_alone_is_no_other_analysis(world: World) -> None:
    created(world.operations, analysis={"margin": 3})
    world.operations.rollouts.replace("shop", spec(steps=STEPS, analysis={"margin": 3, "maxAttempts": 2}), ME)

    assert "anew" not in last_action(world)[2]


@pytest.mark.parametrize("attempt", [None, 3])
def test_an_abort_of_the_current_attempt_or_of_any_is_done(world: World, attempt: int | None) -> None:
    created(world.operations)
    world.operations.rollouts.start("shop", OTHER, ME)

    assert Phase.DEGRADED is world.operations.rollouts.abort("shop", ME, attempt=attempt).status.phase


@pytest.mark.parametrize("attempt", [1, 2, 4])
def test_an_abort_of_another_attempt_changes_nothing(world: World, attempt: int) -> None:
    created(world.operations)
    current = world.operations.rollouts.start("shop", OTHER, ME)

    with pytest.raises(OtherAttemptError, match=f"the current attempt of shop is 3, not {attempt}"):
        world.operations.rollouts.abort("shop", ME, attempt=attempt)
    assert world.operations.rollouts.get("shop") == current


def test_history_is_read_newest_first_and_on_from_where_it_ended(world: World) -> None:
    created(world.operations)
    created(world.operations, "blog")
    for action in (Action.PROMOTE, Action.ABORT, Action.RETRY):
        world.operations.rollouts.move("shop", action, ME)
    history = world.operations.rollouts.history
    newest = history("shop", limit=2)

    assert [event.action for event in newest] == ["retry", "abort"]
    assert [event.action for event in history("shop", limit=2, before=newest[-1].revision)] == ["promote", "create"]
    assert history("shop", limit=2, before=1) == []


@pytest.mark.parametrize("before", [None, 1])
def test_what_never_was_has_no_history(world: World, before: int | None) -> None:
    created(world.operations)

    with pytest.raises(NotFoundError):
        world.operations.rollouts.history("nope", limit=9, before=before)


def test_a_change_is_dated_by_the_stores_clock(world: World) -> None:
    world.clock.time = datetime.fromisoformat("2026-02-03T04:05:06Z")
    since = created(world.operations).status.since

    assert world.clock.time == since == world.operations.rollouts.history("shop", limit=1)[0].at


# What leaves a gateway with little or nothing


ANN = Call("ann")


def test_the_only_rollout_goes_only_when_that_is_meant(world: World) -> None:
    created(world.operations)

    with pytest.raises(ShrinkError, match="would be served no rollout; say allowShrink=true"):
        world.operations.rollouts.delete("shop", ANN)
    assert world.operations.rollouts.get("shop")
    world.operations.rollouts.delete("shop", replace(ANN, allow_shrink=True))
    assert list(world.operations.rollouts.all()) == []


def test_more_than_half_of_what_there_was_lately_goes_only_when_that_is_meant(world: World) -> None:
    for name in ("a", "b", "c", "d", "e"):
        created(world.operations, name)
    for name in ("a", "b"):
        world.operations.rollouts.delete(name, ANN)

    with pytest.raises(ShrinkError, match="2 of the 5 rollouts"):
        world.operations.rollouts.delete("c", ANN)


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_a_rollout_moves_away_from_a_gateway_that_has_no_other_only_when_that_is_meant(
    world: World, is_dry_run: bool
) -> None:
    created(world.operations, gateways=["edge"])
    moved = spec(steps=STEPS, gateways=["inner"])

    with pytest.raises(ShrinkError, match="gateway edge would be served no rollout"):
        world.operations.rollouts.replace("shop", moved, replace(ANN, is_dry_run=is_dry_run))
    rollout, _ = world.operations.rollouts.replace(
        "shop", moved, replace(ANN, is_dry_run=is_dry_run, allow_shrink=True)
    )
    assert rollout.spec.gateways == ("inner",)


def test_going_back_is_a_move_away_too(world: World) -> None:
    first = created(world.operations, gateways=["edge"])
    world.operations.rollouts.replace("shop", spec(steps=STEPS, gateways=["inner"]), ME)

    with pytest.raises(ShrinkError, match="gateway inner"):
        world.operations.rollouts.undo("shop", first.version, ANN)


def test_a_stale_version_is_said_before_a_shrink(world: World) -> None:
    created(world.operations)

    with pytest.raises(StaleVersionError):
        world.operations.rollouts.delete("shop", Call("ann", if_match=9))


# What Traefik would not take


def test_what_traefik_would_not_take_is_not_written(world: World) -> None:
    unfit = spec().model_copy(update={"rule": "Host("})

    with pytest.raises(UnfitFragmentError, match=r"routers\.shop\.rule"):
        world.operations.rollouts.create("shop", unfit, ANN)
    created(world.operations)
    with pytest.raises(UnfitFragmentError, match=r"routers\.shop\.rule"):
        world.operations.rollouts.replace("shop", unfit, ANN)
    assert world.store.revision()[1] == 1


def test_a_page_of_large_rollouts_is_short(world: World) -> None:
    for name in ("a", "b", "c"):
        world.operations.rollouts.create(name, spec(rule=f"Host(`{name}`)"), ME)
    world.caught_up()
    size = world.feed.read(lambda image: max(len(stored.text) for stored in image.documents.values()))
    first = world.operations.rollouts.page(limit=100, most_characters=2 * size)
    second = world.operations.rollouts.page(limit=100, cursor="b", most_characters=1)

    assert ([rollout.name for rollout in first.rollouts], first.cursor) == (["a", "b"], "b")
    assert ([rollout.name for rollout in second.rollouts], second.cursor) == (["c"], None)
