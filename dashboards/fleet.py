"""All rollouts and gateways at one glance."""

from dashboards.panels import (
    LOGARITHMIC,
    PHASES,
    Panel,
    Query,
    a_second,
    columns,
    dashboard,
    mapping,
    override,
    quantiles,
)

_REQUESTS = "sum by (service) (rate(traefik_service_requests_total[$__rate_interval]))"
_HAS_WEIGHT = "canary_rollout_weight_percent > 0"


def _requests(selector: str = "") -> str:
    sides = f"max by (rollout, side, service) (canary_rollout_side_info{selector})"
    return f"sum by (rollout) ({sides} * on (service) group_left () {_REQUESTS})"


# Who was sent nothing yet has achieved nothing, which is not the same as that nothing is known.
_CANARY = _requests('{side="canary"}')
_ACHIEVED = (
    f"100 * ({_CANARY} or 0 * max by (rollout) (canary_rollout_weight_percent))"
    f" / ({_requests()} > 0) and on (rollout) {_HAS_WEIGHT}"
)
_GATEWAY_STATES = {
    1: ("ok", "green"),
    2: ("unseen", "text"),
    3: ("lagging", "yellow"),
    4: ("unreachable", "orange"),
    5: ("silent", "red"),
    6: ("failing", "red"),
}
_STATE = " or ".join(
    f'{number} * canary_gateway_state{{state="{state}"}}' for number, (state, _) in _GATEWAY_STATES.items()
)

_BY_PHASE = Panel(
    "Rollouts by phase",
    [Query("max by (phase) (canary_rollouts)", "{{phase}}")],
    "Healthy: no canary, or it has taken over. Degraded: aborted, all traffic is on stable.",
    colours=PHASES,
    defaults={"decimals": 0, "min": 0},
    custom={"lineInterpolation": "stepAfter", "fillOpacity": 40, "stacking": {"mode": "normal", "group": "A"}},
)
_CANARIES = Panel(
    "Canaries that get traffic",
    [
        Query("max by (rollout) (canary_rollout_weight_percent) > 0", name="asked"),
        Query(
            f"max by (rollout) (canary_rollout_weight_in_force_percent) and on (rollout) {_HAS_WEIGHT}",
            name="in_force",
        ),
        Query(_ACHIEVED, name="achieved"),
        Query(f"max by (rollout) (canary_rollout_step) and on (rollout) {_HAS_WEIGHT}", name="step"),
        Query(f"max by (rollout) (canary_rollout_steps) and on (rollout) {_HAS_WEIGHT}", name="steps"),
    ],
    "The canary's share as asked for, as the gateways have it, and as Traefik's requests show it. A share that stays "
    "away from what was asked for has a reason: too few requests, sticky clients, overrides, or a Traefik that has "
    "not applied it.",
    kind="table",
    unit="percent",
    defaults={"decimals": 1, "noValue": "no canary gets traffic"},
    overrides=[override("/^Step|Steps$/", matcher="byRegexp", unit="none", decimals=0)],
    options={"sortBy": [{"displayName": "Rollout", "desc": False}]},
    transformations=columns(
        rollout="Rollout", asked="Asked for", in_force="In force", achieved="Achieved", step="Step", steps="Steps"
    ),
)
_GATEWAYS = Panel(
    "Gateways",
    [
        Query(f"max by (gateway) ({_STATE})", name="state"),
        Query("time() - max by (gateway) (canary_gateway_last_poll_timestamp_seconds)", name="polled"),
        Query("max by (gateway) (canary_gateway_revision_served)", name="served"),
        Query("max by (gateway) (canary_gateway_revision_applied)", name="applied"),
    ],
    "How every Traefik does that polls, as the controller has seen it last. What it has applied is known where its "
    "API is.",
    kind="table",
    defaults={"noValue": "no gateway polls"},
    overrides=[
        override("State", custom__cellOptions={"type": "color-text"}, **mapping(_GATEWAY_STATES)),
        override("Seconds since it polled", unit="s", decimals=0),
    ],
    transformations=columns(
        gateway="Gateway",
        state="State",
        polled="Seconds since it polled",
        served="Revision served",
        applied="Revision applied",
    ),
)
_STARVED = Panel(
    "Canaries that starve",
    [Query("sum(max by (rollout) (canary_rollout_starved))", "starved")],
    "How many get far less than was asked for, so that it is no chance.",
    colours={"starved": "red"},
    defaults={"decimals": 0, "min": 0},
    custom={"lineInterpolation": "stepAfter", "fillOpacity": 40},
)
_ENDS = Panel(
    "Canaries that ended",
    [Query("sum by (outcome) (increase(canary_rollout_duration_seconds_count[1h]))", "{{outcome}}")],
    "In the hour before, by how they ended.",
    colours={"promoted": "green", "aborted": "red", "withdrawn": "yellow", "deleted": "text"},
    defaults={"min": 0, "decimals": 0},
)
_DURATIONS = Panel(
    "How long canaries were on their way",
    [
        Query(
            "histogram_quantile(0.5, sum by (le, outcome) (increase(canary_rollout_duration_seconds_bucket[1d])))"
            " >= 0",
            "{{outcome}}",
        )
    ],
    "The median of those that ended in the day before, by how they ended. Estimated within buckets from ten seconds "
    "to a week.",
    unit="s",
    colours={"promoted": "green", "aborted": "red", "withdrawn": "yellow", "deleted": "text"},
    defaults={"min": 0},
)
_PROPAGATION = Panel(
    "How long a change takes to a gateway",
    quantiles("canary_propagation_seconds", "stage"),
    "Served: until Traefik was sent it. Applied: until its API was seen to have it, which is looked at every two "
    "seconds.",
    unit="s",
    custom=LOGARITHMIC,
)
_REBUILDS = Panel(
    "Times that Traefik rebuilt its routing",
    [Query(f"60 * {a_second('traefik_config_reloads_total', 'instance')}", "{{instance}}")],
    "A minute. Every change of any provider rebuilds all of it, and weighted schedules begin anew: where that "
    "happens often and requests are few, a small canary gets less than its share.",
    defaults={"min": 0},
    custom={"fillOpacity": 15},
)

DASHBOARD = dashboard(
    "fleet",
    "All rollouts and gateways: where canaries are, whether they get what was asked for, and how they ended.",
    {
        "Rollouts": [_BY_PHASE, _CANARIES, _STARVED, _ENDS, _DURATIONS],
        "Traefik": [_GATEWAYS, _PROPAGATION, _REBUILDS],
    },
)
