"""Tokens, gateways, restoring."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from provider.domain.auth import Role
from provider.domain.gateways import GatewaySpec
from provider.replica import State
from tests.cli.conftest import Run
from tests.unit.services.test_documents import gone_back
from tests.unit.services.traefik import running_traefik
from tests.unit.services.writing import written_by_hand
from tests.world import ME, World, wait_until


def test_a_token_that_is_made_is_all_that_is_printed_and_works(run: Run) -> None:
    made = run("token", "create", "ci", "--role", "operator")
    secret = made.stdout.strip()

    assert made.exit_code == 0
    assert secret.startswith("tcy_")
    assert run("list", environment={"CANARY_TOKEN": secret}).exit_code == 0


def test_a_token_for_machines_says_what_it_is(run: Run) -> None:
    made = json.loads(run("token", "create", "ci", "--role", "viewer", "-o", "json").stdout)

    assert {"name", "role", "token"} == set(made)
    assert (made["name"], made["role"]) == ("ci", "viewer")


def test_tokens_are_listed_without_secrets(run: Run) -> None:
    assert run("token", "create", "z-edge", "--role", "gateway", "--gateway", "edge").exit_code == 0
    listed, shown = run("token", "list"), run("token", "list", "-o", "json")

    heading, *rows, bound = (line.split() for line in listed.stdout.splitlines())
    assert heading == ["NAME", "ROLE", "GATEWAY"]
    assert [[role, role] for role in sorted(Role)] == rows
    assert bound == ["z-edge", "gateway", "edge"]
    fields = [set(token) for token in json.loads(shown.stdout)]
    assert [{"name", "role", "version"}] * len(Role) + [{"name", "role", "version", "gateway"}] == fields


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_revoked_token_is_worthless_at_once(run: Run, output: str) -> None:
    revoked = run("token", "revoke", "viewer", "-o", output)
    refused = run("list", role=Role.VIEWER)

    assert (0, "viewer revoked\n" if output == "table" else "") == (revoked.exit_code, revoked.stdout)
    assert refused.exit_code == 1
    assert "unknown token; it may have been revoked (set CANARY_TOKEN or --token)" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["create", "viewer", "--role", "viewer"], 1, "there is a token viewer already"),
        (["create", "Boss", "--role", "viewer"], 1, "  /name: must be 1 to 63 lowercase letters"),
        (["create", "boss", "--role", "boss"], 2, "'boss' is not one of 'viewer', 'operator', 'admin', 'gateway'"),
        (["create", "boss"], 2, "Missing option '--role'"),
        (["revoke", "nope"], 1, "there is no token nope"),
    ],
)
def test_a_token_that_cannot_be_is_refused(run: Run, arguments: list[str], code: int, words: str) -> None:
    refused = run("token", *arguments)

    assert (code, "") == (refused.exit_code, refused.stdout)
    assert words in refused.stderr


def test_no_gateway_is_said_with_how_there_is_one(run: Run) -> None:
    told = run("gateway", "list")

    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr.startswith("No gateway has polled yet.")
    assert json.loads(run("gateway", "list", "-o", "json").stdout) == []


def test_gateways_are_listed_with_where_they_stand(
    run: Run, shop: str, world: World, poll: Callable[[str], None]
) -> None:
    world.clock.time = datetime.now(UTC)  # a poll is dated by the store, and its age told by this machine
    with running_traefik() as traefik:
        world.operations.gateways.put("edge", GatewaySpec(api=traefik.url), ME)
        world.operations.gateways.put("lost", GatewaySpec(), ME)
        world.caught_up()
        for gateway in ("core", "edge"):
            poll(gateway)
        body = world.feed.body("edge")
        assert body
        traefik.carry(body.as_json)
        assert wait_until(lambda: len(world.store.sightings()) == 2)
        shown, listed = run("gateway", "list", "-o", "json"), run("gateway", "list")
        traefik.parts = {}
        broken = run("gateway", "list")
    revision = str(world.feed.revision)

    heading, *rows = (line.split() for line in listed.stdout.splitlines())
    assert heading == ["NAME", "INSTANCES", "LAST", "POLL", "SERVED", "APPLIED", "HEALTH"]
    assert [
        ["core", "1", "0s", "ago", revision, "-", "healthy"],
        ["edge", "1", "0s", "ago", revision, revision, "healthy"],
        ["lost", "0", "never", "-", "-", "not", "polling"],
    ] == rows
    assert [gateway["name"] for gateway in json.loads(shown.stdout)] == ["core", "edge", "lost"]
    assert "routers/shop@http is not there yet; " in broken.stdout


def test_a_gateway_that_lags_is_said_to_be_behind(
    run: Run, shop: str, world: World, poll: Callable[[str], None]
) -> None:
    poll("edge")
    assert wait_until(lambda: bool(world.store.sightings()))
    run("set-weight", shop, "25")

    assert run("gateway", "list").stdout.rstrip().endswith("outdated")


def test_a_gateway_is_written_down_and_forgotten(run: Run) -> None:
    known = run("gateway", "set", "edge", "--api", "http://edge:8080", "--metrics", "http://edge:8080/metrics")
    blind = run("gateway", "set", "lost")
    shown = run("gateway", "set", "edge", "--api", "http://edge:8080", "-o", "json")
    gone = run("gateway", "delete", "edge", "--reason", "moved")
    again = run("gateway", "delete", "edge", "-o", "json")

    assert known.stdout == "edge configured, with the API http://edge:8080\n"
    assert blind.stdout == "lost configured, with no API: its state cannot be confirmed\n"
    assert json.loads(shown.stdout)["spec"] == {"api": "http://edge:8080"}
    assert gone.stdout == "configuration of edge deleted\n"
    assert (again.exit_code, again.stdout, again.stderr) == (1, "", "traefik-canary: there is no gateway edge\n")


def test_forgetting_a_gateway_says_nothing_to_machines(run: Run) -> None:
    run("gateway", "set", "edge")

    done = run("gateway", "delete", "edge", "-o", "json")

    assert (done.exit_code, done.stdout) == (0, "")


def test_a_gateway_whose_address_is_none_is_refused(run: Run) -> None:
    refused = run("gateway", "set", "edge", "--api", "edge:8080")

    assert refused.exit_code == 1
    assert "  /spec/api: must be a URL such as http://edge:8080: the scheme must be http or https" in (refused.stderr)


def test_after_redis_was_emptied_a_write_names_the_way_out_and_it_works(run: Run, world: World) -> None:
    gone_back(world)
    refused = run("abort", "shop")
    restored = run("restore", "--from", "served", "--reason", "Redis lost its disk")
    assert wait_until(lambda: world.feed.state is State.FOLLOWING)
    done = run("delete", "shop", "--yes")

    assert refused.exit_code == 1
    assert "`traefik-canary restore --from served` writes it back; `--from stored` takes what Redis has" in (
        refused.stderr
    )
    assert "kept the served state; Redis and the provider agree at revision " in restored.stdout
    assert done.exit_code == 0


def test_machines_learn_the_revision_of_a_restore(run: Run, shop: str) -> None:
    assert {"revision"} == set(json.loads(run("restore", "--from", "stored", "-o", "json").stdout))


def test_a_gateway_is_set_with_the_urls_of_all_its_instances(run: Run, world: World) -> None:
    done = run("gateway", "set", "edge", "--api", "http://a:8080", "--api", "http://b:8080", "--metrics", "http://c")
    world.caught_up()
    spec = world.feed.read(lambda image: image.gateways["edge"])

    assert done.exit_code == 0, done.stderr
    assert spec.apis == ("http://a:8080", "http://b:8080")
    assert spec.metrics_urls == ("http://c",)


def test_a_restore_warns_of_rollouts_that_match_the_same_requests(run: Run, world: World, shop: str) -> None:
    written_by_hand(world, "twin", like=shop)
    world.caught_up()
    restored = run("restore", "--from", "served")
    document = json.loads(run("restore", "--from", "served", "-o", "json").stdout)

    assert restored.exit_code == 0
    assert "shop matches the same requests as twin" in restored.stderr
    assert [pair["rollouts"] for pair in document["overlappingRules"]] == [["shop", "twin"]]


def test_a_restore_needs_to_be_told_which_side_is_right(offline: Run) -> None:
    refused = offline("restore")

    assert refused.exit_code == 2
    assert "Missing option '--from'" in refused.stderr


def test_credentials_of_a_gateway_are_sent_by_their_names(run: Run, offline: Run) -> None:
    options = ("--basic-auth", "edge-password", "--header", "X-Api-Key=edge-key", "--ca", "edge-ca")
    done = run("gateway", "set", "edge", "--api", "https://127.0.0.1:1", *options, "-o", "json")
    refused = offline("gateway", "set", "edge", "--api", "https://127.0.0.1:1", "--header", "X-Api-Key")

    assert json.loads(done.stdout)["spec"] == {
        "api": "https://127.0.0.1:1",
        "basicAuth": "edge-password",
        "header": {"name": "X-Api-Key", "secret": "edge-key"},
        "ca": "edge-ca",
    }
    assert "--header must be NAME=SECRET" in refused.stderr
