"""One start of a worker's feed, in a process that has done nothing before: `python -m tools.benchmarks.start URL`.

Prints JSON: seconds of each part, bytes of memory, and the seconds of what one change takes then.
"""

import time

_BEGAN = time.perf_counter()
import provider.server.composition  # noqa: E402, F401 it is what is timed

_IMPORTED = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from statistics import median  # noqa: E402

from provider.replica import Feed, Image, read_rollout  # noqa: E402
from provider.store import Event, Key, Kind, RedisStore, Stored  # noqa: E402
from provider.traefik.config import checked, render  # noqa: E402
from tools.benchmarks.machine import resident_bytes  # noqa: E402

_GATEWAY = "edge"
_CHANGED = Key(Kind.ROLLOUT, "shop-0")
_CHANGES = 50
_PATIENCE_SECONDS = 60.0


def main() -> None:
    """Start once, and print what it took."""
    (url,) = sys.argv[1:]
    started = _start(url)
    sys.stdout.write(json.dumps({"imports": _IMPORTED - _BEGAN, **started, **_parts(url)}))


def _start(url: str) -> Mapping[str, float]:
    """Start a feed, and wait for the first body."""
    before = resident_bytes(os.getpid())
    feed = Feed(RedisStore(url))
    used, began = time.process_time(), time.perf_counter()
    feed.start()
    body = feed.wait_for_body(_GATEWAY, other_than=None, seconds=_PATIENCE_SECONDS)
    if not (body and body.as_yaml):
        raise SystemExit(f"there is no body after {_PATIENCE_SECONDS:g} s")
    took, used = time.perf_counter() - began, time.process_time() - used
    feed.close()
    return {"start": took, "startCpu": used, "bytes": resident_bytes(os.getpid()) - before}


def _parts(url: str) -> Mapping[str, float]:
    """Do the same once more, part by part, and then follow changes of one rollout."""
    image, store = Image(), RedisStore(url)
    contents = store.load()
    parts = {
        "reading": _seconds(store.load),
        "rendering": _seconds(lambda: image.replace(contents)),
        "joining": _seconds(lambda: image.bodies.body(_GATEWAY).as_yaml),
    }
    changes = [_change(image, port=9_000 + number) for number in range(_CHANGES)]
    return parts | {name: median(change[name] for change in changes) for name in changes[0]}


def _change(image: Image, *, port: int) -> Mapping[str, float]:
    """Take over a change of one rollout as the feed does, and time what that is made of by itself."""
    text = image.documents[_CHANGED].text.replace(":8080", f":{port}")
    stored = Stored(image.revision + 1, text)
    rollout = read_rollout(_CHANGED.name, stored)
    event = Event(
        revision=stored.version,
        key=_CHANGED,
        action="replace",
        actor="bench",
        reason="",
        at=datetime.now(UTC),
        before=image.documents[_CHANGED].text,
        after=text,
    )
    return {
        "change": _seconds(lambda: image.apply([event])),
        "changeJoin": _seconds(lambda: image.bodies.body(_GATEWAY).as_yaml),
        "changeRead": _seconds(lambda: read_rollout(_CHANGED.name, stored)),
        "changeRender": _seconds(lambda: checked(render(rollout))),
    }


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
