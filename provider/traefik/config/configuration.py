"""Fragments joined to the body that Traefik is served: a pure function of the state, to the byte.

Traefik hashes the body and remembers the hash before it decodes: the same state must give the same bytes, and
bytes that do not decode are never asked for again.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from provider.domain.json_object import Json
from provider.traefik.config.fragment import Fragment
from provider.traefik.config.resilience import ready_transports

# One for all: `json.dumps` makes a new one at each call that has options.
_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=True)
# How many fragments' entries stand in one mapping of YAML. Anything from 30 to 500 took Traefik the same time.
_MERGED_AT_ONCE = 100
_ESCAPE = re.compile(r"(\\\\)|\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")


@dataclass(frozen=True)
class Encoded:
    """A fragment as the bytes of its entries, ready to be joined with others."""

    routers: bytes
    services: bytes
    middlewares: bytes
    transports: tuple[tuple[str, bytes], ...]


def encode_fragment(fragment: Fragment) -> Encoded:
    """Encode a fragment once, however many bodies it will be part of."""
    return Encoded(
        routers=b",".join(_entry(name, value) for name, value in fragment.routers.items()),
        services=b",".join(_entry(name, value) for name, value in fragment.services.items()),
        middlewares=b",".join(_entry(name, value) for name, value in fragment.middlewares.items()),
        transports=tuple((name, _entry(name, value)) for name, value in fragment.transports.items()),
    )


def assemble(fragments: Iterable[Encoded]) -> bytes:
    """Join fragments, in the order given, to a whole dynamic configuration, as JSON."""
    filled = (b'"%s":{%s}' % (name, b",".join(entries)) for name, entries in _sections(fragments))
    return b'{"http":{%s}}' % b",".join(filled)


def assemble_yaml(fragments: Iterable[Encoded]) -> bytes:
    """Join the same as YAML, which Traefik reads faster where there is much of it.

    Traefik's reader (yaml.v3, for JSON too) compares each key of a mapping with all that follow it: ten thousand
    rollouts cost it a hundred million comparisons. So a section comes in mappings of few rollouts, which it merges.
    """
    sections = (_yaml_section(name, entries) for name, entries in _sections(fragments))
    return b"".join([b"http:\n", *chain.from_iterable(sections)])


def _sections(fragments: Iterable[Encoded]) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """Give what there is of each section, by fragment: Traefik refuses empty maps."""
    parts = list(fragments)
    transports = {name: entry for part in (_READY, *parts) for name, entry in part.transports}
    sections = (
        (b"routers", [part.routers for part in parts]),
        (b"services", [part.services for part in parts]),
        (b"middlewares", [part.middlewares for part in parts]),
        (b"serversTransports", [transports[name] for name in sorted(transports)]),
    )
    for name, entries in sections:
        # A rollout between services of other providers has none of its own while it is at rest.
        if filled := [entry for entry in entries if entry]:
            yield name, filled


def _yaml_section(name: bytes, entries: Sequence[bytes]) -> Iterator[bytes]:
    yield b"  %s:\n    " % name
    if len(entries) > _MERGED_AT_ONCE:
        yield b"<<:\n    - "
    # In small pieces: each copy of megabytes takes memory anew from the system.
    for start in range(0, len(entries), _MERGED_AT_ONCE):
        if start:
            yield b"\n    - "
        yield b"{%s}" % b",\n      ".join(entries[start : start + _MERGED_AT_ONCE])
    yield b"\n"


def encode_json(value: Json) -> bytes:
    """Encode as JSON that Traefik's YAML parser reads: it takes no escaped surrogate pair."""
    return _ESCAPE.sub(_unescape_pair, _ENCODER.encode(value)).encode()


def _unescape_pair(match: re.Match[str]) -> str:
    escaped_backslash, high, low = match.groups()
    if escaped_backslash:
        return str(escaped_backslash)
    return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))


def _entry(name: str, value: Json) -> bytes:
    return b'"%s":%s' % (name.encode(), encode_json(value))


_READY = encode_fragment(Fragment(transports=ready_transports()))
# What is served when there is, on purpose, nothing to route.
EMPTY_BODY = assemble(())
