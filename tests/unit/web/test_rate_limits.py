"""What one caller may ask of a worker."""

from dataclasses import dataclass

import pytest

from provider.domain.auth import Caller, Role
from provider.store import MemoryStore
from provider.web.rate_limits import (
    Guesses,
    Held,
    Rate,
    TooFastError,
    TooManyGuessesError,
    TooManyHeldError,
    WorkerFullError,
    neighbourhood,
)

RIGHT = {"right": Caller("ci", Role.OPERATOR), "other": Caller("ops", Role.ADMIN)}
HERE, THERE = "10.0.0.1", "10.0.0.2"


@dataclass
class Watch:
    time: float = 0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def guesses(watch: Watch) -> Guesses:
    return Guesses(MemoryStore(), clock=watch)


def tried(guesses: Guesses, secret: str, address: str = HERE) -> Caller | None:
    return guesses.caller(secret, address, known=RIGHT.get, find=RIGHT.get)


def guess_until_refused(guesses: Guesses) -> int:
    for number in range(1_000):
        try:
            assert tried(guesses, f"guess-{number}") is None
        except TooManyGuessesError:
            return number
    raise AssertionError("nobody ever stops this")


def test_a_caller_makes_so_many_calls_a_second_after_a_burst(watch: Watch) -> None:
    rate = Rate(2, clock=watch)
    for _ in range(20):
        rate.of_token("ci")
    with pytest.raises(TooFastError, match="2 requests per second"):
        rate.of_token("ci")
    watch.time = 1
    rate.of_token("ci")
    rate.of_token("ci")

    with pytest.raises(TooFastError):
        rate.of_token("ci")
    rate.of_token("somebody else")
    rate.of_address(HERE)


def test_calls_that_were_not_made_do_not_add_up_beyond_a_burst(watch: Watch) -> None:
    rate = Rate(1, clock=watch)
    rate.of_address(HERE)
    watch.time = 1_000_000
    for _ in range(10):
        rate.of_address(HERE)

    with pytest.raises(TooFastError):
        rate.of_address(HERE)


def test_a_rate_of_zero_is_no_limit(watch: Watch) -> None:
    rate = Rate(0, clock=watch)

    for _ in range(10_000):
        rate.of_token("ci")


def test_callers_without_number_are_not_all_remembered(watch: Watch) -> None:
    rate = Rate(1, clock=watch)
    for number in range(10_100):
        rate.of_token(f"ci-{number}")

    assert len(rate._buckets) == 10_000


def test_wrong_tokens_are_refused_for_a_minute_and_a_right_token_never(guesses: Guesses, watch: Watch) -> None:
    assert guess_until_refused(guesses) == 30
    with pytest.raises(TooManyGuessesError):
        tried(guesses, "a guess")

    assert RIGHT["right"] == tried(guesses, "right")
    assert RIGHT["other"] == tried(guesses, "other")
    assert tried(guesses, "a guess", THERE) is None
    watch.time = 60.1
    assert tried(guesses, "a guess") is None


def test_right_tokens_do_not_count(guesses: Guesses) -> None:
    for _ in range(100):
        tried(guesses, "right")

    assert guess_until_refused(guesses) == 30


def test_ipv4_clients_of_a_dual_stack_socket_are_throttled_apart(guesses: Guesses) -> None:
    for number in range(30):
        tried(guesses, f"guess-{number}", "::ffff:10.0.0.1")
    with pytest.raises(TooManyGuessesError):
        tried(guesses, "a guess", "10.0.0.1")

    assert tried(guesses, "a guess", "::ffff:10.0.0.2") is None


def test_workers_count_wrong_tokens_together(watch: Watch) -> None:
    store = MemoryStore()
    one, other = Guesses(store, clock=watch), Guesses(store, clock=watch)
    guess_until_refused(one)
    assert tried(other, "a guess") is None

    with pytest.raises(TooManyGuessesError):
        tried(other, "a guess")


def test_a_caller_holds_so_many_calls_and_a_worker_so_many_in_all() -> None:
    held = Held(most=3, most_of_one=2)
    places = [held.take("ci"), held.take("ci")]
    with pytest.raises(TooManyHeldError, match="ci has 2 open waits"):
        held.take("ci")
    held.take("ops")
    with pytest.raises(WorkerFullError):
        held.take("dev")
    places[0].give_back()
    places[0].give_back()  # a stream may be closed twice

    held.take("dev")
    with pytest.raises(WorkerFullError):
        held.take("ci")


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
    ],
)
def test_who_has_a_whole_network_of_ipv6_is_one_caller(address: str, near: str) -> None:
    assert neighbourhood(address) == near


def test_an_expensive_call_counts_as_several_and_is_never_impossible(watch: Watch) -> None:
    rate = Rate(2, clock=watch)
    rate.of_token("ci", calls=15)
    with pytest.raises(TooFastError):
        rate.of_token("ci", calls=6)
    rate.of_token("ci", calls=5)
    watch.time += 10
    rate.of_token("ci", calls=1_000)
