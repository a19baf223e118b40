"""Simulated traffic of a canary and stable: what a gateway counts, sample by sample, in many kinds of circumstances.

A scenario is a class with one instance for each simulated attempt. Most of them only define how likely an error or a
slow response is for an instance at a time. Those whose requests depend on each other draw by themselves.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import exp, log, pi, sin, sqrt
from random import Random
from statistics import NormalDist
from typing import ClassVar

from provider.domain.rollouts import SideName
from provider.domain.rollouts.shares import shares_of
from tools.simulation.counting import EDGES, Responses
from tools.simulation.draws import binomial, poisson

SAMPLE_SECONDS = 5
ERRORS = 0.005
SLOW = 0.005
# Durations are lognormal with a median of 120 ms; 0.5% of them exceed 1.2 s.
MEDIAN_SECONDS = 0.12
SIGMA = log(1.2 / MEDIAN_SECONDS) / NormalDist().inv_cdf(1 - SLOW)
STABLE_INSTANCES, CANARY_INSTANCES = 10, 2


@dataclass(frozen=True)
class Schedule:
    """The canary's weight over time: pairs of a duration in seconds and a weight from 0 to 1."""

    steps: Sequence[tuple[int, float]]

    @property
    def seconds(self) -> int:
        return sum(seconds for seconds, _ in self.steps)

    def weight(self, at: float) -> float:
        """Return the weight at a time; after the last step that of the last step."""
        for seconds, weight in self.steps:
            if at < seconds:
                return weight
            at -= seconds
        return self.steps[-1][1]

    def since_change(self, at: float) -> float:
        """Return the seconds since the current step began."""
        for seconds, _ in self.steps[:-1]:
            if at < seconds:
                return at
            at -= seconds
        return at


RISING = Schedule(((600, 0.05), (600, 0.25), (600, 0.5)))
FALLING = Schedule(((600, 0.5), (1200, 0.05)))


@dataclass(frozen=True)
class Instance:
    """One server of a side."""

    side: SideName
    number: int

    @property
    def is_new(self) -> bool:
        """Tell whether it was started with the canary."""
        return self.side != "stable"


@dataclass(frozen=True)
class Chances:
    """How likely a response is an error or slow, and by how much its log duration is shifted."""

    error: float = ERRORS
    slow: float = 0.0
    shift: float = 0.0


@dataclass(frozen=True)
class Sample:
    """What one sample shows: by gateway, the responses since the last one of stable, canary and baseline, if any."""

    seconds: int
    weight: float
    gateways: Mapping[str, tuple[Responses, ...]]

    @property
    def sides(self) -> tuple[Responses, Responses]:
        """Return the responses of stable and of the canary at all gateways."""
        stable, canary = Responses(), Responses()
        for one, other, *_ in self.gateways.values():
            stable, canary = stable + one, canary + other
        return stable, canary


@dataclass
class Scenario:
    """Independent requests to instances that are all alike, and a canary that is `fault` times as bad.

    `onset` is when the fault begins, in seconds. A baseline has as many instances as the canary.
    """

    rate: float
    random: Random
    schedule: Schedule = RISING
    fault: float = 1.0
    onset: float = 0.0
    errors: float = ERRORS
    edges: Sequence[float] = EDGES
    canary_instances: int = CANARY_INSTANCES
    canary_median: float = MEDIAN_SECONDS
    stable_median: float = MEDIAN_SECONDS
    sigma: float = SIGMA
    has_baseline: bool = False
    gateways: ClassVar[Sequence[str]] = ("edge",)

    def __post_init__(self) -> None:
        new: tuple[SideName, ...] = ("canary", "baseline") if self.has_baseline else ("canary",)
        self.sides: tuple[SideName, ...] = ("stable", *new)
        self.instances = [
            *(Instance("stable", number) for number in range(STABLE_INSTANCES)),
            *(Instance(side, number) for side in new for number in range(self.canary_instances)),
        ]
        self._cumulated: dict[tuple[bool, float], Sequence[float]] = {}
        self.prepare()

    def prepare(self) -> None:
        """Draw what is fixed for this attempt."""

    def chances(self, instance: Instance, at: float) -> Chances:
        """Return what an instance does at a time, before the canary's fault."""
        return Chances(self.errors)

    def samples(self) -> Iterator[Sample]:
        """Yield the samples of one attempt."""
        for at in range(0, self.schedule.seconds, SAMPLE_SECONDS):
            yield Sample(at + SAMPLE_SECONDS, self.schedule.weight(at), {"edge": self.responses(at)})

    def shares(self, at: float) -> Mapping[SideName, float]:
        """Return the share of the requests of each side at a time, from 0 to 1."""
        shares = shares_of(Decimal(str(100 * self.schedule.weight(at))), has_baseline=self.has_baseline)
        return {side: float(shares.get(side, 0)) / 100 for side in self.sides}

    def responses(self, at: float) -> tuple[Responses, ...]:
        """Return the responses of each side that end in a sample."""
        return tuple(self.side(at, side, self.rate * share) for side, share in self.shares(at).items())

    def side(self, at: float, side: SideName, rate: float) -> Responses:
        """Draw the responses of one side at so many requests per second."""
        instances = [one for one in self.instances if one.side == side]
        total = Responses()
        for instance in instances:
            requests = poisson(rate * SAMPLE_SECONDS / len(instances), self.random)
            if requests:
                total += self.drawn(instance, self.with_fault(self.chances(instance, at), instance, at), requests)
        return total

    def with_fault(self, chances: Chances, instance: Instance, at: float) -> Chances:
        """Make the canary's errors as many times as frequent as its fault says."""
        if instance.side != "canary" or self.fault == 1 or at < self.onset:
            return chances
        return Chances(min(1.0, chances.error * self.fault), chances.slow, chances.shift)

    def drawn(self, instance: Instance, chances: Chances, requests: int) -> Responses:
        """Draw errors and durations of some requests."""
        errors = binomial(requests, chances.error, self.random)
        slow = binomial(requests, chances.slow, self.random)
        cumulated = self._durations(instance.side == "canary", chances.shift)
        buckets = [0] * (len(self.edges) + 1)
        # A slow response takes two seconds or more.
        buckets[bisect_right(self.edges, 2.0)] += slow
        for _ in range(requests - slow):
            buckets[bisect_right(cumulated, self.random.random())] += 1
        return Responses(requests, errors, tuple(buckets))

    def _durations(self, is_canary: bool, shift: float) -> Sequence[float]:
        key = (is_canary, round(shift, 3))
        if key not in self._cumulated:
            median = self.canary_median if is_canary else self.stable_median
            normal = NormalDist(log(median) + key[1], self.sigma)
            self._cumulated[key] = tuple(normal.cdf(log(edge)) for edge in self.edges)
        return self._cumulated[key]


class Swing(Scenario):
    """Errors and slow responses of both sides rise and fall by 80% every 20 minutes."""

    def prepare(self) -> None:
        self.phase = self.random.uniform(0, 2 * pi)

    def chances(self, instance: Instance, at: float) -> Chances:
        wave = 1 + 0.8 * sin(self.phase + 2 * pi * at / 1_200)
        return Chances(self.errors * wave, SLOW * wave)


class SharedOutage(Scenario):
    """A dependency fails: 30% of all requests are errors for 60 s."""

    def prepare(self) -> None:
        self.outage = self.random.uniform(0, self.schedule.seconds)

    def chances(self, instance: Instance, at: float) -> Chances:
        return Chances(0.3) if self.outage <= at < self.outage + 60 else Chances(self.errors)


class OwnRecovery(Scenario):
    """A shared outage from which each instance recovers by itself, after 30 s on average."""

    def prepare(self) -> None:
        self.outage = self.random.uniform(0, self.schedule.seconds)
        self.ends = {one: self.outage + self.random.expovariate(1 / 30) for one in self.instances}

    def chances(self, instance: Instance, at: float) -> Chances:
        return Chances(0.3) if self.outage <= at < self.ends[instance] else Chances(self.errors)


class BrokenPools(Scenario):
    """Once an hour, an instance fails 30% of its requests for 20 s."""

    def prepare(self) -> None:
        self.episodes: dict[Instance, list[float]] = {one: list(self._starts()) for one in self.instances}

    def _starts(self) -> Iterator[float]:
        at = self.random.expovariate(1 / 3_600)
        while at < self.schedule.seconds:
            yield at
            at += self.random.expovariate(1 / 3_600)

    def chances(self, instance: Instance, at: float) -> Chances:
        return Chances(0.3 if any(start <= at < start + 20 for start in self.episodes[instance]) else self.errors)


class Retries(Scenario):
    """Clients repeat a request that fails, up to five times in all; each attempt is assigned by weight."""

    attempts = 5
    is_sticky = False

    def chances(self, instance: Instance, at: float) -> Chances:
        return Chances(self.errors / self.attempts)

    def responses(self, at: float) -> tuple[Responses, ...]:
        stable, canary = super().responses(at)
        weight = self.schedule.weight(at)
        if self.is_sticky:
            repeated = [(self.attempts - 1) * side.errors for side in (stable, canary)]
        else:
            all_of_them = (self.attempts - 1) * (stable.errors + canary.errors)
            to_canary = binomial(all_of_them, weight, self.random)
            repeated = [all_of_them - to_canary, to_canary]
        extra = [Responses(count, count, (count, *[0] * len(self.edges))) for count in repeated]
        return stable + extra[0], canary + extra[1]


class StickyRetries(Retries):
    """Clients repeat a request that fails, up to five times in all, on the same side."""

    is_sticky = True


class ColdStart(Scenario):
    """The first responses of new instances are slow (50%) or errors (5%), with a time constant of 20 s."""

    def since(self, at: float) -> float:
        return at

    def chances(self, instance: Instance, at: float) -> Chances:
        cold = exp(-self.since(at) / 20) if instance.is_new else 0.0
        return Chances(self.errors + 0.05 * cold, 0.5 * cold)


class ColdSteps(ColdStart):
    """New, cold instances of the canary, and of its baseline, start at each step."""

    def since(self, at: float) -> float:
        return self.schedule.since_change(at)


@dataclass
class _Sessions(Scenario):
    """Requests come in sessions that stay on the side on which they began."""

    def prepare(self) -> None:
        self.later: dict[tuple[int, SideName], list[int]] = defaultdict(lambda: [0, 0])

    def responses(self, at: float) -> tuple[Responses, ...]:
        mean_length = 20
        for _ in range(poisson(self.rate * SAMPLE_SECONDS / mean_length, self.random)):
            side = self._drawn_side(at)
            # Heavy users: a lognormal number of requests.
            length = max(1, round(mean_length * self.random.lognormvariate(-0.5, 1)))
            is_broken = self.random.random() < 0.02
            for _ in range(length):
                slot = self.later[int(at) // SAMPLE_SECONDS + self.random.randrange(24), side]
                slot[0] += 1
                slot[1] += is_broken and self.random.random() < 0.25
        return tuple(self._ended(int(at) // SAMPLE_SECONDS, side) for side in self.sides)

    def _drawn_side(self, at: float) -> SideName:
        shares, draw = self.shares(at), self.random.random()
        if draw < shares["canary"]:
            return "canary"
        return "baseline" if draw < shares["canary"] + shares.get("baseline", 0) else "stable"

    def _ended(self, index: int, side: SideName) -> Responses:
        requests, errors = self.later.pop((index, side), [0, 0])
        if not requests:
            return Responses()
        drawn = self.drawn(Instance(side, 0), Chances(0.0), requests)
        return Responses(requests, min(requests, errors), drawn.buckets)


class StickySessions(_Sessions):
    """Sticky, heavy users; 2% of the sessions are broken and fail a quarter of their requests."""


class StickyMix(Scenario):
    """Known users stay on stable; bots without a cookie, with other errors and durations, go by weight."""

    def responses(self, at: float) -> tuple[Responses, ...]:
        users, bots = Chances(0.002), Chances(0.012, 0.01)
        known = self._part("stable", users, 0.7 * self.rate)
        stable, *new = (self._part(side, bots, 0.3 * self.rate * share) for side, share in self.shares(at).items())
        return known + stable, *new

    def _part(self, side: SideName, chances: Chances, rate: float) -> Responses:
        requests, instance = poisson(rate * SAMPLE_SECONDS, self.random), Instance(side, 0)
        return self.drawn(instance, self.with_fault(chances, instance, 0), requests) if requests else Responses()


class CountedTesters(Scenario):
    """Testers with 3% errors reach the canary by an override that is counted (`countOverrides: true`)."""

    def responses(self, at: float) -> tuple[Responses, ...]:
        stable, canary = super().responses(at)
        requests = poisson(0.02 * self.rate * SAMPLE_SECONDS, self.random)
        testers = self.drawn(Instance("canary", 0), Chances(0.03), requests) if requests else Responses()
        return stable, canary + testers


class Drifting(Scenario):
    """The log durations of each instance drift by themselves (standard deviation 0.5, correlation over 60 s)."""

    def prepare(self) -> None:
        self.states = {one: self.random.gauss(0, 0.5) for one in self.instances}
        self.moved_at = -1.0

    def chances(self, instance: Instance, at: float) -> Chances:
        if at > self.moved_at:
            keep = exp(-SAMPLE_SECONDS / 60)
            for one, state in self.states.items():
                self.states[one] = keep * state + sqrt(1 - keep**2) * self.random.gauss(0, 0.5)
            self.moved_at = at
        return Chances(self.errors, shift=round(self.states[instance], 1))


class Differing(Scenario):
    """Instances differ in errors (log standard deviation 0.4) and durations (0.2); the canary has few of them."""

    own_instances = 1

    def __post_init__(self) -> None:
        self.canary_instances = self.own_instances
        super().__post_init__()

    def prepare(self) -> None:
        self.own = {
            one: Chances(self.errors * exp(self.random.gauss(0, 0.4)), shift=self.random.gauss(0, 0.2))
            for one in self.instances
        }

    def chances(self, instance: Instance, at: float) -> Chances:
        return self.own[instance]


class DifferingPools(Differing):
    """The same with five instances of the canary, and of its baseline."""

    own_instances = 5


class _Delayed(Scenario):
    """A part of the requests ends long after its start, and is counted then, on the side of its start."""

    share = 0.05
    is_error = False
    is_timed = True

    def duration(self) -> float:
        """Draw after how many seconds a request ends."""
        return 30.0

    def prepare(self) -> None:
        self.later: dict[tuple[int, bool], int] = defaultdict(int)

    def responses(self, at: float) -> tuple[Responses, ...]:
        weight, index = self.schedule.weight(at), int(at) // SAMPLE_SECONDS
        for _ in range(poisson(self.share * self.rate * SAMPLE_SECONDS, self.random)):
            end = index + round(self.duration() / SAMPLE_SECONDS)
            self.later[end, self.random.random() < weight] += 1
        stable, canary = super().responses(at)
        return stable + self._ended(index, False), canary + self._ended(index, True)

    def _ended(self, index: int, is_canary: bool) -> Responses:
        count = self.later.pop((index, is_canary), 0)
        if not count:
            return Responses()
        buckets = (*[0] * len(self.edges), count) if self.is_timed else ()
        return Responses(count, count if self.is_error else 0, buckets)


class LongPolls(_Delayed):
    """5% of the requests are long polls of 30 s."""


class WebSockets(_Delayed):
    """5% of the requests open a WebSocket for ten minutes; their durations do not count."""

    is_timed = False

    def duration(self) -> float:
        return 600.0


class Downloads(_Delayed):
    """2% of the requests are downloads of five minutes on average."""

    share = 0.02

    def duration(self) -> float:
        return self.random.expovariate(1 / 300)


class Timeouts(_Delayed):
    """Errors are timeouts (504) that take 30 s."""

    share = ERRORS
    is_error = True

    def chances(self, instance: Instance, at: float) -> Chances:
        return Chances(0.0)


class TwoGateways(Scenario):
    """Two gateways with different errors, one of which gives the canary 2% instead of 5%."""

    gateways = ("a", "b")

    def samples(self) -> Iterator[Sample]:
        for at in range(0, self.schedule.seconds, SAMPLE_SECONDS):
            weight = self.schedule.weight(at)
            gateways = {
                name: tuple(
                    self._part(is_canary, errors, self.rate / 2 * part)
                    for is_canary, part in ((False, 1 - share), (True, share))
                )
                for name, errors, share in (("a", 0.002, weight), ("b", 0.02, 0.4 * weight))
            }
            yield Sample(
                at + SAMPLE_SECONDS, weight, {name: (sides[0], sides[1]) for name, sides in gateways.items()}
            )

    def _part(self, is_canary: bool, errors: float, rate: float) -> Responses:
        requests = poisson(rate * SAMPLE_SECONDS, self.random)
        side: SideName = "canary" if is_canary else "stable"
        return self.drawn(Instance(side, 0), Chances(errors), requests) if requests else Responses()


@dataclass(frozen=True)
class Kind:
    """A row of the table of false rollbacks."""

    title: str
    scenario: type[Scenario]
    schedule: Schedule = RISING
    rates: Sequence[float] = field(default=(5, 50))


KINDS = (
    Kind("independent requests", Scenario),
    Kind("errors and slow responses swing by 80%", Swing),
    Kind("shared outage, 60 s, 30% errors", SharedOutage),
    Kind("shared outage, each instance recovers by itself", OwnRecovery),
    Kind("an instance fails 30% for 20 s, once an hour", BrokenPools),
    Kind("client retries, 5 attempts, by weight", Retries),
    Kind("client retries, 5 attempts, sticky", StickyRetries),
    Kind("cold start of the canary", ColdStart),
    Kind("new cold instances at each step", ColdSteps),
    Kind("sticky, heavy users, 2% broken sessions", StickySessions),
    Kind("known users stay on stable, bots by weight", StickyMix),
    Kind("testers by an override, with `countOverrides: true`", CountedTesters),
    Kind("durations of each instance drift", Drifting),
    Kind("instances differ, one canary instance", Differing),
    Kind("long polls of 30 s, weight rises", LongPolls),
    Kind("WebSockets of 10 min, weight rises", WebSockets),
    Kind("long polls of 30 s, 50% to 5%", LongPolls, FALLING),
    Kind("downloads of 5 min, 50% to 5%", Downloads, FALLING),
    Kind("timeouts of 30 s, 50% to 5%", Timeouts, FALLING),
    Kind("two gateways, one starves the canary", TwoGateways, RISING, (20, 100)),
)

# What makes new instances differ from stable without a fault of their version.
NEW = (
    Kind("independent requests", Scenario),
    Kind("new cold instances at each step", ColdSteps),
    Kind("sticky, heavy users, 2% broken sessions", StickySessions),
    Kind("known users stay on stable, bots by weight", StickyMix),
    Kind("durations of each instance drift", Drifting),
    Kind("instances differ, one canary instance", Differing),
    Kind("instances differ, five canary instances", DifferingPools),
)
