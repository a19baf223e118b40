"""Going back to a version that was stable a moment ago, and which versions those are."""

from datetime import timedelta
from typing import Any

import pytest

from provider.domain.fields import read, write
from provider.domain.rollouts import Former, Phase, Rollout, Side
from tests.unit.rollouts.lives import T0, V1, V2, V3, at_rest, created, edited, minutes, standing

WINDOW = {"rollbackWindow": "1h"}
SCALED = read(Side, {"servers": [{"url": "http://127.0.0.1:9001"}, {"url": "http://127.0.0.1:9011"}]})


def numbered(number: int) -> Side:
    return read(Side, {"service": f"v{number}@docker"})


def promoted(**changes: Any) -> Rollout:
    """Make a rollout whose V2 has taken over from V1 at the beginning."""
    return created(**{**WINDOW, **changes}).promote_full(now=T0)


def former(rollout: Rollout) -> list[Side]:
    return [one.side for one in rollout.status.former or ()]


@pytest.mark.parametrize("canary", [V1, SCALED])
def test_a_version_that_was_stable_within_the_window_takes_over_at_once(canary: Side) -> None:
    rollout = promoted().start(canary, now=minutes(20), reason="v2 leaks")

    assert (canary, None) == (rollout.spec.stable, rollout.spec.canary)
    assert standing(rollout) == (Phase.HEALTHY, 0, 0)
    assert (rollout.status.stable_generation, rollout.status.generation) == (3, 3)
    assert ("the canary is now stable: it was stable 20m ago: v2 leaks", minutes(20)) == (
        rollout.status.reason,
        rollout.status.since,
    )


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(0), "0s"),
        (timedelta(minutes=59, milliseconds=1), "59m0.001s"),
        (timedelta(hours=1), "1h"),
        (timedelta(seconds=-1), "0s"),
    ],
    ids=["at once", "before its end", "at its end", "a clock that went back"],
)
def test_the_window_lasts_to_its_end(after: timedelta, words: str) -> None:
    rollout = promoted().start(V1, now=T0 + after)

    assert f"the canary is now stable: it was stable {words} ago" == rollout.status.reason


@pytest.mark.parametrize(
    ("rollout", "canary", "number"),
    [
        (promoted(), V1, 60.001),
        (promoted(rollbackWindow=None), V1, 0),
        (promoted(), V3, 0),
        (promoted(), V2, 0),
        (promoted().start(V3, now=minutes(1)), V2, 2),
        (at_rest(**WINDOW), V1, 0),
    ],
    ids=["too late", "no window", "a new version", "the stable one", "the stable one again", "none before"],
)
def test_any_other_canary_takes_the_steps(rollout: Rollout, canary: Side, number: float) -> None:
    assert standing(rollout.start(canary, now=minutes(number))) == (Phase.PAUSED, 5, 1)


@pytest.mark.parametrize(
    "before",
    [promoted().start(V3, now=minutes(1)), promoted().start(V3, now=minutes(1)).abort(now=minutes(2))],
    ids=["on its way", "aborted"],
)
def test_a_way_back_is_there_while_another_canary_is(before: Rollout) -> None:
    rollout = before.start(V1, now=minutes(3))

    assert (rollout.spec.stable, rollout.spec.canary, rollout.status.phase) == (V1, None, Phase.HEALTHY)
    assert (rollout.status.stable_generation, rollout.status.generation) == (4, 4)


def test_a_file_that_goes_back_is_done_at_once_and_again_changes_nothing() -> None:
    before = promoted()
    spec = edited(before, canary=write(V1), steps=[{"setWeight": 1}, {"pause": {}}])
    rollout = before.replace(spec, now=minutes(5))

    assert (rollout.spec.stable, rollout.spec.canary, rollout.status.phase) == (V1, None, Phase.HEALTHY)
    assert rollout.replace(spec, now=minutes(6)) == rollout


def test_the_window_of_the_new_spec_counts() -> None:
    before = promoted(rollbackWindow=None)
    rollout = before.replace(edited(before, canary=write(V1), **WINDOW), now=minutes(5))

    assert (rollout.spec.stable, rollout.status.phase) == (V1, Phase.HEALTHY)


def test_who_was_rolled_back_from_is_not_known_to_be_good() -> None:
    rolled_back = promoted().start(V1, now=minutes(1))
    again = rolled_back.start(V2, now=minutes(2))

    assert former(rolled_back) == []
    assert (again.spec.stable, again.spec.canary) == (V1, V2)
    assert standing(again) == (Phase.PAUSED, 5, 1)


def test_the_file_of_a_canary_that_was_rolled_back_from_takes_the_steps_again() -> None:
    file = created(**WINDOW).spec
    rollout = promoted().start(V1, now=minutes(1)).replace(file, now=minutes(2))

    assert standing(rollout) == (Phase.PAUSED, 5, 1)


def test_the_former_are_the_last_five_newest_first_and_until_when() -> None:
    rollout = at_rest(stable=write(numbered(0)), **WINDOW)
    for number in range(1, 8):
        rollout = rollout.start(numbered(number), now=minutes(number)).promote_full(now=minutes(number))

    assert (
        tuple(Former(side=numbered(number), until=minutes(number + 1)) for number in (6, 5, 4, 3, 2))
        == rollout.status.former
    )


def test_a_version_is_among_the_former_once_and_not_while_it_is_stable() -> None:
    rollouts = [at_rest(stable=write(V1))]
    for side in (V2, V3, V1, V2):
        rollouts.append(rollouts[-1].start(side, now=T0).promote_full(now=T0))

    assert list(map(former, rollouts)) == [[], [V1], [V2, V1], [V3, V2], [V1, V3]]


def test_stable_that_was_only_scaled_is_not_its_own_former() -> None:
    assert former(at_rest().start(SCALED, now=T0).promote_full(now=T0)) == []


def test_a_canary_that_never_was_stable_is_not_among_the_former() -> None:
    rollout = created().abort(now=T0).start(V3, now=T0).promote_full(now=T0)

    assert former(rollout) == [V1]
