"""Changes as the tests write them."""

from uuid import uuid4

from provider.store import Change, ConflictError, Event, Key, Kind, Request, Store

SHOP = Key(Kind.ROLLOUT, "shop")
BLOG = Key(Kind.ROLLOUT, "blog")


def change(
    text: str | None = "{}",
    *,
    key: Key = SHOP,
    expected: int = 0,
    request: Request | None = None,
    reason: str = "why",
) -> Change:
    """Make a change, under a request of its own unless one is given."""
    return Change(key, expected, text, "test", "me", "why", request or Request(uuid4().hex, ""))


def version(store: Store, key: Key = SHOP) -> int:
    """Tell the version of a document; 0 where there is none."""
    stored, _ = store.read(key)
    return stored.version if stored else 0


def write(store: Store, text: str | None = "{}", *, key: Key = SHOP, request: Request | None = None) -> Event:
    """Write or delete a document, whatever version it is at."""
    return store.commit(change(text, key=key, expected=version(store, key), request=request))


def count_up(store: Store, *, times: int) -> list[Event]:
    """Raise the number in a document again and again, by compare-and-set against everybody who does the same."""
    events: list[Event] = []
    while len(events) < times:
        stored, _ = store.read(SHOP)
        number = int(stored.text) if stored else 0
        try:
            events.append(store.commit(change(str(number + 1), expected=stored.version if stored else 0)))
        except ConflictError:
            continue
    return events
