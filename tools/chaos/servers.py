"""Real servers to be broken: a Valkey that can be killed, one that Sentinels watch, and a Cluster.

All are context managers, start in the folder that they are given, and end what they have started.
"""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.crc import key_slot

from provider.server.embedded_valkey import find_server
from provider.server.process_guard import parent_bound
from tools.chaos.waiting import wait_for

HOST = "127.0.0.1"
SERVICE = "canary"
_SLOTS = 16_384


class ServerEndedError(Exception):
    """A server that is not running, or has ended at its start; the words are its last."""


class Node:
    """One Valkey on a TCP port: `options` are those of valkey.conf; a `config` is the text of one, for a Sentinel."""

    def __init__(
        self, folder: Path, *, port: int = 0, options: Mapping[str, object] | None = None, config: str = ""
    ) -> None:
        self.folder = folder
        self.port = port or free_ports(1)[0]
        self.options = {"port": self.port, "bind": HOST, "save": "", "repl-diskless-sync-delay": 0, **(options or {})}
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://{self.address}"

    @property
    def pid(self) -> int:
        """The id of its process. Raises ServerEndedError."""
        return self._started.pid

    @property
    def is_running(self) -> bool:
        """Tell whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @contextmanager
    def hand(self) -> Iterator[Any]:
        """Give what an operator would type into it."""
        with redis.Redis(host=HOST, port=self.port, decode_responses=True, socket_timeout=5) as client:
            yield client

    def info(self, section: str) -> Mapping[str, Any]:
        """Tell what INFO says."""
        with self.hand() as hand:
            facts: Mapping[str, Any] = hand.info(section)
            return facts

    def start(self) -> None:
        """Start it, or start it again with what it has on disk, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [part for name, value in self.options.items() for part in (f"--{name}", str(value))]
        if self._config:
            path = self.folder / "sentinel.conf"
            if not path.exists():  # a Sentinel keeps in it what it has learnt
                path.write_text(f"port {self.port}\nbind {HOST}\n{self._config}")
            arguments = [str(path), "--sentinel"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_server(), *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=parent_bound(),  # noqa: PLW1509
            )
        wait_for(self._answers, what=f"{self.folder.name} answers")

    def kill(self) -> None:
        """End it as a power cut of its process would."""
        self._signal(signal.SIGKILL)
        self._started.wait()

    def pause(self) -> None:
        """Hold it: it accepts connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold it for a while."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self.is_running:
            self.kill()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise ServerEndedError(f"{self.folder.name} was never started")
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def _answers(self) -> bool:
        if not self.is_running:
            raise ServerEndedError(f"{self.folder.name}: {(self.folder / 'log').read_text()[-2_000:]}")
        with contextlib.suppress(redis.RedisError), self.hand() as hand:
            return bool(hand.ping())
        return False


class Sentinels:
    """A primary, its replicas, and Sentinels that put one of these in its place when it is gone.

    `watched_port` is that of a TLS front before the primary, should clients be told that; there are no replicas then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        replicas: int = 2,
        sentinels: int = 3,
        down_after_seconds: float = 1.0,
        options: Mapping[str, object] | None = None,
        watched_port: int = 0,
    ) -> None:
        ports = free_ports(1 + replicas + sentinels)
        self._port = ports[0]
        watched = watched_port or self._port
        roles = [{}, *({"replicaof": f"{HOST} {self._port}"} for _ in range(replicas))]
        self.nodes = [
            Node(folder / f"node-{index}", port=port, options={**(options or {}), **role})
            for index, (port, role) in enumerate(zip(ports, roles, strict=False))
        ]
        config = (
            f"sentinel monitor {SERVICE} {HOST} {watched} {sentinels // 2 + 1}\n"
            f"sentinel down-after-milliseconds {SERVICE} {round(down_after_seconds * 1_000)}\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
        )
        self.sentinels = [
            Node(folder / f"sentinel-{index}", port=port, config=config)
            for index, port in enumerate(ports[1 + replicas :])
        ]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where it is, by its Sentinels."""
        return f"redis+sentinel://{','.join(node.address for node in self.sentinels)}/{SERVICE}"

    def primary(self) -> Node:
        """Find the node that writes now; the newest, should an old one not yet know that it is none."""
        votes = [self._named_by(sentinel) for sentinel in self.sentinels if sentinel.is_running]
        port = max(set(votes), key=votes.count)
        return next((node for node in self.nodes if node.port == port), self.nodes[0])

    def __enter__(self) -> Self:
        """Start all, and wait until they know each other."""
        with ExitStack() as stack:
            for node in (*self.nodes, *self.sentinels):
                stack.enter_context(node)
            wait_for(self.is_whole, what="all Sentinels know each other and the replicas")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all."""
        self._stack.close()

    def is_whole(self) -> bool:
        """Tell whether every Sentinel sees all others, and every replica follows."""
        others, replicas = len(self.sentinels) - 1, len(self.nodes) - 1
        for sentinel in self.sentinels:
            facts = _master_of(sentinel)
            if (facts["num-other-sentinels"], facts["num-slaves"]) != (others, replicas):
                return False
        return following(self.primary()) == replicas

    def _named_by(self, sentinel: Node) -> int:
        with sentinel.hand() as hand:
            return int(hand.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])


class Cluster:
    """A Cluster of primaries, each with so many replicas.

    `announced` gives the port that clients are told for a node: that of a TLS front, should there be one. It needs a
    Cluster without replicas, as these too connect to what is announced.
    """

    def __init__(
        self,
        folder: Path,
        *,
        primaries: int = 3,
        replicas: int = 0,
        timeout_seconds: float = 1.0,
        options: Mapping[str, object] | None = None,
        announced: Callable[[int], int] | None = None,
    ) -> None:
        self._primaries = primaries
        count = primaries * (1 + replicas)
        ports = free_ports(2 * count)
        self.nodes: list[Node] = []
        for index, (port, bus) in enumerate(zip(ports[:count], ports[count:], strict=True)):
            own = {
                "cluster-enabled": "yes",
                "cluster-port": bus,
                "cluster-node-timeout": round(timeout_seconds * 1_000),
                "cluster-announce-port": announced(port) if announced else port,
            }
            self.nodes.append(Node(folder / f"node-{index}", port=port, options={**own, **(options or {})}))
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    def owner(self, key: str) -> Node:
        """Find the node that writes a key now, as most of the others see it."""
        slot = key_slot(key.encode())
        votes = [port for node in self.nodes if node.is_running for port in self._owners(node, slot)]
        port = max(set(votes), key=votes.count)
        return next(node for node in self.nodes if node.options["cluster-announce-port"] == port)

    def move(self, key: str, to: Node) -> None:
        """Give the slot of a key, with all that is in it, to another primary."""
        slot, source = key_slot(key.encode()), self.owner(key)
        identity = self._identity(to)
        with source.hand() as hand:
            hand.execute_command("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", identity)
        wait_for(lambda: self.owner(key) is to, what="the slot has moved")

    def __enter__(self) -> Self:
        """Start all, deal out the slots, and wait until every node knows all."""
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._meet()
            wait_for(lambda: all(self._knows_all(node) for node in self.nodes), what="all nodes have met")
            self._follow()
            wait_for(lambda: all(self._is_ok(node) for node in self.nodes), what="the Cluster is well")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all."""
        self._stack.close()

    def _meet(self) -> None:
        first = self.nodes[0]
        for index, node in enumerate(self.nodes):
            with node.hand() as hand:
                if index < self._primaries:
                    lowest, end = (_SLOTS * edge // self._primaries for edge in (index, index + 1))
                    hand.execute_command("CLUSTER ADDSLOTSRANGE", lowest, end - 1)
                    hand.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
                if node is not first:
                    hand.execute_command("CLUSTER MEET", HOST, first.port, first.options["cluster-port"])

    def _follow(self) -> None:
        primaries, replicas = self.nodes[: self._primaries], self.nodes[self._primaries :]
        for index, node in enumerate(replicas):
            identity = self._identity(primaries[index % self._primaries])
            with node.hand() as hand:
                hand.execute_command("CLUSTER REPLICATE", identity)
        for index, node in enumerate(primaries):
            wanted = len(replicas[index :: self._primaries])
            wait_for(partial(_has_following, node, wanted), what="replicas follow")

    def _identity(self, node: Node) -> str:
        with node.hand() as hand:
            return str(hand.execute_command("CLUSTER MYID"))

    def _knows_all(self, node: Node) -> bool:
        facts = self._cluster_info(node)
        return int(facts["cluster_known_nodes"]) == len(self.nodes) and facts["cluster_state"] == "ok"

    def _is_ok(self, node: Node) -> bool:
        slots = self._slots(node)
        return self._knows_all(node) and sum(len(nodes) for _, _, *nodes in slots) == len(self.nodes)

    def _cluster_info(self, node: Node) -> Mapping[str, str]:
        with node.hand() as hand:
            facts: Mapping[str, str] = hand.cluster("info")
            return facts

    def _slots(self, node: Node) -> Sequence[Any]:
        with redis.Redis(host=HOST, port=node.port, decode_responses=True, socket_timeout=1) as client:
            client.set_response_callback("CLUSTER SLOTS", lambda answer: answer)
            slots: Sequence[Any] = client.execute_command("CLUSTER SLOTS")
            return slots

    def _owners(self, node: Node, slot: int) -> Sequence[int]:
        with contextlib.suppress(redis.RedisError):
            return [nodes[0][1] for low, high, *nodes in self._slots(node) if low <= slot <= high]
        return []


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def following(primary: Node) -> int:
    """Count the replicas that a primary has in step."""
    facts = primary.info("replication")
    states = [fact["state"] for name, fact in facts.items() if name.startswith("slave") and isinstance(fact, dict)]
    return states.count("online")


def _has_following(primary: Node, count: int) -> bool:
    return following(primary) == count


def _master_of(sentinel: Node) -> Mapping[str, Any]:
    with sentinel.hand() as hand:
        masters: Mapping[str, Mapping[str, Any]] = hand.sentinel_masters()
        return masters[SERVICE]
