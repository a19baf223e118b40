import json
import logging
import os
import socket
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from provider.domain.fields import decode_json, read
from provider.domain.gateways import Sighting
from provider.store import MemoryStore, StoreUnavailableError
from provider.web.poll import SightingBook
from tests.world import Clock, World, wait_until


class CountingStore(MemoryStore):
    """Counts the reports, and can be unreachable."""

    reports = 0
    is_away = False

    def report(self, sightings: Mapping[str, str]) -> None:
        if self.is_away:
            raise StoreUnavailableError("away")
        self.reports += 1
        super().report(sightings)


def test_polls_that_show_nothing_new_are_reported_together(world: World) -> None:
    store = CountingStore()
    book = SightingBook(store, world.feed)
    for _ in range(100):
        book.note("edge", "10.0.0.1:1", digest="a", revision=1, long_poll_seconds=1)
    book.report()
    book.report()

    assert store.reports == 1
    sighting = json.loads(store.sightings()["edge@10.0.0.1:1"])
    assert (sighting["digest"], sighting["revisionServed"]) == ("a", 1)


def test_a_new_body_is_reported_at_once(world: World) -> None:
    store = CountingStore()
    book = SightingBook(store, world.feed)
    book.start()
    book.note("edge", "10.0.0.1:1", digest="a", revision=1, long_poll_seconds=1)

    assert wait_until(lambda: store.reports == 1, seconds=3)


def test_what_could_not_be_reported_is_reported_later(world: World) -> None:
    store = CountingStore()
    store.is_away = True
    book = SightingBook(store, world.feed)
    book.note("edge", "10.0.0.1:1", digest="a", revision=1, long_poll_seconds=1)
    book.report()
    book.note("edge", "10.0.0.2:1", digest="a", revision=1, long_poll_seconds=1)
    store.is_away = False
    book.report()

    assert {"edge@10.0.0.1:1", "edge@10.0.0.2:1"} == set(store.sightings())


def test_forgetting_what_was_never_seen_is_no_news(world: World) -> None:
    store = CountingStore()
    book = SightingBook(store, world.feed)
    book.forget("edge", "10.0.0.1:1")
    book.report()

    assert store.reports == 0


def test_of_too_many_sightings_those_that_polled_last_are_kept(world: World) -> None:
    store = CountingStore()
    book = SightingBook(store, world.feed, most=2)
    for number in (1, 2, 1, 3):
        book.note("edge", f"10.0.0.{number}:1", digest="a", revision=1, long_poll_seconds=1)
    book.report()

    assert {"edge@10.0.0.1:1", "edge@10.0.0.3:1"} == set(store.sightings())


def test_a_poll_shows_that_the_body_before_was_read(world: World) -> None:
    book = SightingBook(world.store, world.feed)
    book.note("edge", "10.0.0.1:1", digest="a", revision=1, long_poll_seconds=1)
    book.report()
    served = seen(world)
    book.note_taken("edge", "10.0.0.1:1")
    book.report()

    assert not served.has_taken(1, digest="a")
    assert seen(world).has_taken(1, digest="other")
    assert seen(world).has_taken(2, digest="a")
    assert not seen(world).has_taken(2, digest="other")


def test_a_poll_that_is_not_held_is_read_by_who_waits_for_it(world: World) -> None:
    book = SightingBook(world.store, world.feed)
    book.note("edge", "10.0.0.1:1", digest="a", revision=1, long_poll_seconds=0)
    book.report()

    assert seen(world).has_taken(1, digest="a")
    assert not seen(world).has_taken(2, digest="b")


def test_what_a_dead_worker_noted_is_removed_by_the_next_one(world: World) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    book = SightingBook(world.store, world.feed)
    for number, pid in enumerate((ended.pid, os.getpid())):
        book._worker = f"{socket.gethostname()}/{pid}"
        book.note("edge", f"10.0.0.{number}:1", digest="a", revision=1, long_poll_seconds=1)
    book._worker = f"elsewhere/{ended.pid}"
    book.note("edge", "10.0.0.9:1", digest="a", revision=1, long_poll_seconds=1)
    book.report()
    SightingBook(world.store, world.feed).forget_dead_workers()

    assert {"edge@10.0.0.1:1", "edge@10.0.0.9:1"} == set(world.store.sightings())


def test_connections_are_forgotten_with_their_worker(world: World) -> None:
    book = SightingBook(world.store, world.feed)
    book.note("edge", "10.0.0.1:1", digest="a", revision=1, long_poll_seconds=1)
    book.start()
    assert wait_until(lambda: bool(world.store.sightings()))
    world.feed.close()
    book.note("edge", "10.0.0.1:1", digest="b", revision=2, long_poll_seconds=1)
    book.close()

    assert world.store.sightings() == {}


def seen(world: World) -> Sighting:
    (text,) = world.store.sightings().values()
    return read(Sighting, decode_json(text))


def test_a_poll_is_dated_by_the_stores_clock_and_a_skew_is_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "provider.services.clock_skew")
    clock = Clock()
    store = MemoryStore(clock=clock)
    book = SightingBook(store, world.feed)
    for _ in range(2):
        book.note("edge", "10.0.0.1:1", digest="a", revision=1, long_poll_seconds=1)
        book.report()
    dated = read(Sighting, decode_json(store.sightings()["edge@10.0.0.1:1"])).last_poll
    clock.time = datetime.now(UTC)
    book.note("edge", "10.0.0.1:1", digest="b", revision=1, long_poll_seconds=1)
    book.report()

    assert abs(dated - Clock.time) < timedelta(seconds=60)
    assert [record.message for record in caplog.records] == ["clock.skewed", "clock.right"]
