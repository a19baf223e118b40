"""Plans of rollouts, with the traffic that the controller has measured."""

from collections.abc import Sequence
from functools import partial

from provider.domain.analysis import Forecast, Record, Verdict, seconds_until_known
from provider.domain.rollouts import (
    ExpectedTraffic,
    Plan,
    Rollout,
    StepWarning,
    TrafficSource,
    plan_of,
    settings_of,
    warnings_of,
)
from provider.domain.rollouts.plan import FACTORS
from provider.domain.rollouts.shares import compared_share
from provider.services.analyses import Analyses
from provider.services.off_loop import run_off_loop
from provider.services.traffic import Traffic

# Percent of bad responses where none were measured.
_ASSUMED = 0.5


class Plans:
    """Forecasts for rollouts. Raises StoreUnavailableError."""

    def __init__(self, analyses: Analyses, traffic: Traffic) -> None:
        self._analyses = analyses
        self._traffic = traffic

    def plan(
        self,
        rollout: Rollout,
        *,
        requests_per_second: float | None = None,
        errors: float | None = None,
        factors: Sequence[float] = FACTORS,
    ) -> Plan:
        """Return what each step can be expected to show.

        Figures that are not given are those that the controller measured last: of the canary that is judged, of the
        one before, or of the traffic that is split now. `errors` are percent.
        """
        traffic = self._measured(rollout)
        if requests_per_second is not None:
            given = {"requests_per_second": requests_per_second, "requests_source": TrafficSource.GIVEN}
            traffic = traffic.model_copy(update=given)
        if errors is not None:
            traffic = traffic.model_copy(
                update={"errors": errors, "slow": errors, "errors_source": TrafficSource.GIVEN}
            )
        # Of many steps it takes up to seconds.
        return run_off_loop(partial(plan_of, rollout, traffic, factors=factors))

    def warnings(self, rollout: Rollout) -> Sequence[StepWarning]:
        """Return why some of its analysis steps cannot be expected to come to a verdict."""
        return tuple(warnings_of(rollout, self._measured(rollout)))

    def seconds_until_known(self, rollout: Rollout, verdict: Verdict) -> float | None:
        """Return how long a canary is expected to stay undecided at its weight; None if that cannot be told."""
        traffic = self._measured(rollout)
        if traffic.rates is None or rollout.canary is None:
            return None
        forecast = Forecast(settings_of(rollout), traffic.rates, compared_share(rollout.spec))
        return seconds_until_known(verdict, forecast, float(rollout.status.weight) / 100)

    def _measured(self, rollout: Rollout) -> ExpectedTraffic:
        record = self._analyses.read(rollout.name).record
        measured = _of_record(record, rollout) if record else None
        return measured or self._of_share(rollout)

    def _of_share(self, rollout: Rollout) -> ExpectedTraffic:
        share = self._traffic.share(rollout)
        seconds = (share.measured_at - share.since).total_seconds()
        requests = share.requests
        is_known = seconds > 0 and requests > 0
        return ExpectedTraffic(
            requests_per_second=_figure(requests / seconds) if is_known else None,
            requests_source=TrafficSource.MEASURED if is_known else TrafficSource.UNKNOWN,
            errors=_ASSUMED,
            slow=_ASSUMED,
            errors_source=TrafficSource.ASSUMED,
            measured_at=share.measured_at if is_known else None,
        )


def _figure(value: float) -> float:
    """Round to what a measurement of a few minutes tells: plans need not differ from sample to sample."""
    return float(f"{value:.2g}")


def _of_record(record: Record, rollout: Rollout) -> ExpectedTraffic | None:
    """Return the traffic of the latest samples; None where they have seen no requests."""
    if len(record.samples) < 2:
        return None
    latest, oldest = record.samples[0].at, record.samples[-1].at
    requests = sum(look.requests for look in record.samples[:-1])
    seconds = (latest - oldest).total_seconds()
    if seconds <= 0 or requests == 0:
        return None
    verdict = record.verdict(settings_of(rollout))
    rates = {one.metric: one.stable_rate for one in verdict.metrics}
    errors = rates.get("errors")
    known = _ASSUMED if errors is None else _figure(100 * errors)
    slow = rates.get("latency")
    return ExpectedTraffic(
        requests_per_second=_figure(requests / seconds),
        requests_source=TrafficSource.MEASURED,
        errors=known,
        slow=known if slow is None else _figure(100 * slow),
        errors_source=TrafficSource.ASSUMED if errors is None else TrafficSource.MEASURED,
        measured_at=latest,
    )
