"""The linters of what is not Python: YAML, the Dockerfile, and the schema of compose files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment.composition import ROOT

_LINTERS = {
    "yamllint": ["yamllint", "--strict", "."],
    "hadolint": ["hadolint", "Dockerfile"],
    "compose-spec": [
        *("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
        *("deploy/swarm/stack.yaml", "deploy/docker-labels/compose.yaml"),
    ],
    "github": ["check-jsonschema", "--builtin-schema", "vendor.github-actions", "deploy/github/action.yml"],
    "workflows": [
        *("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        *(".github/workflows/ci.yaml", ".github/workflows/release.yaml"),
    ],
    "dependabot": ["check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"],
    "gitlab": ["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "deploy/gitlab/canary.yml"],
}


def _run(command: list[str], directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=str(Path(sys.executable).parent)) or shutil.which(command[0])
    assert program, f"{command[0]} is not installed; it is in the dependency group test"
    return subprocess.run(
        [program, *command[1:]], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", sorted(_LINTERS))
def test_a_linter_finds_nothing(name: str) -> None:
    done = _run(_LINTERS[name])

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("yamllint", "wrong.yaml", "a: 1\na: 2\n"),
        ("hadolint", "Dockerfile", "FROM python\nRUN cd /tmp\n"),
        ("compose-spec", "compose.yaml", "services: {provider: {imgae: python}}\n"),
    ],
)
def test_a_linter_finds_what_is_wrong(name: str, file: str, text: str, tmp_path: Path) -> None:
    for configuration in (".yamllint.yaml", ".gitignore"):
        shutil.copy(ROOT / configuration, tmp_path)
    (tmp_path / file).write_text(text)
    command = [word for word in _LINTERS[name] if not word.startswith("deploy/")]

    assert _run(command, tmp_path).returncode == 1
