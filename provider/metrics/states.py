"""What holds at the moment of a scrape: filled in from a worker's image, so any worker says the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

STATES: list["State"] = []


@dataclass(frozen=True)
class State:
    """A gauge that is made anew for every scrape."""

    name: str
    words: str
    labels: Sequence[str]

    def family(self, values: Iterable[tuple[Sequence[str], float]]) -> GaugeMetricFamily:
        """Fill it in: values of its labels, and a figure for each."""
        family = GaugeMetricFamily(self.name, self.words, labels=self.labels)
        for labels, value in values:
            family.add_metric(labels, value)
        return family


def _state(name: str, words: str, *labels: str) -> State:
    STATES.append(State(f"canary_{name}", words, labels))
    return STATES[-1]


ROLLOUTS = _state("rollouts", "Rollouts by phase.", "phase")
PHASE = _state("rollout_phase", "1 for the phase that a rollout is in.", "rollout", "phase")
WEIGHT = _state("rollout_weight_percent", "The canary's share as asked for.", "rollout")
IN_FORCE = _state(
    "rollout_weight_in_force_percent",
    "The weight that every gateway has which carries the rollout: as its API shows, or else as it was served.",
    "rollout",
)
SHARE = _state("rollout_share_percent", "The canary's share as counted by Traefik.", "rollout")
STARVED = _state("rollout_starved", "1 while a canary gets far less than was asked for.", "rollout")
STEP = _state("rollout_step", "The step that runs, counted from 1; 0 where there are none, or no canary.", "rollout")
STEPS = _state("rollout_steps", "How many steps there are.", "rollout")
SIDE = _state(
    "rollout_side_info",
    "1 for the service that counts a side's requests in Traefik's own metrics.",
    "rollout",
    "side",
    "service",
)
SERVERS = _state(
    "rollout_servers",
    "The servers that answer for a side, found or written down; none is told of a service of another provider.",
    "rollout",
    "side",
)
SERVERS_KEPT = _state(
    "rollout_servers_kept",
    "1 while a side has servers that are kept although they are not found any more, else 0.",
    "rollout",
    "side",
)
REVISION = _state("revision", "The revision that is served.")
FOLLOWING = _state("store_following", "1 while the store is followed.")
STORE_STATE = _state(
    "store_state",
    "1 for how the worker that is asked stands to the store: starting, following, store-away, or, where a person "
    "must decide, store-went-back or store-shrank.",
    "state",
)
UNREADABLE = _state("unreadable_documents", "Stored documents that are damaged.")
GATEWAY_STATE = _state("gateway_state", "1 for the state that a gateway is in.", "gateway", "state")
LAST_POLL = _state("gateway_last_poll_timestamp_seconds", "When it polled last, in Unix time.", "gateway")
SERVED = _state(
    "gateway_revision_served", "The oldest revision that one of its instances was served last.", "gateway"
)
APPLIED = _state(
    "gateway_revision_applied", "The revision that was seen in its API; none where that is not known.", "gateway"
)
