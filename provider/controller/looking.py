"""What the sources say of the canaries that are due for a look: each source is asked once for all of them."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from provider.analysis import CheckResult, Measurement, Outcome, Snapshot
from provider.analysis.checks import Check
from provider.documents import weight_number
from provider.documents.addresses import Networks
from provider.gateways import GatewaySpec
from provider.measuring import Gates, PrometheusMetrics, SourceError, TraefikMetrics
from provider.reaching import ANYWHERE, Credentials, none_needed
from provider.rollouts import Rollout, settings_of
from provider.routing import counted_services

# A source that hangs must not keep the others waiting.
_ASKED_AT_ONCE = 16

Gateways = Mapping[str, GatewaySpec]
# A gateway's name, or a Prometheus' address, by which it can be told from the other kind.
Source = tuple[str, str]
Answer: TypeAlias = Mapping[str, Snapshot] | SourceError


class Looking:
    """Measures canaries; what cannot be measured is said in words."""

    def __init__(self, networks: Networks = ANYWHERE, *, credentials: Credentials = none_needed) -> None:
        self._traefiks = TraefikMetrics(networks=networks, credentials=credentials)
        self._prometheuses = PrometheusMetrics(networks=networks)
        self._gates = Gates(networks=networks)
        self._pool = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="looking")

    def measure(self, rollouts: Sequence[Rollout], gateways: Gateways) -> Mapping[str, Measurement]:
        """Look at canaries, by the names of their rollouts."""
        wanted = {rollout.name: _sources(rollout, gateways) for rollout in rollouts}
        services = _services_by_source(rollouts, wanted)
        answers = dict(zip(services, self._pool.map(self._ask, services, services.values()), strict=True))
        checks = list(self._pool.map(self._checked, rollouts))
        return {
            rollout.name: _measurement(rollout, [answers[source] for source in wanted[rollout.name]], results)
            for rollout, results in zip(rollouts, checks, strict=True)
        }

    def close(self) -> None:
        """Let go of the threads and the connections."""
        self._pool.shutdown()
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

    def _checked(self, rollout: Rollout) -> tuple[CheckResult, ...]:
        stable, canary = counted_services(rollout)
        names: Mapping[str, object] = {
            "rollout": rollout.name,
            "stable": stable,
            "canary": canary or "",
            "weight": weight_number(rollout.status.weight),
            "phase": rollout.status.phase,
            "stepIndex": rollout.status.step_index,
        }
        return tuple(self._result(check, names) for check in settings_of(rollout).checks or ())

    def _result(self, check: Check, names: Mapping[str, object]) -> CheckResult:
        try:
            answer = self._gates.ask(check, names=names)
        except SourceError as error:
            return CheckResult(check.name, Outcome.ERROR, str(error))
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
