"""The doctor as a command: how it is used, and what it says of a provider without any Traefik."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run, http, impostor

SHIPPED = Path(__file__).parents[2] / "traefik" / "traefik.yml"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backend", "http://a", "--api", "http://b"], "--backend cannot be combined"),
        (["--metrics", "http://a"], "--metrics requires --api"),
        (["--api", "edge:8081"], "must be a URL such as http://edge:8081"),
        (["--backend", "http://a", "--max-wait", "soon"], "must be a duration such as"),
        (["--static", "not-there.yml"], "does not exist"),
    ],
    ids=str,
)
def test_wrong_usage_is_told(offline: Run, arguments: list[str], words: str) -> None:
    answer = offline("doctor", *arguments)

    assert answer.exit_code == 2
    assert words in answer.stderr


def test_the_provider_is_asked_with_a_token_only(offline: Run) -> None:
    answer = offline("doctor", role=None)

    assert answer.exit_code == 2
    assert "authentication required" in answer.stderr


def test_a_file_needs_no_token_and_is_well_as_it_is_shipped(offline: Run) -> None:
    answer = offline("doctor", "--static", str(SHIPPED), role=None)

    assert (0, f"{SHIPPED}: no problems found\n") == (answer.exit_code, answer.stdout)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("providers: [", "line 1, column 13"),
        ("- a\n", "the configuration must be a section of fields"),
        ("api: {}\napi: {}\n", "duplicate key api"),
    ],
)
def test_a_file_that_is_none_is_told_with_the_place(offline: Run, tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "traefik.yml"
    file.write_text(content)
    answer = offline("doctor", "--static", str(file))

    assert answer.exit_code == 1
    assert f"{file}: " in answer.stderr
    assert words in answer.stderr


def test_a_provider_without_any_traefik_is_told(run: Run) -> None:
    answer = run("doctor")

    assert answer.exit_code == 1
    assert "no gateway has polled the provider" in answer.stderr


def test_a_traefik_that_polls_without_a_name_is_found_by_its_polls(run: Run, poll: Callable[[str], None]) -> None:
    poll("default")
    answer = run("doctor", "-o", "json")

    assert answer.exit_code == 1
    assert {"gateway-name", "unknown-api", "held-polls"} == {
        finding["check"] for finding in json.loads(answer.stdout)["findings"] if finding["of"] == "default"
    }


def test_what_is_no_traefik_is_told(offline: Run) -> None:
    with impostor(http("200 OK", "hello")) as other:
        answer = offline("doctor", "--api", other.url)

    assert answer.exit_code == 1
    assert "does not answer as Traefik does" in answer.stdout


def test_a_backend_that_keeps_no_connection_is_told(offline: Run) -> None:
    with impostor(http("200 OK", "hello")) as other:
        answer = offline("doctor", "--backend", other.url)

    assert answer.exit_code == 1
    assert "closes each connection" in answer.stderr
