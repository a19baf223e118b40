"""A dashboard as a page: its panels where they stand in Grafana's grid, each as its kind is shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from dashboards.drawing.answers import Mark, Questions, Series
from dashboards.drawing.charts import Plane, lines, timeline
from dashboards.drawing.fields import Json, Look, colour
from dashboards.drawing.legends import is_beside, legend, room

WIDTH = 1440
_COLUMNS, _ROW, _GAP, _HEAD, _PAD = 24, 30, 8, 34, 8
_TOP = 56


@dataclass(frozen=True)
class Room:
    """How much of a panel is left for what it shows, in pixels."""

    width: float
    height: float


def page(dashboard: Json, questions: Questions, *, font: str = "") -> str:
    """Draw a whole dashboard as HTML; `font` is the address of one that stands in for Grafana's."""
    marks = [mark for it in dashboard["annotations"]["list"] for mark in questions.marks(it)]
    panels = "".join(_panel(panel, questions, marks) for panel in dashboard["panels"])
    ends = max(it["gridPos"]["y"] + it["gridPos"]["h"] for it in dashboard["panels"])
    face = f"@font-face{{font-family:Inter;src:url({font});font-weight:100 900}}" if font else ""
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    head = f"<!doctype html><meta charset='utf-8'><style>{face}{style}</style>"
    height = _TOP + ends * (_ROW + _GAP) + _GAP
    return f'{head}<main style="height:{height}px">{_bar(dashboard, questions)}{panels}</main>'


def _bar(dashboard: Json, questions: Questions) -> str:
    span = questions.span
    start, end = (datetime.fromtimestamp(it, tz=UTC) for it in (span.start, span.end))
    chosen = "".join(
        f"<b>{escape(it['label'])}</b><em>{escape(questions.variables[it['name']])}</em>"
        for it in dashboard["templating"]["list"]
    )
    marked = "".join(
        f'<b class="marked" style="--ink:{colour(it["iconColor"])}">{escape(it["name"])}</b>'
        for it in dashboard["annotations"]["list"]
    )
    time = f"{start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC"
    return f"<header><h1>{escape(dashboard['title'])}</h1>{chosen}{marked}<time>{time}</time></header>"


def _panel(panel: Json, questions: Questions, marks: Sequence[Mark]) -> str:
    place = panel["gridPos"]
    column = (WIDTH - _GAP) / _COLUMNS
    left, top = _GAP + place["x"] * column, _TOP + place["y"] * (_ROW + _GAP)
    width, height = place["w"] * column - _GAP, place["h"] * (_ROW + _GAP) - _GAP
    style = f"left:{left:.0f}px;top:{top}px;width:{width:.0f}px;height:{height}px"
    title = escape(questions.filled(panel["title"]))
    if panel["type"] == "row":
        return f'<h2 style="{style}">⌄ {title}</h2>'
    about = f'<u title="{escape(panel["description"])}">i</u>' if panel["description"] else ""
    inside = KINDS[panel["type"]](panel, questions, marks, Room(width - 2 * _PAD, height - _HEAD - _PAD))
    return f'<section style="{style}"><h3>{title}{about}</h3>{inside}</section>'


# Kinds of panel


def _chart(draw: Callable[[Sequence[Series], Plane, Sequence[Mark]], str]) -> "Kind":
    def show(panel: Json, questions: Questions, marks: Sequence[Mark], space: Room) -> str:
        series, options = questions.series(panel), panel["options"]["legend"]
        if not series:
            return _nothing(panel)
        if not options["showLegend"]:
            return f'<div class="chart">{draw(series, Plane(space.width, space.height, questions.span), marks)}</div>'
        taken = room(options, series, width=space.width, height=space.height)
        wide, high = (taken, 0.0) if is_beside(options) else (0.0, taken)
        plane = Plane(space.width - wide, space.height - high, questions.span)
        size = f"width:{wide or space.width:.0f}px;height:{high or space.height:.0f}px"
        side = "beside" if wide else "below"
        drawn = draw(series, plane, marks)
        return f'<div class="chart {side}">{drawn}<div style="{size}">{legend(options, series)}</div></div>'

    return show


def _stat(panel: Json, questions: Questions, marks: Sequence[Mark], space: Room) -> str:  # noqa: ARG001 no time in it
    series = questions.series(panel)
    if not series:
        return f'<div class="stat">{_nothing(panel)}</div>'
    options = panel["options"]
    is_filled = options["colorMode"] == "background"
    is_named = len(series) > 1 or options.get("textMode") == "value_and_name"
    rows = "rows" if options.get("orientation") == "horizontal" else ""
    tiles = "".join(_tile(one, is_filled=is_filled, is_named=is_named) for one in series)
    return f'<div class="stat {rows}" style="height:{space.height}px">{tiles}</div>'


def _tile(series: Series, *, is_filled: bool, is_named: bool) -> str:
    ink = series.look.colour_of(series.last)
    style = f"background:{ink};color:#fff" if is_filled else f"color:{ink}"
    name = f"<small>{escape(series.name)}</small>" if is_named else ""
    return f'<p style="{style}">{name}<strong>{escape(series.look.text(series.last))}</strong></p>'


def _table(panel: Json, questions: Questions, marks: Sequence[Mark], space: Room) -> str:  # noqa: ARG001 as above
    table = questions.table(panel)
    if not table.rows:
        return _nothing(panel)
    rows = [[_cell(row.get(name, ""), look) for name, look in table.columns.items()] for row in table.rows]
    heads = (_head(name, [row.get(name) for row in table.rows]) for name in table.columns)
    lines = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    whole = f'<table class="table"><tr>{"".join(heads)}</tr>{lines}</table>'
    return f'<div class="scrolled" style="height:{space.height}px">{whole}</div>'


def _head(name: str, values: Sequence[Any]) -> str:
    is_number = any(isinstance(value, float) for value in values)
    return f'<th class="{"number" if is_number else ""}">{escape(name)}</th>'


def _cell(value: Any, look: Look) -> str:
    if not isinstance(value, float):
        return f"<td>{escape(str(value))}</td>"
    is_inked = look.custom.get("cellOptions", {}).get("type") == "color-text"
    style = f' style="color:{look.colour_of(value)}"' if is_inked else ""
    return f'<td class="number"{style}>{escape(look.text(value))}</td>'


def _nothing(panel: Json) -> str:
    return f'<p class="nothing">{escape(panel["fieldConfig"]["defaults"].get("noValue", "No data"))}</p>'


Kind = Callable[[Json, Questions, Sequence[Mark], Room], str]
KINDS: Mapping[str, Kind] = {
    "timeseries": _chart(lines),
    "state-timeline": _chart(timeline),
    "stat": _stat,
    "table": _table,
}
