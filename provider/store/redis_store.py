"""The store in Redis or Valkey, through redis-py."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from uuid import uuid4

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from provider.store.interface import (
    Change,
    ConflictError,
    Contents,
    Event,
    Key,
    Kind,
    MissedChangesError,
    Request,
    RequestReusedError,
    Stored,
    StoreUnavailableError,
)
from provider.store.keys import Keys

_EVENTS_KEPT = 100_000
_HISTORY_KEPT = 1_000
_CHANGES_AT_ONCE = 1_000
_SIGHTINGS_SECONDS = 24 * 3_600
_CONNECT_SECONDS = 1.0
_ANSWER_SECONDS = 2.0
_HELD_ANSWER_SECONDS = 30.0
_FOREIGN_ENTRY_SECONDS = 0.5
_ECHO = ", with args beginning with"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RedisStore:
    """Documents in one namespace of a Redis. Thread-safe; connects when it is first asked.

    ValueError where the URL is none, or the namespace.
    """

    def __init__(self, url: str, *, namespace: str = "default") -> None:
        self._keys = Keys(namespace)
        # A request waits for this: rather few quick tries and a clear answer than many slow ones. One that was not
        # answered in time is not tried again, as every try, and every connection before it, would wait as long.
        retry = Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.25), 2, supported_errors=(redis.ConnectionError,))
        common: dict[str, Any] = {
            "decode_responses": True,
            # A document that somebody broke must not hide all others.
            "encoding_errors": "replace",
            "retry": retry,
            "socket_connect_timeout": _CONNECT_SECONDS,
            "health_check_interval": 30,
        }
        self._redis = _client(url, socket_timeout=_ANSWER_SECONDS, **common)
        # The server ends a held read, which may take longer than any other answer.
        self._held = _client(url, socket_timeout=_HELD_ANSWER_SECONDS, **common)
        self._commit = self._redis.register_script(_script("commit.lua"))
        self._restore = self._redis.register_script(_script("restore.lua"))
        self._lease = self._redis.register_script(_script("lease.lua"))
        self._replace_record = self._redis.register_script(_script("replace_record.lua"))

    def now(self) -> datetime:
        """Tell Redis' time."""
        with _own_errors():
            return _moment(self._redis.time())

    def read(self, key: Key) -> tuple[Stored | None, datetime]:
        """Read one document and Redis' time."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hget(self._keys.documents, str(key))
        pipeline.hget(self._keys.versions, str(key))
        pipeline.time()
        with _own_errors():
            text, version, now = pipeline.execute()
        return (Stored(_whole(version), text) if text is not None else None), _moment(now)

    def revision(self) -> tuple[str, int]:
        """Tell lineage and revision."""
        with _own_errors():
            lineage, revision = self._redis.mget(self._keys.lineage, self._keys.revision)
        return lineage or "", _whole(revision)

    def load(self) -> Contents:
        """Read everything, as it was at one revision."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.mget(self._keys.lineage, self._keys.revision)
        pipeline.hgetall(self._keys.documents)
        pipeline.hgetall(self._keys.versions)
        with _own_errors():
            (lineage, revision), texts, versions = pipeline.execute()
        documents = {
            key: Stored(_whole(versions.get(field)), text) for field, text in texts.items() if (key := _key(field))
        }
        return Contents(lineage or "", _whole(revision), documents)

    def commit(self, change: Change) -> Event:
        """Write atomically; see Store."""
        with _own_errors():
            outcome, *facts = self._commit(keys=self._commit_keys(change), args=_commit_arguments(change))
        if outcome == "conflict":
            raise ConflictError(change.key, change.expected, _whole(facts[0]))
        if outcome == "reused":
            raise RequestReusedError("this id was used for another request before")
        if outcome == "again":
            return self._event(_whole(facts[0]))
        revision, at, *before = facts
        return Event(
            revision=int(revision),
            key=change.key,
            action=change.action,
            actor=change.actor,
            reason=change.reason,
            at=_EPOCH + timedelta(milliseconds=int(at)),
            before=before[0] if before else None,
            after=change.text,
        )

    def recall(self, request: Request) -> Event | None:
        """Find the event of a request that was committed before."""
        with _own_errors():
            fingerprint, revision = self._redis.hmget(self._keys.request(request.id), ["fingerprint", "revision"])
        if revision is None:
            return None
        if fingerprint != request.fingerprint:
            raise RequestReusedError("this id was used for another request before")
        return self._event(_whole(revision))

    def changes(self, *, after: int, wait_seconds: float) -> Sequence[Event]:
        """Wait for events after a revision."""
        # A block of 0 would wait for ever.
        block = max(1, round(wait_seconds * 1_000)) if wait_seconds else None
        with _own_errors():
            answer = self._held.xread({self._keys.events: f"{after}-0"}, count=_CHANGES_AT_ONCE, block=block)
        events = [_parsed(*entry) for entry in _entries(answer)]
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

    def history(self, key: Key, *, limit: int, before: int | None = None) -> Sequence[Event]:
        """Read the events of one document, newest first."""
        newest = "+inf" if before is None else f"({before}"
        with _own_errors():
            revisions = self._redis.zrevrangebyscore(self._keys.history(key), newest, "-inf", start=0, num=limit)
            pipeline = self._redis.pipeline(transaction=False)
            for revision in revisions:
                pipeline.xrange(self._keys.events, f"{revision}-0", f"{revision}-0")
            answers = pipeline.execute()
        events = (_parsed(*entry) for entries in answers for entry in entries)
        return [event for event in events if event is not None]

    def restore(self, contents: Contents, *, actor: str, reason: str) -> int:
        """Hold just these contents, at a revision above both."""
        keys = self._keys
        arguments: list[str | int] = [contents.lineage, contents.revision, actor, reason]
        for key, stored in contents.documents.items():
            arguments += [str(key), stored.version, stored.text]
        with _own_errors():
            revision = self._restore(
                keys=[keys.revision, keys.lineage, keys.documents, keys.versions, keys.events], args=arguments
            )
        return int(revision)

    def lease(self, name: str, *, owner: str, seconds: float) -> bool:
        """Take or renew a lease for so long."""
        with _own_errors():
            return bool(self._lease(keys=[self._keys.lease(name)], args=[owner, round(seconds * 1_000)]))

    def record(self, name: str) -> str | None:
        """Read what is remembered of a rollout under judgement."""
        with _own_errors():
            text: str | None = self._redis.hget(self._keys.records, name)
            return text

    def replace_record(self, name: str, *, expected: str | None, text: str | None) -> bool:
        """Replace what is remembered if it still is the expected text."""
        arguments = [name, *_optional(expected), *_optional(text)]
        with _own_errors():
            return bool(self._replace_record(keys=[self._keys.records], args=arguments))

    def positions(self) -> Mapping[str, int]:
        """Read up to which revision each webhook was told."""
        with _own_errors():
            return {name: _whole(text) for name, text in self._redis.hgetall(self._keys.notified).items()}

    def advance_position(self, name: str, *, expected: int | None, revision: int | None) -> bool:
        """Move a webhook's position if it still is the expected one."""
        texts = (None if number is None else str(number) for number in (expected, revision))
        arguments = [name, *(part for text in texts for part in _optional(text))]
        with _own_errors():
            return bool(self._replace_record(keys=[self._keys.notified], args=arguments))

    def report(self, sightings: Mapping[str, str]) -> None:
        """Note what was seen of gateways; an empty text forgets one."""
        seen = {name: text for name, text in sightings.items() if text}
        gone = [name for name, text in sightings.items() if not text]
        pipeline = self._redis.pipeline(transaction=False)
        if seen:
            pipeline.hset(self._keys.sightings, mapping=seen)
        if gone:
            pipeline.hdel(self._keys.sightings, *gone)
        pipeline.expire(self._keys.sightings, _SIGHTINGS_SECONDS)
        with _own_errors():
            pipeline.execute()

    def sightings(self) -> Mapping[str, str]:
        """Read what was seen of gateways."""
        with _own_errors():
            return dict(self._redis.hgetall(self._keys.sightings))

    def keep(self, name: str, text: str, *, seconds: float) -> None:
        """Keep a note for so long."""
        with _own_errors():
            self._redis.set(self._keys.note(name), text, px=round(seconds * 1_000))

    def kept(self, name: str) -> str | None:
        """Read a note."""
        with _own_errors():
            text: str | None = self._redis.get(self._keys.note(name))
            return text

    def take(self, name: str) -> str | None:
        """Read a note and forget it."""
        with _own_errors():
            text: str | None = self._redis.getdel(self._keys.note(name))
            return text

    def count(self, name: str, *, seconds: float) -> int:
        """Count once more."""
        key = self._keys.count(name)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.set(key, 0, px=round(seconds * 1_000), nx=True)
        pipeline.incr(key)
        with _own_errors():
            return int(pipeline.execute()[1])

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
        ]

    def _event(self, revision: int) -> Event:
        with _own_errors():
            entries = self._redis.xrange(self._keys.events, f"{revision}-0", f"{revision}-0")
        event = _parsed(*entries[0]) if entries else None
        if event is None:
            raise RequestReusedError("this id was used so long ago that its answer is no longer known")
        return event


def _client(url: str, **options: Any) -> Any:  # redis-py's types do not know that answers are decoded
    try:
        return redis.Redis.from_url(url, **options)
    except ValueError:
        # What it says may hold the password.
        raise ValueError("redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH") from None


def _optional(text: str | None) -> tuple[str, str]:
    """Tell Lua, which knows no None, whether there is a text, and which."""
    return ("no", "") if text is None else ("yes", text)


def _script(name: str) -> str:
    return files("provider.store").joinpath(name).read_text(encoding="utf-8")


def _commit_arguments(change: Change) -> list[str | int]:
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
        uuid4().hex,
        _EVENTS_KEPT,
        _HISTORY_KEPT,
        change.actor,
    ]


def _entries(answer: Any) -> Sequence[tuple[str, Mapping[str, str]]]:
    streams = list(answer.values()) if isinstance(answer, dict) else [entries for _, entries in answer or ()]
    return streams[0] if streams else []


def _parsed(identity: str, fields: Mapping[str, str]) -> Event | None:
    """Read a stream's entry; None where it is none of ours."""
    revision, _, part = identity.partition("-")
    try:
        if part != "0":
            return None
        return Event(
            revision=int(revision),
            key=Key(Kind(fields["kind"]), fields["name"]),
            action=fields["action"],
            actor=fields["actor"],
            reason=fields["reason"],
            at=_EPOCH + timedelta(milliseconds=int(fields["at"])),
            before=fields.get("before"),
            after=fields.get("after"),
        )
    except (KeyError, ValueError, OverflowError):
        return None


def _key(field: str) -> Key | None:
    kind, _, name = field.partition("/")
    return Key(Kind(kind), name) if kind in set(Kind) else None


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _moment(time_: tuple[int, int]) -> datetime:
    seconds, microseconds = time_
    return _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)


@contextmanager
def _own_errors() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        # A server repeats a command that it does not know, AUTH with its password too: no traceback may show that.
        raise StoreUnavailableError(_words(error)) from (None if _ECHO in str(error) else error)
    except (OSError, EOFError) as error:
        raise StoreUnavailableError(f"Redis cannot be reached: {type(error).__name__}") from error


def _words(error: redis.RedisError) -> str:
    """Say what is wrong with Redis in an operator's words; never a URL, which may hold a password."""
    match error:
        case redis.AuthenticationError() | redis.exceptions.NoPermissionError():
            return "Redis refuses user or password, or does not permit the command"
        case redis.exceptions.ReadOnlyError():
            return "Redis is a read-only replica"
        case redis.exceptions.OutOfMemoryError():
            return "Redis is out of memory (maxmemory)"
        case redis.BusyLoadingError():
            return "Redis is still loading its data"
        case redis.TimeoutError():
            return "Redis does not answer in time"
        case redis.ConnectionError():
            return "Redis cannot be reached"
        case _:
            return f"Redis refuses: {str(error).partition(_ECHO)[0][:200]}"
