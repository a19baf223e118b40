"""Commands of one rollout, and the list of all."""

import json
import os
import pty
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from provider.domain.analysis import Share, ShareState
from provider.domain.auth import Role
from provider.domain.rollouts import Action, Phase
from provider.store import Change, Key, Kind, Request
from tests.cli.conftest import CANARY, RULE, STABLE, STEPS, Run, stored
from tests.world import ME, World


def phase(world: World, name: str = "shop") -> tuple[Phase, Decimal]:
    status = world.operations.rollouts.get(name).status
    return status.phase, status.weight


def test_no_rollout_is_said_to_people_and_an_empty_list_to_machines(run: Run) -> None:
    told, listed = run("list"), run("list", "-o", "json")

    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr == "No rollouts yet. Create one with traefik-canary create or apply.\n"
    assert json.loads(listed.stdout) == []


def test_rollouts_are_listed_as_a_table(run: Run, shop: str, world: World) -> None:
    stored(world, "blog", canary=None, steps=None)
    stored(world, "wiki", steps=None)
    heading, *rows = (line.split(maxsplit=5) for line in run("list").stdout.splitlines())

    assert heading == ["NAME", "PHASE", "WEIGHT", "STEP", "SINCE", "REASON"]
    assert rows[0][:4] == ["blog", "Healthy", "-", "-"]
    assert "shop  Paused       5%      2/4" in run("list").stdout
    assert "wiki  Progressing  0%      -" in run("list").stdout


def test_a_list_of_any_length_is_read_to_its_end(run: Run, world: World) -> None:
    names = [f"shop-{number:03}" for number in range(102)]
    for name in names:
        stored(world, name, canary=None, steps=None)

    assert [rollout["name"] for rollout in json.loads(run("list", "-o", "json").stdout)] == names


def test_a_list_is_narrowed_by_phase_and_gateway(run: Run, shop: str, world: World) -> None:
    stored(world, "blog", canary=None, steps=None, gateways=["edge"])

    assert run("list", "--phase", "paused").stdout.splitlines()[1].startswith("shop ")
    assert [one["name"] for one in json.loads(run("list", "--gateway", "edge", "-o", "json").stdout)] == [
        "blog",
        "shop",
    ]
    assert run("list", "--phase", "Degraded", "--gateway", "edge").stderr == "No rollouts match.\n"


def test_a_rollout_is_printed_whole(run: Run, shop: str) -> None:
    as_yaml, as_json = run("get", shop), run("get", shop, "--output", "json")
    document = json.loads(as_json.stdout)

    assert yaml.safe_load(as_yaml.stdout) == document
    assert {"name", "version", "spec", "status", "actions"} == set(document)
    assert (document["spec"]["rule"], document["spec"]["steps"]) == (RULE, STEPS)
    assert list(yaml.safe_load(as_yaml.stdout)) == ["name", "version", "spec", "status", "actions"]


def test_a_rollout_is_made_of_options(run: Run) -> None:
    made = run(
        *("create", "shop", "--rule", RULE, "--stable", STABLE, "--stable", "http://10.0.0.3:8080"),
        *(
            "--canary",
            "shop-v2@docker",
            "--entry-point",
            "web",
            "--gateway",
            "edge",
            "--gateway",
            "core",
            "-o",
            "json",
        ),
    )

    assert made.exit_code == 0
    assert json.loads(made.stdout)["spec"] == {
        "rule": RULE,
        "strategy": "wrr",
        "entryPoints": ["web"],
        "gateways": ["edge", "core"],
        "stable": {"servers": [{"url": STABLE}, {"url": "http://10.0.0.3:8080"}]},
        "canary": {"service": "shop-v2@docker"},
    }


def test_a_rollout_needs_no_canary_and_is_made_once(run: Run) -> None:
    arguments = ("create", "shop", "--rule", RULE, "--stable", STABLE)
    first, second = run(*arguments), run(*arguments)

    assert (first.exit_code, first.stdout) == (0, "shop is Healthy: no canary\n")
    assert (second.exit_code, second.stderr) == (1, "traefik-canary: there is a rollout shop already\n")


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        (
            ["10.0.0.1:8080"],
            "a service such as shop-v2@docker, dns:shop-v2:8080 or registered:v2, not 10.0.0.1:8080",
        ),
        (
            [STABLE, "shop-v2@docker"],
            "a side must be one service or one or more URLs, not http://10.0.0.1:8080, shop-v2@docker",
        ),
        ([], "specify the canary as URLs, a service, dns:…, registered:…, or with --file"),
        ([STABLE, "--file", "-"], "specify the canary as URLs, a service, dns:…, registered:…, or with --file"),
    ],
)
def test_a_side_that_is_none_is_wrong_usage(offline: Run, sides: list[str], words: str) -> None:
    refused = offline("set-canary", "shop", *sides)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert words in refused.stderr


def test_every_mistake_is_on_a_line_of_its_own_with_its_place(run: Run) -> None:
    refused = run("create", "Shop", "--rule", "Hots(`a`)", "--stable", "ftp://a")

    assert refused.exit_code == 1
    first, *mistakes = refused.stderr.splitlines()
    assert first == "traefik-canary: validation failed:"
    assert [line.split(":")[0] for line in mistakes] == ["  /name", "  /spec/rule", "  /spec/stable/servers/0/url"]
    assert "did you mean `Host`?" in mistakes[1]


def test_a_new_canary_starts_the_steps(run: Run, shop: str, world: World) -> None:
    done = run("set-canary", shop, "http://10.0.0.9:80")

    assert done.stdout == "shop is Paused, 5% to the canary: waiting 10m\nattempt 3\n"
    assert "http://10.0.0.9:80" in run("status", shop).stdout


@pytest.mark.parametrize(
    "text", ['{"servers": [{"url": "http://10.0.0.9:80"}]}', "servers:\n- url: http://10.0.0.9:80\n"]
)
def test_a_canary_with_all_its_options_is_read_from_a_file(run: Run, shop: str, text: str) -> None:
    done = run("set-canary", shop, "-f", "-", "-o", "json", stdin=text)

    assert json.loads(done.stdout)["spec"]["canary"] == {"servers": [{"url": "http://10.0.0.9:80"}]}


def test_a_file_of_two_canaries_is_refused(offline: Run) -> None:
    refused = offline("set-canary", "shop", "-f", "-", stdin="service: a@docker\n---\nservice: b@docker\n")

    assert (refused.exit_code, refused.stderr) == (
        1,
        "traefik-canary: <stdin> must contain exactly one document, not 2\n",
    )


@pytest.mark.parametrize(("text", "weight"), [("25", "25"), ("12.5", "12.5"), ("0", "0"), ("100%", "100")])
def test_a_weight_is_set_by_hand(run: Run, shop: str, world: World, text: str, weight: str) -> None:
    done = run("set-weight", shop, text)

    assert f"shop is Progressing, {weight}% to the canary: held at {weight}%\n" == done.stdout
    assert (Phase.PROGRESSING, Decimal(weight)) == phase(world)


@pytest.mark.parametrize("text", ["101", "nan", "inf", "x", "", "1e3"])
def test_a_weight_that_is_none_is_wrong_usage(offline: Run, text: str) -> None:
    refused = offline("set-weight", "shop", text)

    assert refused.exit_code == 2
    assert f"{text} is not a number from 0 to 100" in refused.stderr


def test_a_weight_too_fine_is_refused(run: Run, shop: str) -> None:
    refused = run("set-weight", shop, "0.001")

    assert refused.exit_code == 1
    assert "  /weight: must be a number from 0 to 100 with at most two decimals, not 0.001\n" in refused.stderr


@pytest.mark.parametrize(
    ("before", "command", "after"),
    [
        (None, ["promote"], (Phase.PAUSED, Decimal(50))),
        (None, ["promote", "--full"], (Phase.HEALTHY, Decimal(0))),
        (None, ["abort"], (Phase.DEGRADED, Decimal(0))),
        (None, ["pause"], (Phase.PAUSED, Decimal(5))),
        (None, ["resume"], (Phase.PAUSED, Decimal(50))),
        (None, ["skip"], (Phase.PAUSED, Decimal(50))),
        (Action.ABORT, ["retry"], (Phase.PAUSED, Decimal(5))),
    ],
    ids=str,
)
def test_a_move_is_done_and_told(
    run: Run, shop: str, world: World, before: Action | None, command: list[str], after: tuple[Phase, Decimal]
) -> None:
    if before:
        world.operations.rollouts.move(shop, before, ME)
    name, *options = command
    done = run(name, shop, *options)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"shop is {after[0]}")
    assert phase(world) == after


@pytest.mark.parametrize("command", ["promote", "abort", "pause", "resume", "skip", "retry"])
def test_a_move_that_the_phase_does_not_allow_is_refused_in_words(run: Run, world: World, command: str) -> None:
    stored(world, "shop", canary=None)
    refused = run(command, "shop")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"traefik-canary: {command} is not possible while shop is Healthy: there is no canary" in refused.stderr


@pytest.mark.parametrize(
    "command",
    [
        *(["get"], ["status"], ["history"], ["wait"], ["abort"], ["promote"], ["export"]),
        *(["set-weight", "5"], ["set-canary", "http://a"], ["delete", "--yes"]),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_said(run: Run, command: list[str]) -> None:
    name, *rest = command
    refused = run(name, "nope", *rest)

    assert (
        refused.exit_code,
        refused.stdout,
        refused.stderr,
    ) == (1, "", "traefik-canary: there is no rollout nope\n")


@pytest.mark.parametrize("name", ["", ".", "..", "../tokens", "a/b"])
@pytest.mark.parametrize(
    "command", [["get"], ["delete", "--yes"], ["abort"], ["token", "revoke"], ["gateway", "delete"]]
)
def test_what_cannot_be_a_name_reaches_nothing_else(offline: Run, command: list[str], name: str) -> None:
    refused = offline(*command, name)

    assert refused.exit_code == 1
    assert f"traefik-canary: {name!r} is not a valid name" in refused.stderr


@pytest.mark.parametrize("name", ["Shop", "größe", "a b", "x" * 64])
def test_a_name_that_none_may_have_is_explained(run: Run, name: str) -> None:
    refused = run("get", name)

    assert refused.exit_code == 1
    assert f"a name must be at most 63 lowercase letters, digits and inner hyphens, not {name!r}" in refused.stderr


def test_deleting_asks_for_consent_in_so_many_words(offline: Run, run: Run, shop: str, world: World) -> None:
    unasked = offline("delete", shop)
    done = run("delete", shop, "--yes")

    assert unasked.exit_code == 2
    assert "deleting shop removes its router from Traefik; confirm with --yes" in unasked.stderr
    assert (done.exit_code, done.stdout) == (0, "shop deleted\n")
    assert world.operations.rollouts.page(limit=9).rollouts == []


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y", 0, []), ("n", 1, ["shop"])], ids=["consent", "second thoughts"]
)
def test_a_person_is_asked_before_something_is_deleted(
    run: Run, shop: str, world: World, answer: str, code: int, left: list[str]
) -> None:
    ours, theirs = pty.openpty()
    settings = {**os.environ, "CANARY_URL": run.url, "CANARY_TOKEN": run.secrets[Role.ADMIN], "NO_PROXY": "*"}
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "provider", "delete", shop],
        stdin=theirs,
        capture_output=True,
        env=settings,
        check=False,
    )
    os.close(theirs)
    os.close(ours)

    assert code == done.returncode
    assert b"Traefik will respond with 404 for the rule of shop. Delete it? [y/N]: " in done.stdout
    assert [rollout.name for rollout in world.operations.rollouts.page(limit=9).rollouts] == left


def test_a_delete_says_nothing_to_machines(run: Run, shop: str) -> None:
    assert run("delete", shop, "--yes", "-o", "json").stdout == ""


def test_a_status_says_where_a_rollout_stands_and_what_may_be_done(run: Run, shop: str) -> None:
    facts = dict(line.split(maxsplit=1) for line in run("status", shop).stdout.splitlines())

    assert facts["rollout"] == "shop is Paused, 5% to the canary: waiting 10m"
    assert facts["since"].startswith("2026-01-01T00:00:00.000Z (")
    assert (facts["rule"], facts["stable"], facts["canary"]) == (RULE, STABLE, CANARY)
    assert facts["attempt"] == "2, try 1 of this canary"
    assert facts["steps"] == "5% > [pause 10m] > 50% > pause"
    assert facts["traefik"] == "no Traefik that carries shop has polled"
    assert facts["actions"] == "set-canary, set-weight, promote, promote --full, abort, pause, resume, skip"


def test_a_retry_counts_and_is_refused_beyond_the_limit_unless_forced(run: Run, world: World) -> None:
    stored(world, "shop", analysis={"maxAttempts": 2})
    for command in ("abort", "retry", "abort"):
        run(command, "shop")

    assert "attempt  3, try 2 of this canary (at most 2)\n" in run("status", "shop").stdout

    refused = run("retry", "shop")
    assert (refused.exit_code, phase(world)[0]) == (1, Phase.DEGRADED)
    assert "analysis.maxAttempts" in refused.stderr
    assert run("retry", "shop", "--force").exit_code == 0
    assert "attempt  4, try 3 of this canary (at most 2)\n" in run("status", "shop").stdout


def test_an_abort_of_another_attempt_is_refused(run: Run, shop: str, world: World) -> None:
    refused = run("abort", shop, "--attempt", "1")

    assert (refused.exit_code, phase(world)[0]) == (1, Phase.PAUSED)
    assert "the current attempt of shop is 2, not 1" in refused.stderr
    assert run("abort", shop, "--attempt", "2").exit_code == 0
    assert Phase.DEGRADED is phase(world)[0]


def test_a_status_leaves_out_what_there_is_not(run: Run, world: World) -> None:
    stored(world, "shop", canary=None, steps=None)

    assert [line.split()[0] for line in run("status", "shop").stdout.splitlines()] == [
        "rollout",
        "since",
        "rule",
        "stable",
        "traefik",
        "actions",
    ]


def test_a_status_for_machines_is_the_rollout_and_its_delivery(run: Run, shop: str) -> None:
    rollout, status = (json.loads(run(command, shop, "-o", "json").stdout) for command in ("get", "status"))

    traffic = status.pop("traffic")
    assert {**rollout, "delivery": ["no Traefik that carries shop has polled"]} == status
    assert (traffic["state"], traffic["requested"]) == ("unknown", 5)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        ({}, "requested 5%, achieved 4.8% (24 of 500 requests in 3m)"),
        ({"summary": "starved: look"}, "requested 5%, achieved 4.8% (24 of 500 requests in 3m); starved: look"),
        ({"achieved": None, "summary": "no requests yet"}, "requested 5%: no requests yet"),
    ],
)
def test_a_status_says_what_the_canary_really_gets(
    run: Run, shop: str, world: World, share: dict[str, Any], words: str
) -> None:
    now = world.clock.time
    counted = {"achieved": 4.8, "canary_requests": 24, "stable_requests": 476, "since": now - timedelta(minutes=3)}
    known = {"state": ShareState.OK, "summary": "", "requested": Decimal(5), "measured_at": now, **counted, **share}
    world.operations.traffic.publish({shop: Share(**known)}, seconds=15)
    facts = dict(line.split(maxsplit=1) for line in run("status", shop).stdout.splitlines())

    assert words == facts["traffic"]


def test_what_may_be_done_are_commands(run: Run, shop: str) -> None:
    for command in ("set-canary", "set-weight", "promote", "abort", "pause", "resume", "skip", "retry"):
        assert run(command, "--help").exit_code == 0
    assert "--full" in run("promote", "--help").stdout


def test_a_history_tells_who_did_what_when_and_why(run: Run, shop: str, world: World) -> None:
    created = world.operations.rollouts.get(shop).version
    run("set-weight", shop, "25", "--reason", "Größe zählt: 見て", role=Role.OPERATOR)
    run("abort", shop)
    heading, *lines = run("history", shop).stdout.splitlines()

    assert heading.split() == ["TIME", "REVISION", "ACTOR", "ACTION", "WEIGHT", "REASON"]
    assert [
        ["2026-01-01T00:00:00.000Z", str(created + 2), "admin", "abort", "25% > 0%"],
        ["2026-01-01T00:00:00.000Z", str(created + 1), "operator", "set-weight", "5% > 25%", "Größe zählt: 見て"],
        ["2026-01-01T00:00:00.000Z", str(created), "test", "create", "5%"],
    ] == [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_a_rollout_goes_back_to_a_revision_of_its_history(run: Run, shop: str, world: World) -> None:
    revision = world.operations.rollouts.get(shop).version
    run("promote", shop, "--full")
    undone = run("undo", shop, "--to-revision", str(revision), "--reason", "v2 leaks")

    assert undone.stdout == "shop is Progressing, 5% to the canary: held at 5%: v2 leaks\n"


def test_a_revision_that_is_none_of_its_history_is_refused(run: Run, shop: str) -> None:
    refused = run("undo", shop, "--to-revision", "999")

    assert (refused.exit_code, refused.stderr) == (1, "traefik-canary: shop: its history has no revision 999\n")


def test_a_history_tells_a_canary_that_took_over_from_one_that_was_taken_back(run: Run, shop: str) -> None:
    run("promote", shop, "--full")

    assert "5% > stable" in run("history", shop, "--limit", "1").stdout


def test_a_history_is_cut_where_that_is_asked_for(run: Run, shop: str) -> None:
    run("abort", shop)
    entries = json.loads(run("history", shop, "--limit", "1", "-o", "json").stdout)

    assert [entry["action"] for entry in entries] == ["abort"]
    assert {"revision", "action", "actor", "reason", "at", "requestId", "before", "after"} == set(entries[0])


def test_a_history_goes_on_past_what_was_damaged_by_hand_and_a_delete(run: Run, shop: str, world: World) -> None:
    key = Key(Kind.ROLLOUT, shop)
    for text in ('{"status": 7}', "nonsense"):
        stored_now, _ = world.store.read(key)
        assert stored_now
        world.store.commit(Change(key, stored_now.version, text, "meddle", "bob", "", Request(text, "")))
    run("delete", shop, "--yes")
    told = run("history", shop)

    assert told.exit_code == 0
    assert [line.split()[3] for line in told.stdout.splitlines()[1:]] == ["delete", "meddle", "meddle", "create"]


@pytest.mark.parametrize(("goal", "action"), [("healthy", Action.PROMOTE_FULL), ("degraded", Action.ABORT)])
def test_a_phase_that_is_reached_ends_the_wait(run: Run, shop: str, world: World, goal: str, action: Action) -> None:
    world.operations.rollouts.move(shop, action, ME)
    waited = run("wait", shop, "--for", goal)

    assert waited.exit_code == 0
    assert waited.stdout.startswith(f"shop is {goal.capitalize()}")


def test_what_is_not_so_in_time_has_an_exit_code_of_its_own(run: Run, shop: str) -> None:
    waited = run("wait", shop, "--for", "healthy", "--timeout", "0.05")

    assert (waited.exit_code, waited.stdout) == (3, "")
    assert waited.stderr == "traefik-canary: shop is still Paused after 0.05 s (waiting 10m)\n"


def test_what_does_not_come_by_waiting_is_a_failure_at_once(run: Run, shop: str, world: World) -> None:
    world.operations.rollouts.move(shop, Action.ABORT, ME)
    waited = run("wait", shop, "--for", "healthy")

    assert waited.exit_code == 1
    assert "it does not become healthy by itself" in waited.stderr


def test_a_canary_starts_with_a_baseline_that_status_shows(run: Run, world: World) -> None:
    stored(world, "shop")
    run("set-canary", "shop", "http://10.0.0.9:80", "--baseline-server", "http://10.0.0.8:80")
    scaled = run("scale", "shop", "baseline", "http://10.0.0.8:80", "http://10.0.0.7:80")

    assert scaled.exit_code == 0
    assert "baseline  http://10.0.0.8:80, http://10.0.0.7:80\n" in run("status", "shop").stdout
