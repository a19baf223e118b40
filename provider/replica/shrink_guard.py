"""Does a store that is loaded anew lack what nobody has deleted?

Every event is made by the API, which asks whoever would empty a gateway whether that is meant: an event is itself the
confirmation, for all workers alike. A reload brings what came about without events as well: documents that were
removed by hand or evicted, or an import that ended half-way.
"""

from provider.replica.image import Image
from provider.replica.served_counts import Shrink
from provider.store import Contents, Key, Kind, Store

_NAMED = 5


def loss_of(contents: Contents) -> str:
    """Describe the documents that a store has lost; nothing where it has all."""
    names = sorted(map(str, contents.lost))
    if not names:
        return ""
    others = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} documents are missing that nobody has deleted: {', '.join(names[:_NAMED])}{others}"


def unmeant_shrink(image: Image, contents: Contents, store: Store) -> Shrink | None:
    """Find a gateway that would be emptied, or lose more than half, without a delete or a restore that says so."""
    if contents.restored > image.revision:
        return None
    bodies = image.bodies
    gone = {name for name in image.rollouts if _key(name) not in contents.documents}
    if not bodies.served.loss(map(bodies.gateways_of, gone)):
        return None
    deleted = {name for name in gone if _was_deleted(store, name, after=image.revision)}
    return bodies.served.loss(map(bodies.gateways_of, gone - deleted), apart_from=map(bodies.gateways_of, deleted))


def _was_deleted(store: Store, name: str, *, after: int) -> bool:
    newest = store.history(_key(name), limit=1)
    return bool(newest) and newest[0].after is None and newest[0].revision > after


def _key(name: str) -> Key:
    return Key(Kind.ROLLOUT, name)
