"""What people are told of every change of a rollout."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from provider.domain.fields import read
from provider.domain.notifications import Notice, NoticeKind, Occasion, describe
from provider.domain.rollouts import TRANSITIONS, Action, Phase, Rollout, Server, Side
from tests.world import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
STEPS = [{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100}]
THIRD = read(Side, {"servers": [{"url": "http://127.0.0.1:9003"}]})

Change = Callable[[Rollout], Rollout]


def told(before: Rollout | None, after: Rollout | None, *, reason: str = "") -> Notice | None:
    return describe(before, after, Occasion("shop", "ci", reason, NOW, 7))


def rollout(**changes: object) -> Rollout:
    return Rollout.create("shop", spec(**{"steps": STEPS, **changes}), now=NOW)


def at_rest() -> Rollout:
    return rollout(canary=None)


def waiting_for_a_person() -> Rollout:
    return rollout().advance(now=LATER)


def aborted() -> Rollout:
    return rollout().abort(now=NOW)


def promoted() -> Rollout:
    return rollout().promote_full(now=NOW)


def test_a_notice_tells_what_who_why_and_when() -> None:
    notice = told(rollout(), rollout().abort(now=LATER, reason="too slow"), reason="too slow")

    assert (
        Notice(
            kind=NoticeKind.ABORTED,
            rollout="shop",
            text="shop: aborted: all traffic is on stable: too slow",
            phase="Degraded",
            weight=Decimal(0),
            actor="ci",
            reason="too slow",
            at=NOW,
            revision=7,
        )
        == notice
    )


CHANGES: list[tuple[Change | None, Rollout | None, str, str]] = [
    (None, at_rest(), "created", "rollout created: no canary"),
    (None, rollout(), "started", "canary started: 5% to the canary, waiting 10m"),
    (None, rollout(steps=None), "started", "canary started: held at 0%"),
    (lambda r: r.start(THIRD, now=NOW), at_rest(), "started", "canary started: 5% to the canary, waiting 10m"),
    (lambda r: r.start(THIRD, now=NOW), rollout(), "started", "canary started: 5% to the canary, waiting 10m"),
    (lambda r: r.start(THIRD, now=NOW), aborted(), "started", "canary started: 5% to the canary, waiting 10m"),
    (lambda r: r.retry(now=NOW), aborted(), "started", "canary started: 5% to the canary, waiting 10m"),
    (
        lambda r: r.set_weight(Decimal("2.5"), now=NOW, reason="gently"),
        rollout(),
        "advanced",
        "held at 2.5%: gently",
    ),
    (lambda r: r.set_weight(Decimal(5), now=NOW), rollout(), "advanced", "held at 5%"),
    (
        lambda r: r.advance(now=LATER),
        rollout(steps=[{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"setWeight": 25}, STEPS[1]]),
        "advanced",
        "25% to the canary, waiting 10m",
    ),
    (
        lambda r: r.advance(now=LATER),
        rollout(steps=[*STEPS[:3], {"analysis": {"duration": "5m"}}], analysis={}),
        "advanced",
        "50% to the canary, analyzing the canary for 5m",
    ),
    (
        lambda r: r.advance(now=LATER),
        rollout(steps=[{"ramp": {"from": 0, "to": 50, "by": 10, "every": "10m"}}]),
        "advanced",
        "10% to the canary, ramping to 50%, waiting 10m",
    ),
    (lambda r: r.advance(now=LATER), rollout(), "waiting", "50% to the canary, waiting for approval"),
    (lambda r: r.skip(now=NOW), rollout(), "waiting", "50% to the canary, waiting for approval"),
    (lambda r: r.promote(now=NOW), rollout(), "waiting", "50% to the canary, waiting for approval"),
    (
        lambda r: r.pause(now=NOW, reason="lunch"),
        rollout(),
        "waiting",
        "5% to the canary, waiting for approval: lunch",
    ),
    (
        lambda r: r.hold(now=NOW, reason="no data"),
        rollout(),
        "waiting",
        "5% to the canary, waiting for approval: no data",
    ),
    (
        lambda r: r.replace(spec(steps=STEPS[2:]), now=NOW),
        rollout(),
        "waiting",
        "5% to the canary, the steps have changed: waiting for approval",
    ),
    (lambda r: r.abort(now=NOW), waiting_for_a_person(), "aborted", "aborted: all traffic is on stable"),
    (lambda r: r.promote(now=NOW), waiting_for_a_person(), "promoted", "the canary is now stable"),
    (lambda r: r.resume(now=NOW), waiting_for_a_person(), "promoted", "the canary is now stable"),
    (lambda r: r.promote_full(now=NOW, reason="ok"), rollout(), "promoted", "the canary is now stable: ok"),
    (
        lambda r: r.start(r.spec.stable, now=LATER).start(r.status.former[0].side, now=LATER),  # type: ignore[index]
        rollout(rollbackWindow="1h").promote_full(now=NOW),
        "promoted",
        "the canary is now stable: it was stable 10m ago",
    ),
    (lambda r: r.replace(spec(canary=None), now=NOW), rollout(), "removed", "the canary was removed"),
    (lambda r: r.replace(spec(canary=None), now=NOW), aborted(), "removed", "the canary was removed"),
]


@pytest.mark.parametrize(("change", "before", "kind", "words"), CHANGES)
def test_a_change_is_told_in_words(change: Change | None, before: Rollout, kind: str, words: str) -> None:
    notice = told(before, change(before)) if change else told(None, before)

    assert notice
    assert (kind, f"shop: {words}") == (notice.kind, notice.text)


@pytest.mark.parametrize(
    ("reason", "words"), [("", "the rollout was deleted"), ("old", "the rollout was deleted: old")]
)
def test_a_delete_is_told(reason: str, words: str) -> None:
    notice = told(rollout(), None, reason=reason)

    assert notice
    assert ("deleted", f"shop: {words}", "", Decimal(0)) == (notice.kind, notice.text, notice.phase, notice.weight)


@pytest.mark.parametrize("before", [at_rest(), rollout(), waiting_for_a_person(), aborted(), promoted()])
def test_a_change_that_moves_nothing_is_not_told(before: Rollout) -> None:
    spec_ = before.spec.model_copy(update={"priority": 7})

    assert told(before, before.replace(spec_, now=LATER)) is None
    assert told(before, before) is None


LIVES: list[tuple[Phase, Rollout]] = [
    (Phase.HEALTHY, at_rest()),
    (Phase.PROGRESSING, rollout().set_weight(Decimal(5), now=NOW)),
    (Phase.PAUSED, rollout()),
    (Phase.DEGRADED, aborted()),
]
KINDS: dict[Phase, set[str]] = {
    Phase.HEALTHY: {"promoted", "removed"},
    Phase.PROGRESSING: {"started", "advanced"},
    Phase.PAUSED: {"started", "advanced", "waiting"},
    Phase.DEGRADED: {"aborted"},
}
SECOND = "http://127.0.0.1:9009"


def two_servers(rollout: Rollout) -> Rollout:
    return rollout.scale("stable", (*(rollout.spec.stable.servers or ()), Server(url=SECOND)))


MOVES: dict[Action, Change] = {
    Action.START: lambda r: r.start(THIRD, now=LATER),
    Action.EDIT: lambda r: r.replace(r.spec.model_copy(update={"priority": 7}), now=LATER),
    Action.SCALE: two_servers,
    Action.DRAIN: lambda r: two_servers(r).drain(SECOND),
    Action.UNDRAIN: lambda r: two_servers(r).drain(SECOND).undrain(SECOND),
    Action.REMOVE: lambda r: r.replace(spec(canary=None, steps=STEPS), now=LATER),
    Action.SET_WEIGHT: lambda r: r.set_weight(Decimal(7), now=LATER),
    Action.PROMOTE: lambda r: r.promote(now=LATER),
    Action.PROMOTE_FULL: lambda r: r.promote_full(now=LATER),
    Action.ABORT: lambda r: r.abort(now=LATER),
    Action.PAUSE: lambda r: r.pause(now=LATER),
    Action.RESUME: lambda r: r.resume(now=LATER),
    Action.RETRY: lambda r: r.retry(now=LATER),
    Action.SKIP: lambda r: r.skip(now=LATER),
    Action.ADVANCE: lambda r: r.advance(now=LATER),
    Action.HOLD: lambda r: r.hold(now=LATER, reason="no data"),
    Action.UNDO: lambda r: r.undo(rollout().set_weight(Decimal(3), now=NOW), now=LATER),
}
# A rollout held by hand goes nowhere by itself.
NOT_NOW = {(Phase.PROGRESSING, Action.ADVANCE), (Phase.PROGRESSING, Action.HOLD)}


@pytest.mark.parametrize(
    ("before", "action"),
    [
        pytest.param(before, action, id=f"{phase}-{action}")
        for phase, before in LIVES
        for action in TRANSITIONS[phase]
        if (phase, action) not in NOT_NOW
    ],
)
def test_every_transition_but_an_edit_or_another_server_is_told(before: Rollout, action: Action) -> None:
    after = MOVES[action](before)
    notice = told(before, after)

    if action in {Action.EDIT, Action.SCALE, Action.DRAIN, Action.UNDRAIN}:
        assert notice is None
    else:
        assert notice
        assert notice.kind in KINDS[after.status.phase]
