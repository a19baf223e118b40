import pytest

from provider.domain.fields import read
from provider.domain.notifications import Message, WebhookSpec
from provider.net.webhook_client import Outcome
from provider.services import (
    Call,
    NotFoundError,
    StaleVersionError,
    TooManyError,
    UnreadableDocumentError,
    Webhooks,
)
from provider.services.webhooks import MOST_WEBHOOKS
from provider.store import Kind
from tests.unit.services.conftest import overwrite
from tests.world import ME, World

URL = "https://chat.example/hook"
SECRET = "a-secret-of-16-or-more"


def webhook(secret: str | None = None, url: str = URL) -> WebhookSpec:
    return read(WebhookSpec, {"url": url, **({"secret": secret} if secret is not None else {})})


@pytest.fixture
def webhooks(world: World) -> Webhooks:
    return world.operations.webhooks


def test_a_webhook_is_new_once_and_unchanged_by_the_same_again(webhooks: Webhooks) -> None:
    made, is_new = webhooks.put("chat", webhook(), ME)
    again, is_new_again = webhooks.put("chat", webhook(), ME)

    assert (is_new, is_new_again) == (True, False)
    assert made == again
    assert [made] == webhooks.views()


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        (None, None, None),
        (None, SECRET, SECRET),
        (SECRET, None, SECRET),
        (SECRET, "", None),
        (SECRET, SECRET * 2, SECRET * 2),
        (None, "", None),
    ],
)
def test_a_secret_stays_unless_another_is_given(
    webhooks: Webhooks, before: str | None, given: str | None, after: str | None
) -> None:
    webhooks.put("chat", webhook(before), ME)
    changed, _ = webhooks.put("chat", webhook(given, url=f"{URL}/2"), ME)

    assert after == changed.spec.secret == webhooks.views()[0].spec.secret


def test_a_new_webhook_begins_where_it_was_made(world: World, webhooks: Webhooks) -> None:
    world.store.advance_position("chat", expected=None, revision=0)
    webhooks.put("chat", webhook(), ME)
    webhooks.put("chat", webhook(SECRET), ME)

    assert world.store.positions() == {"chat": 1}
    webhooks.delete("chat", ME)
    assert world.store.positions() == {}


def test_what_was_told_already_is_not_told_again(world: World, webhooks: Webhooks) -> None:
    world.store.advance_position("chat", expected=None, revision=7)
    webhooks.put("chat", webhook(), ME)

    assert world.store.positions() == {"chat": 7}


def test_there_are_not_endlessly_many(world: World, webhooks: Webhooks) -> None:
    for number in range(MOST_WEBHOOKS):
        webhooks.put(f"chat-{number}", webhook(), ME)
    world.caught_up()

    with pytest.raises(TooManyError, match="there are 100 webhooks already"):
        webhooks.put("one-more", webhook(), ME)
    assert not webhooks.put("chat-7", webhook(SECRET), ME)[1]


def test_a_delete_needs_something_to_delete(webhooks: Webhooks) -> None:
    with pytest.raises(NotFoundError):
        webhooks.delete("chat", ME)


def test_a_sample_is_sent_whatever_is_wanted(world: World) -> None:
    sent: list[tuple[str, Message]] = []

    def post(url: str, message: Message) -> Outcome:
        sent.append((url, message))
        return Outcome(204, "it answers 204")

    webhooks = Webhooks(world.store, world.feed, post=post)
    spec = read(WebhookSpec, {"url": URL, "events": ["aborted"], "rollouts": ["shop"], "secret": SECRET})
    webhooks.put("chat", spec, ME)

    assert webhooks.test("chat", ME).is_delivered
    [(url, message)] = sent
    assert url == URL
    assert (message.headers["X-Canary-Event"], message.headers["X-Canary-Delivery"]) == ("test", "0")
    assert "X-Canary-Signature" in message.headers
    with pytest.raises(NotFoundError):
        webhooks.test("nope", ME)
    with pytest.raises(StaleVersionError):
        webhooks.test("chat", Call("ann", if_match=7))


def test_a_damaged_webhook_can_be_replaced(world: World, webhooks: Webhooks) -> None:
    overwrite(world.store, Kind.WEBHOOK, "chat", f'{{"url":"{URL}","secret":"short"}}')

    with pytest.raises(UnreadableDocumentError) as caught:
        webhooks.test("chat", ME)
    assert "short" not in str(caught.value)
    assert webhooks.put("chat", webhook(), ME)[0].spec.url == URL
