"""What every writing command takes: --reason, --if-match, --idempotency-key, --wait."""

import json
from collections.abc import Callable

import pytest

from provider.domain.auth import Role
from provider.domain.gateways import GatewaySpec
from tests.cli.conftest import Run
from tests.unit.services.traefik import Traefik, running_traefik
from tests.world import ME, World


def reasons(run: Run, name: str) -> list[str]:
    return [entry["reason"] for entry in json.loads(run("history", name, "-o", "json").stdout)]


@pytest.mark.parametrize(
    "command",
    [
        *(["set-weight", "shop", "25"], ["set-canary", "shop", "http://10.0.0.9:80"], ["promote", "shop"]),
        *(["promote", "shop", "--full"], ["abort", "shop"], ["pause", "shop"], ["resume", "shop"], ["skip", "shop"]),
        ["delete", "shop", "--yes"],
    ],
    ids=" ".join,
)
def test_a_reason_is_kept_in_the_history(run: Run, shop: str, command: list[str]) -> None:
    assert run(*command, "--reason", "ticket 7: Größe").exit_code == 0

    assert reasons(run, shop)[0] == "ticket 7: Größe"


def test_a_reason_of_two_lines_does_not_stop_an_abort(run: Run, shop: str) -> None:
    assert run("abort", shop, "--reason", "two\nlines").exit_code == 0

    assert reasons(run, shop)[0] == "two lines"


def test_a_write_on_what_was_seen_is_done_and_a_stale_one_refused(run: Run, shop: str) -> None:
    version = str(json.loads(run("get", shop, "-o", "json").stdout)["version"])
    done = run("set-weight", shop, "25", "--if-match", version)
    stale = run("delete", shop, "--yes", "--if-match", version)

    assert done.exit_code == 0
    assert stale.exit_code == 1
    assert f"rollout shop is at version {int(version) + 1}, not at {version}" in stale.stderr


def test_a_version_that_is_none_is_refused(run: Run, shop: str) -> None:
    refused = run("abort", shop, "--if-match", "latest")

    assert refused.exit_code == 1
    assert "If-Match must be an ETag" in refused.stderr


def test_what_is_said_twice_with_one_key_happens_once(run: Run, shop: str) -> None:
    first, second = (run("set-weight", shop, "25", "--idempotency-key", "build-7", "-o", "json") for _ in range(2))
    other = run("set-weight", shop, "50", "--idempotency-key", "build-7")

    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert len(reasons(run, shop)) == 2
    assert other.exit_code == 1
    assert "Idempotency key already used for another request" in other.stderr


def test_what_is_said_twice_without_a_key_happens_twice(run: Run, shop: str, world: World) -> None:
    for _ in range(2):
        world.clock.pass_time(1)
        run("set-weight", shop, "25")

    assert len(reasons(run, shop)) == 3


@pytest.mark.parametrize("option", ["--token", "--if-match", "--idempotency-key"])
@pytest.mark.parametrize("value", ["two\nlines", "größe", "a b", "\u2603"])
def test_what_cannot_stand_in_a_header_is_wrong_usage_and_not_repeated(offline: Run, option: str, value: str) -> None:
    refused = offline("abort", "shop", option, value)

    assert refused.exit_code == 2
    assert f"Invalid value for '{option}'" in refused.stderr
    assert value not in refused.stderr


def test_a_command_waits_until_it_was_seen_in_traefik(run: Run, shop: str, world: World) -> None:
    with running_traefik() as traefik:
        world.operations.gateways.put("edge", GatewaySpec(api=traefik.url), ME)
        world.caught_up()
        _follow(world, traefik)
        done = run("set-weight", shop, "25", "--wait", "--timeout", "5")

    assert done.exit_code == 0
    assert done.stdout == "shop is Progressing, 25% to the canary: held at 25%\nedge: applied\n"


def _follow(world: World, traefik: Traefik) -> None:
    """Have a Traefik carry whatever is current at the moment when it is asked."""
    answer = traefik.answer

    def current(target: str) -> object:
        body = world.feed.body("edge")
        assert body
        traefik.carry(body.as_json)
        return answer(target)

    traefik.answer = current  # type: ignore[method-assign, assignment]


def test_what_was_sent_to_a_traefik_that_cannot_be_asked_is_said_to_be_that(
    run: Run, shop: str, poll: Callable[[str], None]
) -> None:
    poll("edge")
    waited = run("wait", shop)

    assert waited.exit_code == 0
    assert waited.stdout.splitlines()[0] == "shop is Paused, 5% to the canary: waiting 10m"
    assert waited.stdout.splitlines()[1].startswith("edge: served, not confirmed (its API is not configured")
    assert "traefik  edge: served, not confirmed" in run("status", shop).stdout


def test_machines_get_what_was_waited_for(run: Run, shop: str, poll: Callable[[str], None]) -> None:
    poll("edge")
    waited = json.loads(run("wait", shop, "--for", "applied", "-o", "json").stdout)

    assert [(gateway["gateway"], gateway["state"]) for gateway in waited["gateways"]] == [("edge", "served")]
    assert waited["name"] == "shop"


def test_what_was_done_is_told_even_if_traefik_does_not_get_it_in_time(run: Run, shop: str) -> None:
    done = run("set-weight", shop, "25", "--wait", "--timeout", "0.05")

    assert done.exit_code == 3
    assert done.stdout == "shop is Progressing, 25% to the canary: held at 25%\n"
    assert done.stderr == "traefik-canary: no gateway of shop has polled within 0.05 s\n"


def test_where_it_is_missing_is_said(run: Run, shop: str, world: World) -> None:
    world.operations.gateways.put("edge", GatewaySpec(), ME)
    world.caught_up()

    assert "traefik  not applied; edge: it has not polled recently\n" in run("status", shop).stdout


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
def test_the_history_names_the_token(run: Run, shop: str, role: Role) -> None:
    run("abort", shop, role=role)

    assert role.value == json.loads(run("history", shop, "-o", "json").stdout)[0]["actor"]
