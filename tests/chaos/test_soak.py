"""Ten minutes under mixed load: nothing that the provider holds grows after the first two."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tools.chaos.footprint import Holding, Sample, lasting_closing, lasting_zombies, levels, sample
from tools.chaos.peer_faults import checked_neighbor, running, watched, webhooked
from tools.chaos.peers import Kind
from tools.chaos.scene import Scene, under_load
from tools.chaos.system import System, single
from tools.chaos.visitors import Visitors

SECONDS = float(os.environ.get("CANARY_SOAK_SECONDS", "600"))
LEVEL_SECONDS = 60.0
PAUSE_SECONDS = 5.0
KINDS = ("stream", "page", "wait", "instance", "rollout", "bad canary")

pytestmark = [pytest.mark.slow, pytest.mark.traefik, pytest.mark.timeout(SECONDS + 300)]


def test_memory_and_descriptors_level_under_mixed_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with single(tmp_path) as system, under_load(system, seed=1) as scene, failing_peers(system):
        visitors = Visitors(system, scene.canaries)
        visitors.start()
        scene.writers.go()
        try:
            samples = sampled(scene)
        finally:
            visitors.stop()
    count = int(LEVEL_SECONDS / PAUSE_SECONDS)
    before, after = levels(samples[count : 2 * count]), levels(samples[-count:])
    with capsys.disabled():
        sys.stdout.write(report(before, after, visitors, scene) + "\n")

    assert before.keys() == after.keys()  # no process was replaced
    assert grown(before, after) == []
    assert lasting_zombies(samples) == set()
    assert lasting_closing(samples) == set()
    assert (scene.watch.wrong, scene.writers.odd, scene.users.failures) == ([], {}, [])
    assert visitors.failed == {}
    assert min(visitors.done[kind] for kind in KINDS) > 5


def sampled(scene: Scene) -> Sequence[Sample]:
    """Examine the provider's processes every five seconds."""
    end = time.monotonic() + SECONDS
    samples: list[Sample] = []
    while time.monotonic() < end:
        time.sleep(PAUSE_SECONDS)
        samples.append(sample(roots(scene.system)))
        for name in scene.since:
            scene.writers.take(name)  # they are not compared with the history here
    return samples


def roots(system: System) -> Sequence[int]:
    return [service.pid for service in (*system.providers, system.controller) if service]


def grown(before: Mapping[int, Holding], after: Mapping[int, Holding]) -> Sequence[str]:
    """Name what holds more than at first."""
    return [
        f"{pid}: {before[pid]} became {after[pid]}"
        for pid in before
        if after[pid].memory > 1.15 * before[pid].memory + 10
        or after[pid].descriptors > before[pid].descriptors + 25
        or after[pid].threads > before[pid].threads + 10
    ]


@contextmanager
def failing_peers(system: System) -> Iterator[None]:
    """Run a check that drips, a gateway's API that hangs, and a webhook that never ends its responses."""
    with ExitStack() as stack:
        dripping, hanging, endless = (
            stack.enter_context(running(system, kind)) for kind in (Kind.DRIPPING, Kind.HANGING, Kind.ENDLESS)
        )
        stack.enter_context(checked_neighbor(system, dripping.url))
        stack.enter_context(watched(system, hanging.url, name="hanging"))
        stack.enter_context(webhooked(system, endless.url))
        yield


def report(before: Mapping[int, Holding], after: Mapping[int, Holding], visitors: Visitors, scene: Scene) -> str:
    """Show what each process held in the second minute and in the last one."""
    lines = [
        f"{pid}: {one.memory:.0f} > {after[pid].memory:.0f} MiB, {one.descriptors} > {after[pid].descriptors} "
        f"descriptors, {one.threads} > {after[pid].threads} threads"
        for pid, one in before.items()
        if pid in after
    ]
    load = f"{scene.users.requests} requests, {len(scene.writers.acknowledged)} writes, {scene.watch.polls} polls"
    return "\n".join([f"\n{SECONDS:g} s: {load}", *lines, f"{dict(visitors.done)}, failed {dict(visitors.failed)}"])
