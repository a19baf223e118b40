"""The templates for GitHub and GitLab, against a real provider: what they say, and whether the job fails."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from provider.demo.parts import ProviderProcess
from provider.demo.processes import Processes
from tests.deployment.jobs import Job, Script, github, gitlab
from tests.e2e.harness import eventually

Template = Callable[[Mapping[str, str]], Job]

_STABLE = "http://127.0.0.1:9"
_SIDES = ("http://127.0.0.1:10", "http://127.0.0.1:11")
RUN = re.compile(r"github-4711-2|gitlab-4711")
_FOR_A_PERSON = [{"setWeight": 50}, {"pause": {}}]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    directory = tmp_path_factory.mktemp("ci")
    with Processes(directory) as processes:
        provider = ProviderProcess()
        provider.start(processes, data_dir=directory, environment={"CANARY_WORKERS": "1"})
        yield provider


@dataclass(frozen=True)
class Rollout:
    """A rollout without a canary, and the provider that has it."""

    provider: ProviderProcess
    name: str

    @property
    def inputs(self) -> dict[str, str]:
        """What a user of a template fills in."""
        where = {"url": self.provider.url, "token": self.provider.token}
        return {**where, "rollout": self.name, "sides": " ".join(_SIDES), "timeout": "30", "reason": "shop@4f2a"}

    def do(self, action: str, **document: Any) -> None:
        self.provider.call("POST", f"/rollouts/{self.name}/{action}", document)

    def read(self) -> Any:
        return self.provider.call("GET", f"/rollouts/{self.name}").json()

    @property
    def phase(self) -> str:
        found: str = self.read()["status"]["phase"]
        return found


@pytest.fixture
def rollout(provider: ProviderProcess) -> Rollout:
    name = f"shop-{secrets.token_hex(4)}"
    spec = {"rule": f"Host(`{name}`)", "stable": {"servers": [{"url": _STABLE}]}, "steps": _FOR_A_PERSON}
    provider.call("PUT", f"/rollouts/{name}", {"spec": spec})
    return Rollout(provider, name)


@pytest.fixture(params=[github, gitlab], ids=["github", "gitlab"])
def template(request: pytest.FixtureRequest) -> Template:
    found: Template = request.param
    return found


def _run_while(script: Script, happens: Callable[[], None]) -> tuple[int, str]:
    """Run a script and let something happen while it waits."""
    with script.started() as process:
        happens()
        output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_the_canary_takes_over_and_the_job_is_done(rollout: Rollout, template: Template) -> None:
    job = template(rollout.inputs)

    started, said = job.start.run()
    assert started == 0, said
    assert tuple(server["url"] for server in rollout.read()["spec"]["canary"]["servers"]) == _SIDES
    eventually(lambda: rollout.phase == "Paused", what="a person is asked")
    code, said = _run_while(job.wait, lambda: rollout.do("promote", full=True))

    assert (code, rollout.phase) == (0, "Healthy"), said
    history = rollout.provider.call("GET", f"/rollouts/{rollout.name}/history").json()["history"]
    assert "shop@4f2a" in {entry["reason"] for entry in history}
    assert any(RUN.fullmatch(entry.get("requestId", "")) for entry in history), "which run it was"


def test_a_canary_that_is_taken_back_fails_the_job_which_says_why(rollout: Rollout, template: Template) -> None:
    job = template(rollout.inputs)

    job.start.run()
    code, said = _run_while(job.wait, lambda: rollout.do("abort", reason="too many answers are 5xx"))

    assert (code, rollout.phase) == (1, "Degraded"), said
    assert "rollout  " in said, "its status"
    assert "TIME" in said, "its history"
    assert "too many answers are 5xx" in said


def test_a_canary_that_another_job_replaced_fails_the_job(rollout: Rollout, template: Template) -> None:
    job = template(rollout.inputs)

    job.start.run()
    canary = {"servers": [{"url": "http://127.0.0.1:12"}]}
    rollout.provider.call("PUT", f"/rollouts/{rollout.name}/canary", canary)
    rollout.do("promote", full=True)
    code, said = job.wait.run()

    assert (code, rollout.phase) == (1, "Healthy"), said


def test_a_canary_that_is_late_is_taken_back(rollout: Rollout, template: Template) -> None:
    job = template({**rollout.inputs, "timeout": "0"})

    job.start.run()
    code, said = job.wait.run()

    assert (code, rollout.phase) == (3, "Degraded"), said
    assert "not healthy after 0 s" in said


def test_a_job_that_is_cancelled_takes_its_canary_back(rollout: Rollout, template: Template) -> None:
    job = template(rollout.inputs)

    job.start.run()
    with job.wait.started():
        pass  # it is killed
    code, said = job.cancelled.run()

    assert (code, rollout.phase) == (0, "Degraded"), said
    assert "was cancelled" in said


@pytest.mark.parametrize("is_started", [True, False], ids=["started", "not started"])
def test_a_job_that_is_cancelled_leaves_the_canary_of_another_job(
    rollout: Rollout, template: Template, is_started: bool
) -> None:
    job = template(rollout.inputs)

    if is_started:
        job.start.run()
    canary = {"servers": [{"url": "http://127.0.0.1:12"}]}
    rollout.provider.call("PUT", f"/rollouts/{rollout.name}/canary", canary)
    other = rollout.read()
    _, said = job.cancelled.run()

    assert rollout.phase != "Degraded", said
    assert rollout.read() == other


def test_a_start_that_is_refused_fails_the_job(rollout: Rollout, template: Template) -> None:
    code, said = template({**rollout.inputs, "rollout": "not-there"}).start.run()

    assert code == 1
    assert "not-there" in said


def test_what_is_installed_is_this_project(template: Template) -> None:
    inputs = {"url": "", "token": "", "rollout": "", "sides": "", "timeout": ""}
    install = template(inputs).install

    assert install.run() == (0, "")
    assert replace(install, environment={**install.environment, "PACKAGE": "./not-there"}).run()[0] != 0
