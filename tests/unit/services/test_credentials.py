"""Credentials of gateways: named in documents, kept in files."""

from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from provider.domain.fields import read
from provider.domain.gateways import GatewaySpec
from provider.net.ssrf_guard import CredentialError
from provider.services import Call
from provider.services.credentials import GatewayCredentials
from provider.traefik.api_client import GatewayUnreachableError, TraefikApi
from tests.world import World

ME = Call("ann")
BASIC = {"api": "http://edge:8080", "basicAuth": "password"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("ann:s3cret\n")
    (tmp_path / "key").write_text("k-1")
    (tmp_path / "ca").write_text("-----BEGIN CERTIFICATE-----")
    return tmp_path


@pytest.fixture
def credentials(world: World, directory: Path) -> GatewayCredentials:
    return GatewayCredentials(world.feed, directory)


def put(world: World, **spec: Any) -> None:
    world.operations.gateways.put("edge", read(GatewaySpec, spec), ME)
    world.caught_up()


def test_each_kind_is_made_of_its_file(world: World, credentials: GatewayCredentials, directory: Path) -> None:
    put(
        world,
        api="https://edge:8443",
        basicAuth="password",
        header={"name": "X-Api-Key", "secret": "key"},
        ca="ca",
    )
    found = credentials("https://edge:8443/api/http/routers")

    assert found
    assert {
        "Authorization": f"Basic {b64encode(b'ann:s3cret').decode()}",
        "X-Api-Key": "k-1",
    } == found.headers
    assert str(directory / "ca") == found.ca_file
    assert credentials("https://edge:8443/metrics") == found


@pytest.mark.parametrize(
    "url", ["http://edge:8080", "http://edge:80801/api", "http://edge:8080.evil/api", "https://edge:8080/api"]
)
def test_a_credential_goes_to_its_gateway_only(world: World, credentials: GatewayCredentials, url: str) -> None:
    put(world, **BASIC)

    assert credentials("http://edge:8080/api/version")
    assert credentials(url) is None


def test_a_secret_that_has_rotated_is_read_anew(
    world: World, credentials: GatewayCredentials, directory: Path
) -> None:
    put(world, **BASIC)
    before = credentials("http://edge:8080/api/version")
    (directory / "password").write_text("ann:other")

    assert credentials("http://edge:8080/api/version") != before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no secret password in "),
        ("no-colon", "the secret password must contain USER:PASSWORD"),
        ("", "the secret password must contain one line"),
        ("ann:a\nX: y", "the secret password must contain one line"),
        ("ann:ä", "cannot be read as ASCII"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_and_not_repeated(
    world: World, credentials: GatewayCredentials, directory: Path, content: str | None, words: str
) -> None:
    put(world, **BASIC)
    (directory / "password").unlink()
    if content is not None:
        (directory / "password").write_text(content)

    with pytest.raises(CredentialError) as refused:
        credentials("http://edge:8080/api/version")
    with pytest.raises(GatewayUnreachableError) as unreachable:
        TraefikApi("http://edge:8080", credentials=credentials).version()

    assert words in str(refused.value)
    assert words in str(unreachable.value)
    assert not content or content not in str(unreachable.value)


class _Guarded(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_known = self.headers["Authorization"] == f"Basic {b64encode(b'ann:s3cret').decode()}"
        body = b'{"Version": "3.6.1"}' if is_known else b"401 Unauthorized"
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 as the base class names it
        """Keep quiet."""


@pytest.fixture
def guarded() -> Iterator[str]:
    """Serve an API that wants a password."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Guarded) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_api_behind_a_password_is_read(world: World, credentials: GatewayCredentials, guarded: str) -> None:
    put(world, api=guarded, basicAuth="password")

    assert TraefikApi(guarded, credentials=credentials).version() == "3.6.1"
    with pytest.raises(GatewayUnreachableError, match="answers 401: it wants credentials"):
        TraefikApi(guarded).overview()


def test_documents_hold_names_only(world: World, directory: Path) -> None:
    put(world, **BASIC)

    assert "s3cret" not in str(world.store.load())


def test_without_a_directory_there_are_no_secrets(world: World) -> None:
    put(world, **BASIC)

    with pytest.raises(CredentialError, match="CANARY_SECRETS_DIR is not set"):
        world.operations.credentials("http://edge:8080/api/version")
