"""The command line against a provider that answers over HTTP, and against what else may answer there."""

import socketserver
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import WSGIRequestHandler, make_server

from provider.cli.main import cli
from provider.domain.auth import Role
from provider.web.api import create_app
from provider.web.poll import Polling, SightingBook
from provider.web.poll.application import mounted
from tests.world import ME, World, spec, wait_until

RULE = "Host(`shop.localhost`)"
STABLE, CANARY = "http://10.0.0.1:8080", "http://10.0.0.2:8080"
STEPS = [{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"setWeight": 50}, {"pause": {}}]


@dataclass
class Run:
    """Runs commands as a person would: with an address and a token in the environment."""

    url: str
    secrets: dict[Role, str] = field(default_factory=dict)

    def __call__(
        self,
        *arguments: str,
        role: Role | None = Role.ADMIN,
        stdin: str | bytes | None = None,
        environment: dict[str, str | None] | None = None,
    ) -> Result:
        """Run a command to its end. An exception that no command should let through fails the test."""
        token = self.secrets.get(role) if role else None
        settings = {"CANARY_URL": self.url, "CANARY_TOKEN": token, "NO_PROXY": "*", **(environment or {})}
        return CliRunner().invoke(
            cli, arguments, prog_name="traefik-canary", input=stdin, env=settings, catch_exceptions=False
        )


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of single requests."""


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve a worker's whole application over HTTP; the address."""
    book = SightingBook(world.store, world.feed)
    application = mounted(Polling(world.feed, book, needs_token=False), create_app(world.operations, version="1.2.3"))
    server = make_server("127.0.0.1", 0, application, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    book.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        world.feed.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start()
    yield world
    world.feed.close()


@pytest.fixture
def run(world: World) -> Iterator[Run]:
    """Run commands with a token of any role against a provider that knows of nothing else."""
    secrets = {role: world.operations.tokens.create(role.value, role, ME) for role in Role}
    world.caught_up()
    with served(world) as url:
        yield Run(url, secrets)


@dataclass
class Impostor:
    """What answers at an address, whatever it is asked: raw bytes, made of the raw request."""

    answer: Callable[[bytes], bytes]
    url: str = ""
    asked: list[bytes] = field(default_factory=list)


# The first byte that a client which wants TLS sends: a handshake record.
_TLS = b"\x16"


@contextmanager
def impostor(answer: Callable[[bytes], bytes]) -> Iterator[Impostor]:
    """Answer every request with some bytes, and hang up."""
    what = Impostor(answer)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if self.rfile.peek(1)[:1] == _TLS:  # type: ignore[attr-defined]  # a BufferedReader
                self.wfile.write(what.answer(b""))
                return
            head = b"".join(iter(self.rfile.readline, b"\r\n")) + b"\r\n"
            length = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
            request = head + (self.rfile.read(int(length[0].split(b":")[1])) if length else b"")
            what.asked.append(request)
            self.wfile.write(what.answer(request))

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        what.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield what
        finally:
            server.shutdown()
            thread.join()


def http(status: str, body: str = "", **headers: str) -> Callable[[bytes], bytes]:
    """Make an answer of a status such as `200 OK`, a body and headers; `Content_Type` becomes Content-Type."""
    named = {"Content_Length": str(len(body.encode())), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    raw = f"HTTP/1.1 {status}\r\n{lines}Connection: close\r\n\r\n{body}".encode()
    return lambda _request: raw


@pytest.fixture
def shop(world: World) -> str:
    """Store a rollout with a canary that waits at 5%."""
    return stored(world, "shop")


def stored(world: World, name: str, **changes: Any) -> str:
    """Store a rollout with two sides and steps; None leaves a field out."""

    sides = {"stable": {"servers": [{"url": STABLE}]}, "canary": {"servers": [{"url": CANARY}]}}
    world.operations.rollouts.create(
        name, spec(**{"rule": f"Host(`{name}.localhost`)", **sides, "steps": STEPS, **changes}), ME
    )
    world.caught_up()
    return name


@pytest.fixture
def offline() -> Run:
    """Run commands that shall not get as far as calling anybody."""
    return Run("http://127.0.0.1:1", dict.fromkeys(Role, "a-token-that-nobody-sees"))


@pytest.fixture
def poll(run: Run, world: World) -> Callable[[str], None]:
    """Poll once, as a Traefik of that name with a token does, and have the provider note it."""

    def poll(gateway: str) -> None:
        url = f"{run.url}/traefik/config?gateway={gateway}"
        headers = {"Authorization": f"Bearer {run.secrets[Role.GATEWAY]}"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310 our own
            answer.read()
        # A poll is answered first; who has asked is reported by another thread.
        assert wait_until(lambda: any(field.startswith(f"{gateway}@") for field in world.store.sightings()))

    return poll
