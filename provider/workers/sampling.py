"""What the sources say of the canaries that are due for a sample: each source is asked once for all of them.

A rollout is measured when its own sources have answered. A slow source delays only the rollouts that use it.
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeAlias

from provider.domain.analysis import CheckResult, Measurement, Outcome, Snapshot
from provider.domain.analysis.checks import Check
from provider.domain.fields import weight_number
from provider.domain.fields.addresses import Networks
from provider.domain.gateways import GatewaySpec
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
# A source that has not answered after so long is reported, once.
_LATE_SECONDS = 5.0
# An answer that nobody has called for in so long is too old to be judged.
_ABANDONED_SECONDS = 10.0

Gateways = Mapping[str, GatewaySpec]
# A gateway's name, or a Prometheus' address, by which it can be told from the other kind.
Source = tuple[str, str]
Answer: TypeAlias = Mapping[str, Snapshot] | SourceError


@dataclass(frozen=True)
class _Running:
    """A measurement under way: of which version of a rollout, and what was asked, by source and by check."""

    rollout: Rollout
    began: float
    answers: Mapping[Source, Future[Answer]]
    checks: Mapping[str, Future[CheckResult]]

    @property
    def futures(self) -> Sequence[Future[Answer] | Future[CheckResult]]:
        return [*self.answers.values(), *self.checks.values()]

    @property
    def is_done(self) -> bool:
        return all(future.done() for future in self.futures)

    def late(self) -> Collection[str]:
        """Name what has not answered."""
        sources = {gateway or shown(url) for (gateway, url), future in self.answers.items() if not future.done()}
        return sources | {f"check {name}" for name, future in self.checks.items() if not future.done()}

    def measurement(self) -> Measurement:
        answers = [future.result() for future in self.answers.values()]
        return _measurement(self.rollout, answers, tuple(future.result() for future in self.checks.values()))


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
        self._called = 0.0
        self._told: set[tuple[str, str]] = set()

    def measure(self, rollouts: Sequence[Rollout], gateways: Gateways) -> Mapping[str, Measurement]:
        """Measure canaries, by the names of their rollouts.

        A rollout whose sources have not all answered is left out; a later call that names it has its measurement.
        """
        self._keep_only(rollouts)
        begun = self._begin([rollout for rollout in rollouts if rollout.name not in self._running], gateways)
        self._running.update(begun)
        futures: set[Future[Any]] = {future for one in begun.values() for future in one.futures}
        wait(futures, timeout=self._patience)
        done = {name: one for name, one in self._running.items() if one.is_done}
        self._running = {name: one for name, one in self._running.items() if name not in done}
        self._tell_late(done.values())
        return {name: one.measurement() for name, one in done.items()}

    def _keep_only(self, rollouts: Sequence[Rollout]) -> None:
        """Give up the measurements of rollouts that have changed or are no longer asked for."""
        before, self._called = self._called, time.monotonic()
        is_abandoned = self._called - before > _ABANDONED_SECONDS
        versions = {} if is_abandoned else {rollout.name: rollout.version for rollout in rollouts}
        self._running = {
            name: one for name, one in self._running.items() if versions.get(name) == one.rollout.version
        }

    def _begin(self, rollouts: Sequence[Rollout], gateways: Gateways) -> Mapping[str, _Running]:
        wanted = {rollout.name: _sources(rollout, gateways) for rollout in rollouts}
        answers = {
            source: (self._gateway_pool if source[0] else self._prometheus_pool).submit(self._ask, source, services)
            for source, services in _services_by_source(rollouts, wanted).items()
        }
        now = time.monotonic()
        return {
            rollout.name: _Running(
                rollout, now, {source: answers[source] for source in wanted[rollout.name]}, self._checked(rollout)
            )
            for rollout in rollouts
        }

    def _tell_late(self, done: Collection[_Running]) -> None:
        """Log each source of a rollout that is late, once until it answers in time."""
        limit = time.monotonic() - _LATE_SECONDS
        in_time = {one.rollout.name for one in done if one.began >= limit}
        self._told = {(name, source) for name, source in self._told if name not in in_time}
        late = {(name, source) for name, one in self._running.items() if one.began < limit for source in one.late()}
        for name, source in sorted(late - self._told):
            log.warning("source.late", extra={"rollout": name, "source": source, "seconds": _LATE_SECONDS})
        self._told |= late

    def close(self) -> None:
        """Let go of the threads and the connections."""
        for pool in (self._gateway_pool, self._prometheus_pool, self._check_pool):
            pool.shutdown()
        for source in (self._traefiks, self._prometheuses, self._gates):
            source.close()

    def _ask(self, source: Source, services: Collection[str]) -> Answer:
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

    def _checked(self, rollout: Rollout) -> Mapping[str, Future[CheckResult]]:
        stable, canary = counted_services(rollout)
        names: Mapping[str, object] = {
            "rollout": rollout.name,
            "stable": stable,
            "canary": canary or "",
            "weight": weight_number(rollout.status.weight),
            "phase": rollout.status.phase,
            "stepIndex": rollout.status.step_index,
        }
        return {
            check.name: self._check_pool.submit(self._result, check, names)
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
        (name, spec.metrics_url)
        for name, spec in sorted(gateways.items())
        if spec.metrics_url and rollout.spec.is_carried_by(name)
    ]


def _services_by_source(
    rollouts: Sequence[Rollout], wanted: Mapping[str, Sequence[Source]]
) -> Mapping[Source, set[str]]:
    services: dict[Source, set[str]] = {}
    for rollout in rollouts:
        counted = {service for service in counted_services(rollout) if service}
        for source in wanted[rollout.name]:
            services.setdefault(source, set()).update(counted)
    return services


def _measurement(rollout: Rollout, answers: Sequence[Answer], checks: tuple[CheckResult, ...]) -> Measurement:
    """Give what could be measured, and what could not: failure takes one source that shows it, success takes all."""
    missing = [str(answer) for answer in answers if isinstance(answer, SourceError)]
    if not answers:
        missing.append(_NO_SOURCE)
    if len(missing) >= len(answers) and not any(check.outcome is Outcome.FAILED for check in checks):
        missing += [f"{check.name}: {check.reason}" for check in checks if check.outcome is Outcome.ERROR]
        return Measurement(error="; ".join(missing))
    snapshots = {
        name: _of(rollout, snapshot)
        for answer in answers
        if not isinstance(answer, SourceError)
        for name, snapshot in answer.items()
    }
    return Measurement(snapshots, checks, missing=tuple(missing))


def _of(rollout: Rollout, snapshot: Snapshot) -> Snapshot:
    """Leave out what was asked for other rollouts."""
    found = snapshot.services
    services = {service: found[service] for service in counted_services(rollout) if service and service in found}
    return Snapshot(services, snapshot.started)


_NO_SOURCE = "no gateway that carries it has its metrics known: traefik-canary gateway set NAME --metrics URL"
