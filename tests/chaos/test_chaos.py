"""The short form of `make chaos`: some faults under load with the real parts."""

from collections.abc import Iterator
from functools import partial

import pytest

from tools.chaos.catalogue import Fault
from tools.chaos.faults import redis_killed
from tools.chaos.peer_faults import Role, canary_blinded, peer_misbehaves
from tools.chaos.peers import Kind
from tools.chaos.scene import Scene, under_load
from tools.chaos.system import single
from tools.chaos.trial import Limits, run

pytestmark = pytest.mark.traefik

# `make chaos` has the limits that are promised. Here, other tests run on the same cores.
LIMITS = Limits(abort=25, back=50, poll=9)
_DRIPS = partial(peer_misbehaves, kind=Kind.DRIPPING, role=Role.CHECK)
SHORT = (
    Fault("redis-killed", "kill -9 of Redis", redis_killed),
    Fault("canary-blinded", "a gateway's API is unreachable, and two checks are broken", canary_blinded, seconds=0.5),
    Fault("peer-dripping-check", "a check drips", _DRIPS, seconds=0.5),
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Run a whole system under load."""
    with single(tmp_path_factory.mktemp("chaos")) as system, under_load(system, seed=1) as scene:
        yield scene


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.name)
def test_a_fault_harms_nobody(scene: Scene, fault: Fault) -> None:
    result = run(fault, scene, limits=LIMITS)

    assert result.is_good, result
    assert min(result.requests, result.writes, result.polls) > 10
