"""`/metrics`: what follows from the image, which is the same in every worker."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from provider.analysis import Share, ShareState
from provider.feed import State
from provider.gateways import Condition
from provider.operations import Operations
from provider.rollouts import Phase, Rollout
from provider.routing import names
from provider.store import StoreUnavailableError


class _Image(Collector):
    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._feed = operations.feed

    def collect(self) -> Iterator[Metric]:
        rollouts = self._feed.read(lambda image: list(image.rollouts.values()))
        yield from (_by_phase(rollouts), _weights(rollouts), _phases(rollouts), _sides(rollouts))
        yield GaugeMetricFamily("canary_revision", "The revision that is served.", self._feed.revision)
        yield GaugeMetricFamily(
            "canary_store_following", "1 while the store is followed.", self._feed.state is State.FOLLOWING
        )
        unreadable = self._feed.read(lambda image: len(image.unreadable))
        yield GaugeMetricFamily("canary_unreadable_documents", "Stored documents that are damaged.", unreadable)
        yield from _observed(self._operations)


def _by_phase(rollouts: Sequence[Rollout]) -> Metric:
    phases = Counter(rollout.status.phase for rollout in rollouts)
    family = GaugeMetricFamily("canary_rollouts", "Rollouts by phase.", labels=["phase"])
    for phase in Phase:
        family.add_metric([phase], phases[phase])
    return family


def _weights(rollouts: Sequence[Rollout]) -> Metric:
    family = GaugeMetricFamily(
        "canary_rollout_weight_percent", "The canary's share as asked for.", labels=["rollout"]
    )
    for rollout in rollouts:
        family.add_metric([rollout.name], float(rollout.status.weight))
    return family


def _phases(rollouts: Sequence[Rollout]) -> Metric:
    # The others are left out, not 0: one series a rollout instead of four.
    family = GaugeMetricFamily(
        "canary_rollout_phase", "1 for the phase that a rollout is in.", labels=["rollout", "phase"]
    )
    for rollout in rollouts:
        family.add_metric([rollout.name, rollout.status.phase], 1)
    return family


def _sides(rollouts: Sequence[Rollout]) -> Metric:
    family = GaugeMetricFamily(
        "canary_rollout_side_info",
        "1 for the service that counts a side's requests in Traefik's own metrics.",
        labels=["rollout", "side", "service"],
    )
    for rollout in rollouts:
        for side, service in zip(("stable", "canary"), names.counted_services(rollout), strict=True):
            if service:
                family.add_metric([rollout.name, side, service], 1)
    return family


def _observed(operations: Operations) -> Iterator[Metric]:
    """Give what the controller has seen and published: nobody is asked by a scrape."""
    if operations.feed.state is not State.FOLLOWING:
        return  # the store is away, and so is what was published
    try:
        shares, conditions = operations.traffic.shares(), operations.observations.conditions()
    except StoreUnavailableError:
        return
    yield from (_shares(shares), _starved(shares))
    yield from (
        _by_gateway(
            "last_poll_timestamp_seconds",
            "When it polled last, in Unix time.",
            {name: one.last_poll.timestamp() for name, one in conditions.items() if one.last_poll},
        ),
        _by_gateway(
            "revision_served",
            "The oldest revision that one of its instances was served last.",
            {name: one.revision_served for name, one in conditions.items() if one.revision_served is not None},
        ),
        _by_gateway(
            "revision_applied",
            "The revision that was seen in its API; none where that is not known.",
            {name: one.revision_applied for name, one in conditions.items() if one.revision_applied is not None},
        ),
        _states(conditions),
    )


def _shares(shares: Mapping[str, Share]) -> Metric:
    family = GaugeMetricFamily(
        "canary_rollout_share_percent", "The canary's share as counted by Traefik.", labels=["rollout"]
    )
    for name, share in shares.items():
        if share.achieved is not None:
            family.add_metric([name], share.achieved)
    return family


def _starved(shares: Mapping[str, Share]) -> Metric:
    family = GaugeMetricFamily(
        "canary_rollout_starved", "1 while a canary gets far less than was asked for.", labels=["rollout"]
    )
    for name, share in shares.items():
        if share.state is not ShareState.UNKNOWN:
            family.add_metric([name], share.state is ShareState.STARVED)
    return family


def _by_gateway(name: str, words: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"canary_gateway_{name}", words, labels=["gateway"])
    for gateway, value in values.items():
        family.add_metric([gateway], value)
    return family


def _states(conditions: Mapping[str, Condition]) -> Metric:
    family = GaugeMetricFamily(
        "canary_gateway_state", "1 for the state that a gateway is in.", labels=["gateway", "state"]
    )
    for name, condition in conditions.items():
        family.add_metric([name, condition.state], 1)
    return family


def exposition(operations: Operations) -> tuple[bytes, str]:
    """Give the metrics in Prometheus' text format, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Image(operations))
    return generate_latest(registry), CONTENT_TYPE_LATEST
