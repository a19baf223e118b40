"""What dashboards are made of: queries, panels that lay themselves out in rows, and what all have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PHASES = {"Healthy": "green", "Progressing": "blue", "Paused": "yellow", "Degraded": "red"}
SIDES = {"stable": "blue", "canary": "orange"}
_COLUMNS = 24


@dataclass(frozen=True)
class Query:
    """A query and how its series are named; `name` tells it from the others of its panel."""

    expression: str
    legend: str = ""
    name: str = "A"


@dataclass(frozen=True)
class Panel:
    """A panel; `wide` of 24 columns, `high` in Grafana's rows of 30 pixels. `defaults` are those of its fields.

    The legend of a chart stands `below` it, with figures of two series at most, or `beside` it, with those of
    more, or is a `list` of names.
    """

    title: str
    queries: Sequence[Query]
    words: str = ""
    kind: str = "timeseries"
    unit: str = "none"
    wide: int = 12
    high: int = 8
    legend: str = "below"
    colours: Mapping[str, str] = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    options: Json = field(default_factory=dict)
    transformations: Sequence[Json] = ()

    def as_json(self, number: int, *, x: int, y: int) -> Json:
        """Give it as Grafana reads it."""
        coloured = [override(name, color={"mode": "fixed", "fixedColor": it}) for name, it in self.colours.items()]
        custom = {**_CUSTOM.get(self.kind, {}), **self.custom}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.words,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.wide, "h": self.high},
            "fieldConfig": {
                "defaults": {"unit": self.unit, **self.defaults, **({"custom": custom} if custom else {})},
                "overrides": [*coloured, *self.overrides],
            },
            "options": {**_OPTIONS[self.kind], **self._legend(), **self.options},
            "targets": [self._target(query) for query in self.queries],
            "transformations": [*self.transformations],
        }

    def _legend(self) -> Json:
        if self.kind != "timeseries":
            return {}
        return {"legend": {"showLegend": True, **_LEGENDS[self.legend]}}

    def _target(self, query: Query) -> Json:
        target: Json = {"refId": query.name, "datasource": DATASOURCE, "expr": query.expression}
        if self.kind in {"stat", "table"}:
            target |= {"instant": True, "range": False}
        if self.kind == "table":
            target["format"] = "table"
        return {**target, "legendFormat": query.legend} if query.legend else target


LOGARITHMIC: Json = {"scaleDistribution": {"type": "log", "log": 10}}
# Of what happens now and then: a point for each, and a line to the next one within five minutes.
SELDOM: Json = {"showPoints": "always", "pointSize": 5, "lineWidth": 1, "spanNulls": 300_000}
# A number that is neither good nor bad.
NEUTRAL: Json = {"color": {"mode": "fixed", "fixedColor": "text"}}
# Of what is counted: each sample stands upon those of the other series.
AREAS: Json = {"lineWidth": 0, "fillOpacity": 70, "stacking": {"mode": "normal", "group": "A"}}
BARS: Json = {**AREAS, "drawStyle": "bars"}
_FIGURES = ["lastNotNull", "max"]
_LEGENDS: Mapping[str, Json] = {
    "below": {"displayMode": "table", "placement": "bottom", "calcs": _FIGURES},
    "beside": {"displayMode": "table", "placement": "right", "calcs": _FIGURES},
    "list": {"displayMode": "list", "placement": "bottom", "calcs": []},
}
_LINES: Json = {"drawStyle": "line", "fillOpacity": 0, "lineWidth": 2}
_STATES: Json = {"fillOpacity": 70, "lineWidth": 0}
_CUSTOM: Mapping[str, Json] = {"timeseries": _LINES, "state-timeline": _STATES}
_OPTIONS: Mapping[str, Json] = {
    "timeseries": {"tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {
        "colorMode": "background",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
    # The states are written into the bars: a legend would say them once more.
    "state-timeline": {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.8,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    },
}


def override(name: str, *, matcher: str = "byName", **properties: Any) -> Json:
    """Change how the fields of a name, or those that a `byRegexp` fits, are shown."""
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def mapping(texts: Mapping[int, tuple[str, str]]) -> Json:
    """Show numbers as words, in colours."""
    options = {
        str(number): {"text": text, "color": colour, "index": index}
        for index, (number, (text, colour)) in enumerate(texts.items())
    }
    return {"mappings": [{"type": "value", "options": options}]}


def above(value: float, colour: str = "red") -> Json:
    """Colour what is green once it has reached a value."""
    steps = [{"color": "green", "value": None}, {"color": colour, "value": value}]
    return {"thresholds": {"mode": "absolute", "steps": steps}}


# Columns of tables that are labels; all others are what a query finds.
_LABELS = {"rollout", "gateway", "method", "route", "call"}


def columns(**names: str) -> Sequence[Json]:
    """Join the queries of a table by their labels, and name its columns, in this order."""
    keys = {key if key in _LABELS else f"Value #{key}": name for key, name in names.items()}
    return (
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True},
                "indexByName": {key: index for index, key in enumerate(keys)},
                "renameByName": keys,
            },
        },
    )


def quantiles(metric: str, *by: str, of: Sequence[float] = (0.5, 0.95), selector: str = "") -> Sequence[Query]:
    """Estimate quantiles of a histogram by labels; there is none (NaN) of what did not happen lately."""
    labels = " ".join(f"{{{{{label}}}}}" for label in by)
    buckets = a_second(f"{metric}_bucket", "le", *by, selector=selector)
    return [
        Query(
            f"histogram_quantile({part:g}, {buckets}) >= 0",
            f"{labels} p{100 * part:g}".strip(),
            f"p{100 * part:g}",
        )
        for part in of
    ]


def mean(metric: str, *by: str) -> str:
    """Give the mean of what a histogram has lately counted, by labels; it is exact, as quantiles are not."""
    summed, counted = (a_second(f"{metric}_{what}", *by) for what in ("sum", "count"))
    return f"{summed} / ({counted} > 0)"


def a_second(metric: str, *by: str, selector: str = "") -> str:
    """Give how often something is counted a second, by labels."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({metric}{selector}[$__rate_interval]))"


def dashboard(
    name: str,
    words: str,
    rows: Mapping[str, Sequence[Panel]],
    *,
    variables: Sequence[Json] = (),
    annotations: Sequence[Json] = (),
) -> Json:
    """Lay panels out, row by row, from left to right."""
    panels: list[Json] = []
    y = 0
    for title, found in rows.items():
        row = {"type": "row", "title": title, "collapsed": False, "panels": []}
        panels.append({"id": len(panels) + 1, **row, "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1}})
        y += 1
        x = high = 0
        for panel in found:
            if x + panel.wide > _COLUMNS:
                x, y, high = 0, y + high, 0
            panels.append(panel.as_json(len(panels) + 1, x=x, y=y))
            x, high = x + panel.wide, max(high, panel.high)
        y += high
    return {
        "uid": f"traefik-canary-{name}",
        "title": f"traefik-canary: {name}",
        "description": words,
        "tags": ["traefik", "canary"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "",
        "annotations": {"list": [*annotations]},
        "links": [_LINKS],
        "templating": {"list": [_DATASOURCE_VARIABLE, *variables]},
        "panels": panels,
    }


def variable(name: str, label: str, values: str) -> Json:
    """Let one value of a label be chosen."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": values,
        "query": {"qryType": 1, "query": values, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "sort": 1,
        "includeAll": False,
        "multi": False,
    }


def annotation(name: str, expression: str, *, title: str, colour: str) -> Json:
    """Mark the moments at which something is more than 0, in every panel."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "target": {"refId": "Anno", "expr": expression, "interval": "5s"},
        "titleFormat": title,
        "textFormat": "",
    }


# From each to the others, at the same time.
_LINKS: Json = {
    "type": "dashboards",
    "title": "traefik-canary",
    "tags": ["traefik", "canary"],
    "asDropdown": False,
    "includeVars": False,
    "keepTime": True,
    "targetBlank": False,
    "icon": "",
    "tooltip": "",
    "url": "",
}
_DATASOURCE_VARIABLE: Json = {
    "name": "datasource",
    "label": "Prometheus",
    "type": "datasource",
    "query": "prometheus",
    "refresh": 1,
    "includeAll": False,
    "multi": False,
}
