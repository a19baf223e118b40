"""The thread that follows the store, and what the rest of a worker reads of it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from provider.domain.auth import Caller
from provider.domain.rollouts import Rollout
from provider.observability import metrics
from provider.replica.claims import Claims
from provider.replica.configurations import Body
from provider.replica.gc_freeze import made_to_stay
from provider.replica.image import Image
from provider.replica.recent_events import RecentEvents
from provider.replica.shrink_guard import loss_of, unmeant_shrink
from provider.replica.snapshot import SnapshotError, SnapshotFile
from provider.replica.watermark import Standing, Watermark
from provider.store import Contents, Event, Key, MissedChangesError, Store, StoreUnavailableError

T = TypeVar("T")

log = logging.getLogger(__name__)

# How long the store may hold a read: short enough that a flushed or replaced store is noticed soon.
_CHANGES_WAIT_SECONDS = 2.0
_RETRY_SECONDS = 0.25
_WENT_BACK_RETRY_SECONDS = 0.5
# Each try loads everything.
_SHRANK_RETRY_SECONDS = 2.0
_SNAPSHOT_SECONDS = 1.0


class BehindError(Exception):
    """Another worker has served more than this one knows, which takes it over within moments."""


class State(StrEnum):
    """How the image stands to the store."""

    STARTING = "starting"
    FOLLOWING = "following"
    AWAY = "unavailable"
    WENT_BACK = "regressed"
    """It is empty, older than what is served, or went on from something older."""
    SHRANK = "shrank"
    """It lacks documents of which it has the versions, or much of what is served, and nobody has deleted that."""


DISPUTED = frozenset({State.WENT_BACK, State.SHRANK})
"""The states in which a person decides which side is right: until then nothing is written."""


class Feed:
    """A worker's image of the store, kept current by a thread of its own.

    Reads never ask the store. While the store is away, or does not hold what was served, the last good state stays
    in force.
    """

    def __init__(
        self, store: Store, *, snapshot: SnapshotFile | None = None, sibling_wait_seconds: float = 0.0
    ) -> None:
        """Follow a store.

        Args:
            store: What is followed.
            snapshot: The last good state on disk, which all workers of a data directory share.
            sibling_wait_seconds: How long an empty store is watched for claims of other providers before it is
                taken for a new one. A provider notices within two seconds that its store was emptied.
        """
        self._store = store
        self._snapshot = snapshot
        self._watermark = Watermark(snapshot.path) if snapshot else None
        self._claims = Claims(store)
        self._sibling_wait_seconds = sibling_wait_seconds
        self._empty_since: float | None = None
        self._has_followed = False
        self._is_behind = False
        self._image = Image()
        self._state = State.STARTING
        self._problem: str | None = None
        self._recent = RecentEvents()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._reported: set[Key] = set()
        self._snapshot_error: str | None = None

    def start(self) -> None:
        """Begin with the snapshot, then follow the store for good."""
        self._begin_with_snapshot()
        on_disk = self._image.revision
        threading.Thread(target=self._follow, name="feed", daemon=True).start()
        if self._snapshot:
            threading.Thread(target=self._keep_snapshot, args=(on_disk,), name="snapshot", daemon=True).start()

    def close(self) -> None:
        """Stop following, and answer everybody who waits."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()

    @property
    def is_closing(self) -> bool:
        """Tell whether waiting makes no more sense."""
        return self._closing.is_set()

    def wait_for_close(self, seconds: float) -> bool:
        """Wait so long at most; True when it is time to end."""
        return self._closing.wait(seconds)

    @property
    def is_ready(self) -> bool:
        """Tell whether polls can be answered."""
        with self._changed:
            return self._is_known

    @property
    def is_loaded(self) -> bool:
        """Tell whether this worker has loaded documents: until then it cannot tell a wrong token from a right one."""
        with self._changed:
            return bool(self._image.lineage) and (self._has_followed or not self._is_behind)

    @property
    def revision(self) -> int:
        """The revision of the image."""
        return self._image.revision

    @property
    def problem(self) -> str | None:
        """Why the store cannot be read; None while it can."""
        return self._problem

    @property
    def state(self) -> State:
        """How the image stands to the store, as last seen."""
        return self._state

    def read(self, question: Callable[[Image], T]) -> T:
        """Ask something of the image while it stands still."""
        with self._changed:
            return question(self._image)

    def resolved(self, rollout: Rollout) -> Rollout:
        """Give a rollout as Traefik is told of it: with the servers that were found."""
        return self.read(lambda image: image.resolved(rollout))

    def caller(self, secret: str) -> Caller | None:
        """Find whose token a secret is."""
        return self._image.tokens.caller(secret)

    def body(self, gateway: str) -> Body | None:
        """Give what a gateway is to carry; None while that is not known for certain."""
        with self._changed:
            return self._body(gateway)

    def wait_for_body(self, gateway: str, *, other_than: str | None, seconds: float) -> Body | None:
        """Wait until a gateway's body is known and has another digest; then, or in the end, give what there is."""

        def is_other() -> bool:
            body = self._body(gateway)
            return self.is_closing or (body is not None and body.digest != other_than)

        with self._changed:
            self._changed.wait_for(is_other, timeout=seconds)
            return self._body(gateway)

    def wait_until(self, holds: Callable[[Image], bool], *, seconds: float) -> bool:
        """Wait until something holds of the image; False when it does not in time, or at shutdown."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_closing or holds(self._image), timeout=seconds)
            return holds(self._image)

    def events(self, *, after: int, seconds: float) -> Sequence[Event] | None:
        """Wait for events after a revision; None where they are no longer all here."""
        if not self.wait_until(lambda image: image.revision > after, seconds=seconds):
            return []
        with self._changed:
            events = self._recent.after(after)
        return events if events and events[0].revision == after + 1 else None

    def contents(self) -> Contents:
        """Give all that is known good, as it was at one revision."""
        with self._changed:
            return self._image.contents()

    def served(self) -> Contents:
        """Give what is served in this data directory. Raises BehindError where only another worker knows it."""
        with self._changed:
            if self._is_behind or not self._image.lineage:
                raise BehindError
            return self._image.contents()

    @property
    def has_served_nothing(self) -> bool:
        """Tell whether neither this worker nor another one of this data directory knows what was served."""
        with self._changed:
            return not self._is_behind and not self._image.lineage

    @property
    def _is_known(self) -> bool:
        # A worker that has followed the store goes on with what it has; a new one serves nothing that is outdated.
        is_outdated = self._is_behind and not self._has_followed
        return self._image.revision > 0 and self._image.is_complete and not is_outdated

    @property
    def _standing(self) -> Standing:
        return Standing(self._image.lineage, self._image.revision, self._image.mark)

    def _body(self, gateway: str) -> Body | None:
        return self._image.bodies.body(gateway) if self._is_known else None

    def _begin_with_snapshot(self) -> None:
        try:
            contents = self._snapshot.read() if self._snapshot else None
        except SnapshotError as error:
            self._tell(logging.WARNING, "snapshot.unreadable", error=str(error))
            return
        if contents:
            self._replace(contents)
            metrics.SNAPSHOT_REVISION.set(contents.revision)
            self._tell(logging.INFO, "snapshot.read", revision=contents.revision)
        self._compare_with_siblings()

    def _catch_up_with_siblings(self) -> None:
        """Adopt the snapshot of a sibling that has served more, while the store does not tell what is right."""
        try:
            contents = self._snapshot.read_if_changed() if self._snapshot else None
        except SnapshotError:
            contents = None  # said when it was read first; a sibling replaces it
        if contents and self._is_news(contents):
            self._replace(contents)
            self._tell(logging.INFO, "snapshot.adopted", revision=contents.revision)
        self._compare_with_siblings()

    def _is_news(self, contents: Contents) -> bool:
        is_of_ours = contents.lineage == self._image.lineage or not self._has_followed
        return is_of_ours and Standing(contents.lineage, contents.revision).is_newer_than(self._standing)

    def _compare_with_siblings(self) -> None:
        """Find out whether a sibling has served more; then let it write the snapshot."""
        newest = self._newest_of_siblings()
        with self._changed:
            self._is_behind = newest is not None
            self._changed.notify_all()
        if newest and self._snapshot:
            self._snapshot.close()

    def _newest_of_siblings(self) -> Standing | None:
        newest = self._watermark.read() if self._watermark else Standing()
        if not newest.is_newer_than(self._standing):
            return None
        assert self._watermark is not None  # noqa: S101 there is no standing without it
        return newest if self._watermark.has_siblings() else None

    def _follow(self) -> None:
        while not self._closing.is_set():
            try:
                self._follow_once()
            except StoreUnavailableError as error:
                self._problem = str(error)
                self._enter(State.AWAY, error=self._problem)
                self._closing.wait(_RETRY_SECONDS)
            except Exception:
                # Whatever it is, a worker that no longer follows would serve yesterday's weights for ever.
                log.exception("replica.failed")
                self._closing.wait(_RETRY_SECONDS)
            metrics.LAST_ROUND.labels("replica").set_to_current_time()

    def _follow_once(self) -> None:
        if self._state is not State.FOLLOWING:
            self._catch_up_with_siblings()
            self._load()
            return
        try:
            events = self._store.changes(after=self._image.revision, wait_seconds=_CHANGES_WAIT_SECONDS)
        except MissedChangesError:
            self._load()
            return
        if events and not self._image.lineage:
            # The first write of all made the lineage; only loading tells it.
            self._load()
        elif _differ(self._image.mark, events[0].follows) if events else self._has_other_history():
            self._load()
        elif events:
            self._apply(events)
        elif not self._store.is_whole():
            self._load()

    def _load(self) -> None:
        # Before the store is asked: what a sibling has served is in the store by then.
        known = self._newest_of_siblings() or self._standing
        lineage, revision = self._store.revision()
        if not known.lineage:
            known = self._claims.latest()
        is_same_lineage = lineage == known.lineage
        if known.lineage and (not is_same_lineage or revision < known.revision or self._has_other_history(known)):
            self._protect(known, store_revision=revision, is_same_lineage=is_same_lineage)
            return
        if not lineage and not self._may_begin():
            return
        contents = self._store.load()
        shrink = loss_of(contents) or unmeant_shrink(self._image, contents, self._store)
        if shrink:
            self._enter(
                State.SHRANK,
                served_revision=known.revision,
                store_revision=contents.revision,
                detail=str(shrink),
            )
            self._closing.wait(_SHRANK_RETRY_SECONDS)
            return
        self._begin_to_follow(contents)

    def _protect(self, known: Standing, **facts: object) -> None:
        """Stay with what is served, and claim it for providers that know nothing else."""
        self._enter(State.WENT_BACK, served_revision=known.revision, **facts)
        if not self._is_behind and self._image.lineage:
            self._claims.publish(self._standing)
        self._closing.wait(_WENT_BACK_RETRY_SECONDS)

    def _may_begin(self) -> bool:
        """Tell whether an empty store is a new one: no gateway was served from it, and nobody claims that in time."""
        if self._claims.has_served_gateways():
            self._protect(Standing(), store_revision=0, detail="gateways have polled, but nothing is stored")
            return False
        self._empty_since = self._empty_since or time.monotonic()
        if time.monotonic() - self._empty_since >= self._sibling_wait_seconds:
            return True
        self._closing.wait(_RETRY_SECONDS)
        return False

    def _begin_to_follow(self, contents: Contents) -> None:
        if self._watermark:
            self._watermark.begin(Standing(contents.lineage, contents.revision))
        self._has_followed, self._is_behind = True, False
        self._replace(contents)
        self._enter(State.FOLLOWING, revision=self._image.revision)

    def _has_other_history(self, known: Standing | None = None) -> bool:
        """Tell whether another change made the revision that is served: an old backup that was written past it."""
        known = known or self._standing
        return bool(known.mark) and _differ(known.mark, self._store.mark(known.revision))

    def _replace(self, contents: Contents) -> None:
        with self._changed, made_to_stay():
            self._image.replace(contents)
            self._recent.clear()
            self._changed.notify_all()
        self._report_unreadable()

    def _apply(self, events: Sequence[Event]) -> None:
        if self._watermark:
            self._watermark.raise_to(Standing(self._image.lineage, events[-1].revision))
        with self._changed:
            self._image.apply(self._remembered(events))
            self._changed.notify_all()
        self._report_unreadable()

    def _remembered(self, events: Sequence[Event]) -> Iterator[Event]:
        """Remember each event before it is applied, with the text that is there already instead of one like it."""
        for event in events:
            known = self._image.documents.get(event.key)
            is_shared = known is not None and known.text == event.before
            if known and is_shared:
                event = replace(event, before=known.text)  # noqa: PLW2901 the same event, in less memory
            self._recent.append(event, shared=len(known.text) if known and is_shared else 0)
            yield event

    def _enter(self, state: State, **facts: object) -> None:
        if state is not State.AWAY:
            self._problem = None
        if state is self._state:
            return
        with self._changed:
            self._state = state
            self._changed.notify_all()
        self._tell(logging.INFO if state is State.FOLLOWING else logging.ERROR, f"store.{state}", **facts)

    def _report_unreadable(self) -> None:
        for key, why in self._image.unreadable.items():
            if key not in self._reported:
                self._tell(logging.ERROR, "document.unreadable", document=str(key), error=why)
        self._reported = set(self._image.unreadable)

    def _tell(self, level: int, event: str, **facts: object) -> None:
        """Log what all workers see: the one that keeps the snapshot says it, or it would be said by each."""
        is_spokesman = self._snapshot is None or (not self._is_behind and self._snapshot.is_kept_by_us())
        log.log(level if is_spokesman else logging.DEBUG, event, extra=facts)

    def _keep_snapshot(self, written: int) -> None:
        assert self._snapshot is not None  # noqa: S101 the thread is started with one only
        while not self.is_closing:
            self._closing.wait(_SNAPSHOT_SECONDS)
            try:
                if self._has_followed and self._image.revision != written and self._write_snapshot(self._snapshot):
                    written = self._image.revision
            except Exception as error:  # noqa: BLE001 whatever it is, the state would never be kept again
                self._report_snapshot(f"{type(error).__name__}: {error}")
            metrics.LAST_ROUND.labels("snapshot").set_to_current_time()
        self._snapshot.close()
        if self._watermark:
            self._watermark.close()

    def _write_snapshot(self, snapshot: SnapshotFile) -> bool:
        contents = self.contents()
        try:
            is_written = snapshot.write(contents)
        except SnapshotError as error:
            self._report_snapshot(str(error))
            return False
        self._report_snapshot(None)
        if is_written:
            metrics.SNAPSHOT_REVISION.set(contents.revision)
        return is_written

    def _report_snapshot(self, error: str | None) -> None:
        if error and not self._snapshot_error:
            log.error("snapshot.failed", extra={"error": error})
        self._snapshot_error = error


def _differ(known: str, mark: str) -> bool:
    return bool(known and mark) and known != mark
