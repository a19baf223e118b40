"""Redis' answers as values of our own. What somebody broke by hand is passed over, never an error."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from provider.observability.tracing import Origin
from provider.store.protocols import Event, Key, Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def entries(answer: Any) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Give the entries of the one stream that was read."""
    streams = list(answer.values()) if isinstance(answer, dict) else [found for _, found in answer or ()]
    return streams[0] if streams else []


def parsed_event(identity: str, fields: Mapping[str, str]) -> Event | None:
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
            at=since_epoch(fields["at"]),
            before=fields.get("before"),
            after=fields.get("after"),
            origin=Origin(fields.get("request", ""), fields.get("trace", "")),
            mark=fields.get("mark", ""),
            follows=fields.get("follows", ""),
        )
    except (KeyError, ValueError, OverflowError):
        return None


def mark_of(found: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    """Give the mark of the one entry that was asked for; empty where it has none, or is gone."""
    return found[0][1].get("mark", "") if found else ""


def parsed_key(field: str) -> Key | None:
    """Read KIND/NAME; None where there is no such kind."""
    kind, _, name = field.partition("/")
    return Key(Kind(kind), name) if kind in set(Kind) else None


def whole(text: str | None) -> int:
    """Read a whole number; 0 where it is none."""
    return int(text) if text and text.isascii() and text.isdigit() else 0


def since_epoch(milliseconds: str | int) -> datetime:
    """Read a time in milliseconds."""
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def moment(time: tuple[int, int]) -> datetime:
    """Read what TIME answers."""
    seconds, microseconds = time
    return _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)
