import logging
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from provider.server.embedded_valkey import EmbeddedServerError, Pulse
from provider.server.valkey_keeper import ValkeyKeeper


@dataclass
class FakeServer:
    """A server and the time: each ping that is not answered takes a second."""

    now: float = 100.0
    is_running: bool = False
    answers: Pulse = Pulse.READY
    launch_error: Exception | None = None
    starts: list[float] = field(default_factory=list)
    kills: int = 0

    def launch(self) -> None:
        self.starts.append(self.now)
        if self.launch_error:
            raise self.launch_error
        self.is_running = True

    def pulse(self) -> Pulse:
        self.now += 1 if self.answers is Pulse.NONE else 0
        return self.answers

    def kill(self) -> None:
        self.kills += 1
        self.is_running = False

    def last_words(self) -> str:
        return "Bad file format"


class Kept:
    def __init__(self) -> None:
        self.server = FakeServer()
        self.keeper = ValkeyKeeper(self.server, clock=lambda: self.server.now)

    def wait(self, seconds: float) -> None:
        until = self.server.now + seconds
        while self.server.now < until:
            self.server.now += 0.1
            self.keeper.tend()


@pytest.fixture
def kept() -> Kept:
    kept = Kept()
    kept.keeper.tend()
    kept.wait(1)
    return kept


def test_a_server_that_died_is_started_again_at_once(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kept.wait(60)
    kept.server.is_running = False
    kept.wait(0.5)

    assert len(kept.server.starts) == 2
    assert caplog.messages == ["valkey.died", "valkey.restarted"]


@pytest.mark.parametrize("error", [None, OSError("no space"), EmbeddedServerError("gone")], ids=str)
def test_a_server_that_cannot_start_is_started_ever_more_seldom(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept()
    kept.server.launch_error, kept.server.answers = error, Pulse.NONE
    for _ in range(5_000):
        kept.server.now += 0.1
        kept.keeper.tend()
        kept.server.is_running = False
    starts = kept.server.starts
    pauses = [later - earlier for earlier, later in pairwise(starts)]

    assert 15 < len(starts) < 40
    assert pauses[0] < 1
    assert 29 < pauses[-1] < 32
    assert {"valkey.cannot_start"} == set(caplog.messages)


def test_a_server_that_cannot_start_gives_its_last_words(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    kept.server.answers = Pulse.NONE
    kept.keeper.tend()
    kept.server.is_running = False
    kept.keeper.tend()

    assert caplog.records[-1].error == "Bad file format"  # type: ignore[attr-defined]


def test_a_server_that_loads_is_alive_however_long_it_takes() -> None:
    kept = Kept()
    kept.server.answers = Pulse.BUSY
    kept.wait(600)

    assert (len(kept.server.starts), kept.server.kills) == (1, 0)


def test_a_server_that_hangs_is_replaced(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.server.answers = Pulse.NONE
    kept.wait(8)
    kept.server.answers = Pulse.READY
    kept.wait(2)

    assert (len(kept.server.starts), kept.server.kills) == (2, 1)
    assert "valkey.unresponsive" in caplog.messages


def test_a_server_that_misses_an_answer_is_left_alone(kept: Kept) -> None:
    kept.server.answers = Pulse.NONE
    kept.wait(3)
    kept.server.answers = Pulse.READY
    kept.wait(30)

    assert (len(kept.server.starts), kept.server.kills) == (1, 0)
