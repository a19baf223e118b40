"""An embedded Valkey that cannot start, or hangs: polls go on, the log says why, and it comes back."""

import os
import signal
from pathlib import Path

import redis
import requests

from provider.demo.processes import Processes
from provider.server.embedded_valkey import embedded_url
from provider.store.keys import Keys
from tests.e2e.harness import HOST, Stack, eventually


def test_damaged_data_ends_no_poll_and_is_mended_by_what_was_served(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        stack = Stack(tmp_path, processes)
        _start(stack)
        before = _first_served(stack)
        snapshot = tmp_path / "data" / "snapshot-default.json"
        eventually(lambda: snapshot.exists() and "shop" in snapshot.read_text(), what="there is a snapshot")
        stack.stop("provider")
        (log,) = (tmp_path / "data" / "valkey" / "appendonlydir").glob("*.incr.aof")
        text = log.read_bytes()
        log.write_bytes(text.replace(b"*3\r\n", b"*X\r\n", 1) if b"*3\r\n" in text else b"?" + text[1:])
        child = stack.start_provider()
        eventually(lambda: stack.log().count("valkey.cannot_start") > 1, what="it is tried again")
        served = eventually(lambda: _served(stack), what="polls are answered")

        assert child.is_running
        assert before.json() == served.json()
        assert "Bad file format" in stack.log()

        log.parent.rename(tmp_path / "damaged")
        eventually(lambda: "store.regressed" in stack.log(), what="Valkey has started with nothing", seconds=60)
        restored = stack.command("restore", "--from", "served", "--reason", "damaged")
        stack.wait_for_provider()

        assert restored.returncode == 0, restored.stderr
        assert before.json() == poll(stack).json()


def test_a_valkey_that_hangs_is_replaced(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        stack = Stack(tmp_path, processes)
        _start(stack)
        before = stack.valkey_pid()
        assert before
        os.kill(before, signal.SIGSTOP)
        polled = poll(stack)
        eventually(lambda: stack.valkey_pid() not in {None, before}, what="there is another Valkey", seconds=40)
        stack.wait_for_provider()
        eventually(lambda: _put(stack, "other").ok, what="writes are accepted")

        assert polled.status_code == 200
        assert "valkey.unresponsive" in stack.log()


def _start(stack: Stack) -> None:
    stack.start_provider()
    stack.wait_for_provider()
    assert _put(stack, "shop").ok


def _put(stack: Stack, name: str) -> requests.Response:
    return stack.call("PUT", f"/rollouts/{name}", {"spec": stack.spec(rule=f"Host(`{name}.localhost`)")})


def poll(stack: Stack) -> requests.Response:
    return requests.get(f"http://{HOST}:{stack.provider_port}/traefik/config?gateway=edge", timeout=10)


def _first_served(stack: Stack) -> requests.Response:
    """Poll until both workers know of the rollout, and return what they serve."""

    def all_served() -> requests.Response | None:
        answers = [_served(stack) for _ in range(10)]
        return answers[0] if all(one is not None and "shop" in one.text for one in answers) else None

    served: requests.Response = eventually(all_served, what="both workers serve the rollout")
    return served


def _served(stack: Stack) -> requests.Response | None:
    try:
        answer = poll(stack)
    except requests.RequestException:
        return None
    return answer if answer.ok else None


def test_lost_documents_take_no_traffic_down_and_are_mended_by_what_was_served(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        stack = Stack(tmp_path, processes)
        _start(stack)
        before = _first_served(stack).json()
        # A worker that starts later than the loss knows no configuration.
        eventually(lambda: all(poll(stack).ok for _ in range(20)), what="every worker serves")
        _lose_documents(stack)
        eventually(lambda: _state(stack) == "shrank", what="the loss is noticed")
        during = poll(stack).json()
        restored = stack.command("restore", "--from", "served", "--reason", "lost")
        eventually(lambda: _state(stack) == "following", what="it is mended")

        assert restored.returncode == 0, restored.stderr
        assert before == during == poll(stack).json()

        _lose_documents(stack)
        eventually(lambda: _state(stack) == "shrank", what="the loss is noticed")
        stack.stop("provider")
        for path in (tmp_path / "data").glob("snapshot-*"):
            path.unlink()
        stack.start_provider()
        eventually(lambda: _state(stack) == "shrank", what="the loss is noticed at the start", seconds=60)

        assert poll(stack).status_code == 503
        refused = stack.command("restore", "--from", "served", "--reason", "lost")
        restored = stack.command("restore", "--from", "stored", "--reason", "lost for good")
        eventually(lambda: _state(stack) == "following", what="it goes on with what is left")

        assert refused.returncode != 0
        assert restored.returncode == 0, restored.stderr
        eventually(lambda: _put(stack, "shop").ok, what="every worker takes writes again")


def _lose_documents(stack: Stack) -> None:
    with redis.Redis.from_url(embedded_url(stack.directory / "data" / "valkey")) as client:
        client.delete(Keys("default").documents)


def _state(stack: Stack) -> str:
    """Read how the provider stands to its store; nothing while no worker has started."""
    try:
        answer = requests.get(f"http://{HOST}:{stack.provider_port}/readyz", timeout=10)
    except requests.RequestException:
        return ""
    return str(answer.json()["store"])
