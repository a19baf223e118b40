"""Lines and bars over time, as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from dashboards.drawing.answers import Mark, Series
from dashboards.drawing.fields import Look, colour
from dashboards.drawing.prometheus import Sample, Span
from dashboards.drawing.scales import Scale, linear, logarithmic, time_ticks
from dashboards.drawing.units import tick

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 8, 22
_TEXT, _GRID = "#a0a0ab", "#2b2d34"
# Of the letters of a name, on average.
_LETTER = 6.6


@dataclass(frozen=True)
class Plane:
    """Where a chart is drawn: its size in pixels, and the time that it shows."""

    width: float
    height: float
    span: Span
    left: float = _LEFT

    @property
    def right(self) -> float:
        """Where the time ends."""
        return self.width - _RIGHT

    @property
    def bottom(self) -> float:
        """Where values begin."""
        return self.height - _BOTTOM

    def x(self, moment: float) -> float:
        """Give where a moment is."""
        part = (moment - self.span.start) / (self.span.end - self.span.start)
        return round(self.left + part * (self.right - self.left), 1)

    def y(self, part: float) -> float:
        """Give where a part of the way up is."""
        return round(self.bottom - min(1.0, max(0.0, part)) * (self.bottom - _TOP), 1)


@dataclass(frozen=True)
class Layer:
    """A series as it is drawn: upon what is `below` it, by moment, where series are stacked."""

    series: Series
    samples: Sequence[Sample]
    below: Mapping[float, float] = field(default_factory=dict)

    @property
    def custom(self) -> Mapping[str, Any]:
        """How it is drawn."""
        return self.series.look.custom

    @property
    def ink(self) -> str:
        """Its colour."""
        return self.series.look.series_colour

    @property
    def opacity(self) -> float:
        """How much of what is behind its area is hidden."""
        return float(self.custom.get("fillOpacity", 0)) / 100

    def floor(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Give what is below some of its samples."""
        return [(moment, self.below.get(moment, 0.0)) for moment, _ in samples]

    def cornered(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Give the corners of a line through samples: one that steps has more."""
        return _stepped(samples) if self.custom.get("lineInterpolation") == "stepAfter" else samples


def lines(series: Sequence[Series], plane: Plane, marks: Sequence[Mark]) -> str:
    """Draw series over time on one axis, as lines, areas or bars."""
    layers = _layers(series)
    scale = _scale(series[0].look, [value for layer in layers for _, value in layer.samples])
    drawn = [
        _bars(it, plane, scale) if it.custom.get("drawStyle") == "bars" else _line(it, plane, scale) for it in layers
    ]
    axis = _value_axis(plane, scale, series[0].look.unit)
    return _svg(plane, [axis, _time_axis(plane), *_marks(plane, marks), *drawn])


def timeline(series: Sequence[Series], plane: Plane, marks: Sequence[Mark]) -> str:
    """Draw a row of bars for each series, each as long as its value stayed the same."""
    wide = replace(plane, left=max((len(one.name) for one in series), default=0) * _LETTER + 16)
    high = (wide.bottom - _TOP) / max(1, len(series))
    rows = [part for index, one in enumerate(series) for part in _row(one, wide, _TOP + index * high, high)]
    return _svg(wide, [_time_axis(wide), *rows, *_marks(wide, marks)])


def _scale(look: Look, values: Sequence[float]) -> Scale:
    if look.custom.get("scaleDistribution", {}).get("type") == "log":
        return logarithmic(values)
    low, high, soft_high = look.options.get("min"), look.options.get("max"), look.custom.get("axisSoftMax")
    return linear(values, low=low, high=high, soft_high=soft_high)


def _layers(series: Sequence[Series]) -> Sequence[Layer]:
    """Put each series upon those before it, where they are stacked."""
    below: dict[float, float] = {}
    found = []
    for one in series:
        if one.look.custom.get("stacking", {}).get("mode") != "normal":
            found.append(Layer(one, one.samples))
            continue
        upper = [(moment, value + below.get(moment, 0.0)) for moment, value in one.samples]
        found.append(Layer(one, upper, dict(below)))
        below.update(upper)
    return found


# Parts


def _line(layer: Layer, plane: Plane, scale: Scale) -> str:
    drawn = []
    for run in _runs(layer.samples, _longest_gap(layer, plane)):
        path = _path(plane, scale, layer.cornered(run))
        if layer.opacity:
            floor = _path(plane, scale, layer.cornered(layer.floor(run))[::-1])
            drawn.append(f'<path d="M{path}L{floor}Z" fill="{layer.ink}" fill-opacity="{layer.opacity}"/>')
        if len(run) > 1 and layer.custom.get("lineWidth", 1):
            drawn.append(_stroke(layer, path))
        if len(run) == 1 or layer.custom.get("showPoints") == "always":
            drawn += _points(layer, path)
    return "".join(drawn)


def _bars(layer: Layer, plane: Plane, scale: Scale) -> str:
    """Draw a bar for each sample, a little narrower than a step."""
    wide = 0.8 * (plane.x(plane.span.start + plane.span.step) - plane.x(plane.span.start))
    drawn = []
    for (moment, value), (_, under) in zip(layer.samples, layer.floor(layer.samples), strict=True):
        top, bottom = plane.y(scale.at(value)), plane.y(scale.at(under))
        place = f'x="{plane.x(moment) - wide / 2:.1f}" y="{top}" width="{wide:.1f}" height="{bottom - top:.1f}"'
        drawn.append(f'<rect {place} fill="{layer.ink}" fill-opacity="{layer.opacity}"/>')
    return "".join(drawn)


def _longest_gap(layer: Layer, plane: Plane) -> float:
    """Give how far apart samples may be, in seconds, for a line to go on."""
    return max(1.5 * plane.span.step, float(layer.custom.get("spanNulls", 0)) / 1000)


def _stroke(layer: Layer, path: str) -> str:
    style = layer.custom.get("lineStyle", {})
    dash = f' stroke-dasharray="{" ".join(map(str, style["dash"]))}"' if style.get("fill") == "dash" else ""
    width = layer.custom.get("lineWidth", 1)
    return f'<path d="M{path}" fill="none" stroke="{layer.ink}" stroke-width="{width}"{dash}/>'


def _points(layer: Layer, path: str) -> Sequence[str]:
    radius = layer.custom.get("pointSize", 5) / 2
    places = (point.split(",") for point in path.split("L"))
    return [f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{layer.ink}"/>' for x, y in places]


def _runs(samples: Sequence[Sample], gap: float) -> Iterator[Sequence[Sample]]:
    """Break a series where samples are further apart."""
    run: list[Sample] = []
    for sample in samples:
        if run and sample[0] - run[-1][0] > gap:
            yield run
            run = []
        run.append(sample)
    if run:
        yield run


def _stepped(samples: Sequence[Sample]) -> Sequence[Sample]:
    corners = [(later, value) for (_, value), (later, _) in pairwise(samples)]
    pairs = zip(samples, [*corners, samples[-1]], strict=True)
    return [point for pair in pairs for point in pair]


def _path(plane: Plane, scale: Scale, samples: Sequence[Sample]) -> str:
    return "L".join(f"{plane.x(moment)},{plane.y(scale.at(value))}" for moment, value in samples)


def _value_axis(plane: Plane, scale: Scale, unit: str) -> str:
    drawn = []
    for value in scale.ticks(plane.bottom - _TOP):
        y = plane.y(scale.at(value))
        drawn.append(f'<path d="M{plane.left},{y}H{plane.right}" stroke="{_GRID}"/>')
        drawn.append(f'<text x="{plane.left - 8}" y="{y + 4}" text-anchor="end">{escape(tick(value, unit))}</text>')
    return "".join(drawn)


def _time_axis(plane: Plane) -> str:
    drawn = []
    for moment, words in time_ticks(plane.span.start, plane.span.end, plane.right - plane.left):
        x = plane.x(moment)
        drawn.append(f'<path d="M{x},{_TOP}V{plane.bottom}" stroke="{_GRID}"/>')
        drawn.append(f'<text x="{x}" y="{plane.height - 6}" text-anchor="middle">{words}</text>')
    return "".join(drawn)


def _marks(plane: Plane, marks: Sequence[Mark]) -> Iterator[str]:
    for mark in marks:
        x, end, ink = plane.x(mark.start), plane.x(mark.end), colour(mark.colour)
        yield f'<g class="mark"><title>{escape(mark.title)}</title>'
        if end > x:
            yield f'<rect x="{x}" y="{_TOP}" width="{end - x:.1f}" height="{plane.bottom - _TOP}" fill="{ink}33"/>'
        yield f'<path d="M{x},{_TOP}V{plane.bottom}" stroke="{ink}" stroke-dasharray="5 3"/>'
        yield f'<path d="M{x - 4},{plane.bottom + 5}h8l-4,-6z" fill="{ink}"/></g>'


def _row(series: Series, plane: Plane, top: float, high: float) -> Iterator[str]:
    middle = top + high / 2
    yield f'<text x="{plane.left - 8}" y="{middle + 4}" text-anchor="end">{escape(series.name)}</text>'
    for run in _runs(series.samples, 1.5 * plane.span.step):
        for value, same in groupby(run, key=itemgetter(1)):
            moments = [moment for moment, _ in same]
            start, end = moments[0], min(moments[-1] + plane.span.step, plane.span.end)
            yield _state(series.look, value, (plane.x(start), plane.x(end)), middle, 0.8 * high)


def _state(look: Look, value: float, place: tuple[float, float], middle: float, high: float) -> str:
    x, wide, words = place[0], place[1] - place[0], look.text(value)
    size = f'x="{x}" y="{middle - high / 2:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    opacity = look.custom.get("fillOpacity", 70) / 100
    bar = f'<rect {size} fill="{look.colour_of(value)}" fill-opacity="{opacity}"/>'
    if len(words) * _LETTER + 8 > wide:
        return bar
    return f'{bar}<text class="value" x="{x + 5}" y="{middle + 4}">{escape(words)}</text>'


def _svg(plane: Plane, parts: Sequence[str]) -> str:
    size = f'width="{plane.width:.0f}" height="{plane.height:.0f}"'
    return f'<svg {size} fill="{_TEXT}">{"".join(parts)}</svg>'
