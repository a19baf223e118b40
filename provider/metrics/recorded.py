"""What is counted where it happens, in every process; `/metrics` gives the sum of all of them.

Where a process keeps its figures is decided before this is imported (`provider.server.metering`).
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OTHER = "other"
RECORDED = CollectorRegistry()

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

POLLS = Counter(
    "canary_polls",
    "Polls by what they were answered: a new body, the same, unavailable (503), or refused. "
    "What is unavailable or refused has no gateway.",
    ["gateway", "held", "outcome"],
    registry=RECORDED,
)
POLLS_HELD = Gauge(
    "canary_polls_held", "Polls that are held right now.", registry=RECORDED, multiprocess_mode="livesum"
)
POLL_HOLD_SECONDS = Histogram(
    "canary_poll_hold_seconds",
    "How long polls were held that may be held, by outcome.",
    ["outcome"],
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 2, 4, 5, 6, 8),
    registry=RECORDED,
)
PROPAGATION_SECONDS = Histogram(
    "canary_propagation_seconds",
    "From a change's commit until a gateway was served it, by each connection, and until its API was seen to have "
    "it, as the watcher looks every two seconds.",
    ["stage"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=RECORDED,
)
API_REQUEST_SECONDS = Histogram(
    "canary_api_request_duration_seconds",
    "API requests by route template, method and status; of a stream until it begins. What has no route is other.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=RECORDED,
)
STORE_CALL_SECONDS = Histogram(
    "canary_store_call_duration_seconds",
    "Calls of Redis by kind and outcome: ok, or unavailable. Of the kind changes, Redis holds the answer up to 2 s.",
    ["call", "outcome"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 2.5),
    registry=RECORDED,
)
LOOK_SECONDS = Histogram(
    "canary_look_duration_seconds",
    "Looks at canaries (loop controller) and at gateways and shares (loop watcher), by outcome: ok, failed, or "
    "unavailable where the store was away.",
    ["loop", "outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=RECORDED,
)
LAST_ROUND = Gauge(
    "canary_loop_last_round_timestamp_seconds",
    "When a loop went round last, with something to do or not, in Unix time: controller, watcher, discovery, "
    "messenger, feed, snapshot, sightings.",
    ["loop"],
    registry=RECORDED,
    multiprocess_mode="max",
)
VERDICTS = Counter(
    "canary_verdicts", "Looks at a canary by what they came to.", ["rollout", "outcome"], registry=RECORDED
)
ROLLOUT_E_VALUE = Gauge(
    "canary_rollout_e_value",
    "Evidence that the canary is worse than stable, or is not worse than the margin, over its whole attempt.",
    ["rollout", "metric", "claim"],
    registry=RECORDED,
    multiprocess_mode="mostrecent",
)
ROLLOUT_E_VALUE_NEEDED = Gauge(
    "canary_rollout_e_value_needed",
    "What the e-value must reach for the claim to hold.",
    ["rollout", "metric", "claim"],
    registry=RECORDED,
    multiprocess_mode="mostrecent",
)
ROLLOUT_ENDS = Counter(
    "canary_rollout_ends", "Ends of canaries, by how they ended.", ["rollout", "outcome"], registry=RECORDED
)
ROLLOUT_SECONDS = Histogram(
    "canary_rollout_duration_seconds",
    "How long canaries were on their way, by how they ended: promoted, aborted, withdrawn or deleted.",
    ["outcome"],
    buckets=(10, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, 12 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY),
    registry=RECORDED,
)
CHANGES = Counter(
    "canary_changes",
    "Changes of documents by kind and action, counted by who made them.",
    ["kind", "action"],
    registry=RECORDED,
)
WEBHOOK_DELIVERIES = Counter(
    "canary_webhook_deliveries",
    "Tries to tell a webhook something: delivered, failed (to be tried again), given-up, or gone (it answered 410).",
    ["webhook", "outcome"],
    registry=RECORDED,
)
SNAPSHOT_REVISION = Gauge(
    "canary_snapshot_revision",
    "The revision that the snapshot on disk has.",
    registry=RECORDED,
    multiprocess_mode="mostrecent",
)

# What appears with its first event would hide it: from nothing to 1 is no increase to Prometheus.
for _outcome in ("promoted", "aborted", "withdrawn", "deleted"):
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
