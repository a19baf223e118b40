"""The provider itself: does it answer, does it follow, do its loops run?"""

from dashboards.panels import (
    BARS,
    LOGARITHMIC,
    NEUTRAL,
    SELDOM,
    Panel,
    Query,
    a_second,
    above,
    columns,
    dashboard,
    mapping,
    mean,
    override,
    quantiles,
)

_POLL_OUTCOMES = {"new": "blue", "same": "green", "unavailable": "red", "refused": "orange"}
_QUICK = "The median, and what 95 of 100 stay below. Estimated within buckets."


def _slowest(metric: str, *by: str, selector: str = "") -> str:
    """Give what 95 of 100 stay below, by labels, of what happens now."""
    rates = f"sum by (le, {', '.join(by)}) (rate({metric}_bucket{selector}[$__rate_interval]))"
    return f"histogram_quantile(0.95, {rates} > 0)"


def _by(title: str, metric: str, description: str, *, otherwise: str, selector: str = "", **labels: str) -> Panel:
    """Make a table of a histogram by its labels, each under a name: how often, and how long at the most."""
    return Panel(
        title,
        [
            Query(a_second(f"{metric}_count", *labels, selector=selector) + " > 0", name="rate"),
            Query(_slowest(metric, *labels, selector=selector), name="slow"),
        ],
        description,
        kind="table",
        wide=10,
        high=9,
        overrides=[override("p95", unit="s"), override("A second", decimals=2, custom__width=80)],
        defaults={"noValue": otherwise},
        options={"sortBy": [{"displayName": "p95", "desc": True}]},
        transformations=columns(**labels, rate="A second", slow="p95"),
    )


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
    [Query("max(canary_corrupt_documents)")],
    "Stored documents that are damaged. Their rollouts keep their last good state; /readyz names them.",
    defaults={"noValue": "no provider", **above(1)},
    kind="stat",
    wide=4,
    high=4,
)
_ROUNDS = Panel(
    "Since the loops went round",
    [Query("time() - max by (loop) (canary_loop_last_iteration_timestamp_seconds)", "{{loop}}")],
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
    [Query("sum(canary_long_polls_in_progress)")],
    "Right now: about one for each Traefik whose polls may be held.",
    defaults={"noValue": "no provider", **NEUTRAL},
    options={"colorMode": "value"},
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
    [Query(f"60 * {a_second('canary_changes_total', 'kind', 'action')} > 0", "{{kind}} {{action}}")],
    "A minute, by what was changed and how.",
    legend="beside",
    defaults={"min": 0, "noValue": "nothing was changed"},
    custom=BARS,
)
_POLLS = Panel(
    "Polls",
    [Query(a_second("canary_polls_total", "outcome"), "{{outcome}}")],
    "A second, by what they were answered. Unavailable: no configuration was known, and Traefik keeps what it has.",
    unit="reqps",
    legend="beside",
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
    [Query(mean("canary_long_poll_duration_seconds", "outcome"), "{{outcome}}")],
    "The mean. Same: nothing had changed until the hold was over.",
    unit="s",
    colours={"new": "blue", "same": "green"},
    defaults={"min": 0},
    custom=SELDOM,
)
_PROPAGATION = Panel(
    "Propagation",
    quantiles("canary_propagation_seconds", "stage", of=(0.5, 0.99)),
    "From a change's commit until Traefik was served it, and until it was seen in its API, where it is looked at "
    "every two seconds. Between two hosts it is as true as their clocks.",
    unit="s",
    legend="beside",
    custom={**LOGARITHMIC, **SELDOM},
)
_API_SECONDS, _STORE_SECONDS = "canary_api_request_duration_seconds", "canary_store_call_duration_seconds"
# Of changes Redis is asked to tell when there are some: it holds the answer on purpose.
_PROMPT, _UNAVAILABLE = '{call!="changes"}', '{outcome="unavailable"}'
_API = Panel(
    "API requests",
    [Query(a_second(f"{_API_SECONDS}_count", "status"), "{{status}}")],
    "A second, by status.",
    unit="reqps",
    wide=8,
    high=9,
    legend="list",
    defaults={"min": 0, "noValue": "nobody has asked"},
    overrides=[
        override(f"/^{first}/", matcher="byRegexp", color={"mode": "fixed", "fixedColor": colour})
        for first, colour in {2: "green", 3: "blue", 4: "yellow", 5: "red"}.items()
    ],
)
_API_LATENCY = Panel(
    "API latency",
    quantiles(_API_SECONDS, selector='{route!~".*/wait"}'),
    f"All routes but for waits, which are held on purpose. {_QUICK}",
    unit="s",
    wide=6,
    high=9,
    custom=LOGARITHMIC,
)
_API_ROUTES = _by(
    "API by route",
    _API_SECONDS,
    "Those that are asked now: how often, and what 95 of 100 stay below.",
    otherwise="nobody asks",
    method="Method",
    route="Route",
)
_STORE_CALLS = Panel(
    "Calls of Redis",
    [
        Query(a_second(f"{_STORE_SECONDS}_count", selector='{outcome="ok"}'), "answered", "answered"),
        Query(f"{a_second(f'{_STORE_SECONDS}_count', selector=_UNAVAILABLE)} or vector(0)", "unavailable", "away"),
    ],
    "A second; unavailable are those that Redis did not answer.",
    wide=8,
    high=9,
    colours={"answered": "green", "unavailable": "red"},
    unit="ops",
    defaults={"min": 0},
)
_STORE_LATENCY = Panel(
    "Latency of Redis",
    quantiles(_STORE_SECONDS, selector=_PROMPT),
    f"All calls but for the one that waits for changes on purpose. {_QUICK}",
    unit="s",
    wide=6,
    high=9,
    custom=LOGARITHMIC,
)
_STORE_BY_CALL = _by(
    "Redis by call",
    _STORE_SECONDS,
    "Those that are made now: how often, and what 95 of 100 stay below.",
    otherwise="none is made",
    selector=_PROMPT,
    call="Call",
)
_LOOKS = Panel(
    "How long looks take",
    quantiles("canary_measurement_duration_seconds", "loop", "outcome"),
    "At canaries under judgement (controller), and at gateways and shares (watcher). " + _QUICK,
    unit="s",
    legend="beside",
    custom={**LOGARITHMIC, **SELDOM},
)
_WEBHOOKS = Panel(
    "Webhooks",
    [Query(f"60 * {a_second('canary_webhook_deliveries_total', 'webhook', 'outcome')}", "{{webhook}} {{outcome}}")],
    "Tries a minute. What has failed is tried again for an hour, then given up.",
    defaults={"min": 0, "noValue": "no webhook was told anything"},
    legend="beside",
    custom=BARS,
    overrides=[
        override("/ (failed|given-up|gone)$/", matcher="byRegexp", color={"mode": "fixed", "fixedColor": "red"}),
    ],
)

DASHBOARD = dashboard(
    "provider",
    "The provider itself: polls, propagation, API, Redis, loops and webhooks.",
    {
        "State": [_STORE, _UNREADABLE, _ROUNDS, _HELD, _SNAPSHOT, _REVISION, _CHANGES],
        "What Traefik polls": [_POLLS, _POLLS_BY_GATEWAY, _HOLDS, _PROPAGATION],
        "API and Redis": [_API, _API_LATENCY, _API_ROUTES, _STORE_CALLS, _STORE_LATENCY, _STORE_BY_CALL],
        "Loops and webhooks": [_LOOKS, _WEBHOOKS],
    },
)
