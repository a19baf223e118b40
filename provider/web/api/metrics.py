"""`/metrics`: what follows from the image, which is the same in every worker, and what all processes have counted."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from provider.domain.analysis import Share, ShareState
from provider.domain.gateways import Condition
from provider.domain.rollouts import Found, Phase, Rollout, found_for
from provider.observability.metrics import OTHER, RECORDED, states
from provider.replica import State, read_rollout
from provider.services import Operations
from provider.store import Kind, Stored, StoreUnavailableError
from provider.traefik.config import names

_EVIDENCE = frozenset({"canary_rollout_e_value", "canary_rollout_e_value_threshold"})
_ALWAYS = frozenset({OTHER, ""})

Recorded = Callable[[], Iterable[Metric]]


def exposition(operations: Operations, recorded: Recorded = RECORDED.collect) -> tuple[bytes, str]:
    """Give the metrics in Prometheus' text format, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(operations, recorded))
    return generate_latest(registry), CONTENT_TYPE_LATEST


@dataclass(frozen=True)
class _Seen:
    """What the controller has seen and published last: nobody is asked by a scrape."""

    shares: Mapping[str, Share]
    conditions: Mapping[str, Condition]
    polling: frozenset[str]


class _Metrics(Collector):
    def __init__(self, operations: Operations, recorded: Recorded) -> None:
        self._operations = operations
        self._feed = operations.feed
        self._recorded = recorded

    def collect(self) -> Iterator[Metric]:
        for family in self._families():
            time.sleep(0)  # thousands of rollouts take a while: let others of this process have a turn
            yield family

    def _families(self) -> Iterator[Metric]:
        rollouts = self._feed.read(lambda image: list(image.rollouts.values()))
        yield from _of_rollouts(rollouts)
        yield from _of_servers(rollouts, self._feed.read(lambda image: image.found))
        yield from self._of_this_worker()
        seen = self._seen()
        if seen:
            yield from _of_traffic(seen.shares)
            yield from _of_gateways(seen.conditions)
            yield states.IN_FORCE.family(self._in_force(rollouts, seen.conditions))
        judged = frozenset(rollout.name for rollout in rollouts if rollout.is_judged)
        yield from _still_there(self._recorded(), self._known(rollouts, seen), judged)

    def _of_this_worker(self) -> Iterator[Metric]:
        state = self._feed.state
        yield states.REVISION.family([((), self._feed.revision)])
        yield states.FOLLOWING.family([((), state is State.FOLLOWING)])
        yield states.STORE_STATE.family([((state,), 1)])
        yield states.CLOCK_AHEAD.family([((), self._operations.clock_skew.ahead_seconds)])
        yield states.UNREADABLE.family([((), self._feed.read(lambda image: len(image.unreadable)))])

    def _seen(self) -> _Seen | None:
        if self._feed.state is not State.FOLLOWING:
            return None  # the store is away, and so is what was published
        operations = self._operations
        try:
            return _Seen(
                operations.traffic.shares(),
                operations.observations.conditions(),
                frozenset(one.name for one in operations.gateways.polled()),
            )
        except StoreUnavailableError:
            return None

    def _in_force(
        self, rollouts: Iterable[Rollout], conditions: Mapping[str, Condition]
    ) -> Iterator[tuple[Sequence[str], float]]:
        for rollout in rollouts:
            revision = _revision_in_force(rollout, conditions)
            then = self._as_of(rollout, revision) if revision is not None else None
            if then:
                yield (rollout.name,), float(then.status.weight)

    def _as_of(self, rollout: Rollout, revision: int) -> Rollout | None:
        """Give a rollout as it was at a revision; None where that is too long ago, or it was not there."""
        if revision >= rollout.version:
            return rollout
        later = self._feed.events(after=revision, seconds=0) or ()
        first = next((one for one in later if (one.key.kind, one.key.name) == (Kind.ROLLOUT, rollout.name)), None)
        return read_rollout(rollout.name, Stored(revision, first.before)) if first and first.before else None

    def _known(self, rollouts: Iterable[Rollout], seen: _Seen | None) -> Mapping[str, frozenset[str]]:
        """Name what is there, by the label that tells of it. What cannot be told now is left out."""
        known = {
            "rollout": frozenset(rollout.name for rollout in rollouts),
            "webhook": self._feed.read(lambda image: frozenset(image.webhooks)),
        }
        return {**known, "gateway": seen.polling | seen.conditions.keys()} if seen else known


def _still_there(
    recorded: Iterable[Metric], known: Mapping[str, frozenset[str]], judged: frozenset[str]
) -> Iterator[Metric]:
    """Leave out what was counted of rollouts, gateways and webhooks that are gone, and evidence that is closed."""
    for metric in recorded:
        there = {**known, "rollout": judged} if metric.name in _EVIDENCE else known
        metric.samples = [
            sample
            for sample in metric.samples
            if not sample.name.endswith("_created")
            and all(
                value in names or value in _ALWAYS
                for label, names in there.items()
                if (value := sample.labels.get(label)) is not None
            )
        ]
        yield metric


def _of_rollouts(rollouts: Sequence[Rollout]) -> Iterator[Metric]:
    phases = Counter(rollout.status.phase for rollout in rollouts)
    yield states.ROLLOUTS.family(((phase,), phases[phase]) for phase in Phase)
    # The other phases are left out, not 0: one series a rollout instead of four.
    yield states.PHASE.family(((rollout.name, rollout.status.phase), 1) for rollout in rollouts)
    yield states.WEIGHT.family(((rollout.name,), float(rollout.status.weight)) for rollout in rollouts)
    yield states.STEP.family(((rollout.name,), _step(rollout)) for rollout in rollouts)
    yield states.STEPS.family(((rollout.name,), len(rollout.steps)) for rollout in rollouts)
    yield states.SIDE.family(
        ((rollout.name, side, service), 1)
        for rollout in rollouts
        for side, service in names.counted_services(rollout).items()
    )


def _of_servers(rollouts: Sequence[Rollout], found: Mapping[str, Found]) -> Iterator[Metric]:
    numbers, kept = dict[Sequence[str], int](), dict[Sequence[str], bool]()
    for rollout in rollouts:
        for name, side in rollout.spec.sides.items():
            # The instances of a baseline may be stopped while there is no canary.
            if side.service or (name == "baseline" and name not in rollout.sides):
                continue
            known = found_for(rollout.name, side, found)
            servers = known.servers if known else side.servers or ()
            numbers[rollout.name, name] = sum(not server.drain for server in servers)
            kept[rollout.name, name] = bool(known and known.kept)
    yield states.SERVERS.family(numbers.items())
    yield states.SERVERS_KEPT.family(kept.items())


def _step(rollout: Rollout) -> int:
    """Count from 1; behind the last step it stays the last."""
    return min(rollout.status.step_index + 1, len(rollout.steps)) if rollout.canary else 0


def _of_traffic(shares: Mapping[str, Share]) -> Iterator[Metric]:
    yield states.SHARE.family(
        ((name,), share.achieved) for name, share in shares.items() if share.achieved is not None
    )
    yield states.STARVED.family(
        ((name,), share.state is ShareState.STARVED)
        for name, share in shares.items()
        if share.state is not ShareState.UNKNOWN
    )


def _of_gateways(conditions: Mapping[str, Condition]) -> Iterator[Metric]:
    yield states.GATEWAY_HEALTH.family(((name, one.health), 1) for name, one in conditions.items())
    yield states.LAST_POLL.family(
        ((name,), one.last_poll.timestamp()) for name, one in conditions.items() if one.last_poll
    )
    yield states.SERVED.family(
        ((name,), one.revision_served) for name, one in conditions.items() if one.revision_served is not None
    )
    yield states.APPLIED.family(
        ((name,), one.revision_applied) for name, one in conditions.items() if one.revision_applied is not None
    )


def _revision_in_force(rollout: Rollout, conditions: Mapping[str, Condition]) -> int | None:
    """Give the oldest revision that a gateway has which carries a rollout; None where that is not known of all."""
    revisions = [
        one.revision_served if one.revision_applied is None else one.revision_applied
        for name, one in conditions.items()
        if rollout.spec.is_carried_by(name)
    ]
    known = [revision for revision in revisions if revision is not None]
    return min(known) if known and len(known) == len(revisions) else None
