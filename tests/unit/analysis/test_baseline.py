"""A canary compared with new instances of the old version instead of stable."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from provider.domain.analysis import Analysis, Exposure, Measurement, Outcome, ReasonCode, Record, Series, Snapshot
from provider.domain.analysis.baseline import absence

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SERVICES = {"stable": "shop_1@http", "canary": "shop_2@http", "baseline": "shop_2_baseline@http"}
SETTINGS = Analysis(sustained=timedelta(), warm_up=timedelta())
# Requests, errors and slow responses in 5 s.
GOOD, BAD, DOWN, NONE = (100, 0, 0), (100, 20, 0), (100, 100, 0), (0, 0, 0)
COLD = (100, 3, 30)
Side = tuple[int, int, int]


class Attempt:
    """Samples of an attempt, 5 s apart."""

    def __init__(self, *, weight: float = 25, baseline: float = 25, settings: Analysis = SETTINGS) -> None:
        self.settings = settings
        self.exposure = Exposure(weight, "", baseline)
        self.record = Record("attempt", "step")
        self._counters: dict[str, dict[Series, float]] = {}
        self._now = T0
        self.see(canary=NONE)

    def see(self, *, canary: Side, baseline: Side | None = NONE, stable: Side = NONE, times: int = 1) -> Outcome:
        for _ in range(times):
            for side, counts in {"stable": stable, "canary": canary, "baseline": baseline or NONE}.items():
                self._count(SERVICES[side], counts)
            self._now += timedelta(seconds=5)
            services = {name: dict(series) for name, series in self._counters.items()}
            self.record = self.record.looked(
                Measurement({"edge": Snapshot(services, T0.timestamp())}),
                self.settings,
                stable=SERVICES["stable"],
                canary=SERVICES["canary"],
                baseline=None if baseline is None else SERVICES["baseline"],
                now=self._now,
                exposure=self.exposure,
            )
        return self.record.samples[0].outcome

    @property
    def code(self) -> ReasonCode | None:
        return self.record.samples[0].reason_code

    def _count(self, service: str, counts: Side) -> None:
        requests, errors, slow = counts
        counters = self._counters.setdefault(service, {})
        for status, count, late in (("200", requests - errors, slow), ("500", errors, 0)):
            for edge in (None, 0.1, 1.2, 5.0, inf):
                is_below_all = edge is not None and edge < 3
                series = Series(status, "GET", "http", edge)
                counters[series] = counters.get(series, 0) + count - (late if is_below_all else 0)


def test_a_canary_that_is_as_cold_as_its_baseline_does_not_fail() -> None:
    beside_stable, beside_baseline = Attempt(baseline=0), Attempt()

    assert beside_stable.see(canary=COLD, stable=GOOD, baseline=None, times=20) is Outcome.FAILED
    assert beside_baseline.see(canary=COLD, stable=GOOD, baseline=COLD, times=20) is not Outcome.FAILED


def test_a_canary_that_is_worse_than_its_baseline_fails() -> None:
    assert Attempt().see(canary=BAD, stable=BAD, baseline=GOOD, times=20) is Outcome.FAILED


def test_a_canary_that_is_as_good_as_its_baseline_is_known_to_be_good() -> None:
    assert Attempt().see(canary=GOOD, stable=GOOD, baseline=GOOD, times=40) is Outcome.SUCCESSFUL


def test_without_requests_to_the_baseline_no_canary_is_known_to_be_good() -> None:
    attempt = Attempt()
    outcome = attempt.see(canary=GOOD, stable=GOOD, times=40)
    ended = attempt.record.step_verdict(SETTINGS).at_end(SETTINGS, attempt=attempt.record.verdict(SETTINGS))

    assert (outcome, attempt.code) == (Outcome.INCONCLUSIVE, ReasonCode.BASELINE_UNAVAILABLE)
    assert (ended.outcome, ended.reason_code) == (Outcome.INCONCLUSIVE, ReasonCode.BASELINE_UNAVAILABLE)


def test_a_baseline_that_gets_no_more_requests_is_missed_until_it_does() -> None:
    attempt = Attempt()
    attempt.see(canary=GOOD, stable=GOOD, baseline=GOOD, times=40)
    gone = attempt.see(canary=GOOD, stable=GOOD), attempt.code
    back = attempt.see(canary=GOOD, stable=GOOD, baseline=GOOD), attempt.code

    assert gone == (Outcome.INCONCLUSIVE, ReasonCode.BASELINE_UNAVAILABLE)
    assert back == (Outcome.SUCCESSFUL, None)


def test_a_baseline_that_is_down_makes_no_canary_good() -> None:
    attempt = Attempt()
    outcome = attempt.see(canary=GOOD, stable=GOOD, baseline=DOWN, times=2)

    assert (outcome, attempt.code) == (Outcome.INCONCLUSIVE, ReasonCode.BASELINE_UNAVAILABLE)


def test_a_baseline_as_bad_as_the_canary_hides_nothing_while_stable_is_good() -> None:
    attempt = Attempt()
    outcome = attempt.see(canary=BAD, stable=GOOD, baseline=BAD, times=40)

    assert (outcome, attempt.code) == (Outcome.INCONCLUSIVE, ReasonCode.BASELINE_WORSE)


def test_a_shared_outage_is_no_reason_to_doubt_the_baseline() -> None:
    attempt = Attempt()
    attempt.see(canary=DOWN, stable=DOWN, baseline=DOWN, times=4)

    assert attempt.record.doubt(SETTINGS) is None
    assert attempt.record.samples[0].outcome is not Outcome.FAILED


@pytest.mark.parametrize("baseline", [NONE, DOWN], ids=["no requests", "down as well"])
def test_a_canary_that_is_plainly_down_fails_whatever_becomes_of_its_baseline(baseline: Side) -> None:
    assert Attempt().see(canary=DOWN, stable=GOOD, baseline=baseline) is Outcome.FAILED


def test_a_baseline_some_times_as_bad_as_stable_is_compared_with() -> None:
    attempt = Attempt()
    attempt.see(canary=(1000, 12, 0), stable=(1000, 5, 0), baseline=(1000, 12, 0), times=100)

    assert attempt.record.doubt(SETTINGS) is None


def test_a_baseline_with_few_errors_is_compared_with_also_if_stable_has_none() -> None:
    attempt = Attempt()
    attempt.see(canary=(1000, 8, 0), stable=(1000, 0, 0), baseline=(1000, 8, 0), times=100)

    assert attempt.record.doubt(SETTINGS) is None


def test_with_all_requests_a_canary_is_judged_by_what_its_baseline_was() -> None:
    attempt = Attempt()
    attempt.see(canary=GOOD, stable=(100, 1, 0), baseline=(100, 2, 0), times=20)
    attempt.exposure = Exposure(100)

    assert attempt.see(canary=(100, 2, 0), baseline=None, times=20) is not Outcome.FAILED
    assert attempt.code not in {ReasonCode.BASELINE_UNAVAILABLE, ReasonCode.BASELINE_WORSE}
    assert attempt.see(canary=BAD, baseline=None, times=40) is Outcome.FAILED


def test_how_many_requests_it_takes_to_miss_a_baseline_follows_the_weights() -> None:
    missed = [absence(20, weight=25, baseline=25), absence(19, weight=25, baseline=25)]
    missed += [absence(20, weight=90, baseline=8), absence(10**6, weight=100, baseline=0)]

    assert [bool(one) for one in missed] == [True, False, False, False]


def test_the_record_of_an_attempt_with_a_baseline_goes_to_json_and_back() -> None:
    attempt = Attempt()
    attempt.see(canary=GOOD, stable=GOOD, baseline=GOOD, times=3)

    assert Record.from_document(attempt.record.as_document()) == attempt.record
