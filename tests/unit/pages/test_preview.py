"""What something would do, before it is done."""

from decimal import Decimal

import pytest

from provider.domain.rollouts import Action, Rollout
from provider.web.pages.preview import Outlook, configuration, of_move, of_moves, of_weight
from tests.unit.rollouts.lives import T0, at_rest, created, minutes


def words(rollout: Rollout, action: Action) -> str:
    return of_move(rollout, action, now=minutes(1)).words


def test_every_move_says_what_becomes_of_the_traffic() -> None:
    shop = created()

    assert words(shop, Action.PROMOTE) == "The canary goes from 5% to 50%; waiting for approval"
    assert words(shop, Action.PROMOTE_FULL) == "The canary goes from 5% to 100% and becomes stable"
    assert words(shop, Action.ABORT) == "The canary goes from 5% to 0%; all traffic goes to stable"
    assert words(shop, Action.PAUSE) == "The canary keeps its weight of 5%; waiting for approval"


def test_just_what_the_phase_allows_is_looked_at() -> None:
    moves = {action for action, _ in of_moves(created(steps=None), now=T0)}

    assert {Action.PROMOTE_FULL, Action.ABORT, Action.PAUSE} == moves
    assert of_moves(at_rest(), now=T0) == []


@pytest.mark.parametrize(("weight", "is_bold"), [("55", False), ("55.01", True), ("100", True), ("0", False)])
def test_more_than_50_points_up_are_bold(weight: str, is_bold: bool) -> None:
    assert is_bold is of_weight(created(), Decimal(weight), now=T0).is_bold


def test_a_canary_that_takes_over_from_little_is_bold() -> None:
    shop = created()

    assert of_move(shop, Action.PROMOTE_FULL, now=T0).is_bold
    assert not of_move(shop.set_weight(Decimal(50), now=T0), Action.PROMOTE_FULL, now=T0).is_bold


def test_the_difference_is_what_traefik_will_be_told() -> None:
    difference = of_weight(created(), Decimal(50), now=T0).difference({})
    changed = [(mark, text.strip()) for mark, text in difference if mark != " "]

    assert changed == [("-", "weight: 19"), ("+", "weight: 1")]
    assert of_move(created(), Action.PAUSE, now=T0).difference({}) == []


def test_what_is_to_be_made_is_all_new() -> None:
    outlook = Outlook(None, at_rest())

    assert {"+"} == {mark for mark, _ in outlook.difference({})}
    assert configuration(at_rest(), {}).splitlines() == [text for _, text in outlook.difference({})]
