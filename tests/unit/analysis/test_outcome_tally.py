"""What several verdicts come to, and how many of a kind are borne."""

import pytest

from provider.domain.analysis import Analysis, Outcome, Tally
from provider.domain.analysis.outcome import worst
from provider.domain.fields import read

S, F, I, E = Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ERROR  # noqa: E741 as short as a table


@pytest.mark.parametrize(
    ("outcomes", "together"), [([S, S], S), ([S, I], I), ([S, I, E], E), ([I, F, S, E], F)], ids=str
)
def test_success_takes_all_and_failure_only_one(outcomes: list[Outcome], together: Outcome) -> None:
    assert together is worst(outcomes)


def test_a_tally_counts_each_kind() -> None:
    tally = Tally()
    for outcome in (F, I, S, I, E, E):
        tally = tally.counted(outcome)

    assert Tally(failed=1, inconclusive=2, consecutive_errors=2) == tally
    assert tally.counted(S).consecutive_errors == 0
    assert Tally.from_document(tally.as_document()) == tally


@pytest.mark.parametrize(
    ("settings", "looks", "exceeded"),
    [
        ({}, [], None),
        ({}, [F], F),
        ({"failureLimit": 1}, [F], None),
        ({"failureLimit": 1}, [F, S, F], F),
        ({}, [E] * 4, None),
        ({}, [E] * 5, E),
        ({}, [E] * 4 + [I] + [E] * 4, None),
        ({"consecutiveErrorLimit": 0}, [E], E),
        ({}, [I] * 500, None),
        ({"inconclusiveLimit": 0}, [I], I),
        ({"inconclusiveLimit": 2}, [I, S, I], None),
        ({"inconclusiveLimit": 2}, [I, S, I, I], I),
        ({"failureLimit": 0, "inconclusiveLimit": 0}, [I, F], F),
    ],
    ids=str,
)
def test_more_than_the_limit_ends_the_analysis(
    settings: dict[str, int], looks: list[Outcome], exceeded: Outcome | None
) -> None:
    tally = Tally()
    for outcome in looks:
        tally = tally.counted(outcome)

    assert exceeded is tally.exceeded(read(Analysis, settings))
