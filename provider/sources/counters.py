"""From samples to a snapshot: the wanted services only, and nothing that is not a count."""

from collections.abc import Collection, Iterable
from math import isfinite, isnan

from prometheus_client.samples import Sample

from provider.domain.analysis import Snapshot, snapshot
from provider.domain.analysis.snapshots import BUCKETS, REQUESTS, STARTED

_LABELS = ("service", "code", "method", "protocol", "le")
_NEEDED = {REQUESTS: {"service", "code", "method", "protocol"}, BUCKETS: set(_LABELS)}


def counted(samples: Iterable[Sample], *, services: Collection[str]) -> Snapshot:
    """Make a snapshot of one Traefik's samples; ValueError where they are none of Traefik's.

    Series that differ in labels which Traefik does not have by itself are added up: `metrics.prometheus.headerLabels`
    splits the counter of requests by what clients send.
    """
    sums: dict[tuple[str, ...], Sample] = {}
    for sample in samples:
        if sample.name == STARTED or _is_wanted(sample, services):
            labels = {name: sample.labels[name] for name in _LABELS if name in sample.labels}
            key = (sample.name, *labels.values())
            before = sums.get(key)
            if before and sample.name == STARTED:
                raise ValueError("two processes under one name")
            sums[key] = Sample(sample.name, labels, _count(sample) + (before.value if before else 0))
    return snapshot(sums.values())


def _is_wanted(sample: Sample, services: Collection[str]) -> bool:
    needed = _NEEDED.get(sample.name)
    if needed is None or sample.labels.get("service") not in services:
        return False
    if not needed <= sample.labels.keys() or isnan(float(sample.labels.get("le", "0"))):
        raise ValueError("a counter without its labels")
    return True


def _count(sample: Sample) -> float:
    value = float(sample.value)
    if not isfinite(value) or value < 0:
        raise ValueError("a counter that is no number")
    return value
