"""What stands below a chart or beside it: which line is which, and what it was last and at most."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from dashboards.drawing.answers import Series
from dashboards.drawing.fields import Json

# Grafana gives a legend so much of its panel; what does not fit must be scrolled to.
_MOST_BELOW, _MOST_BESIDE = 0.35, 0.6
ROW_PIXELS = 23
_LETTER_PIXELS, _GLYPH_PIXELS = 6.6, 34
_CALCULATIONS: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "lastNotNull": ("Last *", lambda values: values[-1]),
    "max": ("Max", max),
    "min": ("Min", min),
    "mean": ("Mean", lambda values: sum(values) / len(values)),
}


def is_beside(options: Json) -> bool:
    """Tell whether a legend stands to the right of the chart."""
    return bool(options["placement"] == "right")


def room(options: Json, series: Sequence[Series], *, width: float, height: float) -> float:
    """Give how wide a legend is that stands beside a chart, or how high one that stands below."""
    if is_beside(options):
        return min(_MOST_BESIDE * width, _wide(options, series))
    return min(_MOST_BELOW * height, ROW_PIXELS * _rows(options, series, width))


def legend(options: Json, series: Sequence[Series]) -> str:
    """Write a legend as HTML."""
    if options["displayMode"] == "list":
        return f'<div class="list">{"".join(f"<span>{_named(one)}</span>" for one in series)}</div>'
    calculations = [_CALCULATIONS[name] for name in options["calcs"]]
    head = "".join(f"<th>{title}</th>" for title, _ in calculations)
    rows = "".join(f"<tr><td>{_named(one)}</td>{_figures(options, one)}</tr>" for one in series)
    return f'<table class="legend"><tr><th>Name</th>{head}</tr>{rows}</table>'


def _figures(options: Json, series: Series) -> str:
    values = [value for _, value in series.samples]
    texts = (series.look.text(_CALCULATIONS[name][1](values)) for name in options["calcs"])
    return "".join(f"<td>{escape(text)}</td>" for text in texts)


def _named(series: Series) -> str:
    line = "dashed" if series.look.custom.get("lineStyle", {}).get("fill") == "dash" else "solid"
    return f'<i style="border-top:3px {line} {series.look.series_colour}"></i>{escape(series.name)}'


def _wide(options: Json, series: Sequence[Series]) -> float:
    name = max((len(one.name) for one in series), default=0) * _LETTER_PIXELS
    return name + _GLYPH_PIXELS + 76 * len(options["calcs"]) + 16


def _rows(options: Json, series: Sequence[Series], width: float) -> int:
    if options["displayMode"] == "table":
        return len(series) + 1
    rows, used = 1, 0.0
    for one in series:
        wide = len(one.name) * _LETTER_PIXELS + _GLYPH_PIXELS
        if used + wide > width:
            rows, used = rows + 1, 0.0
        used += wide
    return rows
