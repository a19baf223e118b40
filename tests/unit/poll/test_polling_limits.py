"""What a poll meets when there are too many, or when tokens are guessed. Traefik itself is never worse off."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provider.domain.auth import Role
from provider.replica import Feed
from provider.web.poll import Polling
from provider.web.rate_limits import Limits
from tests.unit.poll.test_application import Answer, Connection, Poller
from tests.world import ME, World, spec, wait_until


@pytest.fixture
def poller(world: World) -> Poller:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    poller = Poller(world)
    limits = Limits(world.store, clock=lambda: 0)
    poller.polling = Polling(world.feed, poller.book, needs_token=True, guesses=limits.guesses, most_held=1)
    return poller


@pytest.fixture
def secret(world: World) -> str:
    secret = world.operations.tokens.create("edge", Role.GATEWAY, ME)
    world.caught_up()
    return f"Bearer {secret}"


@contextmanager
def held_poll(poller: Poller, secret: str) -> Iterator[None]:
    connection = Connection()
    poller.poll(connection, HTTP_AUTHORIZATION=secret)
    held = threading.Thread(target=lambda: poller.poll(connection, HTTP_AUTHORIZATION=secret, HTTP_PREFER="wait=8"))
    held.start()
    assert wait_until(lambda: poller.polling.held == 1)
    yield
    poller.world.feed.close()
    held.join()


def test_a_poll_too_many_is_answered_at_once_and_not_refused(poller: Poller, secret: str) -> None:
    answers: list[Answer] = []
    with held_poll(poller, secret):
        another = Connection()
        poller.poll(another, HTTP_AUTHORIZATION=secret)
        # It would be held: nothing has changed since.
        more = threading.Thread(
            target=lambda: answers.append(poller.poll(another, HTTP_AUTHORIZATION=secret, HTTP_PREFER="wait=8"))
        )
        more.start()

        assert wait_until(lambda: bool(answers), seconds=5)
    more.join()

    assert answers[0].status == "200 OK"
    assert b"shop" in answers[0].content


def guess(poller: Poller) -> list[str]:
    return [poller.poll(HTTP_AUTHORIZATION=f"Bearer guess-{number}").status for number in range(31)]


def test_wrong_tokens_are_throttled_and_a_right_token_polls_on(poller: Poller, secret: str) -> None:
    refused = guess(poller)
    answer = poller.poll(HTTP_AUTHORIZATION="Bearer guess")

    assert [*["401 Unauthorized"] * 30, "429 Too Many Requests"] == refused
    assert (answer.status, answer.headers["Retry-After"]) == ("429 Too Many Requests", "60")
    # This worker has never met the token from there, as after a restart of the worker.
    assert poller.poll(HTTP_AUTHORIZATION=secret).status == "200 OK"


def test_every_answer_carries_the_security_headers(poller: Poller, secret: str) -> None:
    for answer in (poller.poll(), poller.poll(HTTP_AUTHORIZATION=secret), poller.poll(REQUEST_METHOD="POST")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["Cache-Control"] == "no-store"


def test_polls_without_a_token_are_limited_by_address_and_those_with_one_are_not(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    secret = world.operations.tokens.create("edge", Role.GATEWAY, ME)
    world.caught_up()
    poller = Poller(world)
    limits = Limits(world.store, rate=1, clock=lambda: 0)
    poller.polling = Polling(world.feed, poller.book, needs_token=False, guesses=limits.guesses, rate=limits.rate)
    statuses = [poller.poll().status for _ in range(50)]
    refused = poller.poll()

    assert {"200 OK"} == set(statuses)
    assert (refused.status, refused.headers["Retry-After"]) == ("429 Too Many Requests", "1")
    assert poller.poll(HTTP_AUTHORIZATION=f"Bearer {secret}").status == "200 OK"
    assert poller.poll(REMOTE_ADDR="10.0.0.9").status == "200 OK"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_of_a_token_is_read_in_any_case(poller: Poller, secret: str, scheme: str) -> None:
    assert poller.poll(HTTP_AUTHORIZATION=secret.replace("Bearer", scheme)).status == "200 OK"


def test_a_token_that_cannot_be_looked_up_yet_is_no_wrong_guess(world: World) -> None:
    unloaded = Feed(world.store)
    limits = Limits(world.store, clock=lambda: 0)
    poller = Poller(world)
    poller.polling = Polling(unloaded, poller.book, needs_token=True, guesses=limits.guesses)

    assert guess(poller) == ["503 Service Unavailable"] * 31
