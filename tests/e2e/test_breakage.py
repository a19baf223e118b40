"""What breaks around Traefik does not reach its users: under load, with the real parts stopped, killed, emptied."""

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests

from provider.demo.parts import free_port
from provider.demo.processes import Processes, is_listening
from provider.server.embedded_valkey import EmbeddedServer
from provider.store import Change, Key, Kind, RedisStore, Request
from tests.e2e.harness import HOST, Stack, eventually, started

pytestmark = pytest.mark.traefik


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """Give a Redis that is not the provider's own: nobody starts it again but the test."""
    with EmbeddedServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def apart(tmp_path: Path, server: EmbeddedServer) -> Iterator[Stack]:
    """Give the whole system over that Redis."""
    with Processes(tmp_path) as processes:
        yield started(tmp_path, processes, CANARY_REDIS_URL=server.url)


def poll(stack: Stack) -> requests.Response:
    return poll_at(f"http://{HOST}:{stack.provider_port}")


def poll_at(provider: str) -> requests.Response:
    return requests.get(f"{provider}/traefik/config?gateway=edge", timeout=10)


def times_said(stack: Stack, event: str) -> int:
    return len(re.findall(rf" {re.escape(event)}\b", stack.log()))


def is_answered(stack: Stack) -> bool:
    try:
        return poll(stack).ok
    except requests.RequestException:
        return False


def snapshot_revision(stack: Stack) -> int:
    path = stack.directory / "data" / "snapshot-default.json"
    return int(json.loads(path.read_text())["revision"]) if path.exists() else 0


def weigh(stack: Stack) -> requests.Response:
    return stack.call("PUT", "/rollouts/shop/weight", {"weight": 20})


def test_while_redis_is_stopped_everything_stays_as_it_is(apart: Stack, server: EmbeddedServer) -> None:
    apart.shift(10)
    body = poll(apart).content
    # A worker that comes late to its start may find Redis gone: it has the snapshot then.
    version = apart.done("GET", "/rollouts/shop")["version"]
    eventually(lambda: snapshot_revision(apart) >= version, what="the snapshot is written")
    with apart.under_load() as load:
        server.stop()
        eventually(lambda: weigh(apart).status_code == 503, what="a write is refused")
        refused = weigh(apart)
        load.see()
        served = poll(apart)
        server.start()
        eventually(lambda: weigh(apart).ok, what="writes work again")
        apart.wait_applied()
        load.see()

    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["type"] == "urn:traefik-canary:store-unavailable"
    assert (200, body) == (served.status_code, served.content)
    assert load.failures == []
    assert times_said(apart, "store.unavailable") == 1
    assert 18 <= apart.count(100)["v2"] <= 22


def test_a_redis_that_comes_back_empty_is_noticed_and_restored(apart: Stack, server: EmbeddedServer) -> None:
    apart.shift(10)
    body = poll(apart).content
    with apart.under_load() as load:
        server.stop()
        shutil.rmtree(Path(server.url.removeprefix("unix://")).parent / "appendonlydir")
        server.start()
        eventually(lambda: times_said(apart, "store.regressed"), what="the loss is noticed")
        refused = weigh(apart)
        apart.stop("traefik")
        load.ends.set()
    apart.start_traefik()
    eventually(lambda: apart.get().ok, what="a fresh Traefik is served what was")
    with apart.under_load() as later:
        served = poll(apart).content
        apart.done("POST", "/restore", {"from": "served", "reason": "the disk was lost"})
        eventually(lambda: weigh(apart).ok, what="writes work again")
        apart.wait_applied()
        later.see()

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:traefik-canary:store-regressed")
    assert body == served
    assert later.failures == []
    assert times_said(apart, "store.regressed") == 1
    assert 18 <= apart.count(100)["v2"] <= 22


def test_workers_and_providers_that_start_while_redis_is_empty_serve_nothing_else(
    apart: Stack, server: EmbeddedServer
) -> None:
    apart.shift(10)
    body = poll(apart).content
    # The snapshot may be a second old now: the worker that starts next must not rely on it.
    server.stop()
    shutil.rmtree(Path(server.url.removeprefix("unix://")).parent / "appendonlydir")
    server.start()
    os.kill(apart.worker_pids()[-1], signal.SIGKILL)
    port = free_port()
    apart.processes.start(
        "stranger",
        [sys.executable, "-m", "provider", "serve"],
        environment={
            "CANARY_BIND": f"{HOST}:{port}",
            "CANARY_DATA_DIR": str(apart.directory / "stranger"),
            "CANARY_ADMIN_TOKEN": apart.token,
            "CANARY_REDIS_URL": server.url,
        },
    )
    stranger = f"http://{HOST}:{port}"
    eventually(lambda: is_listening(HOST, port), what="the other provider listens")
    eventually(lambda: "store.regressed" in apart.log("stranger"), what="the other provider notices")
    served = [poll(apart) for _ in range(40)]
    unknown = poll_at(stranger)
    listed = requests.get(
        f"{stranger}/api/v1/rollouts", headers={"Authorization": f"Bearer {apart.token}"}, timeout=9
    )
    apart.done("POST", "/restore", {"from": "served", "reason": "the disk was lost"})
    eventually(lambda: poll_at(stranger).content == body, what="the other provider follows")

    assert {(200, body)} >= {(one.status_code, one.content) for one in served if one.status_code != 503}
    assert [unknown.status_code, listed.status_code] == [503, 503]
    assert poll(apart).content == body


def test_an_emptied_redis_is_begun_anew_on_request_once_nobody_protects_what_was_served(
    apart: Stack, server: EmbeddedServer
) -> None:
    empty(server)
    eventually(lambda: times_said(apart, "store.regressed"), what="it is noticed")
    init = ("init", "--redis-url", server.url)
    protected = apart.command(*init)
    apart.stop("provider")
    # The provider that starts next knows nothing of the old state but its claim.
    shutil.rmtree(apart.directory / "data")
    apart.start_provider(CANARY_REDIS_URL=server.url)
    eventually(lambda: times_said(apart, "store.regressed") > 1, what="the claim of the old one is found")
    unknown = poll(apart)
    begun = apart.command(*init)
    apart.wait_for_provider()
    again = apart.command(*init)

    assert (protected.returncode, "restore" in protected.stderr) == (1, True)
    assert unknown.status_code == 503
    assert begun.returncode == 0, begun.stderr
    assert poll(apart).status_code == 200
    assert again.returncode == 0, again.stderr
    assert apart.done("GET", "/rollouts")["rollouts"] == []


def empty(server: EmbeddedServer) -> None:
    """Have Redis come back with nothing."""
    server.stop()
    shutil.rmtree(Path(server.url.removeprefix("unix://")).parent / "appendonlydir")
    server.start()


def test_a_redis_that_went_back_and_was_written_past_what_is_served_is_noticed(
    apart: Stack, server: EmbeddedServer, tmp_path: Path
) -> None:
    data = Path(server.url.removeprefix("unix://")).parent / "appendonlydir"
    server.stop()
    shutil.copytree(data, tmp_path / "backup")
    server.start()
    eventually(lambda: weigh(apart).ok, what="writes work again")
    apart.shift(10)
    body = poll(apart).content
    with apart.under_load() as load:
        server.stop()
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "backup", data)
        os.kill(apart.children["provider"].process.pid, signal.SIGSTOP)
        for pid in apart.worker_pids():
            os.kill(pid, signal.SIGSTOP)
        server.start()
        write_past(server, revisions=9)
        for pid in (*apart.worker_pids(), apart.children["provider"].process.pid):
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: times_said(apart, "store.regressed"), what="the other history is noticed")
        refused = weigh(apart)
        served = poll(apart).content
        apart.done("POST", "/restore", {"from": "served", "reason": "the backup was old"})
        eventually(lambda: weigh(apart).ok, what="writes work again")
        apart.wait_applied()
        load.see()

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:traefik-canary:store-regressed")
    assert body == served
    assert load.failures == []
    assert times_said(apart, "store.regressed") == 1


def write_past(server: EmbeddedServer, *, revisions: int) -> None:
    """Have somebody else go on with a store, as another provider would that knows nothing of what was served."""
    store = RedisStore(server.url)
    for number in range(revisions):
        key = Key(Kind.TOKEN, f"other-{number}")
        store.commit(Change(key, 0, "{}", "create", "other", "", Request(f"other-{number}", "")))


def test_a_provider_that_starts_without_redis_serves_its_snapshot(apart: Stack, server: EmbeddedServer) -> None:
    apart.shift(100)
    version = apart.done("GET", "/rollouts/shop")["version"]
    eventually(lambda: snapshot_revision(apart) >= version, what="the snapshot is written")
    server.stop()
    for name in ("provider", "traefik"):
        apart.stop(name)
    apart.start_provider(CANARY_REDIS_URL=server.url)
    apart.start_traefik()
    eventually(lambda: apart.get().ok, what="traffic flows")

    assert apart.count(100) == {"v2": 100}
    assert apart.call("GET", "/rollouts/shop").status_code == 503


def test_a_provider_that_knows_nothing_changes_nothing(apart: Stack, server: EmbeddedServer) -> None:
    apart.shift(10)
    with apart.under_load() as load:
        server.stop()
        apart.stop("provider")
        shutil.rmtree(apart.directory / "data")
        apart.start_provider(CANARY_REDIS_URL=server.url)
        unknown = poll(apart)
        eventually(lambda: "503" in apart.log("traefik"), what="Traefik has asked")
        load.see()

    assert unknown.status_code == 503
    assert load.failures == []


def test_a_provider_that_is_restarted_costs_no_request(stack: Stack) -> None:
    stack.shift(10)
    with stack.under_load() as load:
        stack.stop("provider")
        eventually(lambda: "connection refused" in stack.log("traefik"), what="Traefik misses the provider")
        load.see()
        stack.start_provider()
        stack.wait_for_provider()
        stack.shift(30)
        load.see()

    assert load.failures == []
    assert 28 <= stack.count(100)["v2"] <= 32


def test_workers_that_are_killed_are_replaced_and_miss_nothing(stack: Stack) -> None:
    with stack.under_load() as load:
        for weight in (10, 20, 30):
            for pid in stack.worker_pids():
                os.kill(pid, signal.SIGKILL)
            eventually(lambda: is_answered(stack), what="polls are answered")
            stack.shift(weight)
        load.see()

    assert load.failures == []
    assert 28 <= stack.count(100)["v2"] <= 32


def test_documents_that_are_broken_by_hand_keep_their_traffic(apart: Stack, server: EmbeddedServer) -> None:
    apart.shift(10)
    with apart.under_load() as load, redis.Redis.from_url(server.url) as hand:
        hand.hset("canary:{default}:documents", mapping={"rollout/shop": '{"spec": 1}', "rollout/ghost": "nonsense"})
        apart.stop("provider")
        earlier = len(apart.log())  # a worker that came late to its start may have said it already
        apart.start_provider(CANARY_REDIS_URL=server.url)
        apart.wait_for_provider()
        refused = weigh(apart)
        load.see()
        apart.done("PUT", "/rollouts/other", {"spec": apart.spec(rule="Host(`other.localhost`)")})
        apart.wait_applied(name="other")
        before = apart.count(100)
        apart.done("DELETE", "/rollouts/ghost?allowShrink=true")
        apart.done("PUT", "/rollouts/shop", {"spec": apart.spec()})
        apart.shift(30)
        load.see()

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:traefik-canary:corrupt-document")
    assert {"v1", "v2"} == set(before)
    assert load.failures == []
    said = apart.log()[earlier:]
    assert [said.count(f"document.unreadable document=rollout/{name} ") for name in ("shop", "ghost")] == [1, 1]


def test_what_was_acknowledged_survives_the_servers_sudden_death(stack: Stack) -> None:
    for weight in range(1, 60):
        version = stack.done("PUT", "/rollouts/shop/weight", {"weight": weight})["version"]
    before = stack.valkey_pid()
    stack.kill_valkey(signal.SIGKILL)
    eventually(lambda: stack.valkey_pid() not in {None, before}, what="Valkey runs again")
    stack.wait_for_provider()
    rollout = stack.done("GET", "/rollouts/shop")

    assert (version, 59) == (rollout["version"], rollout["status"]["weight"])
    assert len(stack.done("GET", "/rollouts/shop/history?limit=100")["history"]) >= 59


def test_a_redis_that_cannot_be_written_is_told_in_log_readiness_and_responses(
    tmp_path: Path, server: EmbeddedServer
) -> None:
    with redis.Redis.from_url(server.url) as operator, Processes(tmp_path) as processes:
        operator.acl_setuser("canary", enabled=True, nopass=True, keys=["canary:*"], commands=["+@all", "-zadd"])
        stack = Stack(tmp_path, processes)
        stack.start_provider(CANARY_REDIS_URL=server.url.replace("://", "://canary:any@"))
        eventually(lambda: times_said(stack, "store.not_writable"), what="the log names the cause")
        refused = [stack.call("GET", "/rollouts"), weigh(stack)]
        readiness = requests.get(f"http://{HOST}:{stack.provider_port}/readyz", timeout=10).json()
        operator.acl_setuser("canary", enabled=True, nopass=True, commands=["+zadd"])
        stack.wait_for_provider()

    assert {503} == {answer.status_code for answer in refused}
    assert all("zadd" in text for text in (stack.log(), readiness["problem"], refused[0].json()["detail"]))
