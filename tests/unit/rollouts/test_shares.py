"""How the requests are shared out among stable, canary and baseline."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given

from provider.domain.rollouts import Rollout, attempt_of, exposure_of
from provider.domain.rollouts.shares import shares_of
from tests.rollouts_strategy import WEIGHTS
from tests.world import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BASELINE, OTHER = ({"servers": [{"url": f"http://127.0.0.1:900{number}"}]} for number in (3, 4))


def begun(**changes: object) -> Rollout:
    return Rollout.create("shop", spec(**{"baseline": BASELINE, **changes}), now=NOW)


@pytest.mark.parametrize(
    ("weight", "stable", "baseline"),
    [
        ("0.01", "99.98", "0.01"),
        ("5", "90", "5"),
        ("25", "50", "25"),
        ("44.44", "11.12", "44.44"),
        ("50", "10", "40"),
        ("75", "5", "20"),
        ("99.98", "0.01", "0.01"),
    ],
)
def test_a_baseline_gets_the_canarys_weight_while_stable_keeps_a_fifth_of_the_rest(
    weight: str, stable: str, baseline: str
) -> None:
    shares = shares_of(Decimal(weight), has_baseline=True)

    assert dict(shares) == {"stable": Decimal(stable), "canary": Decimal(weight), "baseline": Decimal(baseline)}


@pytest.mark.parametrize(("weight", "side"), [("0", "stable"), ("100", "canary")])
def test_a_side_with_all_requests_leaves_none_to_a_baseline(weight: str, side: str) -> None:
    assert shares_of(Decimal(weight), has_baseline=True) == {side: Decimal(100)}


@given(WEIGHTS)
def test_shares_add_up_and_stable_keeps_some_beside_any_baseline(weight: Decimal) -> None:
    shares = shares_of(weight, has_baseline=True)

    assert sum(shares.values()) == 100
    assert min(shares.values()) > 0
    assert shares.get("baseline", 0) <= weight
    assert "baseline" not in shares or "stable" in shares
    assert all(share == round(share, 2) for share in shares.values())


def test_a_baseline_gets_requests_only_beside_a_canary_in_progress() -> None:
    held = begun().set_weight(Decimal(25), now=NOW)
    promoted = held.promote_full(now=NOW)

    assert dict(held.shares) == {"stable": 50, "canary": 25, "baseline": 25}
    assert held.abort(now=NOW).shares == {"stable": 100}
    assert promoted.shares == {"stable": 100}
    assert promoted.spec.baseline == held.spec.baseline


def test_a_canary_begins_with_the_baseline_that_it_is_given_or_with_that_of_the_spec() -> None:
    rest = begun(canary=None)
    canary, baseline = begun().spec.sides["canary"], begun(baseline=OTHER).spec.baseline

    assert rest.start(canary, now=NOW).spec.baseline == rest.spec.baseline
    assert rest.start(canary, now=NOW, baseline=baseline).spec.baseline == baseline


def test_another_baseline_begins_another_attempt_and_other_servers_of_it_a_warm_up() -> None:
    rollout = begun()
    named = rollout.replace(rollout.spec.model_copy(update={"baseline": None}), now=NOW)
    moved = rollout.replace(begun(baseline=OTHER).spec, now=NOW)

    assert attempt_of(named) != attempt_of(rollout)
    assert attempt_of(moved) == attempt_of(rollout)
    assert exposure_of(moved).servers != exposure_of(rollout).servers


def test_a_baseline_of_which_no_server_is_known_is_missed_and_gets_nothing() -> None:
    held = begun(baseline={"discover": {"registered": "old"}}).set_weight(Decimal(25), now=NOW)
    baseline = held.spec.sides["baseline"].model_copy(update={"servers": (), "discover": None})
    found = held.model_copy(update={"spec": held.spec.model_copy(update={"baseline": baseline})})

    assert dict(found.shares) == {"stable": 75, "canary": 25}
    assert exposure_of(found).baseline == 25
