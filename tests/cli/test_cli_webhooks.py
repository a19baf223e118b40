"""Webhooks from a shell."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider.cli.webhooks import EVENTS, FORMATS
from provider.domain.auth import Role
from provider.domain.notifications import Format, NoticeKind
from tests.cli.conftest import Run
from tests.receivers import Receiver, receiving
from tests.world import World

URL = "https://hooks.slack.com/services/T0/s3cret"
SECRET = "a-secret-of-16-or-more"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_what_can_be_chosen_is_what_there_is() -> None:
    assert set(FORMATS) == set(Format)
    assert set(EVENTS) == set(NoticeKind) - {NoticeKind.TEST}


def test_a_webhook_is_set_listed_and_deleted(run: Run) -> None:
    done = run("webhook", "set", "team", URL, "--format", "slack", "--event", "aborted", "--rollout", "shop")
    listed = run("webhook", "list")

    assert (
        done.exit_code,
        done.stdout,
    ) == (0, "team saved; send a test message with `traefik-canary webhook test team`\n")
    header, row = listed.stdout.splitlines()
    assert header.split() == ["NAME", "FORMAT", "EVENTS", "ROLLOUTS", "SIGNED", "URL"]
    assert row.split() == ["team", "slack", "aborted", "shop", "no", "https://hooks.slack.com/…"]
    deleted = run("webhook", "delete", "team")
    assert (deleted.exit_code, deleted.stdout) == (0, "team deleted\n")
    assert "No webhooks found" in run("webhook", "list").stderr


def test_everything_there_is_for_machines(run: Run) -> None:
    made = json.loads(run("webhook", "set", "team", URL, "--template", '"$text"', "-o", "json").stdout)

    assert made["spec"] == {"url": URL, "format": "json", "template": '"$text"'}
    assert [made] == json.loads(run("webhook", "list", "-o", "json").stdout)
    assert run("webhook", "delete", "team", "-o", "json").stdout == ""


def test_a_secret_is_read_from_a_file_and_stays(run: Run, world: World, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    shown = []

    def signed(*arguments: str, stdin: str | None = None) -> str | None:
        done = run("webhook", "set", "team", URL, *arguments, stdin=stdin)
        shown.append(done.output + run("webhook", "list", "-o", "json").output)
        assert done.exit_code == 0
        return world.operations.webhooks.views()[0].spec.secret

    assert signed("--secret-file", str(tmp_path / "secret")) == SECRET
    assert signed("--event", "aborted") == SECRET
    assert SECRET[:-1] == signed("--secret-file", "-", stdin=SECRET[:-1])
    assert signed("--no-secret") is None
    assert SECRET[:-1] not in "".join(shown)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        (["set", "Team", URL], None, 1, "a name is lowercase letters"),
        (["set", "team", "ftp://chat"], None, 1, "/spec/url: must be an address such as"),
        (["set", "team", URL, "--format", "irc"], None, 2, "'irc' is not one of"),
        (["set", "team", URL, "--event", "test"], None, 2, "'test' is not one of"),
        (["set", "team", URL, "--template", "$nope", "--format", "slack"], None, 1, "there is no $nope"),
        (["set", "team", URL, "--secret-file", "-"], "short", 1, "/spec/secret: must be 16 to 256"),
        (["set", "team", URL, "--secret-file", "-"], " \n", 1, "the secret file is empty"),
        (["set", "team", URL, "--secret-file", "-", "--no-secret"], SECRET, 2, "mutually exclusive"),
        (["set", "team"], None, 2, "Missing argument 'ADDRESS'"),
        (["delete", "team"], None, 1, "there is no webhook team"),
        (["test", "team"], None, 1, "there is no webhook team"),
    ],
)
def test_a_mistake_is_told(run: Run, arguments: list[str], stdin: str | None, code: int, words: str) -> None:
    done = run("webhook", *arguments, stdin=stdin)

    assert code == done.exit_code
    assert words in done.stderr


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (200, 0, "team accepted the message: it answers 200\n"),
        (404, 1, "team did not accept the message: it answers 404"),
    ],
)
def test_a_test_tells_whether_it_was_heard(run: Run, receiver: Receiver, status: int, code: int, words: str) -> None:
    receiver.status = status
    run("webhook", "set", "team", receiver.url)
    done, machines = run("webhook", "test", "team"), run("webhook", "test", "team", "-o", "json")

    assert [code, code] == [done.exit_code, machines.exit_code]
    assert words in done.output
    assert (status < 300, status) == tuple(json.loads(machines.stdout)[name] for name in ("delivered", "status"))
    assert len(receiver.received) == 2


def test_webhooks_are_for_admins(run: Run) -> None:
    refused = run("webhook", "list", role=Role.OPERATOR)

    assert refused.exit_code == 1
    assert "the role operator may not administer" in refused.stderr
