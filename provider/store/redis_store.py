"""The store in Redis or Valkey, through redis-py."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any
from uuid import uuid4

from redis.commands.core import Script

from provider.store.confirmation import CONFIRM_SECONDS, Confirmation
from provider.store.connections import connect
from provider.store.diagnosis import own_errors, problem_of
from provider.store.entries import entries, mark_of, moment, parsed_event, parsed_key, since_epoch, whole
from provider.store.keys import Keys
from provider.store.protocols import (
    HISTORY_BYTES,
    Change,
    ConflictError,
    Contents,
    Event,
    Instance,
    Key,
    Kind,
    MissedChangesError,
    Request,
    RequestReusedError,
    StoreBehindError,
    Stored,
)
from provider.store.retention import Retention
from provider.store.timing import timed

# An event holds two documents of up to 1 MiB each.
_CHANGES_AT_ONCE = 32
_FIRST_READ, _MOST_READ = 4, 200
# A request with an Idempotency-Key is kept for longer, and counts for its actor.
_LONG_SECONDS = 3_600
_SIGHTINGS_SECONDS = 24 * 3_600
_ANSWER_SECONDS = 2.0
_HELD_SECONDS = 2.0
_FOREIGN_ENTRY_SECONDS = 0.5


def _script(name: str) -> Script:
    # As bytes it needs no client to begin with; it is told at every call which one runs it.
    return Script(None, files("provider.store").joinpath(name).read_bytes())  # type: ignore[arg-type]


class RedisStore:
    """Documents in one namespace of a Redis. Thread-safe; connects when it is first asked.

    With `confirm` a document's change is answered when it is where that says. ValueError where the URL is none, or
    the namespace.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "default",
        confirm: Confirmation | None = None,
        retention: Retention | None = None,
    ) -> None:
        self._keys = Keys(namespace)
        self._confirm = confirm or Confirmation()
        self._retention = retention or Retention()
        patience = _ANSWER_SECONDS + (CONFIRM_SECONDS if self._confirm else 0)
        key = self._keys.revision
        self._server = connect(url, key=key, answer_seconds=_ANSWER_SECONDS)
        self._confirming = connect(url, key=key, answer_seconds=patience) if self._confirm else self._server
        # The server ends a held read, which may take longer than any other answer. It is not asked again: should
        # another server answer then, or the same with older data, what was read so far may never have happened there.
        self._held = connect(url, key=key, answer_seconds=_HELD_SECONDS + _ANSWER_SECONDS, asks_again=False)
        self._probe = _script("probe.lua")
        self._commit = _script("commit.lua")
        self._restore = _script("restore.lua")
        self._lease = _script("lease.lua")
        self._replace = _script("replace_record.lua")
        self._announce = _script("announce.lua")
        self._withdraw = _script("withdraw.lua")
        self._instances = _script("instances.lua")

    @timed
    def now(self) -> datetime:
        """Tell Redis' time."""
        return moment(self._ask(lambda redis: redis.time()))

    @timed
    def write_problem(self) -> str | None:
        """Run every command that is needed on a key of its own."""
        failed = iter(self._run(self._probe, keys=[self._keys.probe], args=[]))
        return problem_of(dict(zip(failed, failed, strict=True)))

    @timed
    def read(self, key: Key) -> tuple[Stored | None, datetime]:
        """Read one document and Redis' time."""

        def fill(pipeline: Any) -> None:
            pipeline.hget(self._keys.documents, str(key))
            pipeline.hget(self._keys.versions, str(key))
            pipeline.time()

        text, version, now = self._ask_at_once(fill)
        return (Stored(whole(version), text) if text is not None else None), moment(now)

    @timed
    def revision(self) -> tuple[str, int]:
        """Tell lineage and revision."""
        lineage, revision = self._ask(lambda redis: redis.mget(self._keys.lineage, self._keys.revision))
        return lineage or "", whole(revision)

    @timed
    def mark(self, revision: int) -> str:
        """Tell the mark of a change, unless a restore has decided since."""

        def fill(pipeline: Any) -> None:
            pipeline.get(self._keys.restored)
            pipeline.xrange(self._keys.events, f"{revision}-0", f"{revision}-0")

        restored, found = self._ask_at_once(fill)
        return mark_of(found) if whole(restored) <= revision else ""

    @timed
    def is_whole(self) -> bool:
        """Compare the numbers of documents and versions."""

        def fill(pipeline: Any) -> None:
            pipeline.hlen(self._keys.documents)
            pipeline.hlen(self._keys.versions)

        documents, versions = self._ask_at_once(fill)
        return bool(documents >= versions)

    @timed
    def load(self) -> Contents:
        """Read everything, as it was at one revision."""

        def fill(pipeline: Any) -> None:
            pipeline.mget(self._keys.lineage, self._keys.revision, self._keys.restored)
            pipeline.xrevrange(self._keys.events, count=1)
            pipeline.hgetall(self._keys.documents)
            pipeline.hgetall(self._keys.versions)

        (lineage, revision, restored), newest, texts, versions = self._ask_at_once(fill)
        documents = {
            key: Stored(whole(versions.get(field)), text)
            for field, text in texts.items()
            if (key := parsed_key(field))
        }
        is_newest = bool(newest) and newest[0][0] == f"{whole(revision)}-0"
        return Contents(
            lineage or "",
            whole(revision),
            documents,
            mark=mark_of(newest) if is_newest else "",
            restored=whole(restored),
            lost=frozenset(key for field in versions.keys() - texts.keys() if (key := parsed_key(field))),
        )

    @timed
    def commit(self, change: Change) -> Event:
        """Write atomically; see Store."""
        mark = uuid4().hex
        arguments = _commit_arguments(change, mark, self._retention)
        outcome, *facts = self._write(self._commit, keys=self._commit_keys(change), args=arguments)
        if outcome == "conflict":
            raise ConflictError(change.key, change.expected, whole(facts[0]))
        if outcome == "behind":
            raise StoreBehindError
        if outcome == "reused":
            raise RequestReusedError("this key was already used for another request")
        if outcome == "again":
            return self._event(whole(facts[0]))
        revision, at, *before = facts
        return Event(
            revision=int(revision),
            key=change.key,
            action=change.action,
            actor=change.actor,
            reason=change.reason,
            at=since_epoch(at),
            before=before[0] if before else None,
            after=change.text,
            origin=change.origin,
            mark=mark,
        )

    @timed
    def recall(self, request: Request) -> Event | None:
        """Find the event of a request that was committed before."""
        key = self._keys.request(request.id)
        fingerprint, revision = self._ask(lambda redis: redis.hmget(key, ["fingerprint", "revision"]))
        if revision is None:
            return None
        if fingerprint != request.fingerprint:
            raise RequestReusedError("this key was already used for another request")
        if self._confirm and not self._confirmed(lambda pipeline: pipeline.expire(key, request.keep_seconds)):
            return None
        return self._event(whole(revision))

    @timed
    def changes(self, *, after: int, wait_seconds: float) -> Sequence[Event]:
        """Wait for events after a revision."""
        deadline = time.monotonic() + wait_seconds
        answer = self._held_read(after, seconds=wait_seconds)
        while not answer and (left := deadline - time.monotonic()) > 0:
            answer = self._held_read(after, seconds=left)
        events = [parsed_event(*entry) for entry in entries(answer)]
        known = [event for event in events if event is not None]
        is_unbroken = all(event.revision == after + 1 + index for index, event in enumerate(known))
        if events and is_unbroken and len(known) == len(events):
            return known
        if self.revision()[1] != after:
            raise MissedChangesError
        if events:
            # Somebody appended to the stream by hand. Nothing has changed; do not read it over and over.
            time.sleep(min(wait_seconds, _FOREIGN_ENTRY_SECONDS))
        return []

    @timed
    def remaining(self, *, after: int) -> Sequence[Event]:
        """Read the first events after a revision that are still there."""
        found = self._ask(lambda redis: redis.xrange(self._keys.events, f"({after}-0", "+", count=_CHANGES_AT_ONCE))
        events = (parsed_event(*entry) for entry in found)
        return [event for event in events if event is not None]

    @timed
    def history(self, key: Key, *, limit: int, before: int | None = None) -> Sequence[Event]:
        """Read the events of one document, newest first."""
        newest = "+inf" if before is None else f"({before}"
        revisions = self._ask(
            lambda redis: redis.zrevrangebyscore(self._keys.history(key), newest, "-inf", start=0, num=limit)
        )
        events: list[Event] = []
        left, at_once = HISTORY_BYTES, _FIRST_READ
        while revisions and left > 0:
            found = self._events(revisions[:at_once])
            revisions = revisions[at_once:]
            for event in found:
                if left > 0:
                    events.append(event)
                left -= event.size
            at_once = _read_next(events, left)
        return events

    def _events(self, revisions: Sequence[str]) -> Sequence[Event]:
        def ask(redis: Any) -> Any:
            pipeline = redis.pipeline(transaction=False)
            for revision in revisions:
                pipeline.xrange(self._keys.events, f"{revision}-0", f"{revision}-0")
            return pipeline.execute()

        events = (parsed_event(*entry) for entries_ in self._ask(ask) for entry in entries_)
        return [event for event in events if event is not None]

    @timed
    def restore(self, contents: Contents, *, actor: str, reason: str, begins: bool = False) -> int:
        """Hold just these contents, at a revision above both; see Store."""
        keys = self._keys
        arguments: list[str | int] = [contents.lineage, contents.revision, actor, reason, uuid4().hex]
        arguments.append("begin" if begins else "")
        for key, stored in contents.documents.items():
            arguments += [str(key), stored.version, stored.text]
        revision = self._write(
            self._restore,
            keys=[keys.revision, keys.lineage, keys.documents, keys.versions, keys.events, keys.restored],
            args=arguments,
        )
        return int(revision)

    @timed
    def lease(self, name: str, *, owner: str, seconds: float) -> bool:
        """Take or renew a lease for so long."""
        return bool(self._run(self._lease, keys=[self._keys.lease(name)], args=[owner, round(seconds * 1_000)]))

    @timed
    def record(self, name: str) -> str | None:
        """Read what is remembered of a rollout under judgement."""
        text: str | None = self._ask(lambda redis: redis.hget(self._keys.records, name))
        return text

    @timed
    def replace_record(self, name: str, *, expected: str | None, text: str | None) -> bool:
        """Replace what is remembered if it still is the expected text."""
        arguments = [name, *_optional(expected), *_optional(text)]
        return bool(self._run(self._replace, keys=[self._keys.records], args=arguments))

    @timed
    def positions(self) -> Mapping[str, int]:
        """Read up to which revision each webhook was told."""
        texts = self._ask(lambda redis: redis.hgetall(self._keys.notified))
        return {name: whole(text) for name, text in texts.items()}

    @timed
    def advance_position(self, name: str, *, expected: int | None, revision: int | None) -> bool:
        """Move a webhook's position if it still is the expected one."""
        texts = (None if number is None else str(number) for number in (expected, revision))
        arguments = [name, *(part for text in texts for part in _optional(text))]
        return bool(self._run(self._replace, keys=[self._keys.notified], args=arguments))

    @timed
    def report(self, sightings: Mapping[str, str]) -> None:
        """Note what was seen of gateways; an empty text forgets one."""
        seen = {name: text for name, text in sightings.items() if text}
        gone = [name for name, text in sightings.items() if not text]

        def fill(pipeline: Any) -> None:
            if seen:
                pipeline.hset(self._keys.sightings, mapping=seen)
            if gone:
                pipeline.hdel(self._keys.sightings, *gone)
            pipeline.expire(self._keys.sightings, _SIGHTINGS_SECONDS)

        self._ask_at_once(fill)

    @timed
    def sightings(self) -> Mapping[str, str]:
        """Read what was seen of gateways."""
        return dict(self._ask(lambda redis: redis.hgetall(self._keys.sightings)))

    @timed
    def announce(self, rollout: str, instance: str, text: str, *, seconds: float) -> bool:
        """Note an instance for so long."""
        arguments: list[str | int] = [instance, text, round(seconds * 1_000)]
        return bool(self._run(self._announce, keys=[self._keys.instances(rollout)], args=arguments))

    @timed
    def withdraw(self, rollout: str, instance: str) -> bool:
        """Forget an instance."""
        return bool(self._run(self._withdraw, keys=[self._keys.instances(rollout)], args=[instance]))

    @timed
    def instances(self, rollout: str) -> Sequence[Instance]:
        """Read the instances whose time is not over."""
        found = self._run(self._instances, keys=[self._keys.instances(rollout)], args=[])
        return [Instance(name, text, since_epoch(until)) for name, until, text in sorted(found)]

    @timed
    def keep(self, name: str, text: str, *, seconds: float) -> None:
        """Keep a note for so long."""
        self._ask(lambda redis: redis.set(self._keys.note(name), text, px=round(seconds * 1_000)))

    @timed
    def kept(self, name: str) -> str | None:
        """Read a note."""
        text: str | None = self._ask(lambda redis: redis.get(self._keys.note(name)))
        return text

    @timed
    def take(self, name: str) -> str | None:
        """Read a note and forget it."""
        text: str | None = self._ask(lambda redis: redis.getdel(self._keys.note(name)))
        return text

    @timed
    def count(self, name: str, *, seconds: float) -> int:
        """Count once more."""
        key = self._keys.count(name)

        def fill(pipeline: Any) -> None:
            pipeline.set(key, 0, px=round(seconds * 1_000), nx=True)
            pipeline.incr(key)

        return int(self._ask_at_once(fill)[1])

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        with own_errors():
            return self._server.ask(question)

    def _ask_at_once(self, fill: Callable[[Any], None]) -> list[Any]:
        def ask(redis: Any) -> Any:
            pipeline = redis.pipeline(transaction=True)
            fill(pipeline)
            return pipeline.execute()

        answers: list[Any] = self._ask(ask)
        return answers

    def _held_read(self, after: int, *, seconds: float) -> Any:
        # In pieces, so that a server that went silent while it held the read is given up soon. 0 would be for ever.
        block = max(1, round(min(seconds, _HELD_SECONDS) * 1_000)) if seconds else None
        since = {self._keys.events: f"{after}-0"}
        with own_errors():
            return (self._held if seconds else self._server).ask(
                lambda redis: redis.xread(since, count=_CHANGES_AT_ONCE, block=block)
            )

    def _run(self, script: Script, *, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        return self._ask(lambda redis: script(keys=keys, args=args, client=redis))

    def _write(self, script: Script, *, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        if not self._confirm:
            return self._run(script, keys=keys, args=args)
        return self._confirmed(lambda pipeline: pipeline.eval(script.script, len(keys), *keys, *args))

    def _confirmed(self, write: Callable[[Any], object]) -> Any:
        """Write, and wait until that is where it was asked to be.

        Both go together, as a server waits for what was written on the same connection only: after a reconnect in
        between, it would confirm nothing at all. So they are sent again together, and a write that is repeated
        writes (see commit.lua).
        """

        def ask(redis: Any) -> Any:
            pipeline = redis.pipeline(transaction=False)
            write(pipeline)
            self._confirm.queue(pipeline)
            answer, confirmed = pipeline.execute(raise_on_error=False)
            if isinstance(answer, Exception):
                raise answer
            return answer, confirmed

        with own_errors():
            answer, confirmed = self._confirming.ask(ask)
        self._confirm.check(confirmed)
        return answer

    def _commit_keys(self, change: Change) -> list[str]:
        keys = self._keys
        return [
            keys.revision,
            keys.lineage,
            keys.documents,
            keys.versions,
            keys.events,
            keys.history(change.key),
            keys.request(change.request.id),
            keys.sizes,
            keys.churn,
            keys.restored,
            keys.reserved(change.reservation.name if change.reservation else ""),
            keys.requests(change.actor),
        ]

    def _event(self, revision: int) -> Event:
        found = self._ask(lambda redis: redis.xrange(self._keys.events, f"{revision}-0", f"{revision}-0"))
        event = parsed_event(*found[0]) if found else None
        if event is None:
            raise RequestReusedError("the response to this key has expired")
        return event


def _optional(text: str | None) -> tuple[str, str]:
    """Tell Lua, which knows no None, whether there is a text, and which."""
    return ("no", "") if text is None else ("yes", text)


def _commit_arguments(change: Change, mark: str, kept: Retention) -> list[str | int]:
    return [
        str(change.key),
        change.expected,
        "delete" if change.text is None else "set",
        change.text or "",
        change.key.kind,
        change.key.name,
        change.action,
        change.reason,
        change.request.fingerprint,
        change.request.keep_seconds,
        mark,
        kept.events + kept.churn_events,
        kept.document_events,
        change.actor,
        change.origin.request_id,
        change.origin.traceparent,
        "churn" if change.key.kind is Kind.SERVERS else "people",
        kept.people_bytes,
        kept.document_bytes,
        kept.churn_bytes,
        kept.churn_events,
        change.reservation.seen if change.reservation else "",
        *change.served,
        kept.requests if change.request.keep_seconds > _LONG_SECONDS else 0,
    ]


def _read_next(events: Sequence[Event], left: int) -> int:
    """Tell how many events to read next, by the largest so far: not much more than what is left."""
    largest = max((event.size for event in events), default=1)
    return max(1, min(_MOST_READ, left // max(1, largest)))
