"""Every action in every phase, as the table of transitions has it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.fields import InvalidDocumentError, encode, read, write
from provider.domain.rollouts import TRANSITIONS, Action, IllegalMoveError, Phase, Rollout, Server, Side
from tests.unit.rollouts.lives import T0, V1, V2, V3, at_rest, created, edited, minutes

Act = Callable[[Rollout], Rollout]
LATER = minutes(60)
PAIRS = [(phase, action) for phase in Phase for action in Action]
LEGAL = [(phase, action) for phase, action in PAIRS if action in TRANSITIONS[phase]]
# To leave out a canary where there is none is no move at all.
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL and pair != (Phase.HEALTHY, Action.REMOVE)]

FOURTH = "http://127.0.0.1:9004"


def with_a_second(rollout: Rollout) -> Rollout:
    """Add a server to stable."""
    servers = rollout.spec.stable.servers or ()
    return rollout.scale("stable", (*servers, Server(url=FOURTH)))


ACTS: Mapping[Action, Sequence[Act]] = {
    Action.START: [lambda rollout: rollout.start(V3, now=LATER)],
    Action.EDIT: [
        lambda rollout: rollout.replace(edited(rollout, priority=9), now=LATER),
        lambda rollout: rollout.replace(edited(rollout, steps=[{"setWeight": 1}, {"pause": {}}]), now=LATER),
    ],
    Action.SCALE: [with_a_second],
    Action.DRAIN: [lambda rollout: with_a_second(rollout).drain(FOURTH)],
    Action.UNDRAIN: [lambda rollout: with_a_second(rollout).drain(FOURTH).undrain(FOURTH)],
    Action.REMOVE: [lambda rollout: rollout.replace(edited(rollout, canary=None), now=LATER)],
    Action.SET_WEIGHT: [lambda rollout: rollout.set_weight(Decimal(25), now=LATER)],
    Action.PROMOTE: [lambda rollout: rollout.promote(now=LATER)],
    Action.PROMOTE_FULL: [lambda rollout: rollout.promote_full(now=LATER)],
    Action.ABORT: [lambda rollout: rollout.abort(now=LATER)],
    Action.PAUSE: [lambda rollout: rollout.pause(now=LATER)],
    Action.RESUME: [lambda rollout: rollout.resume(now=LATER)],
    Action.RETRY: [lambda rollout: rollout.retry(now=LATER)],
    Action.SKIP: [lambda rollout: rollout.skip(now=LATER)],
    Action.ADVANCE: [lambda rollout: rollout.advance(now=LATER)],
    Action.HOLD: [lambda rollout: rollout.hold(now=LATER, reason="nothing is known")],
    Action.UNDO: [
        lambda rollout: rollout.undo(at_rest(), now=LATER),
        lambda rollout: rollout.undo(created(), now=LATER),
        lambda rollout: rollout.undo(created().abort(now=T0), now=LATER),
    ],
}

WITHOUT_STEPS = {"steps": None}
ONE_STEP = {"steps": [{"setWeight": 50}, {"pause": {}}]}
JUDGED: dict[str, Any] = {"analysis": {"until": "known"}}
TIMED: dict[str, Any] = {"pause": {"duration": "1m"}}
# V3 was stable a moment ago.
KNOWN = created(stable=write(V3), rollbackWindow="2h").promote_full(now=T0)
# Each phase with steps that wait again, at the end of all steps, without steps, and with a way back.
EXAMPLES: Mapping[Phase, Sequence[Rollout]] = {
    Phase.HEALTHY: [at_rest(), at_rest(**WITHOUT_STEPS), created().promote_full(now=T0), KNOWN],
    Phase.PROGRESSING: [
        created().set_weight(Decimal(10), now=T0),
        created().promote(now=T0).set_weight(Decimal(60), now=T0),
        created(**WITHOUT_STEPS),
        created(**ONE_STEP).set_weight(Decimal(60), now=T0),
        created(steps=[JUDGED]),
        created(steps=[JUDGED, JUDGED]),
        created(steps=[JUDGED, TIMED]),
        created(steps=[{"setWeight": 50}, JUDGED]).set_weight(Decimal(10), now=T0),
        KNOWN.start(V1, now=T0).set_weight(Decimal(10), now=T0),
    ],
    Phase.PAUSED: [
        created(),
        created().pause(now=T0),
        created(steps=[{"setWeight": 5}, {"pause": {"duration": "1m"}}]),
        created(**WITHOUT_STEPS).pause(now=T0),
        created(**ONE_STEP),
        created(steps=[TIMED, JUDGED]),
        created(steps=[{"ramp": {"from": 5, "to": 50, "by": 5, "every": "2m"}}]),
        created(steps=[JUDGED]).hold(now=T0, reason="nothing is known"),
        KNOWN.start(V1, now=T0),
    ],
    Phase.DEGRADED: [
        created().abort(now=T0),
        created(**WITHOUT_STEPS).abort(now=T0),
        created().abort(now=T0).replace(edited(created(), **ONE_STEP), now=T0),
        created(steps=[JUDGED]).abort(now=T0),
        KNOWN.start(V1, now=T0).abort(now=T0),
    ],
}

NOT_BY_NAME_ALONE = {
    *(Action.EDIT, Action.REMOVE, Action.ADVANCE, Action.HOLD, Action.UNDO),
    *(Action.SCALE, Action.DRAIN, Action.UNDRAIN),
}

REMEDIES = {
    Phase.HEALTHY: "there is no canary; start one first",
    Phase.PROGRESSING: "a canary is in progress; abort it first",
    Phase.PAUSED: "the canary is paused; resume, promote or abort it",
    Phase.DEGRADED: "the canary was aborted; retry it or start a new one",
}


def outcome(act: Act, rollout: Rollout) -> Phase | None:
    """Give the phase an act leads to; None where it is refused, as it may be for another reason than the phase."""
    try:
        return act(rollout).status.phase
    except IllegalMoveError:
        return None


def test_every_phase_has_examples_that_are_in_it() -> None:
    assert set(Phase) == EXAMPLES.keys() == TRANSITIONS.keys()
    assert all({phase} == {rollout.status.phase for rollout in rollouts} for phase, rollouts in EXAMPLES.items())


@pytest.mark.parametrize(("phase", "action"), LEGAL)
def test_a_legal_move_leads_where_the_table_says_and_nowhere_else(phase: Phase, action: Action) -> None:
    reached = {outcome(act, rollout) for act in ACTS[action] for rollout in EXAMPLES[phase]}

    assert TRANSITIONS[phase][action] == reached - {None}


@pytest.mark.parametrize(("phase", "action"), ILLEGAL)
def test_an_illegal_move_changes_nothing_and_says_what_to_do_instead(phase: Phase, action: Action) -> None:
    for rollout in EXAMPLES[phase]:
        before = encode(rollout)
        for act in ACTS[action]:
            with pytest.raises(IllegalMoveError) as caught:
                act(rollout)

            assert f"{action} is not possible while shop is {phase}: {REMEDIES[phase]}" == str(caught.value)
            assert (action, phase) == (caught.value.action, caught.value.phase)
            assert encode(rollout) == before


def test_a_canary_that_is_not_there_is_not_withdrawn() -> None:
    rollout = at_rest()

    assert rollout is rollout.replace(edited(rollout, canary=None), now=LATER)


@pytest.mark.parametrize("action", [Action.PROMOTE, Action.SKIP, Action.RESUME])
def test_without_steps_there_is_no_next_one(action: Action) -> None:
    rollout = created(steps=None)
    (act,) = ACTS[action]
    words = f"{action} is not possible while shop is Progressing: the rollout has no steps; set a weight, "
    words += "or promote the canary to stable with full=true (--full)"

    with pytest.raises(IllegalMoveError) as caught:
        act(rollout)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("rollout", "at"),
    [
        (created(), minutes(10) - timedelta(milliseconds=1)),
        (created(), T0 - timedelta(days=1)),
        (created().promote(now=T0), minutes(9e5)),
        (created().pause(now=T0), minutes(9e5)),
    ],
    ids=["too early", "a clock that went back", "a pause for a person", "a pause by hand"],
)
def test_time_ends_only_a_timed_pause_that_is_over(rollout: Rollout, at: datetime) -> None:
    before = encode(rollout)
    words = "^advance is not possible while shop is Paused: the pause is not over$"

    with pytest.raises(IllegalMoveError, match=words):
        rollout.advance(now=at)
    assert encode(rollout) == before


@pytest.mark.parametrize(
    "rollout",
    [
        created().pause(now=T0),
        created().promote(now=T0),
        created().set_weight(Decimal(10), now=T0),
        created(**WITHOUT_STEPS),
        created(steps=[JUDGED]).hold(now=T0, reason="once"),
    ],
    ids=["a pause by hand", "a pause for a person", "a weight by hand", "no steps", "held before"],
)
def test_what_goes_nowhere_by_itself_is_not_held(rollout: Rollout) -> None:
    before = encode(rollout)
    words = f"^hold is not possible while shop is {rollout.status.phase}: it does not advance automatically$"

    with pytest.raises(IllegalMoveError, match=words):
        rollout.hold(now=LATER, reason="nothing is known")
    assert encode(rollout) == before


def test_what_a_person_may_do_is_listed_without_what_follows_by_itself() -> None:
    assert at_rest().actions == [Action.START]
    assert created().abort(now=T0).actions == [Action.START, Action.RETRY]
    assert not NOT_BY_NAME_ALONE & set(created().actions)


@pytest.mark.parametrize("rollout", [rollout for rollouts in EXAMPLES.values() for rollout in rollouts])
def test_whatever_is_listed_can_be_done_and_nothing_else(rollout: Rollout) -> None:
    possible = {action for action in ACTS if any(leads_somewhere(rollout, act) for act in ACTS[action])}

    assert set(rollout.actions) == possible - NOT_BY_NAME_ALONE


def leads_somewhere(rollout: Rollout, act: Act) -> bool:
    try:
        act(rollout)
    except IllegalMoveError:
        return False
    return True


@pytest.mark.parametrize(
    ("phase", "weight", "canary", "words"),
    [
        ("Paused", 5, None, "status: phase Paused needs a canary"),
        ("Degraded", 0, None, "status: phase Degraded needs a canary"),
        ("Healthy", 0, V2, "status: phase Healthy has no canary"),
        ("Degraded", 5, V2, "status: weight must be 0 in phase Degraded"),
    ],
)
def test_a_document_that_contradicts_itself_is_none(phase: str, weight: int, canary: Side | None, words: str) -> None:
    document = write(created(canary=None))
    document["spec"] |= {"canary": write(canary)} if canary else {}
    document["status"] |= {"phase": phase, "weight": weight}

    with pytest.raises(InvalidDocumentError, match=words):
        read(Rollout, document)
