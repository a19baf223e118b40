"""What the rest of the project asks of a store, whatever keeps the documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from provider.observability.tracing import NOWHERE, Origin

# Of the texts in one response of `history`: what reads it takes this much memory, however large documents are.
HISTORY_BYTES = 1024 * 1024


class Kind(StrEnum):
    """The kinds of document."""

    ROLLOUT = "rollout"
    GATEWAY = "gateway"
    TOKEN = "token"  # noqa: S105 a kind, not a secret
    WEBHOOK = "webhook"
    SERVERS = "servers"
    """What was found where the servers of a rollout are looked for."""


@dataclass(frozen=True)
class Key:
    """The identity of a document."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Stored:
    """A document as it is kept: its JSON text and the revision that wrote it."""

    version: int
    text: str


@dataclass(frozen=True)
class Request:
    """What makes a write that is sent twice happen once.

    `id` is the caller's Idempotency-Key (scoped to the caller) or a random one; `fingerprint` tells a repetition
    from another request under the same id.
    """

    id: str
    fingerprint: str
    keep_seconds: int = 60


@dataclass(frozen=True)
class Reservation:
    """Something that one document at a time may have, such as a rule: it was free up to the revision `seen`.

    The change conflicts if a later one has reserved the same name, or a restore came in between.
    """

    name: str
    seen: int


@dataclass(frozen=True)
class Change:
    """A write: the new text of a document (None deletes it) if its version is still the expected one (0: absent).

    `served` is the lineage and the revision that the writer serves: a store that has less has gone back.
    """

    key: Key
    expected: int
    text: str | None
    action: str
    actor: str
    reason: str
    request: Request
    origin: Origin = NOWHERE
    reservation: Reservation | None = None
    served: tuple[str, int] = ("", 0)


@dataclass(frozen=True)
class Event:
    """A change that happened. `revision` is the version of the document that it wrote.

    A store that went back counts on with other changes: `mark` tells one from another under the same number, and
    `follows` is the mark of the one before. Both are empty where they are not known.
    """

    revision: int
    key: Key
    action: str
    actor: str
    reason: str
    at: datetime
    before: str | None
    after: str | None
    origin: Origin = NOWHERE
    mark: str = field(default="", compare=False)
    follows: str = field(default="", compare=False)

    @property
    def size(self) -> int:
        """The characters of its texts."""
        return len(self.before or "") + len(self.after or "") + len(self.reason)


@dataclass(frozen=True)
class Contents:
    """All that a store holds at one revision. `lineage` is empty where nothing was ever written.

    `mark` is that of the newest change, and `restored` the revision at which somebody last decided what is right.
    `lost` are the documents of which only the version is left: they were removed by hand or evicted, not deleted.
    """

    lineage: str
    revision: int
    documents: Mapping[Key, Stored]
    mark: str = field(default="", compare=False)
    restored: int = field(default=0, compare=False)
    lost: frozenset[Key] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Instance:
    """What an instance has said of itself, and until when that holds unless it says so again."""

    name: str
    text: str
    until: datetime


class StoreUnavailableError(Exception):
    """The store cannot be reached, cannot write, or does not confirm what it wrote.

    A write may have happened all the same: sent again with the same request, it happens once.
    """


class ConflictError(Exception):
    """The document is not at the expected version, or another one has its reservation; nothing was changed."""

    def __init__(self, key: Key, expected: int, actual: int) -> None:
        self.key = key
        self.expected = expected
        self.actual = actual
        why = f"is at version {actual}, not {expected}" if actual != expected else "has lost its reservation"
        super().__init__(f"{key} {why}")


class StoreBehindError(Exception):
    """The store was emptied or has gone back behind what the writer serves; nothing was changed."""


class RequestReusedError(Exception):
    """The request's id was used for another request before; nothing was changed."""


class MissedChangesError(Exception):
    """The events after a revision are no longer, or not all, there: load everything again."""


class Store(Protocol):
    """Documents by key, one revision over all of them, and a stream of events.

    Every method raises StoreUnavailableError when the store cannot answer.
    """

    def now(self) -> datetime:
        """Tell the store's own time, aware, in UTC: one clock for all providers."""
        ...

    def write_problem(self) -> str | None:
        """Return why the store would not take every write, such as a missing permission; None where it would."""
        ...

    def read(self, key: Key) -> tuple[Stored | None, datetime]:
        """Read one document and the store's time, in one round trip."""
        ...

    def revision(self) -> tuple[str, int]:
        """Tell lineage and revision, in one round trip; ("", 0) where nothing was ever written."""
        ...

    def mark(self, revision: int) -> str:
        """Tell the mark of a change; empty where it is not known, or where a restore has decided since."""
        ...

    def is_whole(self) -> bool:
        """Return whether there are as many documents as versions."""
        ...

    def load(self) -> Contents:
        """Read everything, as it was at one revision."""
        ...

    def commit(self, change: Change) -> Event:
        """Write atomically: compare, set, raise the revision, append the event.

        A change whose request id was seen before, with the same fingerprint, writes nothing and answers the
        event of the first time. Raises ConflictError, RequestReusedError, StoreBehindError.
        """
        ...

    def recall(self, request: Request) -> Event | None:
        """Find the event of a request that was committed before; RequestReusedError where it was another one."""
        ...

    def changes(self, *, after: int, wait_seconds: float) -> Sequence[Event]:
        """Wait for events after a revision; empty when none came in time. Raises MissedChangesError."""
        ...

    def remaining(self, *, after: int) -> Sequence[Event]:
        """Read the first events after a revision that are still there, however many between them are gone."""
        ...

    def history(self, key: Key, *, limit: int, before: int | None = None) -> Sequence[Event]:
        """Read the events of one document, newest first, those older than revision `before` if given.

        Fewer than `limit` where their texts are larger than HISTORY_BYTES in all; one at least, if there is any.
        """
        ...

    def restore(self, contents: Contents, *, actor: str, reason: str, begins: bool = False) -> int:
        """Make the store hold just these contents, under their lineage, at a revision above both; answer it.

        With `begins` only a store without a lineage is changed; the answer is 0 where it has one.
        """
        ...

    def lease(self, name: str, *, owner: str, seconds: float) -> bool:
        """Take or renew a lease for so long; False while somebody else has it.

        It spares work, and is no lock: who was held up may go on after it has ended.
        """
        ...

    def record(self, name: str) -> str | None:
        """Read what is remembered of a rollout under judgement; None where nothing is."""
        ...

    def replace_record(self, name: str, *, expected: str | None, text: str | None) -> bool:
        """Replace what is remembered if it still is the expected text; None is nothing. False where it is not.

        Records are no documents: they have no version, no event and no history, as they change all the time.
        """
        ...

    def positions(self) -> Mapping[str, int]:
        """Read up to which revision each webhook was told what happened, by its name."""
        ...

    def advance_position(self, name: str, *, expected: int | None, revision: int | None) -> bool:
        """Move a webhook's position if it still is the expected one; None is none. False where it is not.

        Two who tell the same webhook, as one of them was held up, do not set each other back.
        """
        ...

    def report(self, sightings: Mapping[str, str]) -> None:
        """Note what was seen of gateways: short texts by name, the newest kept, forgotten after a day."""
        ...

    def sightings(self) -> Mapping[str, str]:
        """Read what all workers have noted of gateways."""
        ...

    def announce(self, rollout: str, instance: str, text: str, *, seconds: float) -> bool:
        """Note an instance of a rollout's service for so long; False where it was known with the same text.

        Instances are no documents: they say that they are there every few seconds.
        """
        ...

    def withdraw(self, rollout: str, instance: str) -> bool:
        """Forget an instance; False where there is none."""
        ...

    def instances(self, rollout: str) -> Sequence[Instance]:
        """Read the instances whose time is not over, by name."""
        ...

    def keep(self, name: str, text: str, *, seconds: float) -> None:
        """Keep a note for so long, in the place of one of the same name.

        Notes are no documents: sessions and what was observed come and go without a revision.
        """
        ...

    def kept(self, name: str) -> str | None:
        """Read a note; None where there is none, or none any more."""
        ...

    def take(self, name: str) -> str | None:
        """Read a note and forget it: of all who take it, one gets it."""
        ...

    def count(self, name: str, *, seconds: float) -> int:
        """Count once more and tell how often that was in the time that began with the first of them."""
        ...
