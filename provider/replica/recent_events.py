"""The newest events, for streams and webhooks that follow closely; the store has the older ones."""

from collections import deque
from collections.abc import Sequence
from itertools import takewhile

from provider.store import Event

_MOST_EVENTS = 10_000
# Of a process; texts that the image holds anyway are not counted.
_MOST_CHARACTERS = 32 * 1024 * 1024


class RecentEvents:
    """Events in order, the oldest forgotten beyond a number and a size. Not thread-safe."""

    def __init__(self, *, most: int = _MOST_EVENTS, most_characters: int = _MOST_CHARACTERS) -> None:
        self._most = most
        self._most_characters = most_characters
        self._events: deque[tuple[Event, int]] = deque()
        self._characters = 0

    def append(self, event: Event, *, shared: int = 0) -> None:
        """Remember an event; `shared` of its characters are held elsewhere anyway."""
        size = event.size - shared
        self._events.append((event, size))
        self._characters += size
        while len(self._events) > self._most or (self._characters > self._most_characters and len(self._events) > 1):
            self._characters -= self._events.popleft()[1]

    def clear(self) -> None:
        """Forget all."""
        self._events.clear()
        self._characters = 0

    def after(self, revision: int) -> Sequence[Event]:
        """Return the events after a revision that are remembered."""
        newer = takewhile(lambda event: event.revision > revision, (event for event, _ in reversed(self._events)))
        return list(newer)[::-1]
