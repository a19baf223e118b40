"""Ways to judge a canary. Each takes one sample after another and says when it would roll back."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import log, sqrt
from statistics import fmean
from typing import Protocol

from provider.domain.analysis import Analysis, Exposure, Measurement, Outcome, Record
from provider.domain.rollouts.shares import shares_of
from tools.simulation.counting import BASELINE, CANARY, EDGES, STABLE, Gateway, Responses
from tools.simulation.traffic import SAMPLE_SECONDS, Sample

_START = datetime(2026, 1, 1, tzinfo=UTC)
_MINUTE = 60 // SAMPLE_SECONDS


class Judge(Protocol):
    """A method with what it remembers of one attempt."""

    def rolls_back(self, sample: Sample) -> bool:
        """Take a sample, and tell whether the canary has to be rolled back."""
        ...


class Ours:
    """This project's judge, fed with counters as the controller feeds it."""

    def __init__(
        self,
        settings: Analysis,
        *,
        edges: Sequence[float] = EDGES,
        step: str = "",
        gateways: Sequence[str] = ("edge",),
        has_baseline: bool = False,
    ) -> None:
        self.settings = settings
        self.step = step
        self._has_baseline = has_baseline
        self._record = Record("attempt")
        self._gateways = {name: Gateway(edges) for name in gateways}
        self._outcome = Outcome.INCONCLUSIVE
        # The controller reads the counters before the canary gets its first request, too.
        self._look(0, 0.0)

    def rolls_back(self, sample: Sample) -> bool:
        self.take(sample)
        return self._outcome is Outcome.FAILED

    def take(self, sample: Sample) -> Outcome:
        """Take a sample, and return what is known then."""
        for name, sides in sample.gateways.items():
            for service, responses in zip((STABLE, CANARY, BASELINE), sides, strict=False):
                self._gateways[name].count(service, responses)
        self._look(sample.seconds, sample.weight)
        return self._outcome

    def begin_step(self, step: str) -> None:
        """Begin an analysis step."""
        self.step = step

    def ends_well(self) -> bool:
        """Tell whether a timed step that ends now advances."""
        verdict = self._record.step_verdict(self.settings)
        ended = verdict.at_end(self.settings, attempt=self._record.verdict(self.settings))
        return ended.outcome is Outcome.SUCCESSFUL

    @property
    def canary_requests(self) -> int:
        return self._record.whole.totals.canary.requests

    def _look(self, seconds: int, weight: float) -> None:
        self._record = self._record.about("attempt", self.step).looked(
            Measurement({name: gateway.snapshot() for name, gateway in self._gateways.items()}),
            self.settings,
            stable=STABLE,
            canary=CANARY,
            now=_START + timedelta(seconds=seconds),
            baseline=BASELINE if self._has_baseline and 0 < weight < 1 else None,
            exposure=self._exposure(100 * weight),
        )
        self._outcome = self._record.samples[0].outcome

    def _exposure(self, weight: float) -> Exposure:
        shares = shares_of(Decimal(str(weight)), has_baseline=self._has_baseline)
        return Exposure(weight=weight, baseline=float(shares.get("baseline", 0)))


class _Minutes:
    """Collects samples to minutes, for methods that look once a minute."""

    def __init__(self) -> None:
        self._samples: list[tuple[Responses, Responses]] = []

    def rolls_back(self, sample: Sample) -> bool:
        self._samples.append(sample.sides)
        if len(self._samples) < _MINUTE:
            return False
        stable = sum((one for one, _ in self._samples), Responses())
        canary = sum((other for _, other in self._samples), Responses())
        self._samples.clear()
        return self.minute(stable, canary)

    def minute(self, stable: Responses, canary: Responses, /) -> bool:
        """Take the responses of a minute."""
        raise NotImplementedError


def _rate(responses: Responses) -> float | None:
    return responses.errors / responses.requests if responses.requests else None


class StaticThreshold(_Minutes):
    """Flagger's default: a minute below 99% success, or without data, is a strike; the fifth one rolls back."""

    def __init__(self) -> None:
        super().__init__()
        self._strikes = 0

    def minute(self, _: Responses, canary: Responses, /) -> bool:
        rate = _rate(canary)
        self._strikes += rate is None or rate > 0.01
        return self._strikes >= 5


class FailureLimit(_Minutes):
    """Argo Rollouts' usual example: more than three minutes below 95% success roll back; no data is no failure."""

    def __init__(self) -> None:
        super().__init__()
        self._failures = 0

    def minute(self, _: Responses, canary: Responses, /) -> bool:
        rate = _rate(canary)
        self._failures += rate is not None and rate > 0.05
        return self._failures > 3


class MannWhitney(_Minutes):
    """Kayenta's classifier: ten one-minute error rates of both sides, confidence 98%, tolerance 0.25."""

    _Z = 2.326

    def __init__(self) -> None:
        super().__init__()
        self._rates: list[tuple[float, float]] = []

    def minute(self, stable: Responses, canary: Responses, /) -> bool:
        if stable.requests and canary.requests:
            self._rates.append((stable.errors / stable.requests, canary.errors / canary.requests))
        if len(self._rates) < 10:
            return False
        base, tried = [one for one, _ in self._rates], [other for _, other in self._rates]
        self._rates.clear()
        # The canary is "high" when its rates are above stable's, shifted by the tolerance, with the confidence.
        shift = 0.25 * fmean(base)
        wins = sum((other > one + shift) + 0.5 * (other == one + shift) for one in base for other in tried)
        count = len(base)
        mean, spread = count * count / 2, sqrt(count * count * (2 * count + 1) / 12)
        return (wins - mean) / spread > self._Z


class MixtureSprt:
    """mSPRT: a one-sided normal mixture over the difference of the rates, pooled over the attempt; α = 5%."""

    _TAU = 0.01

    def __init__(self) -> None:
        self._stable, self._canary = Responses(), Responses()

    def rolls_back(self, sample: Sample) -> bool:
        stable, canary = sample.sides
        self._stable, self._canary = self._stable + stable, self._canary + canary
        one, other = self._stable, self._canary
        if not one.requests or not other.requests:
            return False
        pooled = (one.errors + other.errors) / (one.requests + other.requests)
        variance = pooled * (1 - pooled) * (1 / one.requests + 1 / other.requests)
        difference = other.errors / other.requests - one.errors / one.requests
        if variance <= 0 or difference <= 0:
            return False
        wide = variance + self._TAU**2
        log_ratio = 0.5 * log(variance / wide) + difference**2 * self._TAU**2 / (2 * variance * wide) + log(2)
        return log_ratio > log(1 / 0.05)


class OBrienFleming:
    """A group-sequential z-test: six looks, five minutes apart, with O'Brien-Fleming bounds; α = 5%, one-sided."""

    # C for six looks: the bound at look k is C · sqrt(6 / k).
    _BOUND, _LOOKS, _APART = 1.743, 6, 300

    def __init__(self) -> None:
        self._stable, self._canary = Responses(), Responses()

    def rolls_back(self, sample: Sample) -> bool:
        stable, canary = sample.sides
        self._stable, self._canary = self._stable + stable, self._canary + canary
        look, between = divmod(sample.seconds, self._APART)
        one, other = self._stable, self._canary
        if between or look > self._LOOKS or not one.requests or not other.requests:
            return False
        pooled = (one.errors + other.errors) / (one.requests + other.requests)
        variance = pooled * (1 - pooled) * (1 / one.requests + 1 / other.requests)
        difference = other.errors / other.requests - one.errors / one.requests
        return variance > 0 and difference / sqrt(variance) > self._BOUND * sqrt(self._LOOKS / look)


PEERS: dict[str, Callable[[], Judge]] = {
    "static threshold (Flagger)": StaticThreshold,
    "failure limit (Argo)": FailureLimit,
    "Mann-Whitney (Kayenta)": MannWhitney,
    "mSPRT": MixtureSprt,
    "O'Brien-Fleming": OBrienFleming,
}
