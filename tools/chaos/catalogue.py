"""All faults, and the system of each."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from tools.chaos import faults
from tools.chaos.scene import Scene
from tools.chaos.servers import Node
from tools.chaos.wire import Weather


class Home(StrEnum):
    """The system in which a fault runs."""

    SINGLE = "one Redis"
    REPLICAS = "two providers"
    SENTINEL = "Sentinel"
    CLUSTER = "Cluster"
    EMBEDDED = "embedded Valkey"


@dataclass(frozen=True)
class Fault:
    """A fault that lasts `seconds`, unless it ends at once.

    `polls_may_fail` is true if the fault ends the process that answers polls. `needs` returns why the fault cannot
    be run here, or an empty text.
    """

    name: str
    words: str
    breaks: Callable[[Scene], AbstractContextManager[None]]
    seconds: float = 2.0
    home: Home = Home.SINGLE
    polls_may_fail: bool = False
    is_at_random: bool = True
    needs: Callable[[], str] = str

    @property
    def part(self) -> str:
        """Return the part that breaks: the first word of the name."""
        return self.name.partition("-")[0]


FAULTS: tuple[Fault, ...] = (
    Fault("worker-killed", "kill -9 of a worker", faults.worker_killed, polls_may_fail=True),
    Fault("provider-killed", "kill -9 of the whole provider", faults.provider_killed, polls_may_fail=True),
    Fault("master-killed", "kill -9 of gunicorn's master alone", faults.parent_killed, polls_may_fail=True),
    Fault("processes-signaled", "SIGUSR2 and similar signals to every process", faults.processes_signaled),
    Fault(
        "worker-stopped",
        "a worker is stopped (SIGSTOP)",
        faults.worker_stopped,
        seconds=6,
        polls_may_fail=True,
    ),
    Fault("controller-stopped", "the controller is stopped (SIGSTOP)", faults.controller_stopped, seconds=6),
    Fault("peers-dripping", "a gateway's API and a check send endless headers", faults.peers_dripping, seconds=8),
    Fault("redis-killed", "kill -9 of Redis", faults.redis_killed),
    Fault("controller-killed", "kill -9 of the controller", faults.controller_killed),
    Fault("traefik-killed", "kill -9 of a Traefik", faults.traefik_killed),
    Fault("redis-stopped", "Redis is stopped (SIGSTOP)", faults.redis_stopped, seconds=6),
    Fault(
        "redis-slow",
        "Redis is slow: 300 ms in each direction",
        partial(faults.redis_under, weather=Weather(delay_seconds=0.3)),
        seconds=6,
    ),
    Fault(
        "redis-cut-off",
        "Redis is unreachable",
        partial(faults.redis_under, weather=Weather(is_cut=True)),
        seconds=4,
    ),
    Fault(
        "packets-lost",
        "half the packets to and from Redis are lost",
        partial(faults.redis_under, weather=Weather(loss=0.5)),
        seconds=12,
    ),
    Fault("redis-read-only", "Redis is a replica and rejects writes", faults.redis_read_only, seconds=3),
    Fault(
        "redis-lacks-replicas",
        "Redis lacks replicas (min-replicas-to-write)",
        partial(faults.redis_configured, name="min-replicas-to-write", value=1, usual=0),
        seconds=3,
    ),
    Fault(
        "redis-full",
        "Redis is out of memory (maxmemory)",
        partial(faults.redis_configured, name="maxmemory", value=1, usual=0),
        seconds=3,
    ),
    Fault(
        "redis-flushed",
        "Redis is emptied (FLUSHALL), then `restore`",
        faults.redis_flushed,
        seconds=4,
        is_at_random=False,
    ),
    Fault(
        "redis-corrupted", "corrupted documents in Redis, loaded by workers", faults.documents_corrupted, seconds=3
    ),
    Fault("files-refused", "the provider cannot write files (RLIMIT_FSIZE)", faults.files_refused, seconds=4),
    Fault(
        "disk-read-only",
        "the data directory is read-only",
        faults.disk_read_only,
        seconds=4,
        needs=faults.cannot_mount,
    ),
    Fault("workers-reloaded", "all workers are replaced, twice (SIGHUP)", partial(faults.workers_reloaded, times=2)),
    Fault(
        "started-without-redis",
        "the provider starts while Redis is down",
        faults.started_without_redis,
        seconds=5,
        polls_may_fail=True,
        is_at_random=False,
    ),
    Fault("providers-rolled", "two providers restart in turn", faults.providers_rolled, home=Home.REPLICAS),
    Fault(
        "one-provider-killed",
        "kill -9 of one of two providers",
        faults.provider_killed,
        home=Home.REPLICAS,
        polls_may_fail=True,
    ),
    Fault(
        "sentinel-primary-killed",
        "kill -9 of the primary, three Sentinels",
        partial(faults.primary_lost, breaks=Node.kill),
        seconds=6,
        home=Home.SENTINEL,
    ),
    Fault(
        "sentinel-primary-stopped",
        "the primary is stopped, three Sentinels",
        partial(faults.primary_lost, breaks=Node.pause),
        seconds=8,
        home=Home.SENTINEL,
    ),
    Fault(
        "cluster-primary-killed",
        "kill -9 of the namespace's primary, a Cluster of three",
        partial(faults.primary_lost, breaks=Node.kill),
        seconds=6,
        home=Home.CLUSTER,
    ),
    Fault(
        "all-killed",
        "kill -9 of the provider and the embedded Valkey",
        faults.provider_killed,
        home=Home.EMBEDDED,
        polls_may_fail=True,
    ),
    Fault(
        "serve-killed",
        "kill -9 of `serve` alone",
        faults.parent_killed,
        home=Home.EMBEDDED,
        polls_may_fail=True,
    ),
    Fault("valkey-killed", "kill -9 of the embedded Valkey", faults.valkey_killed, home=Home.EMBEDDED),
    Fault("valkey-stopped", "the embedded Valkey is stopped (SIGSTOP)", faults.valkey_stopped, home=Home.EMBEDDED),
    Fault(
        "append-only-damaged",
        "the append-only file is damaged, then `restore`",
        faults.append_only_damaged,
        seconds=4,
        home=Home.EMBEDDED,
        is_at_random=False,
    ),
    Fault(
        "disk-full",
        "the disk of the embedded Valkey is full",
        faults.disk_full,
        seconds=6,
        home=Home.EMBEDDED,
        polls_may_fail=True,
        needs=faults.cannot_mount,
    ),
)
