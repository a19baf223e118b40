"""The provider is away, or refuses, or something else answers there: one line that helps, and exit code 1."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from provider.cli.client import Client
from provider.cli.errors import CommandError
from provider.domain.auth import Role
from tests.cli.conftest import Run, http, impostor
from tests.world import World

Answer = Callable[[bytes], bytes]


def test_a_provider_that_is_away_is_said_with_what_to_do(offline: Run) -> None:
    refused = offline("list")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert (
        refused.stderr == "traefik-canary: cannot reach the provider at http://127.0.0.1:1; is it running? "
        "Set its URL with --url or CANARY_URL\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "ftp://a",
        "http://",
        "http://a b",
        "http://[::1",
        "127.0.0.1:8080",
        "http://a:99999",
        "http://a..b",
    ],
)
def test_an_address_that_is_none_is_said_with_one_that_is(offline: Run, url: str) -> None:
    refused = offline("list", "--url", url)

    assert refused.exit_code == 1
    assert f"{url!r} is not a provider URL such as http://127.0.0.1:8080" in refused.stderr


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("200 OK", "<h1>It works!</h1>", Content_Type="text/html"), "is not a traefik-canary provider: 200 OK"),
        (http("200 OK", '["json"]'), "is not a traefik-canary provider: 200 OK"),
        (http("200 OK", '"\\ud800'), "is not a traefik-canary provider: 200 OK"),
        (http("200 OK", "{}"), "lacks 'rollouts'; does the provider have another version?"),
        (http("204 No Content"), "is not a traefik-canary provider: 204 No Content"),
        (http("304 Not Modified"), "is not a traefik-canary provider: 304 Not Modified"),
        (
            http("301 Moved Permanently", Location="https://canary.example/api"),
            "redirects to https://canary.example/api",
        ),
        (
            http("307 Temporary Redirect", Location="/elsewhere"),
            "redirects to /elsewhere; set the target URL",
        ),
        (http("404 Not Found", "404 page not found"), "is not a traefik-canary provider: 404 Not Found"),
        (http("404 Not Found", '{"detail": "Not Found"}'), "is not a traefik-canary provider: 404 Not Found"),
        (http("400 Bad Request", '["type"]'), "is not a traefik-canary provider: 400 Bad Request"),
        (http("400 Bad Request", '{"type": 7}'), "is not a traefik-canary provider: 400 Bad Request"),
        (
            http("401 Unauthorized", "", WWW_Authenticate="Basic"),
            "is not a traefik-canary provider: 401 Unauthorized",
        ),
        (
            http("502 Bad Gateway", "<h1>nginx</h1>"),
            "the proxy at {url} cannot reach the provider: 502 Bad",
        ),
        (
            http("503 Service Unavailable", "", Retry_After="60"),
            "cannot reach the provider: 503 Service Unavailable",
        ),
        (http("504 Gateway Timeout"), "cannot reach the provider: 504 Gateway Timeout"),
        (http("200 OK", "half", Content_Length="400"), "the response from {url} is incomplete or not HTTP"),
        (
            http("200 OK", "no gzip", Content_Encoding="gzip"),
            "the response from {url} is incomplete or not HTTP",
        ),
        (
            http("200 OK", "zz", Transfer_Encoding="chunked"),
            "the response from {url} is incomplete or not HTTP",
        ),
        (lambda _: b"", "cannot reach the provider at {url}; is it running?"),
        (lambda _: b"SSH-2.0-OpenSSH_9.6\r\n", "cannot reach the provider at {url}; is it running?"),
    ],
)
def test_what_else_answers_there_is_told_from_a_provider(offline: Run, answer: Answer, words: str) -> None:
    with impostor(answer) as what:
        refused = offline("list", "--url", what.url)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert words.format(url=what.url) in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("answer", [http("200 OK", "<h1>It works!</h1>"), http("502 Bad Gateway")])
@pytest.mark.parametrize(
    "command",
    [["abort", "shop"], ["wait", "shop"], ["delete", "shop", "--yes"], ["token", "revoke", "ci"], ["export", "shop"]],
    ids=" ".join,
)
def test_no_command_takes_what_else_answers_for_done(offline: Run, answer: Answer, command: list[str]) -> None:
    with impostor(answer) as what:
        refused = offline(*command, "--url", what.url)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert what.url in refused.stderr


@pytest.mark.parametrize(("command", "field"), [("abort", "status"), ("wait", "status"), ("status", "spec")])
def test_an_answer_that_lacks_something_is_no_crash(offline: Run, command: str, field: str) -> None:
    with impostor(http("200 OK", '{"version": 1}')) as what:
        refused = offline(command, "shop", "--url", what.url)

    assert refused.exit_code == 1
    assert f"the response from {what.url} lacks '{field}'; does the provider have another version?" in refused.stderr


def test_a_redirect_does_not_carry_the_token_away(run: Run) -> None:
    with impostor(http("200 OK", "{}")) as thief, impostor(http("302 Found", Location=thief.url)) as what:
        run("list", "--url", what.url)

    assert thief.asked == []
    assert len(what.asked) == 1


def test_no_tls_is_said_to_be_that(offline: Run) -> None:
    with impostor(http("400 Bad Request")) as what:
        url = what.url.replace("http://", "https://")
        refused = offline("list", "--url", url)

    assert refused.exit_code == 1
    assert f"TLS handshake with {url} failed" in refused.stderr


def test_a_write_whose_answer_was_lost_is_sent_again_and_happens_once(run: Run, shop: str, world: World) -> None:
    host, port = run.url.removeprefix("http://").split(":")

    def forward_and_lose_the_first(request: bytes) -> bytes:
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        return answer if len(proxy.asked) > 1 else answer[: len(answer) // 2]

    before = len(world.operations.rollouts.history(shop, limit=9))
    with impostor(forward_and_lose_the_first) as proxy:
        done = run("promote", shop, "--url", proxy.url)

    assert (done.exit_code, len(proxy.asked)) == (0, 2)
    assert "shop is Paused, 50% to the canary" in done.stdout
    assert before + 1 == len(world.operations.rollouts.history(shop, limit=9))


def test_an_answer_that_takes_too_long_is_not_asked_for_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(CommandError, match=f"^timed out waiting for the provider at {url}$"):
            Client(url, "token", answer_seconds=0.05).get("rollouts")
        server.accept()[0].close()
        server.settimeout(0.01)

        with pytest.raises(TimeoutError):
            server.accept()


def test_a_proxys_own_timeout_does_not_pass_for_the_providers(offline: Run) -> None:
    with impostor(http("504 Gateway Timeout")) as what:
        refused = offline("wait", "shop", "--url", what.url)

    assert (refused.exit_code, len(what.asked)) == (1, 1)


def test_a_long_wait_is_made_of_short_ones(offline: Run) -> None:
    problem = json.dumps({"type": "urn:traefik-canary:timeout", "title": "", "detail": "still Paused"})
    rollout = json.dumps({"name": "shop", "spec": {}, "status": {"phase": "Healthy", "reason": "no canary"}})
    late, done = http("504 Gateway Timeout", problem)(b""), http("200 OK", rollout)(b"")
    attempt = json.dumps({"spec": {"canary": {}}, "status": {"generation": 7}})
    answers = [http("200 OK", attempt)(b""), late, late, done]
    with impostor(lambda _: answers.pop(0)) as what:
        waited = offline("wait", "shop", "--for", "healthy", "--timeout", "3600", "--url", what.url)

    assert (waited.exit_code, waited.stdout) == (0, "shop is Healthy: no canary\n")
    assert [asked.split()[1].split(b"&")[1:] for asked in what.asked[1:]] == [[b"timeout=20.000", b"attempt=7"]] * 3


def test_a_token_is_needed_before_anybody_is_asked(offline: Run) -> None:
    refused = offline("list", role=None)

    assert refused.exit_code == 2
    assert "authentication required: set CANARY_TOKEN or --token" in refused.stderr


@pytest.mark.parametrize("token", ["wrong", "tcy_" + "x" * 43])
def test_a_token_that_nobody_knows_is_refused_with_a_hint(run: Run, token: str) -> None:
    refused = run("list", "--token", token)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "traefik-canary: unknown token; it may have been revoked (set CANARY_TOKEN or --token)\n"


def test_a_token_from_a_file_may_end_its_line(run: Run) -> None:
    assert run("list", "--token", f" {run.secrets[Role.VIEWER]}\r\n").exit_code == 0


def test_options_go_before_the_environment(run: Run, offline: Run) -> None:
    told = offline("list", "--url", f"{run.url}/", "--token", run.secrets[Role.VIEWER])

    assert told.exit_code == 0


@pytest.mark.parametrize(
    ("role", "command", "words"),
    [
        (Role.VIEWER, ["set-weight", "shop", "5"], "the role viewer may not operate"),
        (Role.OPERATOR, ["delete", "shop", "--yes"], "the role operator may not administer"),
        (Role.OPERATOR, ["token", "list"], "the role operator may not administer"),
        (Role.GATEWAY, ["list"], "the role gateway may not read"),
    ],
)
def test_too_small_a_role_is_named(run: Run, shop: str, role: Role, command: list[str], words: str) -> None:
    refused = run(*command, role=role)

    assert (1, "", f"traefik-canary: {words}\n") == (refused.exit_code, refused.stdout, refused.stderr)


def test_a_password_for_this_host_does_not_take_the_place_of_the_token(run: Run, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    with_file = run("list", environment={"NETRC": str(netrc)})
    in_url = run("list", "--url", run.url.replace("//", "//me:secret@"))

    assert (with_file.exit_code, in_url.exit_code) == (0, 0)


def test_a_store_that_is_away_is_said_at_once(offline: Run) -> None:
    problem = json.dumps(
        {"type": "urn:traefik-canary:store-unavailable", "title": "Redis cannot be reached", "detail": ""}
    )
    with impostor(http("503 Service Unavailable", problem, Retry_After="30")) as what:
        refused = offline("abort", "shop", "--url", what.url)

    assert (refused.exit_code, refused.stderr) == (1, "traefik-canary: Redis cannot be reached\n")
    assert len(what.asked) == 1


def test_a_proxy_that_cannot_be_reached_is_named(offline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://ann:s3cret@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    refused = offline("list", "--url", "http://canary.invalid")

    assert refused.exit_code == 1
    assert "cannot reach the provider at http://canary.invalid by the proxy 127.0.0.1:1 (HTTP_PROXY" in refused.stderr
    assert "s3cret" not in refused.stderr
