from itertools import count

from provider.web.api.response_cache import Kept


def test_a_value_is_made_once_in_a_while() -> None:
    numbers = count()
    kept = Kept(lambda: next(numbers), seconds=3_600)

    assert [kept.latest(), kept.latest()] == [0, 0]


def test_a_value_that_is_not_kept_is_made_each_time() -> None:
    numbers = count()
    kept = Kept(lambda: next(numbers), seconds=0)

    assert [kept.latest(), kept.latest()] == [0, 1]
