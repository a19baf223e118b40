"""The dashboards as the tests read them, and Prometheus' own tools."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dashboards.drawing.prometheus import program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards"
DASHBOARDS: Mapping[str, Mapping[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
# A row only heads what follows it.
PANELS: Sequence[Mapping[str, Any]] = [
    panel for dashboard in DASHBOARDS.values() for panel in dashboard["panels"] if panel["type"] != "row"
]


@dataclass(frozen=True)
class Query:
    """One query of a panel, with the variables that Grafana would fill in."""

    panel: str
    reference: str
    expression: str

    def __str__(self) -> str:
        return f"{self.panel}: {self.reference}"

    def of(self, rollout: str = "shop", *, window: str = "20s") -> str:
        """Give the query for a rollout, with what `rate` looks back on."""
        return (
            self.expression.replace("$__rate_interval", window).replace("$__range", "1h").replace("$rollout", rollout)
        )


QUERIES: Sequence[Query] = [
    Query(panel["title"], target["refId"], target["expr"]) for panel in PANELS for target in panel["targets"]
]

ANNOTATIONS: Sequence[Query] = [
    Query("Annotations", found["name"], found["target"]["expr"])
    for dashboard in DASHBOARDS.values()
    for found in dashboard["annotations"]["list"]
]


def query(name: str) -> Query:
    """Find a query as it is written: `PANEL: REFERENCE`."""
    (found,) = (query for query in QUERIES if str(query) == name)
    return found


def configuration(path: str) -> dict[str, Any]:
    """Read a YAML file of the repository."""
    found = yaml.safe_load((ROOT / path).read_text())
    assert isinstance(found, dict), path
    return found


def promtool(*arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [program("promtool"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
