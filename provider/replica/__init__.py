"""What a worker knows: an image of the store that a thread keeps current, and a snapshot of it on disk."""

from provider.replica.claims import Claims
from provider.replica.configurations import Body
from provider.replica.follower import DISPUTED, BehindError, Feed, State
from provider.replica.image import Image, read_document, read_rollout
from provider.replica.served_counts import Shrink
from provider.replica.snapshot import SnapshotError, SnapshotFile

__all__ = [
    "DISPUTED",
    "BehindError",
    "Body",
    "Claims",
    "Feed",
    "Image",
    "Shrink",
    "SnapshotError",
    "SnapshotFile",
    "State",
    "read_document",
    "read_rollout",
]
