"""What the control loop costs: `python -m tools.benchmarks.controlling`.

10,000 rollouts, of which 100 are on their way and looked at every five seconds. Valkey and a gateway's /metrics,
whose services all have traffic, run in processes of their own; measured is the CPU time of feed and controller.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from provider.demo.parts import free_port
from provider.demo.processes import Processes, is_listening
from provider.domain.fields import read, write
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Rollout, Spec
from provider.replica import Feed, State
from provider.server.embedded_valkey import EmbeddedServer
from provider.services import Operations
from provider.store import Contents, Key, Kind, RedisStore, Stored
from provider.workers import Controller
from provider.workers.promoter import LEASE
from tools.benchmarks.system import HOST

_WARM_UP_SECONDS = 10.0
_METRICS_PAGE = Path(__file__).with_name("metrics_page.py")


@dataclass(frozen=True)
class Plan:
    """How many rollouts there are, how many of them move, and for how long is measured."""

    rollouts: int = 10_000
    moving: int = 100
    seconds: float = 30.0


def main() -> int:
    """Measure and print; the exit code."""
    plan = _plan()
    with (
        tempfile.TemporaryDirectory(prefix="canary-") as path,
        EmbeddedServer(Path(path) / "valkey") as server,
        Processes(Path(path)) as processes,
    ):
        port = free_port()
        processes.start(
            "metrics", [sys.executable, str(_METRICS_PAGE), *map(str, (port, plan.rollouts, plan.moving))]
        )
        processes.wait_until(lambda: is_listening(HOST, port), what="the gateway's metrics", seconds=120)
        store = RedisStore(server.url)
        store.restore(_contents(plan, f"http://{HOST}:{port}/metrics"), actor="bench", reason="")
        leading = _share_of_a_core(store, plan, leads=True)
        following = _share_of_a_core(store, plan, leads=False)
    sys.stdout.write(
        f"{plan.rollouts:,} rollouts, {plan.moving} of them judged every 5 s; CPU over {plan.seconds:g} s:\n"
        f"  the controller that leads  {leading:7.2%} of a core\n"
        f"  one that stands by         {following:7.2%} of a core\n"
    )
    return 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(
        "python -m tools.benchmarks.controlling", description="What the control loop costs."
    )
    parser.add_argument("--rollouts", type=int, default=Plan.rollouts)
    parser.add_argument("--moving", type=int, default=Plan.moving)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    options = parser.parse_args()
    return Plan(options.rollouts, options.moving, options.seconds)


def _contents(plan: Plan, metrics: str) -> Contents:
    now = datetime.now(UTC)
    documents = {Key(Kind.GATEWAY, "edge"): Stored(1, json.dumps(write(GatewaySpec(metrics=metrics))))}
    for index in range(plan.rollouts):
        rollout = Rollout.create(f"shop-{index}", _spec(is_moving=index < plan.moving), now=now)
        text = json.dumps({"spec": write(rollout.spec), "status": write(rollout.status)})
        documents[Key(Kind.ROLLOUT, rollout.name)] = Stored(1, text)
    return Contents("bench", 1, documents)


def _spec(*, is_moving: bool) -> Spec:
    canary = {
        "canary": {"servers": [{"url": "http://10.0.0.2:80"}]},
        "steps": [{"setWeight": 5}, {"analysis": {"duration": "10h"}}],
    }
    stable = {"rule": "Host(`shop.localhost`)", "stable": {"servers": [{"url": "http://10.0.0.1:80"}]}}
    return read(Spec, stable | canary if is_moving else stable)


def _share_of_a_core(store: RedisStore, plan: Plan, *, leads: bool) -> float:
    feed = Feed(store)
    feed.start()
    while feed.state is not State.FOLLOWING:
        time.sleep(0.05)
    while not leads and not store.lease(LEASE, owner="somebody else", seconds=3_600):
        time.sleep(0.1)
    Controller(Operations(store, feed)).start()
    time.sleep(_WARM_UP_SECONDS)
    before, began = time.process_time(), time.perf_counter()
    time.sleep(plan.seconds)
    share = (time.process_time() - before) / (time.perf_counter() - began)
    feed.close()
    return share


if __name__ == "__main__":
    sys.exit(main())
