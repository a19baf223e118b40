"""The checker finds what no order explains, and nothing else."""

from dataclasses import replace

import pytest

from tools.chaos.register import Entry, Operation, lost, violations

START = Entry(1, "", "0")
# One write after another, then a read.
HISTORY = [START, Entry(2, "a", "10"), Entry(4, "b", "20")]
A = Operation("a", "10", 1.0, 2.0, 2)
B = Operation("b", "20", 3.0, 4.0, 4, expected=2)
READ = Operation("r", "20", 5.0, 6.0, 4, is_read=True)
REFUSED = Operation("x", "30", 5.0, 6.0, expected=2)

EXPLAINED = {
    "nothing happened": ([START], []),
    "one after another": (HISTORY, [A, B, READ, REFUSED]),
    "seen in any order": (HISTORY, [READ, B, A]),
    "two writes at once, the later asked first": (HISTORY, [replace(A, returned=9.0), replace(B, invoked=0.0)]),
    "a read of a write that is under way": (HISTORY, [A, replace(B, returned=9.0), READ]),
    "a read from before a write that is under way": (
        HISTORY,
        [A, replace(B, returned=9.0), replace(READ, version=2, value="10")],
    ),
    "a write that was not answered, and done": (HISTORY, [A, Operation("b", "20", 3.0)]),
    "a write that was not answered, nor done": (HISTORY, [A, B, Operation("c", "30", 3.0)]),
    "a read of a write that was never answered": (HISTORY, [A, Operation("b", "20", 3.0), READ]),
    "a refusal while what it named was being replaced": (
        HISTORY,
        [A, B, replace(REFUSED, invoked=2.5, returned=3.5)],
    ),
    "a refusal after a write that was never answered": (
        HISTORY,
        [A, Operation("b", "20", 3.0), replace(REFUSED, invoked=7.0, returned=8.0)],
    ),
}
UNEXPLAINED = {
    "an acknowledged write is not there": (HISTORY[:2], [A, B], "b: version 4 is not in the history"),
    "a write was done twice": ([*HISTORY, Entry(5, "a", "10")], [A, B], "a: done 2 times"),
    "a refused write was done": (
        [*HISTORY, Entry(5, "x", "30")],
        [A, B, replace(REFUSED, expected=None)],
        "x: refused, and done",
    ),
    "nobody has asked for a change": ([*HISTORY, Entry(5, "y", "30")], [A, B], "y: nobody has asked for it"),
    "versions fall": ([START, HISTORY[2], HISTORY[1]], [], "version 2 follows 4"),
    "two got the same version": (HISTORY, [A, B, Operation("c", "20", 3.0, 4.0, 4)], "c: version 4 was made by b"),
    "another value was read": (HISTORY, [A, B, replace(READ, value="21")], "r: version 4 is 20, not 21"),
    "an old value was read": (
        HISTORY,
        [A, B, replace(READ, value="10", version=2)],
        "r: at version 2, though 4 had been seen before it was asked",
    ),
    "two reads go back": (
        HISTORY,
        [
            A,
            replace(B, returned=9.0),
            replace(READ, invoked=3.1, returned=3.2),
            replace(READ, id="s", value="10", version=2, invoked=3.3, returned=3.4),
        ],
        "s: at version 2, though 4 had been seen before it was asked",
    ),
    "a write was read before it was asked for": (
        HISTORY,
        [A, B, replace(READ, invoked=2.1, returned=2.2)],
        "b: at version 4, though 4 had been seen before it was asked",
    ),
    "a write that was never answered was read before it was asked for": (
        HISTORY,
        [A, Operation("b", "20", 3.0), replace(READ, invoked=2.1, returned=2.2)],
        "b: at version 4, though 4 had been seen before it was asked",
    ),
    "the later write has the lower version": (
        HISTORY,
        [A, replace(B, invoked=0.1, returned=0.2)],
        "a: at version 2, though 4 had been seen before it was asked",
    ),
    "a compare-and-set overwrote what it did not name": (
        HISTORY,
        [A, replace(B, expected=1)],
        "b: follows version 2, not 1 as it asked",
    ),
    "a compare-and-set was refused though it named what was there": (
        HISTORY,
        [A, B, replace(REFUSED, expected=4)],
        "x: refused, though version 4 was there",
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_can_be_explained_is_no_violation(name: str) -> None:
    history, operations = EXPLAINED[name]

    assert violations(history, operations) == []


@pytest.mark.parametrize("name", UNEXPLAINED)
def test_what_cannot_be_explained_is_said(name: str) -> None:
    history, operations, words = UNEXPLAINED[name]

    assert words in violations(history, operations)


def test_a_write_is_lost_when_the_history_has_another_or_none_at_its_version() -> None:
    assert lost(HISTORY, [A, B, READ, REFUSED]) == []
    assert lost(HISTORY[:2], [A, B, READ]) == [B]
    assert lost([*HISTORY[:2], Entry(4, "c", "20")], [A, B]) == [B]
