"""The short form of `make chaos`: some faults under load with the real parts."""

from collections.abc import Iterator
from functools import partial

import pytest

from tools.chaos.catalogue import Fault
from tools.chaos.faults import peers_dripping, processes_signaled, redis_killed, traefik_killed, workers_reloaded
from tools.chaos.scene import Scene, under_load
from tools.chaos.system import single
from tools.chaos.trial import run

pytestmark = pytest.mark.traefik

SHORT = (
    Fault("redis-killed", "kill -9 of Redis", redis_killed, seconds=0.5),
    Fault("traefik-killed", "kill -9 of a Traefik", traefik_killed, seconds=0.5),
    Fault("processes-signaled", "SIGUSR2 and similar signals to every process", processes_signaled, seconds=0.5),
    Fault("peers-dripping", "a gateway's API and a check send endless headers", peers_dripping, seconds=1),
    Fault("workers-reloaded", "all workers are replaced", partial(workers_reloaded, times=1), seconds=0),
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Run a whole system under load."""
    with single(tmp_path_factory.mktemp("chaos")) as system, under_load(system, seed=1) as scene:
        yield scene


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.name)
def test_a_fault_harms_nobody(scene: Scene, fault: Fault) -> None:
    result = run(fault, scene)

    assert result.is_good, result
    assert min(result.requests, result.writes, result.polls) > 10
