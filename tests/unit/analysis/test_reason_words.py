"""Numbers as reasons have them."""

from math import log

import pytest

from provider.domain.analysis.number_format import e_value, per_cent, seconds


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0%"),
        (0.041, "4.1%"),
        (0.0003, "0.03%"),
        (0.0000012, "0.00012%"),
        (1 / 3, "33%"),
        (0.9, "90%"),
        (0.995, "99.5%"),
        (0.9995, "99.95%"),
        (1, "100%"),
    ],
)
def test_a_share_is_written_as_a_per_cent(share: float, words: str) -> None:
    assert per_cent(share) == words


@pytest.mark.parametrize(
    ("value", "words"), [(1, "1"), (212.4, "212"), (3.44, "3.4"), (0.014, "0.014"), (1e-9, "below 0.01")]
)
def test_an_e_value_is_written_short(value: float, words: str) -> None:
    assert e_value(log(value)) == words


def test_an_e_value_of_any_size_can_be_written() -> None:
    assert "over a million" == e_value(log(1_000_001)) == e_value(1e9)
    assert e_value(-1e9) == "below 0.01"


@pytest.mark.parametrize(("value", "words"), [(0.2301, "230 ms"), (1.2, "1.2 s"), (5, "5 s"), (12.34, "12.3 s")])
def test_a_duration_is_written_in_its_unit(value: float, words: str) -> None:
    assert seconds(value) == words
