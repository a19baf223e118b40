"""What the pictures show: six and a half minutes of a fleet, in which some things go well and others do not."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import requests

from provider.demo.parts import ProviderProcess
from provider.demo.scenarios.stage import HOST, Gateway, Stage
from provider.demo.scenarios.traffic import Traffic

# The rollout that the dashboard of one rollout shows.
ROLLOUT = "shop"
SECONDS = 390.0
# Share of requests that fail, and seconds that an answer takes. v3 is the one that is taken back.
_VERSIONS: Mapping[str, tuple[float, float]] = {
    "v1": (0.004, 0.02),
    "v2": (0.003, 0.03),
    "v3": (0.03, 0.06),
    "v4": (0.003, 0.015),
}
# Requests a second, by gateway.
_TRAFFIC: Mapping[str, Mapping[str, float]] = {
    "shop": {"edge": 30},
    "mail": {"edge": 20},
    "search": {"edge": 5, "west": 5},
    "basket": {"edge": 5, "west": 5},
}
_STEPS: Sequence[Any] = [
    step for weight in (5, 25, 50) for step in ({"setWeight": weight}, {"pause": {"duration": "40s"}})
]


@dataclass(frozen=True)
class Fleet:
    """The provider, two Traefiks, an app in four versions, and rollouts of it."""

    provider: ProviderProcess
    gateways: Mapping[str, Gateway]
    apps: Mapping[str, str]

    @property
    def targets(self) -> Mapping[str, Sequence[str]]:
        """What a Prometheus is to scrape, by the addresses that are shipped."""
        traefiks = [f"{HOST}:{gateway.api_port}" for gateway in self.gateways.values()]
        return {"provider:8080": [f"{HOST}:{self.provider.port}"], "edge:8081": traefiks}

    def side(self, version: str) -> Mapping[str, Any]:
        """Give a version as a side of a rollout."""
        return {"servers": [{"url": self.apps[version]}]}

    def write(self, name: str, **spec: Any) -> None:
        """Write a rollout of v1 down."""
        own = {"rule": f"Host(`{name}.localhost`)", "entryPoints": ["web"], "stable": self.side("v1")}
        self.provider.call("PUT", f"/rollouts/{name}", {"spec": {**own, **spec}})

    def weigh(self, name: str, weight: float) -> None:
        """Set a weight by hand."""
        self.provider.call("PUT", f"/rollouts/{name}/weight", {"weight": weight})

    def move(self, name: str, action: str) -> None:
        """Abort, retry."""
        self.provider.call("POST", f"/rollouts/{name}/{action}")

    def take_over(self, name: str) -> None:
        """Make a canary stable, whatever steps are left."""
        self.provider.call("POST", f"/rollouts/{name}/promote", {"full": True})

    def deploy(self, name: str, version: str) -> None:
        """Begin with a new canary, as a pipeline does."""
        self.provider.call("PUT", f"/rollouts/{name}/canary", self.side(version))
        self.provider.call("GET", f"/rollouts/{name}/wait?for=applied&timeout=20")

    def signal(self, gateway: str, number: int) -> None:
        """Stop a Traefik as a machine that hangs, and let it go on."""
        os.kill(self.gateways[gateway].process.process.pid, number)


@dataclass(frozen=True)
class Moment:
    """What happens when, in seconds from the beginning."""

    second: float
    words: str
    act: Callable[[Fleet], None]


def _hammer(fleet: Fleet) -> None:
    def work() -> None:
        fleet.weigh("mail", 3)
        for number in range(80):
            fleet.weigh("news", 1 + number % 2)
            time.sleep(0.7)

    threading.Thread(target=work, daemon=True).start()


_STORY = (
    Moment(20, "shop gets v2: 5, 25, 50%", lambda fleet: fleet.deploy("shop", "v2")),
    Moment(45, "basket is held at 45%", lambda fleet: fleet.weigh("basket", 45)),
    Moment(75, "the Traefik west falls silent", lambda fleet: fleet.signal("west", signal.SIGSTOP)),
    Moment(105, "basket is held at 60%, of which west learns nothing", lambda fleet: fleet.weigh("basket", 60)),
    Moment(155, "west goes on", lambda fleet: fleet.signal("west", signal.SIGCONT)),
    Moment(185, "shop gets v3, which is bad", lambda fleet: fleet.deploy("shop", "v3")),
    Moment(275, "shop gets v4", lambda fleet: fleet.deploy("shop", "v4")),
    Moment(290, "somebody takes search back", lambda fleet: fleet.move("search", "abort")),
    Moment(320, "and tries again", lambda fleet: fleet.move("search", "retry")),
    Moment(330, "a job changes something all the while: mail's canary starves", _hammer),
    Moment(340, "basket's canary takes over", lambda fleet: fleet.take_over("basket")),
)


def set_up(stage: Stage) -> Fleet:
    """Start everything, and write four rollouts and two webhooks down."""
    provider = stage.start_provider()
    apps = {
        version: stage.start_app(version, "--error-rate", str(errors), "--delay", str(seconds))
        for version, (errors, seconds) in _VERSIONS.items()
    }
    gateways = {name: stage.start_gateway(provider, name=name) for name in ("edge", "west")}
    fleet = Fleet(provider, gateways, apps)
    judged = {"interval": "2s", "latency": {"above": "100ms"}}
    fleet.write("shop", gateways=["edge"], steps=_STEPS, analysis=judged)
    fleet.write("mail", gateways=["edge"], canary=fleet.side("v2"))
    fleet.write("search", canary=fleet.side("v2"), steps=[{"ramp": {"from": 2, "to": 40, "by": 2, "every": "20s"}}])
    fleet.write("basket", canary=fleet.side("v2"))
    fleet.write("news", gateways=["edge"], canary=fleet.side("v2"))
    fleet.weigh("mail", 2)
    fleet.weigh("basket", 30)
    # The app says yes to every POST; the provider's health check to none.
    for name, url in (("team", f"{apps['v1']}/hook"), ("pager", f"{provider.url}/livez")):
        provider.call("PUT", f"/webhooks/{name}", {"spec": {"url": url}})
    return fleet


@contextmanager
def busy(fleet: Fleet) -> Iterator[None]:
    """Send users' requests through both Traefiks, and look at the API as people and scripts do."""
    ends = threading.Event()
    looking = threading.Thread(target=_look_around, args=(fleet, ends))
    with ExitStack() as stack:
        for name, rates in _TRAFFIC.items():
            for gateway, rate in rates.items():
                traffic = Traffic(fleet.gateways[gateway].url, host=f"{name}.localhost", threads=2, rate=rate)
                stack.enter_context(traffic)
        stack.callback(looking.join)
        stack.callback(ends.set)
        looking.start()
        yield


def play(fleet: Fleet, say: Callable[[str], None]) -> None:
    """Let everything happen, in its time."""
    began = time.monotonic()
    for moment in _STORY:
        time.sleep(max(0.0, began + moment.second - time.monotonic()))
        say(f"{moment.second:5.0f} s  {moment.words}")
        moment.act(fleet)
    time.sleep(max(0.0, began + SECONDS - time.monotonic()))


def _look_around(fleet: Fleet, ends: threading.Event) -> None:
    paths = ("/rollouts", "/rollouts/shop", "/rollouts/shop/traffic", "/rollouts/shop/history", "/rollouts/shoo")
    while not ends.is_set():
        for path in paths:
            ends.wait(0.5)
            with suppress(requests.RequestException):  # one of them is not there
                fleet.provider.call("GET", path)
