"""No request whatever makes a worker fail, and nothing that it takes makes a body that Traefik would not.

`make fuzz` sends a hundred thousand of them, others each time.
"""

import io
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from provider.domain.auth import Role
from provider.domain.fields import decode_json
from provider.domain.notifications import Message
from provider.domain.rollouts import Server
from provider.net.webhook_client import Outcome
from provider.services import Webhooks
from provider.web.api import create_app
from provider.web.poll import Polling, SightingBook
from provider.web.poll.application import mounted
from tests.api.fuzzing import GROUPS, NAMES, Asked, Generator
from tests.rollouts_strategy import SPEC_DOCUMENTS
from tests.world import ME, World

LONG = os.environ.get("CANARY_FUZZ_REQUESTS")
REQUESTS = int(LONG or 2_500)
SEED = int(os.environ.get("CANARY_FUZZ_SEED") or (time.time_ns() if LONG else 1))
# Traefik takes an empty map in these places only (file:"allowEmpty" in pkg/config/dynamic/http_config.go).
MAY_BE_EMPTY = re.compile(
    r"/http(/routers/[^/]+/tls|/services/[^/]+/((weighted|highestRandomWeight|mirroring)/healthCheck|loadBalancer/servers))"
)


@dataclass
class Answered:
    """What came back."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def sent(application: WSGIApplication, asked: Asked) -> Answered:
    """Call the application as gunicorn does, and read no more of a stream than its beginning."""
    answered = Answered()

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        answered.status, answered.headers = int(status[:3]), dict(headers)

    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked.headers.items()}
    environ = {
        "REQUEST_METHOD": asked.method,
        "PATH_INFO": unquote_to_bytes(asked.path).decode("latin-1"),
        "QUERY_STRING": asked.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": asked.address,
        "CONTENT_TYPE": named.pop("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(asked.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **named,
    }
    with closing(_Closeable(application(environ, start_response))) as parts:
        answered.body = parts.beginning(is_stream="event-stream" in answered.headers.get("Content-Type", ""))
    return answered


class _Closeable:
    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    def beginning(self, *, is_stream: bool) -> bytes:
        return next(iter(self._parts), b"") if is_stream else b"".join(self._parts)

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close:
            close()


def mistakes(asked: Asked, answered: Answered) -> Iterator[str]:
    """Tell what must not be, of an answer by itself."""
    content_type = answered.headers.get("Content-Type", "")
    problem = json.loads(answered.body) if content_type == "application/problem+json" and answered.body else {}
    is_waiting_in_vain = answered.status == 504 and asked.path.endswith("/wait")
    if answered.status >= 500 and not is_waiting_in_vain:
        yield "a server's error"
    is_refusal = answered.status >= 400 and asked.path.startswith("/api/v1/") and asked.method != "HEAD"
    if is_refusal and (problem.get("status") != answered.status or not problem.get("detail")):
        yield "an error that is no problem"
    if b"Traceback" in answered.body or b" object at 0x" in answered.body:
        yield "an error that shows the inside"
    if answered.headers.get("X-Content-Type-Options") != "nosniff":
        yield "no security headers"


def mistakes_of_body(content: bytes) -> Iterator[str]:
    """Tell what Traefik would not take of a body: it would refuse all of it, or lose a route."""
    document = decode_json(content)
    assert isinstance(document, dict)
    # Without any rollout there are ready transports only.
    http = document.get("http", {})
    yield from (f"empty: {path}" for path in _empty(document, "") if path and not MAY_BE_EMPTY.fullmatch(path))
    services = http.get("services", {})
    wanted = [(name, router["service"]) for name, router in http.get("routers", {}).items()]
    for name, service in services.items():
        for kind in ("weighted", "highestRandomWeight"):
            for child in service.get(kind, {}).get("services", ()):
                wanted.append((name, child["name"]))
                if type(child.get("weight")) is not int:
                    yield f"{name} has a weight that is no whole number"
        mirroring = service.get("mirroring", {})
        wanted.extend((name, found["name"]) for found in mirroring.get("mirrors", ()))
        wanted.extend((name, found) for found in [mirroring.get("service")] if found)
    yield from (f"{name} refers to nothing" for name, it in wanted if "@" not in it and it not in services)
    if rb"\/" in content or re.search(rb"(?<!\\)(\\\\)*\\u[dD][89a-fA-F]", content):
        yield "an escape that Traefik's parser does not know"


def _empty(value: object, path: str) -> Iterator[str]:
    if value in ({}, [], None):
        yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _empty(item, f"{path}/{name}")
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _empty(item, f"{path}/{place}")


def valid_specs(number: int) -> Sequence[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []

    @given(SPEC_DOCUMENTS)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(document: Mapping[str, Any]) -> None:
        # Decimals and the like become what JSON has.
        found.append(json.loads(json.dumps(document, default=float)))

    collect()
    return found


def nowhere(url: str, message: Message) -> Outcome:
    """Stand for receivers: what is tested here is not whether names are resolved quickly."""
    return Outcome(None, "nobody is called")


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start()
    world.operations.webhooks = Webhooks(world.store, world.feed, post=nowhere)
    for rollout, group in product(set(NAMES), GROUPS):
        server = Server(url="http://10.0.0.7:8080")
        world.operations.discovery.announce(rollout, group, "one", server, seconds=86_400)
    yield world
    world.feed.close()


@pytest.fixture
def tokens(world: World) -> Sequence[str]:
    secrets = {role: world.operations.tokens.create(f"of-{role}", role, ME) for role in Role}
    world.caught_up()
    return [
        secrets[Role.ADMIN],
        *secrets.values(),
        "",
        "tcy_made-up",
        "Basic dXNlcjpwYXNz",
        "Bearer  ",
        "\xe4",
        "x" * 8_000,
    ]


@pytest.mark.timeout(0 if LONG else 120)
def test_no_request_makes_a_worker_fail_or_traefik_refuse(world: World, tokens: Sequence[str]) -> None:
    polling = Polling(world.feed, SightingBook(world.store, world.feed), needs_token=False)
    application = mounted(polling, create_app(world.operations, version="1.2.3").wsgi_app)
    generator = Generator(SEED, tokens, valid_specs(min(400, REQUESTS // 20)))
    begun, statuses, bodies = time.monotonic(), Counter[int](), 0
    for number in range(REQUESTS):
        asked = generator.request()
        answered = sent(application, asked)
        statuses[answered.status] += 1
        where = f"seed {SEED}, request {number}: {asked}\n{answered}"

        assert list(mistakes(asked, answered)) == [], where
        if asked.method in {"POST", "PUT", "DELETE"} and 200 <= answered.status < 300:
            bodies += 1
            world.caught_up()
            body = world.feed.body("edge")
            assert body, where
            assert list(mistakes_of_body(body.as_json)) == [], where
    seconds = time.monotonic() - begun
    counts = dict(sorted(statuses.items()))
    print(f"{REQUESTS:,} requests, {bodies:,} bodies, {seconds:.0f} s, seed {SEED}: {counts}")  # noqa: T201 for make fuzz

    assert {200, 400, 401, 403, 404, 409, 422} <= statuses.keys()
