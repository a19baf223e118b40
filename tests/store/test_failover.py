"""What becomes of reads, writes and followers when the primary is lost: with Sentinels, and in a Cluster."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provider.replica import Feed
from provider.store import (
    Change,
    Confirmation,
    Event,
    Key,
    Kind,
    RedisStore,
    StoreUnavailableError,
)
from provider.store.keys import Keys
from tests.store.questions import QUESTIONS
from tests.store.writing import change, write
from tools.chaos.servers import Cluster, Node, Sentinels
from tools.chaos.waiting import wait_for

# What operators ask; see it with --log-cli-level=INFO.
log = logging.getLogger(__name__)
pytestmark = pytest.mark.slow

KEY = Keys("default").revision
# A Sentinel calls a server dead after 1 s here, as a Cluster does; then they elect.
SECONDS = 15
Break = Callable[[Node], None]


@pytest.fixture(params=["sentinel", "cluster"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sentinels | Cluster]:
    """Run servers that put a replica in the place of a primary."""
    servers: Sentinels | Cluster = Sentinels(tmp_path)
    if request.param == "cluster":
        servers = Cluster(tmp_path, replicas=2, timeout_seconds=2)
    with servers:
        yield servers


def primary_of(servers: Sentinels | Cluster) -> Node:
    """Find the server that has our keys."""
    return servers.primary() if isinstance(servers, Sentinels) else servers.owner(KEY)


def can_write(store: RedisStore) -> bool:
    """Try to write."""
    try:
        write(store)
    except StoreUnavailableError:
        return False
    return True


class Writer(threading.Thread):
    """Writes one document after another; sends what was not acknowledged again, just as it was, until it is."""

    def __init__(self, store: RedisStore, name: str) -> None:
        super().__init__(daemon=True)
        self._store = store
        self._name = name
        self.is_ending = threading.Event()
        self.acknowledged: list[Event] = []
        self.slowest_seconds = 0.0

    def run(self) -> None:
        while not self.is_ending.is_set():
            key = Key(Kind.ROLLOUT, f"{self._name}-{len(self.acknowledged)}")
            self.acknowledged.append(self._written(change(key=key)))

    def _written(self, wanted: Change) -> Event:
        while True:
            started = time.monotonic()
            try:
                return self._store.commit(wanted)
            except StoreUnavailableError:
                time.sleep(0.05)
            finally:
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)


@pytest.mark.parametrize("breaks", [Node.kill, Node.pause], ids=["killed", "hanging"])
def test_no_acknowledged_write_is_lost_with_the_primary(servers: Sentinels | Cluster, breaks: Break) -> None:
    confirm = Confirmation(replicas=1)
    writers = [Writer(RedisStore(servers.url, confirm=confirm), f"shop-{index}") for index in range(4)]
    for writer in writers:
        writer.start()
    wait_for(lambda: all(len(writer.acknowledged) > 50 for writer in writers), what="all write")
    counts = [len(writer.acknowledged) for writer in writers]
    breaks(primary_of(servers))
    lost_seconds = wait_for(
        lambda: all(len(w.acknowledged) > count + 50 for w, count in zip(writers, counts, strict=True)),
        what="all write again",
        seconds=SECONDS,
    )
    for writer in writers:
        writer.is_ending.set()
        writer.join(10)
    found = RedisStore(servers.url).load()
    events = [event for writer in writers for event in writer.acknowledged]
    slowest = max(writer.slowest_seconds for writer in writers)
    log.info("%.1f s without writes, the slowest took %.1f s", lost_seconds, slowest)

    assert {event.key: event.revision for event in events} == {
        key: stored.version for key, stored in found.documents.items()
    }
    assert len(events) == len({event.revision for event in events}) == found.revision
    assert slowest < 8


@pytest.mark.parametrize("breaks", [Node.kill, Node.pause], ids=["killed", "hanging"])
def test_all_goes_on_at_the_new_primary(servers: Sentinels | Cluster, breaks: Break) -> None:
    store = RedisStore(servers.url)
    feed = Feed(RedisStore(servers.url))
    feed.start()
    first = write(RedisStore(servers.url, confirm=Confirmation(replicas=1)))
    assert feed.wait_until(lambda image: image.revision == first.revision, seconds=5)
    breaks(primary_of(servers))
    seconds = wait_for(lambda: can_write(store), what="a write is done", seconds=SECONDS)
    followed = wait_for(
        # What the first replica got may be lost with it, should a slow machine take that for dead, too.
        lambda: can_write(store) and feed.wait_until(lambda image: image.revision > first.revision, seconds=1),
        what="the feed follows",
    )
    log.info("%.1f s without writes, %.1f s more for the feed", seconds, followed)
    feed.close()

    for ask in (question for name, question in QUESTIONS.items() if name not in {"commit", "restore"}):
        ask(store)
    assert first in store.history(first.key, limit=10)


@pytest.mark.parametrize("question", ["read", "commit", "changes"])
def test_nobody_waits_long_for_a_primary_that_hangs(servers: Sentinels | Cluster, question: str) -> None:
    store = RedisStore(servers.url)
    write(store)
    primary_of(servers).pause()
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        store.changes(after=1, wait_seconds=30) if question == "changes" else QUESTIONS[question](store)

    assert time.monotonic() - started < 7


def test_a_primary_that_comes_back_is_a_replica_and_is_written_to_no_more(servers: Sentinels | Cluster) -> None:
    store, old = RedisStore(servers.url), primary_of(servers)
    write(store)
    old.pause()
    wait_for(lambda: can_write(RedisStore(servers.url)), what="a write is done", seconds=SECONDS)
    old.resume()
    wait_for(lambda: old.info("replication")["role"] == "slave", what="it follows the new one")

    assert can_write(store)
    assert primary_of(servers) is not old


def test_the_loss_of_others_slots_is_none_of_our_business(tmp_path: Path) -> None:
    with Cluster(tmp_path, options={"cluster-require-full-coverage": "no"}) as servers:
        other = next(node for node in servers.nodes if node is not servers.owner(KEY))
        other.kill()
        store = RedisStore(servers.url)

        assert write(store).revision == 1
        assert write(RedisStore(servers.url)).revision == 2


def test_our_slot_may_move_to_another_node(tmp_path: Path) -> None:
    with Cluster(tmp_path) as servers:
        old = servers.owner(KEY)
        new = next(node for node in servers.nodes if node is not old)
        store = RedisStore(servers.url)
        events = [write(store), write(store)]
        servers.move(KEY, new)

        assert write(store).revision == 3
        assert store.changes(after=0, wait_seconds=0)[:2] == events
