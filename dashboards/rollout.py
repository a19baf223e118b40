"""One rollout: the split, both sides beside each other, and what the canary is judged by."""

from collections.abc import Sequence

from dashboards.panels import (
    AREAS,
    LOGARITHMIC,
    NEUTRAL,
    PHASES,
    SIDES,
    Panel,
    Query,
    a_second,
    annotation,
    dashboard,
    mapping,
    override,
    variable,
)

_OF = 'rollout="$rollout"'
_WEIGHT = f"max(canary_rollout_weight_percent{{{_OF}}})"
_PHASE = f"max by (phase) (canary_rollout_phase{{{_OF}}})"
_NUMBERS = {number: (phase, colour) for number, (phase, colour) in enumerate(PHASES.items(), start=1)}
_DASHED = {"fill": "dash", "dash": [10, 6]}


def _of(side: str, metric: str = "traefik_service_requests_total", labels: str = "") -> str:
    """Give the rates of the services that are a side now: Traefik knows services only."""
    asked = f'{_OF}, side="{side}"' if side else _OF
    return f"rate({metric}{labels}[$__rate_interval]) and on (service) canary_rollout_side_info{{{asked}}}"


def _errors(side: str) -> str:
    failed = _of(side, labels='{code=~"5.."}')
    return f"100 * (sum({failed}) or vector(0)) / (sum({_of(side)}) > 0)"


def _latency(side: str) -> Sequence[Query]:
    buckets = f"sum by (le) ({_of(side, 'traefik_service_request_duration_seconds_bucket')})"
    return [
        Query(f"histogram_quantile({part:g}, {buckets})", f"{side} p{100 * part:g}", f"{side}_p{100 * part:g}")
        for part in (0.5, 0.95)
    ]


_TIMELINE = Panel(
    "Phase",
    [
        Query(
            "max by (rollout) ("
            + " or ".join(
                f'{number} * canary_rollout_phase{{{_OF}, phase="{phase}"}}'
                for number, (phase, _) in _NUMBERS.items()
            )
            + ")",
            "{{rollout}}",
        )
    ],
    "Where it stands. Marks in all panels: its weight, or its phase, has changed.",
    kind="state-timeline",
    wide=16,
    high=4,
    defaults=mapping(_NUMBERS),
)
_STEP = Panel(
    "Step",
    [
        Query(f"max(canary_rollout_step{{{_OF}}})", "step", "step"),
        Query(f"max(canary_rollout_steps{{{_OF}}})", "of", "of"),
    ],
    "The step that runs, and how many there are.",
    kind="stat",
    wide=4,
    high=4,
    defaults={"noValue": "no such rollout", **NEUTRAL},
    options={"colorMode": "none", "textMode": "value_and_name"},
)
_SERVERS = Panel(
    "Servers",
    [Query(f'max(canary_rollout_servers{{{_OF}, side="{side}"}})', side, side) for side in SIDES],
    "How many answer for each side. What is not known here is a service of another provider.",
    kind="stat",
    wide=4,
    high=4,
    colours=SIDES,
    defaults={"noValue": "not known"},
    options={"colorMode": "none", "textMode": "value_and_name"},
)
_SHARE = Panel(
    "The canary's share",
    [
        Query(f"max(canary_rollout_applied_weight_percent{{{_OF}}})", "in force", "in_force"),
        Query(
            f"100 * (sum({_of('canary')}) or vector(0)) / (sum({_of('')}) > 0)",
            "achieved",
            "achieved",
        ),
        Query(_WEIGHT, "asked for", "asked"),  # dashed, and so above the others
    ],
    "Asked for: the rollout's weight. In force: what every gateway has that carries it. Achieved: the canary's part "
    "of the requests that Traefik sent to either side, whatever brought them there: weights, sticky cookies or "
    "overrides. A service that other routers use as well counts their requests too.",
    unit="percent",
    colours={"asked for": "text", "in force": "blue", "achieved": "orange"},
    # It ends where the values do, not at 100: most canaries are small.
    defaults={"min": 0},
    legend="beside",
    overrides=[
        override("asked for", custom__lineInterpolation="stepAfter", custom__lineStyle=_DASHED),
        override("in force", custom__lineInterpolation="stepAfter"),
    ],
)
_REQUESTS = Panel(
    "Requests",
    [Query(f"sum({_of(side)})", side, side) for side in SIDES],
    "Requests a second that each side answered. Copies sent by a mirror to servers of the canary's own are not among "
    "them.",
    unit="reqps",
    colours=SIDES,
    defaults={"min": 0},
    custom={"fillOpacity": 15},
)
_ERRORS = Panel(
    "Errors",
    [Query(_errors(side), side, side) for side in SIDES],
    "The part of each side's answers with a status of 500 or above; those that Traefik itself gave for a side (502, "
    "503, 504) are among them.",
    unit="percent",
    colours=SIDES,
    defaults={"min": 0},
    custom={"axisSoftMax": 1},
)
_LATENCY = Panel(
    "Latency",
    [query for side in SIDES for query in _latency(side)],
    "Estimated within the buckets that Traefik is told to keep (metrics.prometheus.buckets in traefik/traefik.yml): "
    "finer ones tell more.",
    unit="s",
    defaults={"min": 0},
    legend="beside",
    overrides=[
        *(
            override(f"/^{side}/", matcher="byRegexp", color={"mode": "fixed", "fixedColor": colour})
            for side, colour in SIDES.items()
        ),
        override("/p50$/", matcher="byRegexp", custom__lineStyle={"fill": "dash", "dash": [4, 6]}),
    ],
)
_VERDICTS = Panel(
    "Verdicts",
    [Query(f"60 * {a_second('canary_verdicts_total', 'outcome', selector=f'{{{_OF}}}')}", "{{outcome}}")],
    "Looks at the canary a minute, by what they came to. Error: what it is judged by could not be asked. Only a "
    "canary with an analysis is judged.",
    colours={"Successful": "green", "Inconclusive": "text", "Failed": "red", "Error": "orange"},
    defaults={"min": 0, "noValue": "nothing has judged it"},
    legend="beside",
    custom=AREAS,
)
_EVIDENCE = Panel(
    "Evidence",
    [
        Query(
            f"max by (metric, claim) (canary_rollout_e_value{{{_OF}}})",
            "{{metric}} {{claim}}",
            "e_value",
        ),
        Query(
            f"max by (metric, claim) (canary_rollout_e_value_threshold{{{_OF}}})",
            "{{metric}} {{claim}}: needed",
            "needed",
        ),
    ],
    "E-values over the canary's whole attempt. Where `worse` reaches what is needed the canary fails; where "
    "`not-worse` does it passes.",
    defaults={"noValue": "nothing has judged it"},
    legend="beside",
    custom=LOGARITHMIC,
    overrides=[
        override("/ worse/", matcher="byRegexp", color={"mode": "fixed", "fixedColor": "red"}),
        override("/ not-worse/", matcher="byRegexp", color={"mode": "fixed", "fixedColor": "green"}),
        override("/^latency/", matcher="byRegexp", custom__lineWidth=1),
        override("/needed$/", matcher="byRegexp", custom__lineStyle=_DASHED),
    ],
)

DASHBOARD = dashboard(
    "rollout",
    "What was asked of a rollout, what traffic got, how both sides answer, and how the canary is judged.",
    {"Rollout $rollout": [_TIMELINE, _STEP, _SERVERS, _SHARE, _REQUESTS, _ERRORS, _LATENCY, _VERDICTS, _EVIDENCE]},
    variables=[variable("rollout", "Rollout", "label_values(canary_rollout_weight_percent, rollout)")],
    annotations=[
        # Grafana marks what is above 0; without `bool` it would be the weight, and an abort, to 0, no mark.
        annotation(
            "Weight",
            f"{_WEIGHT} != bool {_WEIGHT.removesuffix(')')} offset 5s)",
            title="another weight",
            colour="orange",
        ),
        annotation(
            "Phase",
            f"{_PHASE} unless {_PHASE.removesuffix(')')} offset 5s)",
            title="{{phase}}",
            colour="blue",
        ),
    ],
)
