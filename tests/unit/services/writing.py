"""Documents that are written past the use cases."""

from provider.store import Change, Key, Kind, Request
from tests.world import World


def written_by_hand(world: World, name: str, *, like: str = "", text: str = "") -> None:
    """Store a rollout as an import does: with a text, or that of another rollout; nothing is checked."""
    if like:
        stored, _ = world.store.read(Key(Kind.ROLLOUT, like))
        assert stored
        text = stored.text
    world.store.commit(Change(Key(Kind.ROLLOUT, name), 0, text, "create", "me", "", Request(name, "")))
