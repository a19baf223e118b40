"""Every file that is generated, and what it is to hold."""

import json
from collections.abc import Mapping
from pathlib import Path

from dashboards import fleet, provider, rollout

_FOLDER = Path(__file__).parent
DASHBOARDS = {"fleet": fleet.DASHBOARD, "rollout": rollout.DASHBOARD, "provider": provider.DASHBOARD}


def generated() -> Mapping[Path, str]:
    """Give the text of every generated file."""
    return {
        _FOLDER / f"{name}.json": json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
        for name, dashboard in DASHBOARDS.items()
    }
