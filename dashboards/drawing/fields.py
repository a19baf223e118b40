"""How a field is shown: the panel's defaults, and what its overrides say of the field's name."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.drawing.units import written

Json = Mapping[str, Any]

# Grafana's colours in the dark (packages/grafana-data/src/themes/createVisualizationColors.ts).
_COLOURS = {
    "green": "#73BF69",
    "yellow": "#FADE2A",
    "blue": "#5794F2",
    "orange": "#FF9830",
    "red": "#F2495C",
    "purple": "#B877D9",
    "dark-green": "#37872D",
    "dark-yellow": "#E0B400",
    "dark-blue": "#1F60C4",
    "dark-orange": "#FA6400",
    "dark-red": "#C4162A",
    "dark-purple": "#8F3BB8",
    "light-blue": "#8AB8FF",
    "light-orange": "#FFB357",
    "semi-dark-orange": "#FF780A",
    "text": "#CCCCDC",
}
# What series get that nobody has given one.
_PALETTE = tuple(_COLOURS)[:12]


def colour(name: str) -> str:
    """Give a colour that Grafana knows by a name."""
    return name if name.startswith("#") else _COLOURS[name]


@dataclass(frozen=True)
class Look:
    """How one field is shown; `number` counts the fields of its panel."""

    options: Json
    number: int = 0

    @property
    def custom(self) -> Json:
        """What its kind of panel knows besides."""
        found: Json = self.options.get("custom", {})
        return found

    @property
    def unit(self) -> str:
        """Grafana's name of its unit."""
        return str(self.options.get("unit", "none"))

    @property
    def series_colour(self) -> str:
        """The colour of its line."""
        fixed = self.options.get("color", {}).get("fixedColor")
        return colour(fixed or _PALETTE[self.number % len(_PALETTE)])

    def text(self, value: float) -> str:
        """Write a value: in words where it has some, else in its unit."""
        mapped = self._mapped(value).get("text")
        return str(mapped) if mapped else written(value, self.unit, self.options.get("decimals"))

    def colour_of(self, value: float) -> str:
        """Give the colour of a value: of its words, its own, or of the threshold that it has reached."""
        found = self._mapped(value).get("color") or self.options.get("color", {}).get("fixedColor")
        steps = self.options.get("thresholds", {}).get("steps", _THRESHOLDS)
        reached = [
            step["color"] for step in steps if value >= (-math.inf if step["value"] is None else step["value"])
        ]
        return colour(found or reached[-1])

    def _mapped(self, value: float) -> Json:
        key = f"{value:g}"
        found = (it["options"][key] for it in self.options.get("mappings", ()) if key in it["options"])
        return next(found, {})


# Of a field for which nobody has said some.
_THRESHOLDS: Sequence[Json] = ({"color": "green", "value": None}, {"color": "red", "value": 80})


def look(panel: Json, name: str, number: int = 0) -> Look:
    """Find how a field of a panel is shown."""
    options = {**panel["fieldConfig"]["defaults"]}
    for override in panel["fieldConfig"]["overrides"]:
        if _fits(override["matcher"], name):
            for changed in override["properties"]:
                options = _with(options, changed["id"].split("."), changed["value"])
    return Look(options, number)


def _fits(matcher: Json, name: str) -> bool:
    if matcher["id"] == "byName":
        return bool(matcher["options"] == name)
    # As in JavaScript: between slashes, and found anywhere.
    return bool(re.search(matcher["options"].strip("/"), name))


def _with(options: Json, path: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**options, first: _with(options.get(first, {}), rest, value) if rest else value}
