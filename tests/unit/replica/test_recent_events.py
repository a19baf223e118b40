from datetime import UTC, datetime

from provider.replica.recent_events import RecentEvents
from provider.store import Event, Key, Kind
from tests.world import ME, World, spec

SHOP = Key(Kind.ROLLOUT, "shop")


def event(revision: int, characters: int = 10) -> Event:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(revision, SHOP, "put", "me", "", at, before=None, after="x" * characters)


def test_the_oldest_events_are_forgotten_beyond_a_number() -> None:
    recent = RecentEvents(most=2)
    for revision in range(1, 5):
        recent.append(event(revision))

    assert [one.revision for one in recent.after(0)] == [3, 4]
    assert [one.revision for one in recent.after(3)] == [4]


def test_the_oldest_events_are_forgotten_beyond_a_size_but_for_the_newest() -> None:
    recent = RecentEvents(most_characters=100)
    for revision, characters in enumerate([40, 40, 40, 500, 30, 30], start=1):
        recent.append(event(revision, characters))

    assert [one.revision for one in recent.after(0)] == [5, 6]
    recent.append(event(7, 500))
    assert [one.revision for one in recent.after(0)] == [7]
    recent.clear()
    assert recent.after(0) == []


def test_an_event_shares_the_text_before_it_with_the_image(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    text = world.feed.read(lambda image: image.documents[SHOP].text)
    world.operations.rollouts.delete("shop", ME)
    world.caught_up()
    events = world.feed.events(after=1, seconds=0)

    assert events
    assert text is events[0].before


def test_a_reader_gets_the_events_that_are_new_in_order() -> None:
    recent = RecentEvents()
    for revision in (3, 4, 7, 9):
        recent.append(event(revision))

    assert [one.revision for one in recent.after(3)] == [4, 7, 9]
    assert [one.revision for one in recent.after(9)] == []
