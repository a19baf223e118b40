"""What can be told from the files alone: the dashboard is whole, and fits what it is provisioned with."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from dashboards.generating import generated
from provider.domain.analysis import Outcome
from provider.domain.rollouts import Phase
from tests.dashboards.dashboard import (
    ANNOTATIONS,
    DASHBOARDS,
    FOLDER,
    PANELS,
    QUERIES,
    Query,
    configuration,
    promtool,
    query,
)

_VARIABLE = re.compile(r"\$\{?(\w+)")
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS = 24
# What the labels that series are named by can be.
_VALUES: Mapping[Any, set[Any]] = {
    "{{phase}}": {phase.value for phase in Phase},
    "{{outcome}}": {
        *Outcome,
        *("new", "same", "unavailable", "refused"),
        *("promoted", "aborted", "removed", "deleted"),
    },
}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def _panel(title: str) -> Mapping[str, Any]:
    (found,) = (panel for panel in PANELS if panel["title"] == title)
    return found


# The dashboards

DASHBOARD = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


@pytest.mark.parametrize(("path", "text"), generated().items(), ids=lambda found: getattr(found, "name", ""))
def test_what_is_checked_in_is_what_is_generated(path: Path, text: str) -> None:
    assert path.read_text() == text, "run: python -m dashboards"


@DASHBOARD
def test_ids_and_titles_are_unique(dashboard: Mapping[str, Any]) -> None:
    ids = Counter(panel["id"] for panel in dashboard["panels"])
    titles = Counter(panel["title"] for panel in dashboard["panels"])

    assert not [found for found, times in [*ids.items(), *titles.items()] if times > 1 or not found]


@DASHBOARD
def test_no_panel_covers_another_or_leaves_the_grid(dashboard: Mapping[str, Any]) -> None:
    places = {panel["title"]: panel["gridPos"] for panel in dashboard["panels"]}

    assert not [pair for pair in combinations(places, 2) if _overlap(places[pair[0]], places[pair[1]])]
    assert not [title for title, place in places.items() if place["x"] < 0 or place["x"] + place["w"] > _COLUMNS]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_a_unit_and_asks_the_chosen_prometheus(panel: Mapping[str, Any]) -> None:
    references = [target["refId"] for target in panel["targets"]]

    assert panel["fieldConfig"]["defaults"]["unit"]
    assert references
    assert len(set(references)) == len(references)
    assert all(target["expr"].strip() for target in panel["targets"])
    assert all(found["datasource"] == _DATASOURCE for found in (panel, *panel["targets"]))


@DASHBOARD
def test_every_variable_that_is_used_is_there_and_the_other_way_round(dashboard: Mapping[str, Any]) -> None:
    used = {name for text in _texts(dashboard) for name in _VARIABLE.findall(text) if not name.startswith("__")}

    assert {variable["name"] for variable in dashboard["templating"]["list"]} == used


def test_the_colours_of_series_name_series_that_exist() -> None:
    for panel in (panel for panel in PANELS if panel["type"] != "table"):
        legends = {target.get("legendFormat") for target in panel["targets"]}
        if any("{{" in str(legend) and legend not in {"{{phase}}", "{{outcome}}"} for legend in legends):
            continue
        series = _VALUES.get(next(iter(legends)), legends)
        matchers = (override["matcher"] for override in panel["fieldConfig"]["overrides"])

        assert {found["options"] for found in matchers if found["id"] == "byName"} <= series, panel["title"]


@pytest.mark.parametrize(("title", "label"), [("Canaries that get traffic", "rollout"), ("Gateways", "gateway")])
def test_a_table_names_the_columns_that_its_queries_make(title: str, label: str) -> None:
    panel = _panel(title)
    (columns,) = (found["options"] for found in panel["transformations"] if found["id"] == "organize")
    names = columns["renameByName"]
    renamed = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}

    assert {label, *(f"Value #{target['refId']}" for target in panel["targets"])} == names.keys()
    assert {name for name in renamed if not name.startswith("/")} <= {*names.values()}


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_a_name_in_the_timeline(phase: Phase) -> None:
    numbers = re.findall(r'(\d) \* canary_rollout_phase\{[^}]*phase="(\w+)"', query("Phase: A").expression)
    ((mapping),) = _panel("Phase")["fieldConfig"]["defaults"]["mappings"]
    shown = [(number, found["text"]) for number, found in mapping["options"].items()]

    assert phase in {name for _, name in numbers}
    assert sorted(numbers) == sorted(shown)


@pytest.mark.parametrize("query", [*QUERIES, *ANNOTATIONS], ids=str)
def test_a_query_is_promql(query: Query, tmp_path: Any) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(f"groups: [{{name: a, rules: [{{record: 'a', expr: '{query.of()}'}}]}}]")
    done = promtool("check", "rules", rules)

    assert done.returncode == 0, done.stderr


# Prometheus and the provisioning of Grafana


def test_prometheus_takes_its_configuration() -> None:
    done = promtool("check", "config", FOLDER / "prometheus.yml")

    assert done.returncode == 0, done.stderr


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    done = promtool("test", "rules", FOLDER / "rules.test.yml")

    assert done.returncode == 0, done.stderr
    rules = [rule for group in configuration("dashboards/rules.yml")["groups"] for rule in group["rules"]]
    tested = (FOLDER / "rules.test.yml").read_text()
    assert not [name for rule in rules if (name := rule.get("alert") or rule["record"]) not in tested]


def test_prometheus_asks_what_compose_starts_where_it_listens() -> None:
    services = configuration("compose.yaml")["services"]
    ports = {
        "provider": "8080",
        "edge": configuration("traefik/traefik.yml")["entryPoints"]["traefik"]["address"].lstrip(":"),
    }
    jobs = configuration("dashboards/prometheus.yml")["scrape_configs"]
    targets = {target for job in jobs for config in job["static_configs"] for target in config["targets"]}

    assert {f"{name}:{port}" for name, port in ports.items()} == targets
    assert any(str(port).endswith(":8080") for port in services["provider"]["ports"])
    assert all("control" in services[name]["networks"] for name in ports)


def test_grafana_knows_how_often_is_scraped() -> None:
    (source,) = configuration("dashboards/provisioning/datasources/prometheus.yml")["datasources"]
    scraped = configuration("dashboards/prometheus.yml")["global"]

    assert ("prometheus", scraped["scrape_interval"]) == (source["type"], source["jsonData"]["timeInterval"])
