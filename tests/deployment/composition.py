"""compose.yaml and the Dockerfile, read as far as the tests need them."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

_INSTRUCTION = re.compile(r"^([A-Z]+) +(.*)$")


def document(path: str) -> dict[str, Any]:
    """Read a YAML file of the repository."""
    found = yaml.safe_load((ROOT / path).read_text())
    assert isinstance(found, dict), path
    return found


def compose() -> dict[str, Any]:
    return document("compose.yaml")


@dataclass(frozen=True)
class Image:
    """What the last stage of the Dockerfile says."""

    environment: Mapping[str, str]
    user: str
    entrypoint: Sequence[str]
    command: Sequence[str]
    healthcheck: Sequence[str]


def instructions() -> Sequence[tuple[str, str]]:
    """Give the Dockerfile's instructions, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "").splitlines()
    return [(match[1], match[2].strip()) for line in joined if (match := _INSTRUCTION.match(line))]


@cache
def image() -> Image:
    every = instructions()
    last = max(index for index, (name, _) in enumerate(every) if name == "FROM")
    stage = every[last:]
    once = dict(stage)
    return Image(
        environment=dict(pair.split("=", 1) for name, text in stage if name == "ENV" for pair in shlex.split(text)),
        user=once["USER"],
        entrypoint=json.loads(once["ENTRYPOINT"]),
        command=json.loads(once["CMD"]),
        healthcheck=["CMD", *json.loads(once["HEALTHCHECK"].partition(" CMD ")[2])],
    )


@dataclass(frozen=True)
class Service:
    """A service of compose.yaml, with what it takes from the image of this repository."""

    name: str
    document: Mapping[str, Any]

    @property
    def is_ours(self) -> bool:
        """Tell whether it runs from the Dockerfile."""
        return "build" in self.document

    @property
    def ends(self) -> bool:
        """Tell what does its work once from what runs on."""
        return self.document.get("restart") != "unless-stopped"

    @property
    def command(self) -> Sequence[str]:
        """What is run, entry point and all."""
        inherited = image() if self.is_ours else None
        entrypoint = self.document.get("entrypoint", inherited.entrypoint if inherited else [])
        return [*entrypoint, *self.document.get("command", inherited.command if inherited else [])]

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables it gets; `${…}` as it stands."""
        return {**(image().environment if self.is_ours else {}), **self.document.get("environment", {})}

    @property
    def user(self) -> str:
        """Who runs it; empty where that is left to somebody else's image."""
        user: str = self.document.get("user", image().user if self.is_ours else "")
        return user

    @property
    def healthcheck(self) -> Sequence[str]:
        """How it is asked whether it is well; nothing where nobody asks."""
        check = self.document.get("healthcheck", {})
        if check.get("disable") or not (check or self.is_ours):
            return []
        found: Sequence[str] = check.get("test", image().healthcheck if self.is_ours else [])
        return found

    @property
    def mounts(self) -> Mapping[str, str]:
        """Volumes and files of the host by where they are mounted."""
        return dict(map(_mount, self.document.get("volumes", ())))

    @property
    def networks(self) -> set[str]:
        """The networks it is in."""
        return set(self.document.get("networks", ()))

    @property
    def published(self) -> Sequence[tuple[str, int]]:
        """The address on the host and the port inside the container, for each port that is published."""
        ports = [text.rsplit(":", 2) for text in self.document.get("ports", ())]
        return [(parts[0] if len(parts) == 3 else "", int(parts[-1])) for parts in ports]


def _mount(volume: str | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(volume, str):
        source, target = volume.split(":")[:2]
        return target, source
    return volume["target"], volume["source"]


def services() -> Mapping[str, Service]:
    return {name: Service(name, found) for name, found in compose()["services"].items()}
