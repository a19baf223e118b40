"""Webhooks of a real provider: whoever is killed, every notice arrives, and in order."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from provider.demo.processes import Processes
from tests.e2e.harness import Stack, eventually
from tests.receivers import Receiver, receiving

SECRET = "a-secret-of-16-or-more"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Stack]:
    """Give a provider of two workers, without a Traefik."""
    with Processes(tmp_path) as processes:
        stack = Stack(tmp_path, processes)
        stack.start_provider()
        stack.wait_for_provider()
        yield stack


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def told(provider: Stack, method: str, path: str, document: Any = None) -> int:
    """Change something once, whatever worker is there for it; the revision that it made."""
    key = {"Idempotency-Key": uuid4().hex}

    def changed() -> int | None:
        try:
            answer = provider.call(method, path, document, **key)
        except requests.RequestException:
            return None
        assert answer.ok, answer.text
        return int(answer.json()["version"])

    revision: int = eventually(changed, what=f"{method} {path} is answered")
    return revision


def first_times(deliveries: Sequence[Any]) -> Sequence[Any]:
    return list(dict.fromkeys(deliveries))


def kill_all_workers(provider: Stack) -> None:
    for pid in provider.worker_pids():
        os.kill(pid, signal.SIGKILL)


def test_a_worker_that_is_killed_costs_no_notice(provider: Stack, receiver: Receiver) -> None:
    provider.done("PUT", "/webhooks/chat", {"spec": {"url": receiver.url, "secret": SECRET}})
    expected = [told(provider, "PUT", "/rollouts/shop", {"spec": provider.spec()})]
    eventually(lambda: receiver.deliveries == expected, what="the first notice")
    receiver.is_open.clear()
    expected += [told(provider, "PUT", "/rollouts/shop/weight", {"weight": weight}) for weight in (1, 2, 3)]
    eventually(lambda: expected[1] in receiver.deliveries, what="a notice is on its way")
    kill_all_workers(provider)
    receiver.is_open.set()
    expected += [told(provider, "PUT", "/rollouts/shop/weight", {"weight": weight}) for weight in (4, 5, 6)]
    expected.append(told(provider, "POST", "/rollouts/shop/abort", {"reason": "too slow"}))
    eventually(lambda: expected[-1] in receiver.deliveries, what="the last notice", seconds=40)

    assert first_times(receiver.deliveries) == expected
    assert sorted(receiver.deliveries) == receiver.deliveries
    bodies = [json.loads(received.body) for received in receiver.received]
    assert first_times([body["event"] for body in bodies]) == ["started", "advanced", "aborted"]
    assert all("x-canary-signature" in received.headers for received in receiver.received)
    assert SECRET not in provider.log()
    assert receiver.url not in provider.log()


def test_a_receiver_that_hangs_holds_up_no_change(provider: Stack, receiver: Receiver) -> None:
    receiver.is_open.clear()
    provider.done("PUT", "/webhooks/chat", {"spec": {"url": receiver.url}})
    provider.done("PUT", "/rollouts/shop", {"spec": provider.spec()})
    eventually(lambda: receiver.received, what="the first notice")
    weights = [told(provider, "PUT", "/rollouts/shop/weight", {"weight": weight}) for weight in range(1, 51)]

    assert len(receiver.received) == 1  # it still has not answered
    receiver.is_open.set()
    eventually(lambda: weights[-1] in receiver.deliveries, what="the last notice")
    assert first_times(receiver.deliveries)[1:] == weights
