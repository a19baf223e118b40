import threading
from collections.abc import Iterator

import pytest

from provider.workers.in_flight import InFlight
from tests.world import wait_until


@pytest.fixture
def calls() -> Iterator[InFlight[int]]:
    calls: InFlight[int] = InFlight("test", patience_seconds=0.05)
    yield calls
    calls.close()


@pytest.fixture
def goes_on() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_call_that_hangs_is_taken_up_later_and_made_once(calls: InFlight[int], goes_on: threading.Event) -> None:
    made: list[str] = []

    def hang() -> int:
        made.append("slow")
        goes_on.wait()
        return 1

    both = {"slow": hang, "fast": lambda: 2}
    found: dict[str, int] = {}
    assert wait_until(lambda: found.update(calls.done(both)) or "fast" in found)
    assert "slow" not in found
    goes_on.set()
    assert wait_until(lambda: found.update(calls.done(both)) or "slow" in found)

    assert (found, made) == ({"slow": 1, "fast": 2}, ["slow"])


def test_what_is_no_longer_asked_for_is_given_up(calls: InFlight[int], goes_on: threading.Event) -> None:
    def hang() -> int:
        goes_on.wait()
        return 1

    assert calls.done({"slow": hang}) == {}
    assert calls.done({}) == {}
    goes_on.set()

    assert wait_until(lambda: calls.done({"slow": lambda: 2}) == {"slow": 2})


def test_what_a_call_raises_is_raised() -> None:
    calls: InFlight[int] = InFlight("test", patience_seconds=20)

    def fail() -> int:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        calls.done({"bad": fail})
    calls.close()
