import threading
from itertools import count

import pytest

from provider.services.shared_measurement import SharedMeasurement
from tests.world import wait_until


def test_one_who_is_alone_measures_anew_each_time() -> None:
    numbers = count()
    shared = SharedMeasurement(lambda: next(numbers))
    with shared.joined() as latest:
        assert [latest() for _ in range(3)] == [0, 1, 2]


def test_those_who_come_while_it_is_measured_share_the_next_result() -> None:
    numbers, begun, go_on = count(), threading.Event(), threading.Event()

    def measure() -> int:
        begun.set()
        assert go_on.wait(5)
        return next(numbers)

    shared = SharedMeasurement(measure)
    results: list[int] = []

    def use() -> None:
        with shared.joined() as latest:
            results.append(latest())

    threads = [threading.Thread(target=use) for _ in range(50)]
    threads[0].start()
    assert begun.wait(5)
    for thread in threads[1:]:
        thread.start()
    assert wait_until(lambda: shared.users == 50)
    go_on.set()
    for thread in threads:
        thread.join()

    assert [0, *[1] * 49] == sorted(results)
    assert shared.users == 0


def test_nobody_is_given_what_was_measured_before_they_came() -> None:
    numbers = count()
    shared = SharedMeasurement(lambda: next(numbers))
    with shared.joined() as first, shared.joined(), shared.joined():
        assert first() == 0
        with shared.joined() as late:
            assert late() == 1


def test_a_failure_is_shared_with_nobody() -> None:
    answers: list[ValueError | int] = [ValueError("no"), 1]

    def measure() -> int:
        answer = answers.pop(0)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    shared = SharedMeasurement(measure)
    with shared.joined() as latest:
        with pytest.raises(ValueError, match="no"):
            latest()
        assert latest() == 1
