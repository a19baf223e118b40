"""Metrics of the state at the time of a scrape, filled in from a worker's image, so that all workers agree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

STATES: list["State"] = []


@dataclass(frozen=True)
class State:
    """A gauge that is created for every scrape."""

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
PHASE = _state("rollout_phase", "1 for the current phase of a rollout.", "rollout", "phase")
WEIGHT = _state("rollout_weight_percent", "Requested weight of the canary in percent.", "rollout")
IN_FORCE = _state(
    "rollout_applied_weight_percent",
    "Weight in percent at every gateway that serves the rollout: confirmed by its API, or else as served.",
    "rollout",
)
SHARE = _state("rollout_share_percent", "Achieved share of the canary in percent, by Traefik's counters.", "rollout")
STARVED = _state("rollout_starved", "1 while a canary receives far less than the requested weight.", "rollout")
STEP = _state("rollout_step", "Current step, counted from 1; 0 without steps or without a canary.", "rollout")
STEPS = _state("rollout_steps", "Number of steps.", "rollout")
SIDE = _state(
    "rollout_side_info",
    "1 for the service that has a side's requests in Traefik's metrics.",
    "rollout",
    "side",
    "service",
)
SERVERS = _state(
    "rollout_servers",
    "Number of servers of a side, listed or discovered; absent for a service of another provider.",
    "rollout",
    "side",
)
SERVERS_KEPT = _state(
    "rollout_servers_kept",
    "1 while a side keeps servers that discovery no longer finds, else 0.",
    "rollout",
    "side",
)
REVISION = _state("revision", "Served revision.")
FOLLOWING = _state("store_following", "1 while the provider follows the store's changes.")
STORE_STATE = _state(
    "store_state",
    "1 for the state of the responding worker's connection to the store: starting, "
    "following, unavailable, or, where an administrator must restore, regressed or "
    "shrank.",
    "state",
)
CLOCK_AHEAD = _state(
    "store_clock_ahead_seconds",
    "Seconds that the clock of the responding worker's machine is ahead of Redis' clock; negative if it is behind.",
)
UNREADABLE = _state("corrupt_documents", "Number of corrupt documents in the store.")
GATEWAY_HEALTH = _state("gateway_health", "1 for the current health of a gateway.", "gateway", "health")
LAST_POLL = _state("gateway_last_poll_timestamp_seconds", "Unix time of the gateway's last poll.", "gateway")
SERVED = _state(
    "gateway_revision_served", "Lowest of the revisions last served to the gateway's instances.", "gateway"
)
APPLIED = _state("gateway_revision_applied", "Revision confirmed by the gateway's API; absent if unknown.", "gateway")
