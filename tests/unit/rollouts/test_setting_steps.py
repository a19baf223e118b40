"""Steps that set copies and overrides: from which moment on, and until when."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.fields import read, write
from provider.domain.rollouts import Override, Phase, Rollout
from tests.unit.rollouts.lives import T0, V2, V3, created, edited, standing

GoOn = Callable[..., Rollout]

JUDGED: dict[str, Any] = {"analysis": {"until": "known", "deadline": "1h"}}
PAUSE: dict[str, Any] = {"pause": {}}
TESTER = {"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}
OTHER = {"cookie": {"name": "beta", "value": "1"}, "to": "stable"}
COPIED = [{"setMirror": 50}, PAUSE, {"setWeight": 5}, PAUSE, {"setMirror": 0}, PAUSE, {"setMirror": 7}, PAUSE]
OVERRIDDEN = [{"setOverride": [TESTER]}, PAUSE, {"setWeight": 5}, PAUSE, {"setOverride": []}, PAUSE]


def overrides(*documents: dict[str, Any]) -> tuple[Override, ...]:
    return tuple(read(Override, document) for document in documents)


def percent(rollout: Rollout) -> int:
    """Give the per cent of stable's requests that are copied to the canary."""
    return rollout.mirror.percent if rollout.mirror else 0


def seen(rollout: Rollout, look: Callable[[Rollout], Any]) -> list[Any]:
    """Say what is to be seen at each step up to the last."""
    found = []
    while rollout.canary:
        found.append(look(rollout))
        rollout = rollout.promote(now=T0)
    return [*found, look(rollout)]


@pytest.mark.parametrize("mirror", [None, {"percent": 20}])
def test_a_step_sets_the_copies_from_there_on(mirror: object) -> None:
    assert seen(created(steps=COPIED, mirror=mirror), percent) == [50, 50, 0, 7, 0]


def test_before_any_step_sets_them_the_copies_are_those_of_the_spec() -> None:
    steps = [PAUSE, {"setMirror": 0}, PAUSE]

    assert seen(created(steps=steps, mirror={"percent": 20}), percent) == [20, 0, 0]


def test_a_step_leaves_the_size_of_copied_bodies_as_it_is() -> None:
    asked = created(steps=COPIED, mirror={"percent": 20, "maxBodySize": 9}).mirror
    by_default = created(steps=COPIED).mirror

    assert [write(mirror) for mirror in (asked, by_default) if mirror] == [
        {"percent": 50, "maxBodySize": 9},
        {"percent": 50, "maxBodySize": 1_048_576},
    ]


@pytest.mark.parametrize("asked", [None, [OTHER]])
def test_a_step_sets_the_overrides_from_there_on(asked: object) -> None:
    rollout = created(steps=OVERRIDDEN, overrides=asked)

    assert [overrides(TESTER), overrides(TESTER), (), ()] == seen(rollout, lambda rollout: rollout.overrides)


def test_before_any_step_sets_them_the_overrides_are_those_of_the_spec() -> None:
    steps = [PAUSE, {"setOverride": [TESTER, OTHER]}, PAUSE]
    found = seen(created(steps=steps, overrides=[OTHER]), lambda rollout: rollout.overrides)

    assert [overrides(OTHER), overrides(TESTER, OTHER), ()] == found


BOTH = [{"setMirror": 50}, {"setOverride": [TESTER]}, PAUSE, {"setWeight": 5}, PAUSE]
AGAIN = [PAUSE, *BOTH]


@pytest.mark.parametrize(
    "move",
    [
        lambda rollout: rollout.start(V3, now=T0),
        lambda rollout: rollout.abort(now=T0).retry(now=T0),
        lambda rollout: rollout.promote_full(now=T0),
        lambda rollout: rollout.promote_full(now=T0).start(V3, now=T0),
        lambda rollout: rollout.replace(edited(rollout, canary=None), now=T0),
        lambda rollout: rollout.replace(edited(rollout, canary=write(V3)), now=T0),
        lambda rollout: rollout.promote_full(now=T0).replace(
            edited(rollout, stable=write(V2), canary=write(V3)), now=T0
        ),
    ],
    ids=["new canary", "retry", "in full", "next canary", "removed", "another by file", "next by file"],
)
def test_what_steps_have_set_ends_with_the_canary(move: Callable[[Rollout], Rollout]) -> None:
    before = created(steps=AGAIN).promote(now=T0)
    rollout = move(before)

    assert (50, overrides(TESTER)) == (percent(before), before.overrides)
    assert (percent(rollout), rollout.overrides) == (0, ())
    assert (rollout.status.mirror, rollout.status.overrides) == (None, None)


def test_an_aborted_canary_gets_no_copies_and_no_requests_by_overrides() -> None:
    rollout = created(steps=BOTH, mirror={"percent": 20}, overrides=[OTHER]).abort(now=T0)

    assert (rollout.mirror, rollout.overrides) == (None, ())


@pytest.mark.parametrize(
    "move",
    [
        lambda rollout: rollout.pause(now=T0),
        lambda rollout: rollout.set_weight(Decimal(3), now=T0),
        lambda rollout: rollout.replace(edited(rollout, steps=[PAUSE]), now=T0),
        lambda rollout: rollout.replace(edited(rollout, mirror={"percent": 20}, overrides=[OTHER]), now=T0),
    ],
    ids=["pause", "weight", "other steps", "other spec"],
)
def test_what_steps_have_set_stays_while_the_canary_waits(move: Callable[[Rollout], Rollout]) -> None:
    rollout = move(created(steps=BOTH))

    assert (50, overrides(TESTER)) == (percent(rollout), rollout.overrides)


@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
@pytest.mark.parametrize(
    "rise", [{"setWeight": 10}, {"ramp": {"from": 10, "to": 20, "by": 5, "every": "1m"}}], ids=["weight", "ramp"]
)
def test_what_a_weight_by_hand_passed_over_holds_too(rise: dict[str, Any], go_on: GoOn) -> None:
    steps = [{"setMirror": 50}, JUDGED, {"setMirror": 0}, {"setOverride": [TESTER]}, rise, PAUSE]
    rollout = go_on(created(steps=steps).set_weight(Decimal(3), now=T0), now=T0)

    assert (10, 0, overrides(TESTER)) == (float(rollout.status.weight), percent(rollout), rollout.overrides)


def test_what_changed_steps_set_holds_once_a_person_goes_on() -> None:
    changed = created(steps=BOTH).replace(
        edited(created(), steps=[{"setWeight": 5}, {"setMirror": 9}, PAUSE]), now=T0
    )
    rollout = changed.resume(now=T0)

    assert (percent(changed), percent(rollout)) == (50, 9)
    assert rollout.overrides == ()


def test_what_steps_had_set_goes_with_them_once_a_person_goes_on() -> None:
    rollout = created(steps=BOTH).replace(edited(created(), steps=None), now=T0).resume(now=T0)

    assert standing(rollout) == (Phase.PROGRESSING, 0, 0)
    assert (percent(rollout), rollout.overrides) == (0, ())
