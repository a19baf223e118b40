"""The templates for CI, run as GitHub and GitLab run them: by bash, step by step, with what their users fill in."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deployment.composition import ROOT, document

_INPUT = re.compile(r"\$\{\{ *(?:inputs\.)?([\w.]+) *\}\}")
# What GitHub says of the run that a step is part of.
_RUN = {"github.run_id": "4711", "github.run_attempt": "2"}


@dataclass(frozen=True)
class Script:
    """What one bash runs, and with which variables."""

    text: str
    environment: Mapping[str, str]
    notes: Path | None = None
    """The file of variables that earlier steps leave for later ones, as GITHUB_ENV is."""
    folder: Path | None = None
    """The working directory."""

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """Start it with the command line of this checkout on the path; what runs at the end is killed."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        with subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.text],
            cwd=self.folder,
            env={**own, **self.environment, **self._noted(), "PATH": path, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def _noted(self) -> Mapping[str, str]:
        if self.notes is None:
            return {}
        lines = self.notes.read_text().splitlines()
        return {"GITHUB_ENV": str(self.notes), **dict(line.split("=", 1) for line in lines)}

    def run(self) -> tuple[int, str]:
        """Run it to its end: exit code and output."""
        with self.started() as process:
            output, _ = process.communicate(timeout=60)
        return process.returncode, output


@dataclass(frozen=True)
class Job:
    """A template with its inputs filled in."""

    install: Script
    start: Script
    wait: Script
    cancelled: Script


def github(inputs: Mapping[str, str]) -> Job:
    """Give the steps of the composite action."""
    action = document("deploy/github/action.yml")
    defaults = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
    filled = {**defaults, **{{"sides": "canary"}.get(name, name): value for name, value in inputs.items()}}
    assert set(filled) == set(defaults), "each input that a test fills in is one of the action"
    notes = _new_notes()
    install, start, wait, cancelled = (_step(step, filled, notes) for step in action["runs"]["steps"])
    return Job(install, start, wait, cancelled)


def _new_notes() -> Path:
    descriptor, path = tempfile.mkstemp(prefix="ci-variables-")
    os.close(descriptor)
    return Path(path)


def _step(step: Mapping[str, Any], inputs: Mapping[str, str], notes: Path) -> Script:
    assert "${{" not in step["run"], "what somebody else wrote is a variable, never a part of a script"
    known = {**_RUN, **inputs}
    filled = {name: _INPUT.sub(lambda match: known[match[1]], text) for name, text in step.get("env", {}).items()}
    return Script(step["run"], filled, notes)


def gitlab(inputs: Mapping[str, str]) -> Job:
    """Give the parts of the job's script."""
    job = document("deploy/gitlab/canary.yml")[".canary"]
    environment = {
        **job["variables"],
        **{name.upper(): value for name, value in inputs.items() if name not in {"url", "token"}},
        "CI_JOB_ID": "4711",
        "CANARY_REQUEST_ID": job["variables"]["CANARY_REQUEST_ID"].replace("$CI_JOB_ID", "4711"),
        "CANARY_URL": inputs["url"],
        "CANARY_TOKEN": inputs["token"],
    }
    *start, wait = job["script"]
    notes, folder = _new_notes(), Path(tempfile.mkdtemp(prefix="ci-folder-"))
    # GitLab runs all lines in one shell; here the variables of the first ones are handed on.
    hand_on = 'echo "CANARY_ATTEMPT=$CANARY_ATTEMPT" >> "$GITHUB_ENV"'
    return Job(
        install=Script(_lines(job["before_script"]), environment),
        start=Script(_lines([*start, hand_on]), environment, notes, folder),
        wait=Script(wait, environment, notes, folder),
        cancelled=Script(_lines(job["after_script"]), {**environment, "CI_JOB_STATUS": "canceled"}, folder=folder),
    )


def _lines(script: Sequence[str]) -> str:
    return "\n".join(script)
