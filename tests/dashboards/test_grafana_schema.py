"""The dashboards against Grafana's own types: the names of options, and the values that they know."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.browser.scene import needed
from tests.dashboards.dashboard import DASHBOARDS

_MODULES = Path(sys.executable).parents[1] / "grafana" / "node_modules"
# Where the types of each kind of panel lie.
_KINDS = {"timeseries": "timeseries", "stat": "stat", "table": "table", "state-timeline": "statetimeline"}
_OPTIONS = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")
_HEAD = """
type Dashboard = dashboard.Dashboard;
type FieldConfig = dashboard.FieldConfig;
// What JSON holds of a type: the values of enumerations, and nothing of what has a default.
type Plain<T> = T extends string ? `${T}` : T extends (infer E)[] ? Plain<E>[]
    : T extends object ? { [K in keyof T]?: Plain<T[K]> } : T;
// In the files of Grafana itself, but not among these types.
type Query = { definition?: string };
type Marks = { titleFormat?: string; textFormat?: string };
type Asked = { refId?: string; expr?: string; interval?: string };
type Variables = (NonNullable<NonNullable<Dashboard["templating"]>["list"]>[number] & Query)[];
type Mark = Omit<NonNullable<NonNullable<Dashboard["annotations"]>["list"]>[number], "target"> & Marks
    & { target?: Asked };
type Whole = Omit<Dashboard, "panels" | "templating" | "annotations">
    & { templating?: { list?: Variables }; annotations?: { list?: Mark[] } };
"""


@pytest.fixture
def compiler() -> str:
    needed(str(_MODULES) if _MODULES.exists() else None, what="Grafana's schema")
    return needed(shutil.which("node"), what="node")


def _statements(dashboard: Mapping[str, Any]) -> Iterator[str]:
    whole = {name: value for name, value in dashboard.items() if name != "panels"}
    yield _claim(whole, "Plain<Whole>")
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield _claim(panel, "Plain<dashboard.RowPanel>")
            continue
        yield _claim(panel, "Plain<dashboard.Panel>")
        kind = f"{_KINDS[panel['type']]}Config"
        yield _claim(panel["options"], f"Plain<{kind}.Options>")
        own = f"Plain<{'{}' if panel['type'] == 'stat' else f'{kind}.FieldConfig'}>"
        yield _claim(panel["fieldConfig"]["defaults"].get("custom", {}), own)
        for changed in (each for one in panel["fieldConfig"]["overrides"] for each in one["properties"]):
            name = changed["id"].removeprefix("custom.")
            of = own if "." in changed["id"] else "Plain<FieldConfig>"
            yield _claim({name: changed["value"]}, of)


def _claim(value: Any, kind: str) -> str:
    return f"({json.dumps(value)}) satisfies {kind};"


def _compile(compiler: str, directory: Path, dashboard: Mapping[str, Any]) -> "subprocess.CompletedProcess[str]":
    sources = {f"{kind}Config": f"composable/{kind}/panelcfg" for kind in _KINDS.values()}
    imports = (
        f'import type * as {name} from "./node_modules/@grafana/schema/dist/types/raw/{path}/x/types.gen";\n'
        for name, path in {**sources, "dashboard": "dashboard"}.items()
    )
    (directory / "node_modules").symlink_to(_MODULES)
    file = directory / "dashboard.ts"
    file.write_text("".join(imports) + _HEAD + "\n".join(_statements(dashboard)))
    command = [compiler, str(_MODULES / "typescript" / "bin" / "tsc"), *_OPTIONS, file.name]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_what_grafana_takes(name: str, compiler: str, tmp_path: Path) -> None:
    done = _compile(compiler, tmp_path, DASHBOARDS[name])

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("wrong", [{"graphMod": "none"}, {"colorMode": "backgrounds"}])
def test_an_option_that_grafana_does_not_know_is_found(wrong: Any, compiler: str, tmp_path: Path) -> None:
    panel = {"type": "stat", "options": wrong, "fieldConfig": {"defaults": {}, "overrides": []}}
    done = _compile(compiler, tmp_path, {"panels": [panel]})

    assert next(iter(wrong.values())) in done.stdout or next(iter(wrong)) in done.stdout
    assert done.returncode != 0
