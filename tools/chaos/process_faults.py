"""Faults of single processes: each is killed or stopped in turn, or receives signals."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from tools.chaos.faults import is_valkey, stopped
from tools.chaos.keeping import children
from tools.chaos.line import Line, NoAnswerError
from tools.chaos.peer_faults import deliver, delivered
from tools.chaos.scene import Scene
from tools.chaos.system import TIMED
from tools.chaos.waiting import NotInTimeError, wait_for

_TURN_SECONDS = 3.0
_GUESSES_PER_SECOND, _RELOAD_SECONDS = 50, 1.5


def web_master(scene: Scene) -> int:
    """Return the process id of gunicorn's master."""
    pid = scene.system.providers[0].pid
    if scene.system.backing:
        return pid
    found: list[int] = []

    def is_found() -> bool:
        found.extend(child for child in children(pid) if not is_valkey(child))
        return bool(found)

    wait_for(is_found, what="the web process runs")
    return found[0]


@contextmanager
def workers_killed(scene: Scene) -> Iterator[None]:
    """Kill each worker, one after another."""
    master = web_master(scene)
    for pid in children(master):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: len(set(children(master)) - {pid}) >= 2, what="the worker is replaced")  # type: ignore[misc]
    yield


@contextmanager
def master_killed(scene: Scene) -> Iterator[None]:
    """Kill gunicorn's master below `serve`: `serve` ends, and is started again."""
    os.kill(web_master(scene), signal.SIGKILL)
    yield


@contextmanager
def workers_stopped(scene: Scene) -> Iterator[None]:
    """Stop each worker in turn, three seconds each. New connections go to the other one."""
    is_ending = threading.Event()

    def take_turns() -> None:
        while not is_ending.is_set():
            for pid in children(web_master(scene)):
                with stopped(pid):
                    is_ending.wait(_TURN_SECONDS)

    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        yield
    finally:
        is_ending.set()
        thread.join()


@contextmanager
def master_stopped(scene: Scene) -> Iterator[None]:
    """Stop gunicorn's master."""
    with stopped(web_master(scene)):
        yield


@contextmanager
def serve_stopped(scene: Scene) -> Iterator[None]:
    """Stop `serve`, which supervises gunicorn and Valkey."""
    with stopped(scene.system.providers[0].pid):
        yield


@contextmanager
def traefik_stopped(scene: Scene) -> Iterator[None]:
    """Stop a Traefik while a rollout with timed steps begins: it waits until this Traefik has its first weight."""
    system = scene.system
    with stopped(system.traefiks[0].pid):
        canary = system.done("GET", f"/rollouts/{TIMED}")["spec"]["stable"]
        system.done("PUT", f"/rollouts/{TIMED}/canary", canary)
        yield
        scene.violations += unproven_steps(system.done("GET", f"/rollouts/{TIMED}"))
    system.done("GET", f"/rollouts/{TIMED}/wait?for=healthy&timeout=5", seconds=20)


def unproven_steps(rollout: dict[str, dict[str, object]]) -> Sequence[str]:
    """Say what is wrong with a rollout whose first weight a gateway has not applied."""
    status = rollout["status"]
    if (status["phase"], status["weight"]) != ("Progressing", 50) and status["phase"] != "Paused":
        return [f"{status['phase']} at {status['weight']}%, though a Traefik has not applied 50%"]
    code = (rollout.get("waiting") or {}).get("reasonCode")
    return [] if code == "not-applied" else [f"waits for {code}, not for a Traefik"]


@contextmanager
def webhook_sender_killed(scene: Scene) -> Iterator[None]:
    """Kill every process that sends webhooks: one of them has the lease. The next message arrives in ten seconds."""
    system = scene.system
    with delivered(scene) as inbox:
        killed_at = time.monotonic()
        for pid in (*children(web_master(scene)), *((system.controller.pid,) if system.controller else ())):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        yield
        try:
            deliver(system, inbox, seconds=max(0.0, killed_at + 10 - time.monotonic()))
        except NotInTimeError as error:
            scene.violations.append(str(error))


@contextmanager
def neighbor_guesses(scene: Scene) -> Iterator[None]:
    """Send wrong tokens from the address of everybody else, and replace the workers meanwhile."""
    is_ending = threading.Event()

    def guess() -> None:
        line = Line(scene.system.port, seconds=5)
        number = 0
        while not is_ending.wait(1 / _GUESSES_PER_SECOND):
            number += 1
            headers = {"Authorization": f"Bearer wrong-token-of-a-neighbor-{number}"}
            with suppress(NoAnswerError):
                line.ask("GET", "/api/v1/rollouts", headers=headers)
        line.close()

    thread = threading.Thread(target=guess)
    thread.start()
    try:
        time.sleep(_RELOAD_SECONDS)
        scene.system.providers[0].signal(signal.SIGHUP)
        yield
    finally:
        is_ending.set()
        thread.join()
