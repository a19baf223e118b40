"""The faults, one function each: the context breaks something when it is entered, and mends it when it is left."""

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import redis

from provider.store.keys import Keys
from tools.chaos.keeping import Service, children, descendants, is_alive
from tools.chaos.line import Line, NoAnswerError
from tools.chaos.scene import Scene
from tools.chaos.servers import Cluster, Node, Sentinels, free_ports
from tools.chaos.system import QUIET
from tools.chaos.waiting import wait_for
from tools.chaos.wire import Weather, Wire

KEYS = Keys("default")
_MEND_SECONDS = 30.0
_BACKUP = "backup"
_FILL_BYTES = 65_536
_START_SECONDS = 2.0
# Room for Valkey to start with, and soon filled.
DISK_BYTES = 32 * 1_024 * 1_024


# Processes that die


@contextmanager
def provider_killed(scene: Scene) -> Iterator[None]:
    """Kill a provider with all of its processes."""
    scene.system.providers[0].kill()
    yield


@contextmanager
def parent_killed(scene: Scene) -> Iterator[None]:
    """Kill the process of a provider that has started the others, and nothing else: they end by themselves."""
    provider = scene.system.providers[0]
    below = descendants(provider.pid)
    provider.signal(signal.SIGKILL)
    yield
    wait_for(lambda: not any(map(is_alive, below)), what="the processes below it have ended")


@contextmanager
def processes_signaled(scene: Scene) -> Iterator[None]:
    """Send signals that nothing uses to every process of the provider and the controller: none may end."""
    services = [one for one in (scene.system.providers[0], scene.system.controller) if one]
    pids = [pid for one in services for pid in (one.pid, *descendants(one.pid))]
    for pid in pids:
        for number in (signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM):
            os.kill(pid, number)
    yield
    wait_for(lambda: all(map(is_alive, pids)), what="every process has gone on", seconds=1)


@contextmanager
def controller_stopped(scene: Scene) -> Iterator[None]:
    """Stop the controller, which holds its leases meanwhile."""
    with stopped(scene.system.controller.pid if scene.system.controller else 0):
        yield


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process, and let it go on if it is there still."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def controller_killed(scene: Scene) -> Iterator[None]:
    """Kill the controller."""
    if scene.system.controller:
        scene.system.controller.kill()
    yield


@contextmanager
def traefik_killed(scene: Scene) -> Iterator[None]:
    """Kill one Traefik, and be done when it carries traffic again."""
    number = scene.chance.randrange(len(scene.system.traefiks))
    scene.system.traefiks[number].kill()
    yield
    port = scene.system.web_ports[number]
    wait_for(lambda: scene.system.sees(port, QUIET) != "", what="Traefik carries traffic again")


@contextmanager
def redis_killed(scene: Scene) -> Iterator[None]:
    """Kill Redis."""
    with suppress(ProcessLookupError):
        scene.system.node.kill()
    yield


@contextmanager
def started_without_redis(scene: Scene) -> Iterator[None]:
    """Start the provider while Redis is away: it has to answer polls from its snapshot."""
    node = scene.system.node
    with scene.system.keeper.left(node):
        node.stop()
        scene.system.providers[0].kill()
        yield
        polls = scene.watch.polls
        wait_for(lambda: scene.watch.polls > polls + 2, what="polls are answered without Redis")


# A Redis that is ill


@contextmanager
def redis_stopped(scene: Scene) -> Iterator[None]:
    """Stop Redis: connections stand, and nothing answers."""
    with suppress(ProcessLookupError):
        scene.system.node.pause()
    yield
    with suppress(ProcessLookupError):
        scene.system.node.resume()


@contextmanager
def redis_under(scene: Scene, weather: Weather) -> Iterator[None]:
    """Have other weather between provider and Redis."""
    with _wire(scene).under(weather):
        yield


@contextmanager
def redis_read_only(scene: Scene) -> Iterator[None]:
    """Make Redis a replica of nobody, which takes no writes."""
    _say(scene.system.node, "REPLICAOF", "127.0.0.1", free_ports(1)[0])
    yield
    _say(scene.system.node, "REPLICAOF", "NO", "ONE")


@contextmanager
def redis_configured(scene: Scene, name: str, value: object, usual: object) -> Iterator[None]:
    """Set something in Redis to another value."""
    _say(scene.system.node, "CONFIG", "SET", name, value)
    yield
    _say(scene.system.node, "CONFIG", "SET", name, usual)


@contextmanager
def redis_flushed(scene: Scene) -> Iterator[None]:
    """Empty Redis, and restore it.

    All is written and read by then: a change that Redis forgets before any worker has read it is lost with it.
    """
    scene.check()
    wait_for(lambda: _is_followed(scene), what="the workers have all that was written")
    _say(scene.system.node, "FLUSHALL")
    scene.writers.go()
    yield
    wait_for(lambda: scene.system.command("restore", "--from", "served"), what="restored", seconds=_MEND_SECONDS)


@contextmanager
def redis_flushed_at_start(scene: Scene) -> Iterator[None]:
    """Empty Redis while the provider starts with its two workers, and restore it from what they served."""
    _wait_until_kept(scene)
    provider = scene.system.providers[0]
    old = provider.pid
    provider.kill()
    wait_for(lambda: provider.pid != old and provider.is_running, what="the provider starts")
    # Anywhere between the first of its queries and the moment when both workers serve.
    time.sleep(scene.chance.uniform(0.0, _START_SECONDS))
    _say(scene.system.node, "FLUSHALL")
    scene.writers.go()
    yield
    wait_for(lambda: scene.system.command("restore", "--from", "served"), what="restored", seconds=_MEND_SECONDS)


@contextmanager
def documents_lost(scene: Scene) -> Iterator[None]:
    """Lose the documents, but nothing else of Redis, and start the provider with a fresh data directory.

    It has nothing to serve, so it must not serve that. The documents come back from a backup.
    """
    _wait_until_kept(scene)
    provider, folder = scene.system.providers[0], scene.system.data_dir()
    _say(scene.system.node, "COPY", KEYS.documents, _BACKUP)
    with scene.system.keeper.left(provider):
        provider.kill()
        _say(scene.system.node, "DEL", KEYS.documents)
        folder.rename(folder.with_name(f"lost-{time.monotonic_ns()}"))
        folder.mkdir(mode=0o700)
    scene.writers.go()
    yield
    _say(scene.system.node, "RENAME", _BACKUP, KEYS.documents)


@contextmanager
def documents_corrupted(scene: Scene) -> Iterator[None]:
    """Write nonsense over one rollout and beside all, and have the workers load it."""
    key = f"rollout/{QUIET}"
    good = _ask(scene.system.node, "HGET", KEYS.documents, key)
    for field, text in ((key, '{"spec": 1}'), ("rollout/ghost", "nonsense"), ("nonsense", "{}")):
        _say(scene.system.node, "HSET", KEYS.documents, field, text)
    _reload(scene.system.providers[0])
    yield
    _say(scene.system.node, "HSET", KEYS.documents, key, good)
    _say(scene.system.node, "HDEL", KEYS.documents, "rollout/ghost", "nonsense")


# A Valkey of the provider's own


@contextmanager
def valkey_killed(scene: Scene) -> Iterator[None]:
    """Kill the embedded Valkey."""
    os.kill(_valkey(scene), signal.SIGKILL)
    yield


@contextmanager
def valkey_stopped(scene: Scene) -> Iterator[None]:
    """Stop the embedded Valkey, and leave it so: the provider has to replace it."""
    old = _valkey(scene)
    os.kill(old, signal.SIGSTOP)
    yield
    wait_for(lambda: not is_alive(old), what="the Valkey that hangs is replaced", seconds=_MEND_SECONDS)


@contextmanager
def append_only_damaged(scene: Scene, damage: Callable[[Path], None]) -> Iterator[None]:
    """Damage the files of the embedded Valkey, kill it, and repair them as docs/backup.md describes."""
    scene.check()
    folder = scene.system.data_dir() / "valkey" / "appendonlydir"
    revision = _highest_revision(scene)
    wait_for(lambda: all(_revision_of(scene) >= revision for _ in range(10)), what="the workers have it all")
    valkey = _valkey(scene)
    os.kill(valkey, signal.SIGSTOP)
    damage(folder)
    os.kill(valkey, signal.SIGKILL)
    scene.writers.go()
    yield
    if damage is not truncate_log:
        folder.rename(folder.with_name(f"damaged-{revision}"))
    wait_for(lambda: scene.system.command("restore", "--from", "served"), what="restored", seconds=2 * _MEND_SECONDS)


def damage_log(folder: Path) -> None:
    """Damage the beginning of the append-only file."""
    for log in folder.glob("*.incr.aof"):
        log.write_bytes(b"*X\r\n" + log.read_bytes()[4:])


def damage_manifest(folder: Path) -> None:
    """Replace the list of the append-only files with nonsense."""
    for manifest in folder.glob("*.manifest"):
        manifest.write_bytes(b"nonsense")


def truncate_log(folder: Path) -> None:
    """Cut the latest writes off the append-only file: Valkey starts, and has forgotten them."""
    for log in folder.glob("*.incr.aof"):
        os.truncate(log, log.stat().st_size * 9 // 10)


def _valkey(scene: Scene) -> int:
    found: list[int] = []

    def is_found() -> bool:
        found.extend(pid for pid in children(scene.system.providers[0].pid) if is_valkey(pid))
        return bool(found)

    wait_for(is_found, what="Valkey runs")
    return found[0]


def is_valkey(pid: int) -> bool:
    with suppress(OSError):
        return b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _highest_revision(scene: Scene) -> int:
    return max(_revision_of(scene) for _ in range(10))


# Servers that take the place of one another


@contextmanager
def primary_lost(scene: Scene, breaks: Callable[[Node], None]) -> Iterator[None]:
    """Lose the primary that has our keys; it comes back later, and follows the new one."""
    backing = scene.system.backing
    if not isinstance(backing, Sentinels | Cluster):
        raise TypeError("nothing here fails over")

    def primary() -> Node:
        return backing.primary() if isinstance(backing, Sentinels) else backing.owner(KEYS.revision)

    old = primary()
    breaks(old)
    yield
    wait_for(lambda: primary() is not old, what="another is primary", seconds=_MEND_SECONDS)
    if old.is_running:
        old.resume()
    else:
        old.start()
    wait_for(lambda: _is_replica(old), what="the old primary follows", seconds=2 * _MEND_SECONDS)


# Starting anew, on purpose


@contextmanager
def workers_reloaded(scene: Scene, *, times: int) -> Iterator[None]:
    """Have all workers of a provider replaced."""
    for _ in range(times):
        _reload(scene.system.providers[0])
    yield


@contextmanager
def providers_rolled(scene: Scene) -> Iterator[None]:
    """End and start one provider after the other, each when the one before is well."""
    for number, provider in enumerate(scene.system.providers):
        old = provider.pid
        provider.end()
        wait_for(partial(_is_back, scene, number, old), what="the provider is well again", seconds=_MEND_SECONDS)
    yield


# Disks


@contextmanager
def files_refused(scene: Scene) -> Iterator[None]:
    """Let the provider write to no file."""
    _limit_files(scene, 0)
    yield
    _limit_files(scene, resource.RLIM_INFINITY)


@contextmanager
def disk_read_only(scene: Scene) -> Iterator[None]:
    """Make the data directory read-only."""
    folder = str(scene.system.data_dir())
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def disk_full(scene: Scene) -> Iterator[None]:
    """Fill the disk of the data directory."""
    filler = scene.system.data_dir() / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        for _ in range(DISK_BYTES // _FILL_BYTES + 1):
            file.write(b"\0" * _FILL_BYTES)
    try:
        yield
    finally:
        filler.unlink()


def cannot_mount() -> str:
    """Say why nothing can be mounted here, or nothing."""
    if os.geteuid() != 0:
        return "mounting needs root"
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else "nothing may be mounted in this container"


def _wire(scene: Scene) -> Wire:
    if scene.system.wire is None:
        raise TypeError("there is no wire before this store")
    return scene.system.wire


def _ask(node: Node, *command: object) -> object:
    """Have Redis do something, however often it must be told: it may be on its way back."""
    answers: list[object] = []

    def is_done() -> bool:
        with suppress(redis.ConnectionError, redis.TimeoutError), node.hand() as hand:
            answers.append(hand.execute_command(*command))
        return bool(answers)

    wait_for(is_done, what=str(command[0]), seconds=_MEND_SECONDS)
    return answers[0]


def _say(node: Node, *command: object) -> None:
    _ask(node, *command)


def _is_followed(scene: Scene) -> bool:
    """Tell whether every worker has what Redis has; asked often enough to meet each of them."""
    revision = int(str(_ask(scene.system.node, "GET", KEYS.revision)))
    return all(_revision_of(scene) >= revision for _ in range(10))


def _revision_of(scene: Scene) -> int:
    with scene.system.line() as line:
        return int(line.ask("GET", "/readyz").json()["revision"])


def _is_replica(node: Node) -> bool:
    with suppress(redis.RedisError):
        facts = node.info("replication")
        return bool(facts["role"] == "slave" and facts["master_link_status"] == "up")
    return False


def _wait_until_kept(scene: Scene) -> None:
    """Hold the writers until the workers and the snapshot have every write."""
    scene.check()
    wait_for(lambda: _is_followed(scene), what="the workers have all that was written")
    revision = int(str(_ask(scene.system.node, "GET", KEYS.revision)))
    snapshot = scene.system.data_dir() / "snapshot-default.json"
    wait_for(lambda: _kept_revision(snapshot) >= revision, what="the snapshot has all that was written")


def _kept_revision(snapshot: Path) -> int:
    try:
        return int(json.loads(snapshot.read_text())["revision"])
    except (OSError, ValueError, KeyError):
        return 0


def _reload(provider: Service) -> None:
    old = set(children(provider.pid))
    provider.signal(signal.SIGHUP)
    wait_for(lambda: not old & set(children(provider.pid)), what="the workers are replaced")


def _is_back(scene: Scene, number: int, old: int) -> bool:
    if scene.system.providers[number].pid == old:
        return False
    try:
        with Line(scene.system.ports[number], seconds=2) as line:
            return line.ask("GET", "/readyz").is_ok
    except NoAnswerError:
        return False


def _limit_files(scene: Scene, most: int) -> None:
    provider = scene.system.providers[0]
    for pid in (provider.pid, *descendants(provider.pid)):
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
