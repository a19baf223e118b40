"""A canary beside a baseline behind the real Traefik: new instances of the old version with the canary's weight.

The scenarios begin together and run side by side behind one Traefik, each as a rollout of its own.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from provider.demo.parts import free_port, start_app
from tests.e2e.harness import HOST, Stack, eventually
from tests.e2e.test_verdicts import Site, behave

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(180)]

JUDGED = [{"setWeight": 25}, {"analysis": {"duration": "8s"}}]
SLOW: dict[str, Any] = {"latency": {"above": "100ms"}}


class Sides:
    """The servers of a rollout: v1 is stable, v2 the canary, and v3 the baseline."""

    def __init__(self, site: Site) -> None:
        self.processes = site.stack.processes
        ports = {version: free_port() for version in ("v1", "v2", "v3")}
        self.children = [start_app(self.processes, version=version, port=port) for version, port in ports.items()]
        self.urls = [f"http://{HOST}:{port}" for port in ports.values()]

    def begin(self, site: Site, name: str, *, steps: list[Any], has_baseline: bool = True, **analysis: Any) -> None:
        stable, canary, baseline = self.urls
        beside = {"baseline": {"servers": [{"url": baseline}]}} if has_baseline else {}
        site.begin(name, urls=(stable, canary), steps=steps, beside=beside, **analysis)

    def stop_baseline(self) -> None:
        self.children[2].stop()
        self.processes.forget(self.children[2])


@pytest.fixture(scope="module")
def sides() -> dict[str, Sides]:
    return {}


@pytest.fixture(scope="module")
def site(shared_stack: Stack, sides: dict[str, Sides]) -> Iterator[Site]:
    """Begin all scenarios."""
    with ExitStack() as cleanup:
        site = Site(shared_stack, cleanup)
        for name in ("three", "cold", "alone", "worse", "gone"):
            sides[name] = Sides(site)
        for name in ("cold", "alone", "worse"):
            _, canary, baseline = sides[name].urls
            behave(canary, delay_seconds=0.2, error_rate=0.4 if name == "worse" else 0)
            behave(baseline, delay_seconds=0.2)
        sides["three"].begin(
            site, "three", steps=[{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
        )
        sides["cold"].begin(site, "cold", steps=JUDGED, **SLOW)
        sides["alone"].begin(site, "alone", steps=JUDGED, has_baseline=False, **SLOW)
        sides["worse"].begin(site, "worse", steps=[{"setWeight": 25}, {"analysis": {"duration": "10m"}}], **SLOW)
        sides["gone"].begin(site, "gone", steps=JUDGED)
        for name in ("cold", "alone", "worse", "gone"):
            site.load(name)
        yield site


def answers(site: Site, name: str) -> Mapping[str, int]:
    return site.stack.count(40, host=f"{name}.localhost")


def test_three_children_get_their_weights(site: Site) -> None:
    site.stack.wait_applied(name="three")
    at_25 = answers(site, "three")
    site.stack.done("POST", "/rollouts/three/promote")
    site.stack.wait_applied(name="three")
    at_50 = answers(site, "three")
    site.stack.done("POST", "/rollouts/three/abort")
    site.stack.wait_applied(name="three")

    assert at_25 == {"v1": 20, "v2": 10, "v3": 10}
    assert at_50 == {"v1": 4, "v2": 20, "v3": 16}
    assert answers(site, "three") == {"v1": 40}


def test_a_baseline_that_goes_down_leaves_the_canary_undecided(site: Site, sides: dict[str, Sides]) -> None:
    eventually(lambda: site.samples("gone"), what="the canary is measured")
    sides["gone"].stop_baseline()
    ended = site.ended("gone")

    assert (ended["phase"], ended["weight"]) == ("Paused", 25)
    assert "baseline-unavailable" in {sample.get("reasonCode") for sample in site.samples("gone")}


def test_a_canary_on_cold_caches_is_promoted_beside_a_baseline_and_aborted_without(site: Site) -> None:
    assert site.ended("cold")["phase"] == "Healthy"
    assert site.ended("alone")["phase"] == "Degraded"


def test_a_canary_that_is_worse_than_its_baseline_is_aborted(site: Site) -> None:
    assert site.ended("worse")["phase"] == "Degraded"
