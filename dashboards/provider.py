"""The provider itself: does it answer, does it follow, do its loops run?"""

from dashboards.panels import LOGARITHMIC, Panel, Query, a_second, above, dashboard, mapping, quantiles

_POLL_OUTCOMES = {"new": "blue", "same": "green", "unavailable": "red", "refused": "orange"}
_QUICK = "The median, and what 95 of 100 stay below. Estimated within buckets."

_STORE = Panel(
    "Store",
    [Query("min(canary_store_following)")],
    "Whether every provider follows Redis. While one does not, it answers polls as before, but learns of no change.",
    defaults={"noValue": "no provider", **mapping({0: ("not followed", "red"), 1: ("followed", "green")})},
    kind="stat",
    wide=4,
    high=4,
)
_UNREADABLE = Panel(
    "Unreadable documents",
    [Query("max(canary_unreadable_documents)")],
    "Stored documents that are damaged. Their rollouts keep their last good state; /readyz names them.",
    defaults={"noValue": "no provider", **above(1)},
    kind="stat",
    wide=4,
    high=4,
)
_ROUNDS = Panel(
    "Since the loops went round",
    [Query("time() - max by (loop) (canary_loop_last_round_timestamp_seconds)", "{{loop}}")],
    "The controller does twice a second; the watcher every two seconds, or as slowly as half a minute where a look "
    "takes long.",
    unit="s",
    defaults={"noValue": "no controller", "decimals": 1, **above(60)},
    kind="stat",
    wide=8,
    high=4,
)
_HELD = Panel(
    "Polls that are held",
    [Query("sum(canary_polls_held)")],
    "Right now: about one for each Traefik whose polls may be held.",
    defaults={"noValue": "no provider", "color": {"mode": "fixed", "fixedColor": "blue"}},
    kind="stat",
    wide=4,
    high=4,
)
_SNAPSHOT = Panel(
    "Snapshot behind by",
    [Query("max(canary_revision - canary_snapshot_revision)")],
    "Revisions that would be missing if the provider had to start without Redis.",
    defaults={"noValue": "no snapshot", **above(10, "orange")},
    kind="stat",
    wide=4,
    high=4,
)
_REVISION = Panel(
    "Revision served",
    [Query("max by (instance) (canary_revision)", "{{instance}}")],
    "Rises by one with every change. Providers of one store that stay apart: one of them does not follow it.",
    defaults={"decimals": 0},
    custom={"lineInterpolation": "stepAfter"},
)
_CHANGES = Panel(
    "Changes",
    [Query(f"60 * {a_second('canary_changes_total', 'kind', 'action')}", "{{kind}} {{action}}")],
    "A minute, by what was changed and how.",
    defaults={"min": 0},
)
_POLLS = Panel(
    "Polls",
    [Query(a_second("canary_polls_total", "outcome"), "{{outcome}}")],
    "A second, by what they were answered. Unavailable: no configuration was known, and Traefik keeps what it has.",
    unit="reqps",
    colours=_POLL_OUTCOMES,
    defaults={"min": 0},
)
_POLLS_BY_GATEWAY = Panel(
    "Polls by gateway",
    [Query(a_second("canary_polls_total", "gateway", selector='{gateway!=""}'), "{{gateway}}")],
    "A second. A Traefik whose polls are held comes back every few seconds, or at once with a change.",
    unit="reqps",
    defaults={"min": 0},
)
_HOLDS = Panel(
    "How long polls are held",
    quantiles("canary_poll_hold_seconds", "outcome"),
    "Same: nothing had changed until the hold was over. " + _QUICK,
    unit="s",
    defaults={"min": 0},
)
_PROPAGATION = Panel(
    "Propagation",
    quantiles("canary_propagation_seconds", "stage", of=(0.5, 0.95, 0.99)),
    "From a change's commit until Traefik was served it, and until it was seen in its API, where it is looked at "
    "every two seconds. Between two hosts it is as true as their clocks.",
    unit="s",
    custom=LOGARITHMIC,
)
_API = Panel(
    "API requests",
    [Query(a_second("canary_api_request_duration_seconds_count", "status"), "{{status}}")],
    "A second, by status.",
    unit="reqps",
    defaults={"min": 0},
)
_API_LATENCY = Panel(
    "API latency by route",
    [
        Query(
            "histogram_quantile(0.95, sum by (le, method, route) "
            "(rate(canary_api_request_duration_seconds_bucket[$__rate_interval])) > 0)",
            "{{method}} {{route}}",
        )
    ],
    "What 95 of 100 stay below. Waits are held on purpose.",
    unit="s",
    custom=LOGARITHMIC,
)
_STORE_CALLS = Panel(
    "Calls of Redis",
    [
        Query(a_second("canary_store_call_duration_seconds_count", "call"), "{{call}}"),
        Query(
            'sum(rate(canary_store_call_duration_seconds_count{outcome="unavailable"}[$__rate_interval]))'
            " or vector(0)",
            "unavailable",
            "unavailable",
        ),
    ],
    "A second, by kind; and those of any kind that Redis did not answer.",
    colours={"unavailable": "red"},
    unit="ops",
    defaults={"min": 0},
)
_STORE_LATENCY = Panel(
    "Latency of Redis",
    [
        Query(
            "histogram_quantile(0.95, sum by (le, call) "
            '(rate(canary_store_call_duration_seconds_bucket{call!="changes"}[$__rate_interval])) > 0)',
            "{{call}}",
        ),
    ],
    "What 95 of 100 calls stay below, by kind, but for the one that waits for changes on purpose.",
    unit="s",
    custom=LOGARITHMIC,
)
_LOOKS = Panel(
    "How long looks take",
    quantiles("canary_look_duration_seconds", "loop", "outcome"),
    "At canaries under judgement (controller), and at gateways and shares (watcher). " + _QUICK,
    unit="s",
    defaults={"min": 0},
)
_WEBHOOKS = Panel(
    "Webhooks",
    [Query(f"60 * {a_second('canary_webhook_deliveries_total', 'webhook', 'outcome')}", "{{webhook}} {{outcome}}")],
    "Tries a minute. What has failed is tried again for an hour, then given up.",
    defaults={"min": 0, "noValue": "no webhook was told anything"},
)

DASHBOARD = dashboard(
    "provider",
    "The provider itself: polls, propagation, API, Redis, loops and webhooks.",
    {
        "State": [_STORE, _UNREADABLE, _ROUNDS, _HELD, _SNAPSHOT, _REVISION, _CHANGES],
        "What Traefik polls": [_POLLS, _POLLS_BY_GATEWAY, _HOLDS, _PROPAGATION],
        "API and Redis": [_API, _API_LATENCY, _STORE_CALLS, _STORE_LATENCY],
        "Loops and webhooks": [_LOOKS, _WEBHOOKS],
    },
)
