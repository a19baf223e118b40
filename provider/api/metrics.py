"""`/metrics`: what follows from the image, which is the same in every worker."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from provider.feed import State
from provider.operations import Operations
from provider.rollouts import Phase


class _Image(Collector):
    def __init__(self, operations: Operations) -> None:
        self._feed = operations.feed

    def collect(self) -> Iterator[Metric]:
        rollouts = self._feed.read(lambda image: list(image.rollouts.values()))
        phases = Counter(rollout.status.phase for rollout in rollouts)
        by_phase = GaugeMetricFamily("canary_rollouts", "Rollouts by phase.", labels=["phase"])
        for phase in Phase:
            by_phase.add_metric([phase], phases[phase])
        yield by_phase
        weight = GaugeMetricFamily(
            "canary_rollout_weight_percent", "The canary's share as asked for.", labels=["rollout"]
        )
        for rollout in rollouts:
            weight.add_metric([rollout.name], float(rollout.status.weight))
        yield weight
        yield GaugeMetricFamily("canary_revision", "The revision that is served.", self._feed.revision)
        yield GaugeMetricFamily(
            "canary_store_following", "1 while the store is followed.", self._feed.state is State.FOLLOWING
        )
        unreadable = self._feed.read(lambda image: len(image.unreadable))
        yield GaugeMetricFamily("canary_unreadable_documents", "Stored documents that are damaged.", unreadable)


def exposition(operations: Operations) -> tuple[bytes, str]:
    """Give the metrics in Prometheus' text format, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Image(operations))
    return generate_latest(registry), CONTENT_TYPE_LATEST
