"""The store in memory: as fast as tests want it, held to the same contract as Redis."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import uuid4

from provider.store.protocols import (
    HISTORY_BYTES,
    Change,
    ConflictError,
    Contents,
    Event,
    Instance,
    Key,
    MissedChangesError,
    Request,
    RequestReusedError,
    Reservation,
    StoreBehindError,
    Stored,
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class MemoryStore:
    """A store that ends with its process."""

    clock: Callable[[], datetime] = _utc_now
    _lineage: str = ""
    _revision: int = 0
    _restored: int = 0
    _marks: dict[int, str] = field(default_factory=dict)
    _documents: dict[Key, Stored] = field(default_factory=dict)
    _events: list[Event] = field(default_factory=list)
    _requests: dict[str, tuple[str, Event]] = field(default_factory=dict)
    _reserved: dict[str, int] = field(default_factory=dict)
    _sightings: dict[str, str] = field(default_factory=dict)
    _records: dict[str, str] = field(default_factory=dict)
    _positions: dict[str, int] = field(default_factory=dict)
    _leases: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _instances: dict[tuple[str, str], Instance] = field(default_factory=dict)
    _notes: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _counts: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def now(self) -> datetime:
        """Tell the time."""
        return self.clock()

    def write_problem(self) -> str | None:
        """Take every write."""
        return None

    def read(self, key: Key) -> tuple[Stored | None, datetime]:
        """Read one document and the time."""
        with self._changed:
            return self._documents.get(key), self.clock()

    def revision(self) -> tuple[str, int]:
        """Tell lineage and revision."""
        with self._changed:
            return self._lineage, self._revision

    def mark(self, revision: int) -> str:
        """Tell the mark of a change, unless a restore has decided since."""
        with self._changed:
            return self._marks.get(revision, "") if self._restored <= revision else ""

    def is_whole(self) -> bool:
        """Lose no document."""
        return True

    def load(self) -> Contents:
        """Read everything."""
        with self._changed:
            mark = self._marks.get(self._revision, "")
            return Contents(self._lineage, self._revision, dict(self._documents), mark=mark, restored=self._restored)

    def commit(self, change: Change) -> Event:
        """Write atomically; see Store."""
        with self._changed:
            done = self._recalled(change.request)
            if done:
                return done
            lineage, revision = change.served
            if lineage and (lineage != self._lineage or revision > self._revision):
                raise StoreBehindError
            before = self._documents.get(change.key)
            actual = before.version if before else 0
            if actual != change.expected or self._has_lost(change.reservation):
                raise ConflictError(change.key, change.expected, actual)
            return self._append(change, before)

    def recall(self, request: Request) -> Event | None:
        """Find the event of a request that was committed before."""
        with self._changed:
            return self._recalled(request)

    def changes(self, *, after: int, wait_seconds: float) -> Sequence[Event]:
        """Wait for events after a revision."""
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while self._revision == after and time.monotonic() < deadline:
                self._changed.wait(deadline - time.monotonic())
            events = [event for event in self._events if event.revision > after]
            if self._revision < after or len(events) != self._revision - after:
                raise MissedChangesError
            return events

    def history(self, key: Key, *, limit: int, before: int | None = None) -> Sequence[Event]:
        """Read the events of one document, newest first."""
        with self._changed:
            events = [event for event in reversed(self._events) if event.key == key]
        older = [event for event in events if before is None or event.revision < before][:limit]
        sizes = accumulate((event.size for event in older), initial=0)
        return [event for event, size in zip(older, sizes, strict=False) if size < HISTORY_BYTES]

    def remaining(self, *, after: int) -> Sequence[Event]:
        """Read the events after a revision that are still there."""
        with self._changed:
            return [event for event in self._events if event.revision > after]

    def restore(
        self,
        contents: Contents,
        *,
        actor: str,  # noqa: ARG002
        reason: str,  # noqa: ARG002
        begins: bool = False,
    ) -> int:
        """Hold just these contents."""
        with self._changed:
            if begins and self._lineage:
                return 0
            self._revision = max(self._revision, contents.revision) + 1
            self._restored = self._revision
            self._marks[self._revision] = uuid4().hex
            self._lineage = contents.lineage
            self._documents = dict(contents.documents)
            self._changed.notify_all()
            return self._revision

    def lease(self, name: str, *, owner: str, seconds: float) -> bool:
        """Take or renew a lease for so long."""
        with self._changed:
            holder, until = self._leases.get(name, (owner, self.clock()))
            if holder != owner and self.clock() < until:
                return False
            self._leases[name] = (owner, self.clock() + timedelta(seconds=seconds))
            return True

    def record(self, name: str) -> str | None:
        """Read what is remembered of a rollout under judgement."""
        with self._changed:
            return self._records.get(name)

    def replace_record(self, name: str, *, expected: str | None, text: str | None) -> bool:
        """Replace what is remembered if it still is the expected text."""
        with self._changed:
            if self._records.get(name) != expected:
                return False
            self._records.pop(name, None)
            if text is not None:
                self._records[name] = text
            return True

    def positions(self) -> Mapping[str, int]:
        """Read up to which revision each webhook was told."""
        with self._changed:
            return dict(self._positions)

    def advance_position(self, name: str, *, expected: int | None, revision: int | None) -> bool:
        """Move a webhook's position if it still is the expected one."""
        with self._changed:
            if self._positions.get(name) != expected:
                return False
            self._positions.pop(name, None)
            if revision is not None:
                self._positions[name] = revision
            return True

    def report(self, sightings: Mapping[str, str]) -> None:
        """Note what was seen of gateways; an empty text forgets one."""
        with self._changed:
            merged = {**self._sightings, **sightings}
            self._sightings = {name: text for name, text in merged.items() if text}

    def sightings(self) -> Mapping[str, str]:
        """Read what was seen of gateways."""
        with self._changed:
            return dict(self._sightings)

    def announce(self, rollout: str, instance: str, text: str, *, seconds: float) -> bool:
        """Note an instance for so long."""
        with self._changed:
            known = self._instances.get((rollout, instance))
            until = self.clock() + timedelta(seconds=seconds)
            self._instances[rollout, instance] = Instance(instance, text, until)
            return known is None or self.clock() >= known.until or known.text != text

    def withdraw(self, rollout: str, instance: str) -> bool:
        """Forget an instance."""
        with self._changed:
            known = self._instances.pop((rollout, instance), None)
            return known is not None and self.clock() < known.until

    def instances(self, rollout: str) -> Sequence[Instance]:
        """Read the instances whose time is not over."""
        with self._changed:
            return [
                known
                for (owner, _), known in sorted(self._instances.items())
                if owner == rollout and self.clock() < known.until
            ]

    def keep(self, name: str, text: str, *, seconds: float) -> None:
        """Keep a note for so long."""
        with self._changed:
            self._notes[name] = (text, self.clock() + timedelta(seconds=seconds))

    def kept(self, name: str) -> str | None:
        """Read a note."""
        with self._changed:
            text, until = self._notes.get(name, (None, self.clock()))
            return text if self.clock() < until else None

    def take(self, name: str) -> str | None:
        """Read a note and forget it."""
        with self._changed:
            text, until = self._notes.pop(name, (None, self.clock()))
            return text if self.clock() < until else None

    def count(self, name: str, *, seconds: float) -> int:
        """Count once more."""
        with self._changed:
            number, until = self._counts.get(name, (0, self.clock()))
            if self.clock() >= until:
                number, until = 0, self.clock() + timedelta(seconds=seconds)
            self._counts[name] = (number + 1, until)
            return number + 1

    def _recalled(self, request: Request) -> Event | None:
        fingerprint, event = self._requests.get(request.id, (None, None))
        if event and fingerprint != request.fingerprint:
            raise RequestReusedError
        return event

    def _has_lost(self, reservation: Reservation | None) -> bool:
        if reservation is None:
            return False
        return max(self._reserved.get(reservation.name, 0), self._restored) > reservation.seen

    def _append(self, change: Change, before: Stored | None) -> Event:
        self._lineage = self._lineage or uuid4().hex
        follows = self._marks.get(self._revision, "")
        self._revision += 1
        mark = self._marks[self._revision] = uuid4().hex
        event = Event(
            revision=self._revision,
            key=change.key,
            action=change.action,
            actor=change.actor,
            reason=change.reason,
            at=self.clock(),
            before=before.text if before else None,
            after=change.text,
            origin=change.origin,
            mark=mark,
            follows=follows,
        )
        if change.text is None:
            self._documents.pop(change.key, None)
        else:
            self._documents[change.key] = Stored(self._revision, change.text)
        if change.reservation:
            self._reserved[change.reservation.name] = self._revision
        self._events.append(event)
        self._requests[change.request.id] = (change.request.fingerprint, event)
        self._changed.notify_all()
        return event
