"""Metrics recorded where events happen, in every process; `/metrics` returns the sum over all processes.

The directory of a process's metrics is decided before this module is imported (`provider.server.metric_files`).
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OTHER = "other"
RECORDED = CollectorRegistry()

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

POLLS = Counter(
    "canary_polls",
    "Polls by outcome: a new configuration, an unchanged one, unavailable (503) or refused. "
    "Unavailable and refused polls have no gateway label.",
    ["gateway", "long", "outcome"],
    registry=RECORDED,
)
POLLS_HELD = Gauge(
    "canary_long_polls_in_progress", "Long polls in progress.", registry=RECORDED, multiprocess_mode="livesum"
)
POLL_HOLD_SECONDS = Histogram(
    "canary_long_poll_duration_seconds",
    "Duration of long polls in seconds, by outcome.",
    ["outcome"],
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 2, 4, 5, 6, 8),
    registry=RECORDED,
)
PROPAGATION_SECONDS = Histogram(
    "canary_propagation_seconds",
    "Time in seconds from the commit of a change until a gateway was served it, per "
    "connection, and until its API confirmed it; the watcher reads the API every two seconds.",
    ["stage"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=RECORDED,
)
API_REQUEST_SECONDS = Histogram(
    "canary_api_request_duration_seconds",
    "Duration of API requests in seconds, by route template, method and status; of a stream, "
    "until it begins. Requests without a route have the route other.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=RECORDED,
)
STORE_CALL_SECONDS = Histogram(
    "canary_store_call_duration_seconds",
    "Duration of Redis calls in seconds, by kind and outcome (ok or unavailable). Calls of "
    "the kind changes are long polls of up to 2 s.",
    ["call", "outcome"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 2.5),
    registry=RECORDED,
)
LOOK_SECONDS = Histogram(
    "canary_measurement_duration_seconds",
    "Duration in seconds of measurements of canaries (loop controller) and of gateways and "
    "traffic shares (loop watcher), by outcome: ok, failed, or unavailable if the store was "
    "unavailable.",
    ["loop", "outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=RECORDED,
)
LAST_ROUND = Gauge(
    "canary_loop_last_iteration_timestamp_seconds",
    "Unix time of a loop's last iteration, even without work: controller, watcher, "
    "discovery, webhooks, replica, snapshot, polls.",
    ["loop"],
    registry=RECORDED,
    multiprocess_mode="max",
)
VERDICTS = Counter(
    "canary_verdicts", "Measurements of a canary, by outcome.", ["rollout", "outcome"], registry=RECORDED
)
ROLLOUT_E_VALUE = Gauge(
    "canary_rollout_e_value",
    "E-value over the whole attempt for the claim that the canary is worse than stable, or "
    "not worse than the margin.",
    ["rollout", "metric", "claim"],
    registry=RECORDED,
    multiprocess_mode="mostrecent",
)
ROLLOUT_E_VALUE_NEEDED = Gauge(
    "canary_rollout_e_value_threshold",
    "E-value at which the claim is accepted.",
    ["rollout", "metric", "claim"],
    registry=RECORDED,
    multiprocess_mode="mostrecent",
)
ROLLOUT_ENDS = Counter(
    "canary_rollouts_finished", "Finished canaries, by outcome.", ["rollout", "outcome"], registry=RECORDED
)
ROLLOUT_SECONDS = Histogram(
    "canary_rollout_duration_seconds",
    "Duration of canaries in seconds, by outcome: promoted, aborted, removed or deleted.",
    ["outcome"],
    buckets=(10, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, 12 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY),
    registry=RECORDED,
)
CHANGES = Counter(
    "canary_changes",
    "Changes of documents, by kind and action, counted by the process that made them.",
    ["kind", "action"],
    registry=RECORDED,
)
WEBHOOK_DELIVERIES = Counter(
    "canary_webhook_deliveries",
    "Attempts to deliver a message to a webhook: delivered, failed (to be retried), "
    "given-up, or gone (the receiver responded with 410).",
    ["webhook", "outcome"],
    registry=RECORDED,
)
SNAPSHOT_REVISION = Gauge(
    "canary_snapshot_revision",
    "Revision of the snapshot on disk.",
    registry=RECORDED,
    multiprocess_mode="mostrecent",
)

# What appears with its first event would hide it: from nothing to 1 is no increase to Prometheus.
for _outcome in ("promoted", "aborted", "removed", "deleted"):
    ROLLOUT_SECONDS.labels(_outcome)
for _outcome in ("refused", "unavailable"):
    POLLS.labels("", "false", _outcome)
for _stage in ("served", "applied"):
    PROPAGATION_SECONDS.labels(_stage)
for _loop in ("controller", "watcher"):
    LOOK_SECONDS.labels(_loop, "failed")


class Bounded:
    """A label whose values callers choose: the first so many, and `other` for all that come later."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """Give the value, or what stands for it."""
        if value in self._known:
            return value
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(value)
        return value
