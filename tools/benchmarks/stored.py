"""Rollouts by the thousand, as a store holds them."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from provider.domain.fields import read, write
from provider.domain.rollouts import Rollout, Spec
from provider.server.embedded_valkey import EmbeddedServer
from provider.store import Contents, Key, Kind, RedisStore, Stored


def at_rest(count: int) -> Iterator[Rollout]:
    """Make so many rollouts without a canary, `shop-0` and on, each with a rule and a server of its own."""
    now = datetime.now(UTC)
    for index in range(count):
        yield Rollout.create(f"shop-{index}", read(Spec, _spec(index)), now=now)


def shifted(count: int) -> Iterator[Rollout]:
    """Make so many rollouts, named alike, whose canaries a person holds at 1%."""
    now = datetime.now(UTC)
    for index in range(count):
        spec = read(Spec, _spec(index) | {"canary": side(f"10.200.{index >> 8 & 255}.{index & 255}")})
        yield Rollout.create(f"shop-{index}", spec, now=now).set_weight(Decimal(1), now=now)


def _spec(index: int) -> dict[str, Any]:
    address = f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"
    return {"rule": f"Host(`shop-{index}.localhost`)", "stable": side(address)}


def side(address: str) -> dict[str, Any]:
    """Write a side of one server."""
    return {"servers": [{"url": f"http://{address}:8080"}]}


def contents(rollouts: Iterable[Rollout]) -> Contents:
    """Give what a store holds that has these rollouts, and nothing else."""
    documents = {
        Key(Kind.ROLLOUT, one.name): Stored(1, json.dumps({"spec": write(one.spec), "status": write(one.status)}))
        for one in rollouts
    }
    return Contents("bench", 1, documents)


@contextmanager
def stored(directory: Path, rollouts: Iterable[Rollout], *, appendfsync: str = "always") -> Iterator[str]:
    """Run a Valkey that holds these rollouts, and give its address. Raises EmbeddedServerError."""
    with EmbeddedServer(directory / "valkey", appendfsync=appendfsync) as server:
        RedisStore(server.url).restore(contents(rollouts), actor="bench", reason="")
        yield server.url
