"""What a panel's queries are answered, as Grafana makes fields of it: series with names, tables, marks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dashboards.drawing.fields import Json, Look, look
from dashboards.drawing.prometheus import Labels, Sample, Span

# How often is scraped, as the data source of Grafana is told, and how many scrapes a rate looks back on.
_SCRAPE_SECONDS, _SCRAPES = 5, 4


class Source(Protocol):
    """Whoever answers queries: a Prometheus."""

    def at(self, expression: str, moment: float) -> Sequence[tuple[Labels, Sample]]:
        """Give what an expression finds at a moment."""

    def over(self, expression: str, span: Span) -> Sequence[tuple[Labels, Sequence[Sample]]]:
        """Give what an expression finds all the while."""


@dataclass(frozen=True)
class Series:
    """A field of a panel: its name, its values, and how they are shown."""

    name: str
    samples: Sequence[Sample]
    look: Look

    @property
    def last(self) -> float:
        """What it was last."""
        return self.samples[-1][1]


@dataclass(frozen=True)
class Table:
    """Columns by their names, and rows of texts with the colours that they have."""

    columns: Mapping[str, Look]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Mark:
    """A moment, or a while, that is marked in every panel."""

    start: float
    end: float
    colour: str
    title: str


@dataclass(frozen=True)
class Questions:
    """What fills in a dashboard's variables, and asks."""

    source: Source
    span: Span
    variables: Mapping[str, str] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """Give a text with the variables filled in."""
        shown = {"__range": f"{self.span.end - self.span.start:.0f}s"}
        values = {"__rate_interval": f"{_SCRAPES * _SCRAPE_SECONDS}s", **shown, **self.variables}
        return re.sub(r"\$(\w+)", lambda found: values[found[1]], text)

    def series(self, panel: Json) -> Sequence[Series]:
        """Ask a panel's queries; a series has one sample only where the panel wants to know of now."""
        found: list[tuple[str, Sequence[Sample]]] = []
        for target in panel["targets"]:
            expression = self.filled(target["expr"])
            name = _namer(target.get("legendFormat", ""))
            if target.get("instant"):
                found += [(name(labels), [sample]) for labels, sample in self.source.at(expression, self.span.end)]
            else:
                found += [(name(labels), samples) for labels, samples in self.source.over(expression, self.span)]
        told = [(name, samples) for name, samples in found if samples]
        return [Series(name, samples, look(panel, name, number)) for number, (name, samples) in enumerate(told)]

    def table(self, panel: Json) -> Table:
        """Ask a panel's queries, join what they find by its labels, and order and name the columns."""
        joined: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        for target in panel["targets"]:
            for labels, (_, value) in self.source.at(self.filled(target["expr"]), self.span.end):
                row = joined.setdefault(tuple(sorted(labels.items())), dict(labels))
                row[f"Value #{target['refId']}"] = value
        (named,) = (it["options"]["renameByName"] for it in panel["transformations"] if it["id"] == "organize")
        rows = [{name: row[key] for key, name in named.items() if key in row} for row in joined.values()]
        for column in reversed(panel["options"].get("sortBy", ())):
            rows.sort(key=lambda row: row[column["displayName"]], reverse=column["desc"])
        return Table({name: look(panel, name) for name in named.values()}, rows)

    def marks(self, annotation: Json) -> Sequence[Mark]:
        """Give the moments at which something was more than 0; those that follow each other are one."""
        found = []
        for labels, samples in self.source.over(self.filled(annotation["target"]["expr"]), self.span):
            title = _namer(annotation["titleFormat"])(labels)
            moments = [moment for moment, value in samples if value > 0]
            for start, end in _joined(moments, self.span.step):
                found.append(Mark(start, end, annotation["iconColor"], title))
        return found


def _namer(legend: str) -> Callable[[Labels], str]:
    """Name series by a text in which labels stand in braces, or else by their labels as Prometheus writes them."""

    def name(labels: Labels) -> str:
        if legend:
            return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
        return "{" + ", ".join(f'{label}="{value}"' for label, value in labels.items()) + "}" if labels else "Value"

    return name


def _joined(moments: Sequence[float], step: float) -> Sequence[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for moment in moments:
        if found and moment <= found[-1][1] + step:
            found[-1] = (found[-1][0], moment)
        else:
            found.append((moment, moment))
    return found
