"""A result is good when nobody was harmed, and what it says is in the table."""

import pytest

from tools.chaos.report import as_table, as_words, written_into
from tools.chaos.trial import Limits, Result

GOOD = Result("redis-killed", "kill -9 of Redis", 2.0, requests=300, writes=100, polls=50)
HARM = {
    "a request": {"failed": ["502"]},
    "a lost write": {"lost": ["shop-0: w1 at version 7"]},
    "a violation": {"violations": ["shop-0: w1: done 2 times"]},
    "a late poll": {"late": [3.5]},
    "a failed poll": {"failed_polls": 1},
    "a bad canary that keeps its traffic": {"aborted_after": 5.1},
    "a slow recovery": {"back_after": 10.1},
    "what does not come back": {"error": "not in 60 s: writes are done"},
}


@pytest.mark.parametrize("harm", HARM)
def test_any_harm_is_no_good_and_is_said(harm: str) -> None:
    result = Result("redis-killed", "kill -9 of Redis", 2.0, **HARM[harm])  # type: ignore[arg-type]

    assert GOOD.is_good
    assert not result.is_good
    assert as_words([result])


def test_polls_may_fail_where_that_which_answers_them_is_gone() -> None:
    result = Result("provider-killed", "kill -9", 2.0, failed_polls=3, late=[2.5], polls_may_fail=True)

    assert result.is_good
    assert "3 (may)" in as_table([result])


def test_limits_are_those_of_the_run() -> None:
    slow = Result("redis-killed", "kill -9", 2.0, aborted_after=20, back_after=40, limits=Limits(abort=25, back=50))

    assert slow.is_good


def test_what_was_not_tried_says_why() -> None:
    skipped = Result("disk-full", "the disk is full", 0.0, skipped="mounting needs root")

    assert skipped.is_good
    assert "the disk is full: not tried, mounting needs root" in as_table([skipped])


def test_a_page_gets_the_table_between_its_markers_each_time_anew() -> None:
    page = "before\n<!-- what came out -->\nold\n<!-- until here -->\nafter\n"
    once = written_into(page, "new\n")

    assert once == "before\n<!-- what came out -->\nnew\n<!-- until here -->\nafter\n"
    assert written_into(once, "new\n") == once
    with pytest.raises(ValueError, match="lacks"):
        written_into("no markers", "new\n")
