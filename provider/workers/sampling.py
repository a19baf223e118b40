"""What the sources say of the canaries that are due for a sample: each source is asked once for all of them.

A rollout is measured when its own sources have answered. A slow source delays only the rollouts that use it. Where
others have answered, these are measured without it first: one source that shows a failure is sufficient for an abort.
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar

from provider.domain.analysis import CheckResult, Measurement, Outcome, Snapshot
from provider.domain.analysis.checks import Check
from provider.domain.fields import weight_number
from provider.domain.fields.addresses import Networks
from provider.domain.gateways import GatewaySpec, metrics_sources
from provider.domain.rollouts import Rollout, settings_of
from provider.net.http_client import shown
from provider.net.ssrf_guard import ANYWHERE, Credentials, none_needed
from provider.sources import Gates, PrometheusMetrics, SourceError, TraefikMetrics
from provider.traefik.config import counted_services

log = logging.getLogger(__name__)

# Of each kind of source: those of one kind that hang cost no other kind anything.
_ASKED_AT_ONCE = 32
# What is not answered within so long is taken up by a later call.
_PATIENCE_SECONDS = 0.5
# A rollout is measured without the sources that have not answered after so long, and again when they have.
_PARTIAL_SECONDS = 1.0
# A source that has not answered after so long is reported, once.
_LATE_SECONDS = 5.0
# An answer that nobody has called for in so long is too old to be judged.
_ABANDONED_SECONDS = 10.0

Gateways = Mapping[str, GatewaySpec]
# A gateway's name, or a Prometheus' address, by which it can be told from the other kind.
Source = tuple[str, str]
SourceReading: TypeAlias = Mapping[str, Snapshot] | SourceError
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Asked(Generic[_Result]):
    """What was asked of a source, and when."""

    future: Future[_Result]
    at: float


@dataclass(frozen=True)
class _Running:
    """A measurement under way: of which version of a rollout, and what was asked, by source and by check.

    `returned_at` is when it was returned without what is late, with so many answers as `returned`. `is_hasty` is true
    if the measurement before it lacked something: then nothing is waited for.
    """

    rollout: Rollout
    answers: Mapping[Source, _Asked[SourceReading]] = field(default_factory=dict)
    checks: Mapping[str, _Asked[CheckResult]] = field(default_factory=dict)
    is_hasty: bool = False
    returned: int = 0
    returned_at: float | None = None

    @property
    def asked(self) -> Sequence[_Asked[SourceReading] | _Asked[CheckResult]]:
        return [*self.answers.values(), *self.checks.values()]

    @property
    def is_done(self) -> bool:
        return all(asked.future.done() for asked in self.asked)

    def is_partial(self, now: float) -> bool:
        """Tell whether the sources that have not answered are late, and others have answered."""
        is_late = any(now - one.at >= _PARTIAL_SECONDS for one in self.asked if not one.future.done())
        return (is_late or self.is_hasty) and self._answered > self.returned and self._has_facts()

    def as_returned(self, now: float) -> "_Running":
        """Note that it is returned without what is late."""
        return replace(self, returned=self._answered, returned_at=now)

    def is_outdated(self, now: float) -> bool:
        """Tell whether all but what is late has to be asked again."""
        interval = settings_of(self.rollout).interval.total_seconds()
        return self.returned_at is not None and now - self.returned_at >= interval

    @property
    def _answered(self) -> int:
        return sum(one.future.done() for one in self.asked)

    def _has_facts(self) -> bool:
        """Tell whether a gateway was measured, or a check failed."""
        answers = [one.future.result() for one in self.answers.values() if one.future.done()]
        checks = [one.future.result() for one in self.checks.values() if one.future.done()]
        is_measured = any(not isinstance(answer, SourceError) for answer in answers)
        return is_measured or any(check.outcome is Outcome.FAILED for check in checks)

    def rest(self) -> "_Running":
        """Return what has not answered."""
        answers = {source: one for source, one in self.answers.items() if not one.future.done()}
        checks = {name: one for name, one in self.checks.items() if not one.future.done()}
        return replace(self, answers=answers, checks=checks)

    def late(self, limit: float) -> Collection[str]:
        """Name what was asked before a time, and has not answered."""
        rest = self.rest()
        sources = {gateway or shown(url) for (gateway, url), one in rest.answers.items() if one.at < limit}
        return sources | {f"check {name}" for name, one in rest.checks.items() if one.at < limit}

    def measurement(self) -> Measurement:
        """Return what has answered; what has not is missing."""
        rest = self.rest()
        answers = [one.future.result() for one in self.answers.values() if one.future.done()]
        checks = tuple(one.future.result() for one in self.checks.values() if one.future.done())
        late = [f"{gateway or shown(url)} has not responded yet" for gateway, url in rest.answers]
        late += [f"{name} has not responded yet" for name in rest.checks]
        return _measurement(self.rollout, answers, checks, late=tuple(late))


class Looking:
    """Measures canaries; what cannot be measured is said in words."""

    def __init__(
        self,
        networks: Networks = ANYWHERE,
        *,
        credentials: Credentials = none_needed,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Wait so long for the answers to each call's questions."""
        self._patience = patience_seconds
        self._traefiks = TraefikMetrics(networks=networks, credentials=credentials)
        self._prometheuses = PrometheusMetrics(networks=networks)
        self._gates = Gates(networks=networks)
        self._gateway_pool, self._prometheus_pool, self._check_pool = (
            ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix=f"sampling-{kind}")
            for kind in ("gateway", "prometheus", "check")
        )
        self._running: dict[str, _Running] = {}
        # Rollouts whose latest measurement lacked a source.
        self._lacking: set[str] = set()
        self._called = 0.0
        self._told: set[tuple[str, str]] = set()

    def measure(self, rollouts: Sequence[Rollout], gateways: Gateways) -> Mapping[str, Measurement]:
        """Measure canaries, by the names of their rollouts.

        A rollout whose sources have not all answered is left out. Where others are late, it has a partial
        measurement, and a later call that names it has a whole one.
        """
        self._abandon_all_but(rollouts)
        begun = self._begin([rollout for rollout in rollouts if self._is_to_begin(rollout)], gateways)
        self._running.update(begun)
        futures: set[Future[Any]] = {asked.future for one in begun.values() for asked in one.asked}
        wait(futures, timeout=self._patience)
        now = time.monotonic()
        done = {name: one for name, one in self._running.items() if one.is_done}
        partial = {name: one for name, one in self._running.items() if name not in done and one.is_partial(now)}
        left = {name: one for name, one in self._running.items() if name not in done}
        self._running = {**left, **{name: one.as_returned(now) for name, one in partial.items()}}
        self._tell_late(done.values())
        measurements = {name: one.measurement() for name, one in {**done, **partial}.items()}
        self._lacking = (self._lacking - measurements.keys()) | {
            name for name, one in measurements.items() if one.missing
        }
        return measurements

    def _is_to_begin(self, rollout: Rollout) -> bool:
        running = self._running.get(rollout.name)
        return running is None or running.is_outdated(time.monotonic())

    def keep_only(self, names: Collection[str]) -> None:
        """Forget all other rollouts."""
        self._lacking = {name for name in self._lacking if name in names}
        self._told = {(name, source) for name, source in self._told if name in names}

    def _abandon_all_but(self, rollouts: Sequence[Rollout]) -> None:
        """Give up the measurements of rollouts that have changed or are no longer asked for."""
        before, self._called = self._called, time.monotonic()
        is_abandoned = self._called - before > _ABANDONED_SECONDS
        versions = {} if is_abandoned else {rollout.name: rollout.version for rollout in rollouts}
        self._running = {
            name: one for name, one in self._running.items() if versions.get(name) == one.rollout.version
        }

    def _begin(self, rollouts: Sequence[Rollout], gateways: Gateways) -> Mapping[str, _Running]:
        """Ask the sources; what is late already is not asked again."""
        late = {one.name: self._running.get(one.name, _Running(one)).rest() for one in rollouts}
        wanted = {rollout.name: _sources(rollout, gateways) for rollout in rollouts}
        open_ = {name: [one for one in sources if one not in late[name].answers] for name, sources in wanted.items()}
        now = time.monotonic()
        answers = {
            source: _Asked(self._pool(source).submit(self._ask, source, services), now)
            for source, services in _services_by_source(rollouts, open_).items()
        }
        return {
            rollout.name: _Running(
                rollout,
                {
                    source: late[rollout.name].answers.get(source) or answers[source]
                    for source in wanted[rollout.name]
                },
                self._checked(rollout, late[rollout.name].checks, now),
                is_hasty=rollout.name in self._lacking,
            )
            for rollout in rollouts
        }

    def _pool(self, source: Source) -> ThreadPoolExecutor:
        return self._gateway_pool if source[0] else self._prometheus_pool

    def _tell_late(self, done: Collection[_Running]) -> None:
        """Log each source of a rollout that is late, once until it answers in time."""
        limit = time.monotonic() - _LATE_SECONDS
        in_time = {one.rollout.name for one in done if not any(asked.at < limit for asked in one.asked)}
        self._told = {(name, source) for name, source in self._told if name not in in_time}
        late = {(name, source) for name, one in self._running.items() for source in one.late(limit)}
        for name, source in sorted(late - self._told):
            log.warning("source.timed_out", extra={"rollout": name, "source": source, "seconds": _LATE_SECONDS})
        self._told |= late

    def close(self) -> None:
        """Let go of the threads and the connections."""
        for pool in (self._gateway_pool, self._prometheus_pool, self._check_pool):
            pool.shutdown()
        for source in (self._traefiks, self._prometheuses, self._gates):
            source.close()

    def _ask(self, source: Source, services: Collection[str]) -> SourceReading:
        gateway, url = source
        try:
            if gateway:
                return self._traefiks.snapshots({gateway: url}, services=services)
            return self._prometheuses.snapshots(url, services=services)
        except SourceError as error:
            return error
        except Exception as error:  # it must not keep the rollouts of other sources from being judged
            log.exception("source.failed", extra={"source": gateway or shown(url)})
            return SourceError(f"{gateway or shown(url)} could not be read: {type(error).__name__}")

    def _checked(
        self, rollout: Rollout, late: Mapping[str, _Asked[CheckResult]], now: float
    ) -> Mapping[str, _Asked[CheckResult]]:
        names: Mapping[str, object] = {
            "rollout": rollout.name,
            "canary": "",
            **{str(side): service for side, service in counted_services(rollout).items()},
            "weight": weight_number(rollout.status.weight),
            "phase": rollout.status.phase,
            "stepIndex": rollout.status.step_index,
        }
        return {
            check.name: late.get(check.name) or _Asked(self._check_pool.submit(self._result, check, names), now)
            for check in settings_of(rollout).checks or ()
        }

    def _result(self, check: Check, names: Mapping[str, object]) -> CheckResult:
        try:
            answer = self._gates.ask(check, names=names)
        except SourceError as error:
            return CheckResult(check.name, Outcome.ERROR, str(error))
        except Exception as error:
            log.exception("source.failed", extra={"source": f"check {check.name}"})
            return CheckResult(check.name, Outcome.ERROR, f"the check could not be evaluated: {type(error).__name__}")
        return CheckResult(check.name, answer.outcome, answer.reason)


def _sources(rollout: Rollout, gateways: Gateways) -> Sequence[Source]:
    """Name where a rollout's requests are counted: its own Prometheus, or every gateway that carries it."""
    prometheus = settings_of(rollout).source.prometheus
    if prometheus:
        return [("", prometheus.url)]
    return [
        source
        for name, spec in sorted(gateways.items())
        if rollout.spec.is_carried_by(name)
        for source in metrics_sources(name, spec).items()
    ]


def _services_by_source(
    rollouts: Sequence[Rollout], wanted: Mapping[str, Sequence[Source]]
) -> Mapping[Source, set[str]]:
    services: dict[Source, set[str]] = {}
    for rollout in rollouts:
        counted = counted_services(rollout).values()
        for source in wanted[rollout.name]:
            services.setdefault(source, set()).update(counted)
    return services


def _measurement(
    rollout: Rollout, answers: Sequence[SourceReading], checks: tuple[CheckResult, ...], *, late: tuple[str, ...]
) -> Measurement:
    """Give what could be measured, and what could not: failure takes one source that shows it, success takes all."""
    errors = [str(answer) for answer in answers if isinstance(answer, SourceError)]
    missing = [*errors, *late]
    if not answers and not late:
        missing.append(NO_SOURCE)
    if len(errors) >= len(answers) and not any(check.outcome is Outcome.FAILED for check in checks):
        missing += [f"{check.name}: {check.reason}" for check in checks if check.outcome is Outcome.ERROR]
        return Measurement(error="; ".join(missing))
    snapshots = {
        name: _of(rollout, snapshot)
        for answer in answers
        if not isinstance(answer, SourceError)
        for name, snapshot in answer.items()
    }
    return Measurement(snapshots, checks, missing=tuple(missing), is_partial=bool(late))


def _of(rollout: Rollout, snapshot: Snapshot) -> Snapshot:
    """Leave out what was asked for other rollouts."""
    found = snapshot.services
    services = {service: found[service] for service in counted_services(rollout).values() if service in found}
    return Snapshot(services, snapshot.started)


NO_SOURCE = "no gateway of the rollout has metrics configured: traefik-canary gateway set NAME --metrics URL"
