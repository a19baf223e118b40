"""All faults, and the system of each."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from tools.chaos import faults, peer_faults, process_faults
from tools.chaos.peer_faults import KINDS, Role
from tools.chaos.peers import Kind
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


class Judged(StrEnum):
    """When the analysis can abort a bad canary."""

    THROUGHOUT = "throughout"
    AFTERWARDS = "afterwards"
    """The store, the controller or the metrics are unavailable during the fault."""


@dataclass(frozen=True)
class Fault:
    """A fault that lasts `seconds`; one of 0 seconds is over as soon as it has happened.

    `polls_may_fail` is true if the fault ends the process that answers polls. `needs` returns why the fault cannot
    be run here, or an empty text. `has_canaries` is true if it starts bad canaries itself.
    """

    name: str
    words: str
    breaks: Callable[[Scene], AbstractContextManager[None]]
    seconds: float = 0.0
    home: Home = Home.SINGLE
    polls_may_fail: bool = False
    is_at_random: bool = True
    judged: Judged = Judged.THROUGHOUT
    has_canaries: bool = False
    needs: Callable[[], str] = str

    @property
    def part(self) -> str:
        """Return the part that breaks: the first word of the name."""
        return self.name.partition("-")[0]


def _misbehaving(kind: Kind, role: Role) -> Fault:
    words = {
        Role.PROMETHEUS: "a Prometheus",
        Role.CHECK: "a check",
        Role.TRAEFIK_API: "a Traefik API",
        Role.NAME_SERVER: "a name server",
        Role.WEBHOOK: "a webhook",
    }
    verbs = {
        Kind.DRIPPING: "drips",
        Kind.BOMBING: "sends bombs",
        Kind.ENDLESS: "never ends",
        Kind.HANGING: "hangs",
    }
    breaks = partial(peer_faults.peer_misbehaves, kind=kind, role=role)
    # Of those that are drawn at random, the ones that drip stand for all.
    is_at_random = kind is Kind.DRIPPING and role in {Role.CHECK, Role.TRAEFIK_API}
    name = f"peer-{kind}-{role}"
    return Fault(name, f"{words[role]} {verbs[kind]}", breaks, seconds=3, is_at_random=is_at_random)


FAULTS: tuple[Fault, ...] = (
    Fault("worker-killed", "kill -9 of each worker", process_faults.workers_killed, polls_may_fail=True),
    Fault("provider-killed", "kill -9 of the whole provider", faults.provider_killed, polls_may_fail=True),
    Fault("master-killed", "kill -9 of gunicorn's master alone", faults.parent_killed, polls_may_fail=True),
    Fault("processes-signaled", "SIGUSR2 and similar signals to every process", faults.processes_signaled),
    Fault(
        "worker-stopped",
        "each worker is stopped (SIGSTOP)",
        process_faults.workers_stopped,
        seconds=6,
        polls_may_fail=True,
    ),
    Fault("master-stopped", "gunicorn's master is stopped (SIGSTOP)", process_faults.master_stopped, seconds=6),
    Fault(
        "controller-stopped",
        "the controller is stopped (SIGSTOP)",
        faults.controller_stopped,
        seconds=6,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "webhook-sender-killed",
        "kill -9 of all processes that send webhooks",
        process_faults.webhook_sender_killed,
        polls_may_fail=True,
        is_at_random=False,
    ),
    Fault(
        "traefik-stopped", "a Traefik is stopped (SIGSTOP) during steps", process_faults.traefik_stopped, seconds=6
    ),
    Fault(
        "canary-blinded",
        "a gateway's API is unreachable, and two checks are broken",
        peer_faults.canary_blinded,
        seconds=6,
    ),
    *(_misbehaving(kind, role) for role in Role for kind in KINDS),
    Fault(
        "neighbor-guesses",
        "a neighbor sends 50 wrong tokens a second, during a reload",
        process_faults.neighbor_guesses,
        seconds=6,
    ),
    Fault("redis-killed", "kill -9 of Redis", faults.redis_killed),
    Fault("controller-killed", "kill -9 of the controller", faults.controller_killed),
    Fault("traefik-killed", "kill -9 of a Traefik", faults.traefik_killed),
    Fault(
        "redis-stopped",
        "Redis is stopped (SIGSTOP)",
        faults.redis_stopped,
        seconds=6,
        judged=Judged.AFTERWARDS,
    ),
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
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "packets-lost",
        "half the packets to and from Redis are lost",
        partial(faults.redis_under, weather=Weather(loss=0.5)),
        seconds=12,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "redis-read-only",
        "Redis is a replica and rejects writes",
        faults.redis_read_only,
        seconds=3,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "redis-lacks-replicas",
        "Redis lacks replicas (min-replicas-to-write)",
        partial(faults.redis_configured, name="min-replicas-to-write", value=1, usual=0),
        seconds=3,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "redis-full",
        "Redis is out of memory (maxmemory)",
        partial(faults.redis_configured, name="maxmemory", value=1, usual=0),
        seconds=3,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "redis-flushed",
        "Redis is emptied (FLUSHALL), then `restore`",
        faults.redis_flushed,
        seconds=4,
        is_at_random=False,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "redis-flushed-at-start",
        "Redis is emptied while a provider with two workers starts, then `restore`",
        faults.redis_flushed_at_start,
        seconds=4,
        polls_may_fail=True,
        is_at_random=False,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "documents-lost",
        "the documents are lost, and the data directory is fresh, then a backup",
        faults.documents_lost,
        seconds=4,
        polls_may_fail=True,
        is_at_random=False,
        judged=Judged.AFTERWARDS,
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
        judged=Judged.AFTERWARDS,
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
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "sentinel-primary-stopped",
        "the primary is stopped, three Sentinels",
        partial(faults.primary_lost, breaks=Node.pause),
        seconds=8,
        home=Home.SENTINEL,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "cluster-primary-killed",
        "kill -9 of the namespace's primary, a Cluster of three",
        partial(faults.primary_lost, breaks=Node.kill),
        seconds=6,
        home=Home.CLUSTER,
        judged=Judged.AFTERWARDS,
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
    Fault(
        "valkey-stopped",
        "the embedded Valkey is stopped (SIGSTOP)",
        faults.valkey_stopped,
        home=Home.EMBEDDED,
        judged=Judged.AFTERWARDS,
    ),
    Fault(
        "embedded-master-killed",
        "kill -9 of gunicorn's master below `serve`",
        process_faults.master_killed,
        home=Home.EMBEDDED,
        polls_may_fail=True,
    ),
    Fault(
        "serve-stopped",
        "`serve` is stopped (SIGSTOP)",
        process_faults.serve_stopped,
        seconds=6,
        home=Home.EMBEDDED,
    ),
    Fault(
        "embedded-signaled",
        "SIGUSR2 and similar signals to every process, with an embedded Valkey",
        faults.processes_signaled,
        home=Home.EMBEDDED,
    ),
    *(
        Fault(
            f"append-only-{name}",
            f"the append-only {words}, then `restore`",
            partial(faults.append_only_damaged, damage=damage),
            seconds=4,
            home=Home.EMBEDDED,
            is_at_random=False,
            judged=Judged.AFTERWARDS,
        )
        for name, words, damage in (
            ("damaged", "file is damaged", faults.damage_log),
            ("truncated", "file has lost its end", faults.truncate_log),
            ("manifest", "files' manifest is damaged", faults.damage_manifest),
        )
    ),
    Fault(
        "disk-full",
        "the disk of the embedded Valkey is full",
        faults.disk_full,
        seconds=6,
        judged=Judged.AFTERWARDS,
        home=Home.EMBEDDED,
        polls_may_fail=True,
        needs=faults.cannot_mount,
    ),
)
