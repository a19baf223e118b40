"""One fault, and what became of requests, writes and polls."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from tools.chaos.catalogue import Fault, Judged
from tools.chaos.polls import POLL_SECONDS
from tools.chaos.scene import Scene
from tools.chaos.system import BAD, QUIET, TIMED
from tools.chaos.waiting import NotInTimeError, wait_for

if TYPE_CHECKING:
    from tools.chaos.canaries import Episode

_MEND_SECONDS = 60.0
_QUIET_SECONDS = 0.5


@dataclass(frozen=True)
class Limits:
    """The longest times that pass, in seconds.

    `abort` is for a bad canary to be aborted, `back` for everything to work again, and `poll` for a long poll of one
    second.
    """

    abort: float = 5.0
    back: float = 10.0
    poll: float = POLL_SECONDS


@dataclass(frozen=True)
class Result:
    """Effects of one fault. All times are in seconds.

    `without_writes` is the longest time without a write. `aborted_after` is the time from the first request that a
    bad canary failed to the last one; where it can be judged afterwards only, it begins when the fault ends.
    `back_after` is the time from the end of the fault until writes succeed, both Traefiks show a change, and the
    controller has completed a rollout. `writes_after` and `to_traffic` are the first two of these.
    """

    fault: str
    words: str
    lasted: float
    requests: int = 0
    failed: Sequence[str] = ()
    writes: int = 0
    lost: Sequence[str] = ()
    violations: Sequence[str] = ()
    without_writes: float = 0.0
    writes_after: float = 0.0
    to_traffic: float = 0.0
    aborted_after: float = 0.0
    back_after: float = 0.0
    limits: Limits = field(default_factory=Limits)
    polls: int = 0
    late: Sequence[float] = ()
    failed_polls: int = 0
    polls_may_fail: bool = False
    error: str = ""
    skipped: str = ""

    @property
    def is_good(self) -> bool:
        """Tell whether nobody was harmed."""
        polls = (self.late or self.failed_polls) and not self.polls_may_fail
        slow = self.aborted_after > self.limits.abort or self.back_after > self.limits.back
        return not (self.failed or self.lost or self.violations or polls or slow or self.error)


def run(fault: Fault, scene: Scene, *, limits: Limits | None = None) -> Result:
    """Cause a fault, end it, and wait until everything works again."""
    trial = _Trial(fault, scene, limits or Limits())
    try:
        trial.run()
    except NotInTimeError as error:
        trial.error = str(error)
    finally:
        trial.close()
    return trial.result()


class _Trial:
    def __init__(self, fault: Fault, scene: Scene, limits: Limits) -> None:
        self._fault, self._scene, self._limits = fault, scene, limits
        users, watch, writers = scene.users, scene.watch, scene.writers
        self._requests, self._failures = users.requests, len(users.failures)
        self._polls, self._late, self._failed_polls = watch.polls, len(watch.late), len(watch.failed)
        self._wrong, self._odd, self._throttled = len(watch.wrong), sum(writers.odd.values()), writers.throttled
        self._acknowledged = len(writers.acknowledged)
        self._complaints = scene.system.complaints()
        self._broken_at = self._mended_at = time.monotonic()
        self._writes_after = self._to_traffic = self._back_after = self._aborted_after = 0.0
        self._episode: Episode | None = None
        self.error = ""

    def run(self) -> None:
        scene, fault = self._scene, self._fault
        scene.aborted = []
        scene.writers.go()
        self._wait_for_writes(5)
        # While a fault lasts, a canary begins in the middle of it. All others have begun when it happens.
        is_begun_later = fault.seconds > 0 and fault.judged is Judged.THROUGHOUT
        if not is_begun_later and not fault.has_canaries:
            self._episode = scene.canaries.begin()
        self._broken_at = self._mended_at = time.monotonic()
        with fault.breaks(scene):
            self._mended_at = time.monotonic()
            if is_begun_later:
                self._episode = scene.canaries.begin()
            time.sleep(max(0.0, fault.seconds - (time.monotonic() - self._broken_at)))
            if is_begun_later:
                self._end_episode()
        if fault.seconds:
            self._mended_at = time.monotonic()
        self._writes_after = self._wait_for_writes(5)
        self._to_traffic = self._until_in_traffic()
        self._until_controlled()
        self._back_after = time.monotonic() - self._mended_at
        self._end_episode()
        time.sleep(_QUIET_SECONDS)
        scene.check()

    def close(self) -> None:
        """Stop the users of the canary."""
        if self._episode:
            self._episode.stop()

    def _end_episode(self) -> None:
        """Wait until the bad canary is aborted; the phase says so too."""
        if self._episode is None:
            return
        since = self._mended_at if self._fault.judged is Judged.AFTERWARDS else 0.0
        took = max(0.0, self._episode.end() - max(self._episode.first, since))
        self._aborted_after = max(self._aborted_after, took)
        self._episode = None
        phase = self._scene.system.done("GET", f"/rollouts/{BAD}")["status"]["phase"]
        if phase != "Degraded":
            self._scene.violations.append(f"the bad canary is {phase}")

    def result(self) -> Result:
        scene = self._scene
        users, watch, writers = scene.users, scene.watch, scene.writers
        lost, odd = tuple(scene.lost), sum(writers.odd.values()) - self._odd
        wrong = [*scene.forget(), *watch.wrong[self._wrong :]]
        throttled = writers.throttled - self._throttled
        wrong += [f"{throttled} requests of the writers were throttled"] if throttled else []
        wrong += [f"answered {words} ({times} times)" for words, times in writers.odd.items()] if odd else []
        return Result(
            fault=self._fault.name,
            words=self._fault.words,
            lasted=self._mended_at - self._broken_at,
            requests=users.requests - self._requests,
            failed=users.failures[self._failures :],
            writes=len(writers.acknowledged) - self._acknowledged,
            lost=lost,
            violations=wrong,
            without_writes=self._longest_silence(),
            writes_after=self._writes_after,
            to_traffic=self._to_traffic,
            aborted_after=max([self._aborted_after, *scene.aborted]),
            back_after=self._back_after,
            limits=self._limits,
            polls=watch.polls - self._polls,
            late=[seconds for seconds in watch.late[self._late :] if seconds > self._limits.poll],
            failed_polls=len(watch.failed) - self._failed_polls + scene.system.complaints() - self._complaints,
            polls_may_fail=self._fault.polls_may_fail,
            error=self.error,
        )

    def _wait_for_writes(self, more: int) -> float:
        writers = self._scene.writers
        enough = len(writers.acknowledged) + more
        wait_for(lambda: len(writers.acknowledged) >= enough, what="writes are done", seconds=_MEND_SECONDS)
        return next((at - self._mended_at for at in writers.acknowledged if at >= self._mended_at), 0.0)

    def _until_in_traffic(self) -> float:
        """Turn all traffic of a rollout to one side, and to the other, and see that both Traefiks have it."""
        system, started = self._scene.system, time.monotonic()
        for weight, version in ((100, "v2"), (0, "v1")):
            system.done("PUT", f"/rollouts/{QUIET}/weight", {"weight": weight})
            for port in system.web_ports:
                is_seen = partial(system.is_seen, port, QUIET, version)
                wait_for(is_seen, what=f"{weight}% in traffic", seconds=_MEND_SECONDS)
        return (time.monotonic() - started) / 2

    def _until_controlled(self) -> None:
        """Give a rollout a new canary, and see that the controller takes it through its steps."""
        system = self._scene.system
        system.done("PUT", f"/rollouts/{TIMED}/canary", system.done("GET", f"/rollouts/{TIMED}")["spec"]["stable"])
        system.done("GET", f"/rollouts/{TIMED}/wait?for=healthy&timeout=5", seconds=20)

    def _longest_silence(self) -> float:
        acknowledged = self._scene.writers.acknowledged[self._acknowledged :]
        times = [self._broken_at, *(at for at in acknowledged if at >= self._broken_at)]
        return max((after - before for before, after in pairwise(times)), default=0.0)


def at_random(faults: Sequence[Fault], scene: Scene, *, seconds: float) -> Fault:
    """Make one long fault of many: one or two at a time, for as long as it pleases, one after another."""
    chance = scene.chance

    def draw() -> Sequence[Fault]:
        first, second, is_alone = *chance.sample(list(faults), 2), chance.random() < 0.5
        # Of two that break the same part, the one would stand in the way of the other.
        return [first] if is_alone or first.part == second.part else [first, second]

    @contextmanager
    def breaks(scene: Scene) -> Iterator[None]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with ExitStack() as stack:
                for fault in draw():
                    stack.enter_context(fault.breaks(scene))
                time.sleep(chance.uniform(0.2, 4))
            episode = scene.canaries.begin(seconds=_MEND_SECONDS)
            scene.aborted.append(episode.end() - episode.first)
            # Before the history lets its oldest go: it has a thousand.
            scene.check()
            scene.writers.go()
        yield

    words = f"random faults, one or two at a time, {seconds / 60:g} minutes"
    may_fail = any(fault.polls_may_fail for fault in faults)
    return Fault("at-random", words, breaks, polls_may_fail=may_fail, has_canaries=True)
