"""All rollouts and gateways at one glance."""

from collections.abc import Mapping

from dashboards.panels import (
    AREAS,
    LOGARITHMIC,
    NEUTRAL,
    PHASES,
    SELDOM,
    Json,
    Panel,
    Query,
    a_second,
    above,
    columns,
    dashboard,
    mapping,
    override,
    quantiles,
)
from provider.domain.rollouts import Phase

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
_OUTCOMES = {"promoted": "green", "aborted": "red", "removed": "yellow", "deleted": "text"}
_GATEWAY_STATES = {
    1: ("healthy", "green"),
    2: ("never-polled", "text"),
    3: ("outdated", "yellow"),
    4: ("api-unreachable", "orange"),
    5: ("not-polling", "red"),
    6: ("configuration-error", "red"),
}
_NUMBERS = {number: (phase, colour) for number, (phase, colour) in enumerate(PHASES.items(), start=1)}


def _numbered(metric: str, label: str, values: Mapping[int, tuple[str, str]]) -> str:
    """Give the number of the state that each is in, of those that are there as series that are 1."""
    return " or ".join(f'{number} * {metric}{{{label}="{value}"}}' for number, (value, _) in values.items())


_STATE = _numbered("canary_gateway_health", "health", _GATEWAY_STATES)
_MOVING = {number: found for number, found in _NUMBERS.items() if found[0] != Phase.HEALTHY}


def _count(title: str, expression: str, words: str, *, colour: str = "") -> Panel:
    """Make a panel of one number; with a colour it is green at 0 and coloured above."""
    looks: Json = above(1, colour) if colour else NEUTRAL
    defaults = {"noValue": "no provider", **looks}
    options = {} if colour else {"colorMode": "value"}
    return Panel(title, [Query(expression)], words, kind="stat", wide=4, high=4, defaults=defaults, options=options)


def _in_phase(*phases: Phase) -> str:
    return f'sum(max by (phase) (canary_rollouts{{phase=~"{"|".join(phases)}"}}))'


_COUNTS = (
    _count("Rollouts", "sum(max by (phase) (canary_rollouts))", "All there are, with a canary or without."),
    _count(
        "On their way",
        _in_phase(Phase.PROGRESSING, Phase.PAUSED),
        "Canaries that move, or wait: for a time, or for a person.",
    ),
    _count("Taken back", _in_phase(Phase.DEGRADED), "Aborted: all traffic is on stable.", colour="red"),
    _count(
        "Starving",
        "sum(max by (rollout) (canary_rollout_starved)) or 0 * sum(canary_rollouts)",
        "Canaries that get far less than was asked for, so that it is no chance.",
        colour="orange",
    ),
    _count(
        "Gateways that poll",
        'sum(max by (gateway) (canary_gateway_health{health!~"not-polling|never-polled"}))',
        "Traefiks that ask for their configuration.",
    ),
    _count(
        "Gateways not well",
        'sum(max by (gateway) (canary_gateway_health{health!~"healthy|never-polled"})) or 0 * sum(canary_rollouts)',
        "Silent, failing, unreachable or lagging.",
        colour="red",
    ),
)
_BY_PHASE = Panel(
    "Rollouts by phase",
    [Query("max by (phase) (canary_rollouts)", "{{phase}}")],
    "Healthy: no canary, or it has taken over. Degraded: aborted, all traffic is on stable.",
    legend="beside",
    colours=PHASES,
    defaults={"decimals": 0, "min": 0},
    custom={**AREAS, "lineInterpolation": "stepAfter"},
)
_PHASES_BY_ROLLOUT = Panel(
    "Canaries and what became of them",
    [
        Query(f"max by (rollout) ({_numbered('canary_rollout_phase', 'phase', _MOVING)}) > 0", "{{rollout}}"),
    ],
    "The phase of each rollout while it was not Healthy.",
    kind="state-timeline",
    defaults={"noValue": "all are Healthy", **mapping(_NUMBERS)},
)
_CANARIES = Panel(
    "Canaries that get traffic",
    [
        Query("max by (rollout) (canary_rollout_weight_percent) > 0", name="asked"),
        Query(
            f"max by (rollout) (canary_rollout_applied_weight_percent) and on (rollout) {_HAS_WEIGHT}",
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
    overrides=[
        override("/^Steps?$/", matcher="byRegexp", unit="none", decimals=0, **mapping({0: ("–", "text")})),
    ],
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
    high=6,
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


def _ended(what: str, *by: str) -> str:
    """Count how often a canary has ended in the time that is shown, by labels."""
    return f"sum by ({', '.join(by)}) (increase(canary_rollout_duration_seconds_{what}[$__range]))"


_ENDED = Panel(
    "Canaries that ended",
    [Query(_ended("count", "outcome"), "{{outcome}}")],
    "In the time that is shown, by how they ended.",
    kind="stat",
    wide=6,
    colours=_OUTCOMES,
    defaults={"decimals": 0, "noValue": "none"},
    options={"colorMode": "value", "orientation": "horizontal"},
)
_DURATIONS = Panel(
    "How long they were on their way",
    [
        Query(
            f"histogram_quantile(0.5, {_ended('bucket', 'le', 'outcome')}) >= 0",
            "{{outcome}}",
        )
    ],
    "The median of those that ended in the time that is shown. Estimated within buckets from ten seconds to a week.",
    unit="s",
    kind="stat",
    wide=6,
    colours=_OUTCOMES,
    defaults={"noValue": "none has ended"},
    options={"colorMode": "value", "textMode": "value_and_name", "orientation": "horizontal"},
)
_ALERTS = Panel(
    "Alerts",
    [
        Query(
            'max by (alertname, rollout, gateway, webhook) (ALERTS{alertname=~"Canary.*", alertstate="firing"})',
            "{{alertname}} {{rollout}}{{gateway}}{{webhook}}",
        )
    ],
    "Those of rules.yml that fire, where Prometheus has it.",
    kind="state-timeline",
    wide=24,
    high=6,
    defaults={"noValue": "none; or Prometheus does not have rules.yml", **mapping({1: ("firing", "red")})},
)
_GATEWAYS_OVER_TIME = Panel(
    "Gateways over time",
    [Query(f"max by (gateway) ({_STATE})", "{{gateway}}")],
    "When one was away, or did not follow.",
    kind="state-timeline",
    high=6,
    defaults={"noValue": "no gateway polls", **mapping(_GATEWAY_STATES)},
)
_PROPAGATION = Panel(
    "How long a change takes to a gateway",
    quantiles("canary_propagation_seconds", "stage"),
    "Served: until Traefik was sent it. Applied: until its API was seen to have it, which is looked at every two "
    "seconds.",
    unit="s",
    legend="beside",
    custom={**LOGARITHMIC, **SELDOM},
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
        "What somebody should know of": [*_COUNTS, _ALERTS],
        "Canaries": [_BY_PHASE, _CANARIES, _PHASES_BY_ROLLOUT, _ENDED, _DURATIONS],
        "Traefik": [_GATEWAYS, _GATEWAYS_OVER_TIME, _PROPAGATION, _REBUILDS],
    },
)
