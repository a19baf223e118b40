"""A Prometheus of one's own: started with the configuration that is shipped, and asked."""

import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from provider.demo.parts import free_port
from provider.demo.processes import Processes

FOLDER = Path(__file__).parents[1]
_HOST = "127.0.0.1"

Labels = Mapping[str, str]
# When, in Unix time, and what was then.
Sample = tuple[float, float]


class PrometheusMissingError(Exception):
    """A program of Prometheus is not there; the words say how to get it."""


@dataclass(frozen=True)
class Span:
    """What is looked at: from when to when, in Unix time, and how far apart in seconds."""

    start: float
    end: float
    step: float = 5.0


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Ask its API; raises requests.RequestException where it is not answered well."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        answer.raise_for_status()
        return answer.json()["data"]

    def at(self, expression: str, moment: float) -> Sequence[tuple[Labels, Sample]]:
        """Give what an expression finds at a moment, series by series."""
        found = self.ask("query", query=expression, time=str(moment))["result"]
        return [(series["metric"], _sample(series["value"])) for series in found]

    def over(self, expression: str, span: Span) -> Sequence[tuple[Labels, Sequence[Sample]]]:
        """Give what an expression finds all the while, series by series; NaN is nothing."""
        asked = {"start": str(span.start), "end": str(span.end), "step": str(span.step)}
        found = self.ask("query_range", query=expression, **asked)["result"]
        series = [(one["metric"], [_sample(pair) for pair in one["values"]]) for one in found]
        return [(labels, [pair for pair in samples if not math.isnan(pair[1])]) for labels, samples in series]

    def is_ready(self) -> bool:
        """Tell whether it can be asked."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False


def program(name: str) -> str:
    """Find a program of Prometheus, where make puts it or on the path."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        raise PrometheusMissingError(f"{name} is missing: make fetches it; on Debian it is in the package prometheus")
    return found


def start_prometheus(
    directory: Path, processes: Processes, targets: Mapping[str, Sequence[str]], **settings: str
) -> Prometheus:
    """Start a Prometheus with the configuration that is shipped: with other addresses, and other global settings.

    `targets` gives the addresses that stand in the place of each shipped one; its data stays in the directory.
    """
    shipped = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    shipped["global"].update(settings)
    shipped["rule_files"] = [str(FOLDER / file) for file in shipped["rule_files"]]
    for job in shipped["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = [one for target in group["targets"] for one in targets.get(target, ())]
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(shipped), encoding="utf-8")
    address = f"{_HOST}:{free_port()}"
    storage = f"--storage.tsdb.path={directory / 'prometheus'}"
    command = [program("prometheus"), f"--config.file={file}", storage, f"--web.listen-address={address}"]
    processes.start("prometheus", command)
    prometheus = Prometheus(f"http://{address}")
    processes.wait_until(prometheus.is_ready, what="Prometheus")
    return prometheus


def _sample(pair: Sequence[Any]) -> Sample:
    return float(pair[0]), float(pair[1])
