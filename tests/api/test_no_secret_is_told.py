"""Secrets planted everywhere are told to nobody: not by any endpoint, in a log, a metric, a file or by a command."""

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
import redis
import requests

from provider.demo.processes import Processes
from provider.domain.auth import Role
from provider.web.api import ENDPOINTS
from tests.e2e.harness import HOST, Stack, eventually
from tools.chaos.servers import Node

ADMIN = "tcy_planted-admin-token-0000000000000000000"
MADE_UP = "tcy_planted-made-up-token-00000000000000000"
PASSWORD = "planted-redis-password"
WEBHOOK_SECRET = "planted-webhook-secret"
# Told to those who administer, and to nobody else: whoever knows it can write into a chat.
WEBHOOK_PATH = "planted-webhook-path"
# Part of specs, which everybody reads who may read, and of nothing else.
HEADER, GATE_PATH = "planted-header", "planted-gate-path"
NEVER_TOLD = (ADMIN, MADE_UP, PASSWORD, WEBHOOK_SECRET)

SPEC = {
    "rule": "Host(`shop.localhost`)",
    "stable": {
        "servers": [{"url": "http://127.0.0.1:9"}],
        "healthCheck": {"path": "/", "headers": {"Authorization": f"Bearer {HEADER}"}},
    },
    "canary": {"servers": [{"url": "http://127.0.0.1:10"}]},
    "steps": [{"setWeight": 5}, {"analysis": {"duration": "1h"}}],
    "analysis": {"checks": [{"name": "gate", "webhook": {"url": f"http://127.0.0.1:1/{GATE_PATH}"}}]},
}
WEBHOOK = {"url": f"http://127.0.0.1:1/{WEBHOOK_PATH}?sig={WEBHOOK_PATH}", "secret": WEBHOOK_SECRET}
# Refused, each for a reason that has to do with a secret in it.
REFUSED = [
    ("PUT", "/webhooks/bad", {"spec": {**WEBHOOK, "secret": f"{WEBHOOK_SECRET} with spaces"}}),
    ("PUT", "/webhooks/bad", {"spec": {**WEBHOOK, "url": f"http://user:{WEBHOOK_SECRET}@chat/x"}}),
    ("PUT", "/webhooks/bad", {"spec": {**WEBHOOK, "url": f"ftp://chat/{WEBHOOK_PATH}"}}),
    ("PUT", "/webhooks/bad", {"spec": {**WEBHOOK, "secrets": WEBHOOK_SECRET}}),
    ("PUT", "/gateways/bad", {"spec": {"api": f"http://user:{WEBHOOK_SECRET}@edge:8080"}}),
    ("POST", "/tokens", {"name": "bad", "role": "root"}),
]


@dataclass
class System:
    """A provider on a Redis with a password, and a token of each role."""

    stack: Stack
    redis: Node
    tokens: Mapping[str, str]

    @property
    def never_told(self) -> tuple[str, ...]:
        secrets = (*NEVER_TOLD, *self.tokens.values())
        return (*secrets, *(sha256(secret.encode()).hexdigest() for secret in secrets))

    def get(self, path: str, token: str, **headers: str) -> requests.Response:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://{HOST}:{self.stack.provider_port}{path}"
        return requests.get(url, headers={**authorization, **headers}, timeout=30, stream=True)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("secrets")
    with Node(folder / "redis") as server, Processes(folder) as processes:
        with server.hand() as hand:
            hand.config_set("requirepass", PASSWORD)
        stack = Stack(folder, processes, token=ADMIN)
        stack.start_provider(CANARY_REDIS_URL=f"redis://:{PASSWORD}@{server.address}")
        eventually(lambda: stack.call("GET", "/rollouts").ok, what="the first admin is there")
        tokens = {
            role.value: stack.done("POST", "/tokens", {"name": f"a-{role}", "role": role.value})["token"]
            for role in Role
        }
        stack.done("PUT", "/webhooks/chat", {"spec": WEBHOOK})
        stack.done("POST", "/rollouts", {"name": "shop", "spec": SPEC})
        stack.done("POST", "/webhooks/chat/test")
        yield System(stack, server, {**tokens, "made-up": MADE_UP, "nobody": ""})


def paths() -> list[str]:
    asked = [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET" and "/events" not in endpoint.path]
    waiting = [f"{path}?for=healthy&timeout=0" if path.endswith("/wait") else path for path in asked]
    named = [path.replace("<name>", "shop") for path in waiting]
    return [*named, "/", "/sign-in", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/traefik/config"]


def found(text: str, secrets: tuple[str, ...]) -> set[str]:
    return {secret for secret in secrets if secret and secret in text}


def may_read(caller: str) -> bool:
    return caller in {"viewer", "operator", "admin"}


@pytest.mark.parametrize("path", paths())
def test_no_endpoint_tells_a_secret(system: System, path: str) -> None:
    for caller, token in system.tokens.items():
        text = system.get(path, token).text
        is_of_webhooks, is_of_rollouts = "/webhooks" in path, path.startswith(("/api/v1/rollouts", "/traefik"))

        assert set() == found(text, system.never_told), caller
        assert bool(found(text, (WEBHOOK_PATH,))) == (is_of_webhooks and caller == "admin"), caller
        assert is_of_rollouts or set() == found(text, (HEADER, GATE_PATH)), caller
        assert not path.startswith("/api") or may_read(caller) or set() == found(text, (HEADER, GATE_PATH)), caller


def test_the_search_finds_what_is_there(system: System) -> None:
    """Specs and webhooks are told to those who may read them: the walk above looks at something."""
    assert {HEADER, GATE_PATH} == found(
        system.get("/api/v1/rollouts/shop", system.tokens["viewer"]).text, (HEADER, GATE_PATH)
    )
    assert WEBHOOK_PATH in system.get("/api/v1/webhooks", ADMIN).text


@pytest.mark.parametrize("caller", ["viewer", "operator", "admin"])
def test_no_event_tells_a_secret(system: System, caller: str) -> None:
    stream = system.get("/api/v1/events", system.tokens[caller], **{"Last-Event-ID": "0"})
    text = ""
    # The rollout was written after everything else.
    for chunk in stream.iter_content(None):
        text += chunk.decode()
        if '"shop"' in text and text.endswith("\n\n"):
            break
    stream.close()

    assert set() == found(text, (*system.never_told, WEBHOOK_PATH))


@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
def test_no_refusal_tells_a_secret(system: System, method: str, path: str, body: Mapping[str, Any]) -> None:
    answer = system.stack.call(method, path, body)

    assert answer.status_code == 422
    assert set() == found(answer.text, (*system.never_told, WEBHOOK_PATH))


COMMANDS = [
    *("list", "get shop", "status shop", "history shop", "export", "token list", "gateway list"),
    *("webhook list", "webhook test chat", "webhook set chat --secret short", "get nope", "nonsense"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_tells_a_secret(system: System, command: str) -> None:
    done = system.stack.command(*command.split())

    assert set() == found(done.stdout + done.stderr, system.never_told)


def test_what_is_kept_on_disk_is_for_its_owner_alone(system: System) -> None:
    data = system.stack.directory / "data"
    eventually(lambda: any(data.glob("snapshot-*.json")), what="a snapshot is written")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, *data.rglob("*"))}

    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert PASSWORD not in "".join(path.read_text(errors="replace") for path in data.rglob("*") if path.is_file())


def made_on_the_page(system: System, name: str) -> str:
    """Make a token with the form of the page, and read its secret."""
    pages = f"http://{HOST}:{system.stack.provider_port}"
    with requests.Session() as browser:
        link = system.stack.done("POST", "/sign-in-links")["path"]
        asked = browser.get(f"{pages}{link}", timeout=30).text
        (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', asked)
        browser.post(f"{pages}{link}", data={"csrf": csrf}, timeout=30).raise_for_status()
        form = browser.get(f"{pages}/tokens", timeout=30).text
        (csrf, *_) = re.findall(r'name="csrf" value="([^"]+)"', form)
        fields = {"csrf": csrf, "name": name, "role": "admin"}
        made = browser.post(f"{pages}/tokens", data=fields, timeout=30)
    (secret,) = re.findall(r'value="(tcy_[^"]+)"', made.text)
    return str(secret)


def test_a_token_made_on_the_page_is_neither_in_redis_nor_in_its_files(system: System) -> None:
    with redis.Redis(host=HOST, port=system.redis.port, password=PASSWORD) as hand:
        hand.config_set("appendonly", "yes")
        eventually(lambda: not hand.info("persistence")["aof_rewrite_in_progress"], what="the file is written")
        secret = made_on_the_page(system, "on-the-page").encode()
        stored = b"".join(hand.dump(key) or b"" for key in hand.scan_iter())
        hand.config_set("appendfsync", "always")
        files = [path.read_bytes() for path in (system.stack.directory / "redis").rglob("*") if path.is_file()]

    assert b"on-the-page" in stored
    assert secret not in stored
    assert any(b"on-the-page" in content for content in files)
    assert not any(secret in content for content in files)


@pytest.fixture
def troubled(system: System) -> System:
    """Have gone wrong what makes a provider talk: a Redis that refuses the password, and one that is away."""
    stack = system.stack
    with redis.Redis(host=HOST, port=system.redis.port, password=PASSWORD) as hand:
        hand.config_set("requirepass", "another")
        hand.client_kill_filter(_type="normal", skipme=True)
    eventually(lambda: stack.call("POST", "/rollouts/shop/abort").status_code == 503, what="Redis refuses")
    system.redis.kill()
    eventually(lambda: stack.call("POST", "/rollouts/shop/abort").status_code == 503, what="Redis is away")
    return system


# Last, as there is no Redis after it.
def test_no_log_tells_a_secret(troubled: System) -> None:
    log = (troubled.stack.directory / "provider.log").read_text()

    assert "store.unavailable" in log
    assert set() == found(log, (*troubled.never_told, WEBHOOK_PATH, HEADER, GATE_PATH))
