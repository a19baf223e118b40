"""What a worker knows: an image of the store that a thread keeps current, and a snapshot of it on disk."""

from provider.feed.bodies import Body
from provider.feed.feed import DISPUTED, BehindError, Feed, State
from provider.feed.image import Image, read_document, read_rollout
from provider.feed.served import Shrink
from provider.feed.snapshot import SnapshotError, SnapshotFile

__all__ = [
    "DISPUTED",
    "BehindError",
    "Body",
    "Feed",
    "Image",
    "Shrink",
    "SnapshotError",
    "SnapshotFile",
    "State",
    "read_document",
    "read_rollout",
]
