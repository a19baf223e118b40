"""Whether what was seen of a versioned register can be explained by one change after another. Pure.

The store orders writes itself: their versions rise. So no order has to be guessed, as a checker of plain registers
must; it is enough that the order of versions agrees with everything that was seen, and with real time: what had been
answered before something else was asked must come before it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf


@dataclass(frozen=True)
class Operation:
    """One read or write as a client saw it, with the seconds at which it was asked and answered.

    `version` is the one that was acknowledged, or read. A write that was never answered has none and never returns:
    it may have happened or not. A refused one has none either, and must not have happened. `expected` is the version
    that a compare-and-set named.
    """

    id: str
    value: str
    invoked: float
    returned: float = inf
    version: int | None = None
    expected: int | None = None
    is_read: bool = False

    @property
    def is_refused(self) -> bool:
        """Tell whether it was answered that it would not be done."""
        return self.version is None and self.returned < inf


@dataclass(frozen=True)
class Entry:
    """One version of the register as its history has it, and the id of the write that made it."""

    version: int
    id: str
    value: str


def lost(history: Sequence[Entry], operations: Sequence[Operation]) -> Sequence[Operation]:
    """Give the acknowledged writes that the history does not have under their version."""
    ids = {entry.version: entry.id for entry in history}
    acknowledged = [seen for seen in operations if seen.version is not None and not seen.is_read]
    return [seen for seen in acknowledged if ids.get(seen.version or 0) != seen.id]


def violations(history: Sequence[Entry], operations: Sequence[Operation]) -> Sequence[str]:
    """Say everything that no order of changes, one at a time, can explain.

    The history is complete, the oldest first; it begins with the state that was there before all operations.
    """
    return [
        *_disorder(history),
        *_untrue(history, operations),
        *_unasked(history, operations),
        *_out_of_time(history, operations),
        *_wrongly_done(history, operations),
        *_wrongly_refused(history, operations),
    ]


def _disorder(history: Sequence[Entry]) -> Iterator[str]:
    for before, after in pairwise(history):
        if after.version <= before.version:
            yield f"version {after.version} follows {before.version}"


def _untrue(history: Sequence[Entry], operations: Sequence[Operation]) -> Iterator[str]:
    """Find what was acknowledged or read, and is not in the history as it was told."""
    entries = {entry.version: entry for entry in history}
    for seen in operations:
        if seen.version is None:
            continue
        entry = entries.get(seen.version)
        if entry is None:
            yield f"{seen.id}: version {seen.version} is not in the history"
        elif not seen.is_read and entry.id != seen.id:
            yield f"{seen.id}: version {seen.version} was made by {entry.id}"
        elif entry.value != seen.value:
            yield f"{seen.id}: version {seen.version} is {entry.value}, not {seen.value}"


def _unasked(history: Sequence[Entry], operations: Sequence[Operation]) -> Iterator[str]:
    """Find changes that nobody asked for, that were made twice, or in spite of a refusal."""
    writes = {seen.id: seen for seen in operations if not seen.is_read}
    for id_, times in Counter(entry.id for entry in history[1:]).items():
        if id_ not in writes:
            yield f"{id_}: nobody has asked for it"
        elif times > 1:
            yield f"{id_}: done {times} times"
        elif writes[id_].is_refused:
            yield f"{id_}: refused, and done"


def _out_of_time(history: Sequence[Entry], operations: Sequence[Operation]) -> Iterator[str]:
    """Find what was asked after the answer to something that comes behind it, or is the same change."""
    made = {entry.id: entry.version for entry in history[1:]}
    placed = [(seen, seen.version or made.get(seen.id)) for seen in operations if seen.version or not seen.is_read]
    known = [(seen, version) for seen, version in placed if version is not None]
    answered = sorted(known, key=lambda pair: pair[0].returned)
    newest, index = history[0].version if history else 0, 0
    for seen, version in sorted(known, key=lambda pair: pair[0].invoked):
        while answered[index][0].returned < seen.invoked:
            newest = max(newest, answered[index][1])
            index += 1
        if version < newest or (version == newest and not seen.is_read):
            yield f"{seen.id}: at version {version}, though {newest} had been seen before it was asked"


def _wrongly_done(history: Sequence[Entry], operations: Sequence[Operation]) -> Iterator[str]:
    """Find compare-and-sets that did not follow the version that they named."""
    before = {after.version: entry.version for entry, after in pairwise(history)}
    made = {entry.id: entry.version for entry in history[1:]}
    for seen in operations:
        version = made.get(seen.id)
        if seen.expected is not None and version is not None and before[version] != seen.expected:
            yield f"{seen.id}: follows version {before[version]}, not {seen.expected} as it asked"


def _wrongly_refused(history: Sequence[Entry], operations: Sequence[Operation]) -> Iterator[str]:
    """Find compare-and-sets that were refused although what they named was there all the while."""
    current = _surely_current(history, {seen.id: seen for seen in operations if not seen.is_read})
    for seen in operations:
        if seen.expected is None or not seen.is_refused:
            continue
        since, until = current.get(seen.expected, (inf, -inf))
        if since < seen.invoked and seen.returned < until:
            yield f"{seen.id}: refused, though version {seen.expected} was there"


def _surely_current(history: Sequence[Entry], writes: Mapping[str, Operation]) -> Mapping[int, tuple[float, float]]:
    """Give for each version from when to when it was there for certain: until the next one was asked for."""
    starts = [-inf, *(writes[entry.id].returned if entry.id in writes else inf for entry in history[1:])]
    ends = [*(writes[entry.id].invoked if entry.id in writes else -inf for entry in history[1:]), inf]
    return {entry.version: span for entry, span in zip(history, zip(starts, ends, strict=True), strict=True)}
