"""Controls: faults that do harm on purpose. An experiment that does not report them proves nothing."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from provider.store.keys import Keys
from tools.chaos.catalogue import Fault, Judged
from tools.chaos.keeping import descendants
from tools.chaos.line import Line
from tools.chaos.scene import Scene
from tools.chaos.trial import Result

_KEYS = Keys("default")
_DOWN_SECONDS = 12.0


@dataclass(frozen=True)
class Control:
    """A fault that does harm, and whether a result reports this harm."""

    fault: Fault
    is_found: Callable[[Result], bool]


@contextmanager
def controller_missing(scene: Scene) -> Iterator[None]:
    """Kill the controller and do not restart it: nothing aborts the bad canary."""
    controller = scene.system.controller
    if controller is None:
        raise TypeError("this system has no controller of its own")
    with scene.system.keeper.left(controller):
        controller.kill()
        yield


@contextmanager
def app_failing(scene: Scene) -> Iterator[None]:
    """Let every fifth request to the stable version fail."""
    _behave(scene, error_rate=0.2)
    try:
        yield
    finally:
        _behave(scene, error_rate=0)


@contextmanager
def provider_stopped(scene: Scene) -> Iterator[None]:
    """Stop all processes of the provider, so that polls wait."""
    pid = scene.system.providers[0].pid
    stopped = [pid, *descendants(pid)]
    for one in stopped:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in stopped:
            os.kill(one, signal.SIGCONT)


@contextmanager
def provider_down(scene: Scene) -> Iterator[None]:
    """Kill the provider, and restart it after twelve seconds."""
    provider = scene.system.providers[0]
    with scene.system.keeper.left(provider):
        provider.kill()
        yield
        time.sleep(_DOWN_SECONDS)


@contextmanager
def history_cut(scene: Scene) -> Iterator[None]:
    """Remove some of the latest acknowledged writes from the history."""
    yield
    scene.writers.hold()
    with scene.system.node.hand() as hand:
        for id_, _ in hand.xrevrange(_KEYS.events, "+", "-", count=20):
            hand.xdel(_KEYS.events, id_)
    scene.writers.go()


CONTROLS: tuple[Control, ...] = (
    Control(
        Fault("control-app-failing", "one in five requests to the app fails", app_failing, seconds=2),
        lambda result: bool(result.failed),
    ),
    Control(
        Fault(
            "control-provider-stopped",
            "all processes of the provider are stopped, so that polls are late",
            provider_stopped,
            seconds=4,
            judged=Judged.AFTERWARDS,
        ),
        lambda result: bool(result.late),
    ),
    Control(
        Fault(
            "control-provider-down",
            "the provider is not restarted for 12 s",
            provider_down,
            polls_may_fail=True,
        ),
        lambda result: result.back_after > result.limits.back,
    ),
    Control(
        Fault("control-controller-missing", "no controller aborts the bad canary", controller_missing, seconds=1),
        lambda result: result.aborted_after > result.limits.abort,
    ),
    Control(
        Fault("control-history-cut", "acknowledged writes are removed from the history", history_cut, seconds=1),
        lambda result: bool(result.lost),
    ),
)


def _behave(scene: Scene, *, error_rate: float) -> None:
    with Line(scene.system.app_ports[0], seconds=10) as line:
        line.ask("PUT", "/behaviour", {"error_rate": error_rate})
