"""The templates for CI, run as GitHub and GitLab run them: by bash, step by step, with what their users fill in."""

import os
import re
import signal
import subprocess
import sys
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

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """Start it with the command line of this checkout on the path; what runs at the end is killed."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        with subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.text],
            env={**own, **self.environment, "PATH": path, "PYTHONPATH": str(ROOT)},
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
    install, start, wait, cancelled = (_step(step, filled) for step in action["runs"]["steps"])
    return Job(install, start, wait, cancelled)


def _step(step: Mapping[str, Any], inputs: Mapping[str, str]) -> Script:
    assert "${{" not in step["run"], "what somebody else wrote is a variable, never a part of a script"
    known = {**_RUN, **inputs}
    filled = {name: _INPUT.sub(lambda match: known[match[1]], text) for name, text in step.get("env", {}).items()}
    return Script(step["run"], filled)


def gitlab(inputs: Mapping[str, str]) -> Job:
    """Give the parts of the job's script."""
    job = document("deploy/gitlab/canary.yml")[".canary"]
    environment = {
        **job["variables"],
        **{name.upper(): value for name, value in inputs.items() if name not in {"url", "token"}},
        "CANARY_REQUEST_ID": job["variables"]["CANARY_REQUEST_ID"].replace("$CI_JOB_ID", "4711"),
        "CANARY_URL": inputs["url"],
        "CANARY_TOKEN": inputs["token"],
    }
    *start, wait = job["script"]
    return Job(
        install=Script(_lines(job["before_script"]), environment),
        start=Script(_lines(start), environment),
        wait=Script(wait, environment),
        cancelled=Script(_lines(job["after_script"]), {**environment, "CI_JOB_STATUS": "canceled"}),
    )


def _lines(script: Sequence[str]) -> str:
    return "\n".join(script)
