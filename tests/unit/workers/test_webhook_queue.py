"""What one webhook is told, step by step, with a receiver and a clock of the test's."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from provider.domain.fields import read
from provider.domain.notifications import Message, WebhookSpec
from provider.domain.rollouts import Action
from provider.net.webhook_client import Outcome
from provider.services import Call
from provider.store import StoreUnavailableError
from provider.workers import Line
from tests.world import ME, World, spec

URL = "https://chat.example/s3cret"
SECRET = "a-secret-of-16-or-more"
TAKEN, REFUSED = Outcome(200, "it answers 200"), Outcome(500, "it answers 500")
GONE = Outcome(410, "it answers 410")


@dataclass
class Chat:
    """A receiver that is no network: it answers what it is told to."""

    answers: list[Outcome] = field(default_factory=list)
    always: Outcome = TAKEN
    sent: list[Message] = field(default_factory=list)

    def __call__(self, url: str, message: Message) -> Outcome:
        self.sent.append(message)
        return self.answers.pop(0) if self.answers else self.always

    @property
    def told(self) -> list[tuple[int, str]]:
        return [(int(one.headers["X-Canary-Delivery"]), one.headers["X-Canary-Event"]) for one in self.sent]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start()
    yield world
    world.feed.close()


@pytest.fixture
def chat(world: World) -> Chat:
    put(world)
    return Chat()


@pytest.fixture
def line(world: World, chat: Chat) -> Line:
    return new_line(world, chat)


def new_line(world: World, chat: Chat) -> Line:
    return Line("chat", world.store, world.feed, chat, chance=lambda: 1.0)


def put(world: World, **fields: Any) -> int:
    webhook, _ = world.operations.webhooks.put("chat", read(WebhookSpec, {"url": URL, **fields}), ME)
    world.caught_up()
    return webhook.version


def create(world: World, name: str = "shop", **changes: Any) -> None:
    world.operations.rollouts.create(name, spec(**{"rule": f"Host(`{name}.localhost`)", **changes}), ME)
    world.caught_up()


def abort(world: World, name: str = "shop") -> None:
    world.operations.rollouts.move(name, Action.ABORT, Call(actor="ci", reason="too slow"))
    world.caught_up()


def drained(line: Line) -> None:
    """Step until there is nothing to do."""
    for _ in range(100):
        if line.step():
            return
    raise AssertionError("there is always something to do")


def said(caplog: pytest.LogCaptureFixture) -> Sequence[logging.LogRecord]:
    """Give what the messenger has said, of all that was logged."""
    return [record for record in caplog.records if record.name == "provider.workers.webhook_queue"]


def test_what_happens_is_told_in_order(world: World, line: Line, chat: Chat) -> None:
    drained(line)
    create(world)
    abort(world)
    world.operations.rollouts.delete("shop", ME)
    world.caught_up()
    drained(line)

    assert chat.told == [(2, "started"), (3, "aborted"), (4, "deleted")]
    assert world.store.positions() == {"chat": 4}


def test_a_new_webhook_begins_where_it_was_made(world: World) -> None:
    create(world)
    put(world)
    chat = Chat()
    abort(world)
    drained(new_line(world, chat))

    assert chat.told == [(3, "aborted")]


def test_what_is_not_wanted_is_passed_over(world: World) -> None:
    put(world, events=["aborted"], rollouts=["shop"])
    chat = Chat()
    for name in ("shop", "blog"):
        create(world, name)
        abort(world, name)
    put(world, events=["aborted"], rollouts=["shop"], format="slack")
    drained(new_line(world, chat))

    assert chat.told == [(3, "aborted")]
    assert world.store.positions() == {"chat": 6}


def test_another_process_goes_on_where_one_ended(world: World, line: Line, chat: Chat) -> None:
    create(world)
    drained(line)
    abort(world)
    other = Chat()
    drained(new_line(world, other))

    assert chat.told == [(2, "started")]
    assert other.told == [(3, "aborted")]


def test_what_was_on_its_way_when_a_process_ended_is_told_again(world: World, line: Line, chat: Chat) -> None:
    create(world)
    chat.always = REFUSED
    line.step()
    other = Chat()
    drained(new_line(world, other))

    assert [(2, "started")] == chat.told == other.told


def test_two_who_tell_at_once_do_not_set_each_other_back(world: World, line: Line, chat: Chat) -> None:
    drained(line)
    create(world)
    abort(world)
    other = Chat()
    drained(new_line(world, other))
    drained(line)

    assert chat.told == [(2, "started")]  # twice in all, as it did not know
    assert world.store.positions() == {"chat": 3}


def test_a_refused_notice_is_tried_again_ever_later(world: World, line: Line, chat: Chat) -> None:
    create(world)
    chat.always = REFUSED
    pauses = [line.step() for _ in range(11)]

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert {(2, "started")} == set(chat.told)


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_retries_are_spread_by_chance(world: World, chat: Chat, chance: float, seconds: float) -> None:
    create(world)
    chat.always = REFUSED

    assert Line("chat", world.store, world.feed, chat, chance=lambda: chance).step() == seconds


@pytest.mark.parametrize(("asked_for", "seconds"), [(0.2, 1), (30, 30), (9_999, 300)])
def test_a_receiver_may_say_when_to_come_back(
    world: World, line: Line, chat: Chat, asked_for: float, seconds: float
) -> None:
    create(world)
    chat.always = Outcome(429, "it answers 429", retry_after_seconds=asked_for)

    assert line.step() == seconds


def test_order_is_kept_while_one_notice_is_refused(world: World, line: Line, chat: Chat) -> None:
    create(world)
    abort(world)
    chat.answers = [REFUSED, REFUSED]
    assert [line.step() for _ in range(3)] == [1, 2, 0]
    drained(line)

    assert [delivery for delivery, _ in chat.told] == [2, 2, 2, 3]


def test_a_notice_is_given_up_after_an_hour_and_said_once(
    world: World, line: Line, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    create(world)
    chat.always = REFUSED
    seconds = 0.0
    while pause := line.step():
        seconds += pause
        world.clock.pass_time(pause)
    abort(world)
    chat.always = TAKEN
    drained(line)

    assert 3_600 <= seconds < 3_900
    assert [record.message for record in said(caplog)] == ["webhook.failing", "webhook.given_up"]
    assert said(caplog)[1].__dict__["revision"] == 2
    assert chat.told[-1] == (3, "aborted")


def test_even_an_old_notice_is_tried_once(world: World, line: Line, chat: Chat) -> None:
    create(world)
    world.clock.pass_time(24 * 3_600)
    drained(line)

    assert chat.told == [(2, "started")]


def test_a_gone_receiver_is_left_alone_until_its_webhook_is_changed(
    world: World, line: Line, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    create(world)
    chat.answers = [GONE]
    drained(line)
    abort(world)
    drained(line)
    assert chat.told == [(2, "started")]
    assert [record.message for record in said(caplog)] == ["webhook.gone"]

    put(world, format="slack")
    drained(line)
    assert chat.told == [(2, "started")]
    world.operations.rollouts.move("shop", Action.RETRY, ME)
    world.caught_up()
    drained(line)
    assert chat.told == [(2, "started"), (5, "started")]


def test_a_change_of_the_webhook_is_tried_at_once(world: World, line: Line, chat: Chat) -> None:
    create(world)
    chat.answers = [REFUSED]
    seconds = line.step()
    put(world, format="slack")
    line.wait(60)
    drained(line)

    assert seconds == 1
    assert [delivery for delivery, _ in chat.told] == [2, 2]
    assert b"blocks" in chat.sent[1].body


def test_a_webhook_that_is_made_again_begins_anew(world: World, line: Line, chat: Chat) -> None:
    drained(line)
    world.operations.webhooks.delete("chat", ME)
    create(world)
    put(world)
    drained(line)

    assert chat.told == []
    assert world.store.positions() == {"chat": 4}


def test_a_backlog_that_is_no_longer_kept_is_skipped_and_said_once(
    world: World, line: Line, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    drained(line)
    create(world)
    abort(world)
    with world.feed._changed:
        world.feed._recent.clear()
    del world.store._events[1]
    drained(line)
    drained(line)

    assert [record.message for record in said(caplog)] == ["webhook.skipped"]
    assert chat.told == [(3, "aborted")]
    world.operations.rollouts.move("shop", Action.RETRY, ME)
    world.caught_up()
    drained(line)
    assert chat.told == [(3, "aborted"), (4, "started")]


def test_what_the_worker_no_longer_remembers_is_read_from_the_store(world: World, line: Line, chat: Chat) -> None:
    create(world)
    abort(world)
    with world.feed._changed:
        world.feed._recent.clear()
    drained(line)

    assert [delivery for delivery, _ in chat.told] == [2, 3]


class Away:
    """A store that cannot be reached."""

    def __getattr__(self, name: str) -> Any:
        def ask(*args: object, **named: object) -> None:
            raise StoreUnavailableError("Redis cannot be reached")

        return ask


def test_while_the_store_is_away_nothing_is_lost(world: World, line: Line, chat: Chat) -> None:
    create(world)
    line.store = Away()
    assert [line.step(), line.step()] == [1, 1]
    line.wait(0)
    line.store = world.store
    drained(line)

    assert chat.told == [(2, "started")]


def test_a_damaged_document_stops_nothing(world: World, line: Line, chat: Chat) -> None:
    create(world)
    create(world, "blog")
    events = world.store._events
    events[1] = type(events[1])(**{**events[1].__dict__, "after": "nonsense"})
    with world.feed._changed:
        world.feed._recent.clear()
    drained(line)

    assert chat.told == [(3, "started")]


def test_who_waits_wakes_for_what_happens(world: World, line: Line, chat: Chat) -> None:
    drained(line)
    create(world)
    line.wait(60)
    drained(line)

    assert chat.told == [(2, "started")]


def test_a_line_waits_as_long_as_there_is_nothing_to_do(world: World, line: Line) -> None:
    drained(line)
    line.wait(0.01)

    assert line.step() > 0


def test_messages_are_signed_with_the_stores_time(world: World) -> None:
    put(world, secret=SECRET)
    chat = Chat()
    create(world)
    drained(new_line(world, chat))

    assert chat.sent[0].headers["X-Canary-Signature"].startswith("t=1767225600,v1=")


@pytest.mark.parametrize("outcome", [REFUSED, GONE, Outcome(None, "it cannot be reached: ConnectionError")])
def test_no_log_holds_the_address_or_the_secret(
    world: World, outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put(world, secret=SECRET)
    create(world)
    line = new_line(world, Chat(always=outcome))
    line.step()
    world.clock.pass_time(3_600)
    line.step()

    shown = " ".join(str(record.__dict__) for record in caplog.records)
    assert "chat" in shown
    assert SECRET not in shown
    assert "s3cret" not in shown
