"""How a Redis that cannot answer, or will not, is told: in an operator's words, soon, and without the password."""

import os
import re
import signal
import socketserver
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from provider.server.embedded_valkey import EmbeddedServer
from provider.store import Confirmation, Contents, Event, RedisStore, StoreUnavailableError
from tests.store.questions import QUESTIONS, READS, WRITES
from tests.store.writing import SHOP, change, write
from tests.world import wait_until

By = Callable[[redis.Redis], object]

SECRET = "s3cret"
NOT_PERMITTED = "Redis does not permit the user of its URL to run: "
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "redis.md"


@pytest.fixture
def store(server: EmbeddedServer) -> RedisStore:
    """Give an empty store on a server of its own."""
    return RedisStore(server.url)


@pytest.fixture
def operator(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Give what an operator would type into that server."""
    with redis.Redis.from_url(server.url) as client:
        yield client


def refusal(ask: Callable[[RedisStore], object], store: RedisStore) -> str:
    """Ask what must fail and give the words; nothing of what a traceback shows may hold the password."""
    with pytest.raises(StoreUnavailableError) as caught:
        ask(store)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def commit_the_next(store: RedisStore) -> Event:
    """Write what is no conflict."""
    return store.commit(change("new", expected=1))


@contextmanager
def speaking(words: bytes) -> Iterator[str]:
    """Run what is no Redis: it answers anything with these words, then hangs up."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(1_000)
            self.wfile.write(words)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{listener.server_address[1]}"
        finally:
            listener.shutdown()
            thread.join()


@contextmanager
def hanging(server: EmbeddedServer) -> Iterator[None]:
    """Hold a server's process."""
    pid = server.pid or 0
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# Nobody there, or somebody else


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_server_that_is_away_cannot_be_reached(question: str) -> None:
    for url in (f"redis://:{SECRET}@127.0.0.1:1", f"unix://:{SECRET}@/nowhere/valkey.sock"):
        assert refusal(QUESTIONS[question], RedisStore(url)) == "Redis cannot be reached"


def test_a_name_that_nobody_has_cannot_be_reached() -> None:
    assert refusal(RedisStore.now, RedisStore(f"redis://:{SECRET}@redis.invalid")) == "Redis cannot be reached"


@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("redis", b"", "Redis cannot be reached"),
        ("redis", b"HTTP/1.1 400 Bad Request\r\n\r\n", "Redis refuses: Protocol error"),
        ("rediss", b"-ERR no TLS here\r\n", "Redis cannot be reached"),
        ("redis", b"-LOADING Redis is loading the dataset in memory\r\n", "Redis is still loading its data"),
        ("redis", b"-MISCONF Errors writing to the AOF file\r\n", "Redis refuses: "),
        (
            "redis",
            b"-ERR unknown command 'AUTH', with args beginning with: 's3cret'\r\n",
            "Redis refuses: unknown command 'AUTH'",
        ),
    ],
)
def test_an_answer_that_is_none_is_told(scheme: str, answer: bytes, words: str) -> None:
    with speaking(answer) as address:
        assert words in refusal(RedisStore.now, RedisStore(f"{scheme}://:{SECRET}@{address}"))


@pytest.mark.parametrize(
    "url",
    ["nonsense", f"http://:{SECRET}@host", f"redis://:{SECRET}@host:port", f"redis://:{SECRET}/@host", ""],
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        RedisStore(url)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


# Refused


@pytest.mark.parametrize("user", ["", ":wrong@", f":{SECRET}-@", f"nobody:{SECRET}@"])
def test_a_wrong_password_is_told_and_not_shown(server: EmbeddedServer, operator: redis.Redis, user: str) -> None:
    operator.config_set("requirepass", SECRET)
    store = RedisStore(server.url.replace("://", f"://{user}"))

    for ask in QUESTIONS.values():
        assert refusal(ask, store) == "Redis rejects the user or password"


def test_the_right_password_opens(server: EmbeddedServer, operator: redis.Redis) -> None:
    operator.config_set("requirepass", SECRET)

    assert write(RedisStore(server.url.replace("://", f"://:{SECRET}@"))).revision == 1


def test_a_user_who_may_only_read_cannot_write(server: EmbeddedServer, operator: redis.Redis) -> None:
    operator.acl_setuser(
        "reader", enabled=True, passwords=[f"+{SECRET}"], keys=["*"], commands=["+@read", "+@connection", "+time"]
    )
    store = RedisStore(server.url.replace("://", f"://reader:{SECRET}@"))

    assert store.revision() == ("", 0)
    for question in WRITES:
        assert refusal(QUESTIONS[question], store).startswith(NOT_PERMITTED)
    assert refusal(RedisStore.write_problem, store).startswith(f"{NOT_PERMITTED}evalsha;")


def documented_permissions() -> list[str]:
    """Read the command that the documentation gives to make a user."""
    found = re.search(r"^ACL (SETUSER .*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return found[1].replace(">PASSWORD", f">{SECRET}").split()


@pytest.fixture
def permitted(server: EmbeddedServer, operator: redis.Redis) -> RedisStore:
    """Give a store whose user has exactly the permissions that the documentation lists."""
    operator.execute_command("ACL", *documented_permissions())  # type: ignore[no-untyped-call]
    return RedisStore(f"{server.url.replace('://', f'://canary:{SECRET}@')}?db=1")


@pytest.mark.parametrize("confirm", [None, Confirmation(fsync=True)], ids=["", "confirmed"])
def test_the_documented_permissions_are_enough(
    server: EmbeddedServer, permitted: RedisStore, confirm: Confirmation | None
) -> None:
    store = RedisStore(server.url.replace("://", f"://canary:{SECRET}@"), confirm=confirm)

    assert permitted.write_problem() is None
    for ask in QUESTIONS.values():
        ask(store)


def test_every_command_of_a_script_is_tried() -> None:
    scripts = {path.name: path.read_text() for path in (ROOT / "provider" / "store").glob("*.lua")}
    probed = set(re.findall(r'try\("([A-Z]+)"', scripts.pop("probe.lua")))
    called = {name for text in scripts.values() for name in re.findall(r'redis\.p?call\("([A-Z]+)"', text)}

    assert called - probed == set()


def test_each_permission_that_is_missing_is_named(permitted: RedisStore, operator: redis.Redis) -> None:
    connection = ("ping", "select", "multi", "exec", "client", "eval", "evalsha", "script", "wait", "waitaof")
    commands = [part[1:] for part in documented_permissions() if part.startswith("+")]
    commands = [command for command in commands if command.partition("|")[0] not in connection]
    assert permitted.write_problem() is None
    problems = {}
    for command in commands:
        operator.acl_setuser("canary", enabled=True, commands=[f"-{command}"])
        problems[command] = permitted.write_problem()
        operator.acl_setuser("canary", enabled=True, commands=[f"+{command}"])

    assert {
        command: f"{NOT_PERMITTED}{command}; docs/redis.md lists the permissions" for command in commands
    } == problems


def test_keys_that_are_not_permitted_are_told(permitted: RedisStore, server: EmbeddedServer) -> None:
    store = RedisStore(server.url.replace("://", f"://canary:{SECRET}@"), namespace="other")

    assert "to use the keys of the namespace" in refusal(RedisStore.write_problem, store)


# Cannot write


@pytest.mark.parametrize(
    ("breaks", "mends", "words"),
    [
        (
            lambda operator: operator.replicaof("127.0.0.1", 1),
            lambda operator: operator.replicaof("NO", "ONE"),
            "Redis is a read-only replica",
        ),
        (
            lambda operator: operator.config_set("maxmemory", 1),
            lambda operator: operator.config_set("maxmemory", 0),
            "Redis is out of memory (maxmemory)",
        ),
    ],
    ids=["replica", "memory"],
)
def test_a_redis_that_cannot_write_is_read_and_changes_nothing(
    store: RedisStore, operator: redis.Redis, breaks: By, mends: By, words: str
) -> None:
    write(store)
    store.report({"edge": "here"})
    contents = store.load()
    breaks(operator)

    for question in WRITES:
        assert refusal(QUESTIONS[question] if question != "commit" else commit_the_next, store) == words
    for question in READS:
        QUESTIONS[question](store)
    assert store.write_problem() == words
    assert store.load() == contents
    mends(operator)
    assert store.write_problem() is None
    assert write(store).revision == 2


# Slow


def test_a_write_that_waits_for_a_pause_happens_after_it(store: RedisStore, operator: redis.Redis) -> None:
    operator.client_pause(200, all=False)
    started = time.monotonic()
    event = write(store)

    assert event.revision == 1
    assert time.monotonic() - started >= 0.1


def test_a_server_that_hangs_is_given_up_and_a_write_sent_again_happens_once(
    server: EmbeddedServer, store: RedisStore
) -> None:
    late = change("new", expected=1)
    asks: list[Callable[[RedisStore], object]] = [RedisStore.now, RedisStore.load, lambda store: store.commit(late)]
    words: list[str] = []
    asking = [threading.Thread(target=lambda ask=ask: words.append(refusal(ask, store))) for ask in asks]
    write(store, "old")
    started = time.monotonic()
    with hanging(server):
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()

    assert ["Redis timed out"] * len(asks) == words
    assert time.monotonic() - started < 10
    assert store.commit(late).revision == 2
    assert [event.after for event in store.history(SHOP, limit=10)] == ["new", "old"]


# Back again


def test_a_flushed_redis_has_no_lineage(store: RedisStore, operator: redis.Redis) -> None:
    write(store)
    lineage, _ = store.revision()
    operator.flushall()

    assert store.revision() == ("", 0)
    assert Contents("", 0, {}) == store.load()
    assert write(store).revision == 1
    assert store.revision()[0] != lineage


def test_a_flushed_script_is_sent_again(store: RedisStore, operator: redis.Redis) -> None:
    write(store)
    operator.script_flush()

    assert write(store).revision == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_store_finds_a_server_that_was_started_again(
    server: EmbeddedServer, store: RedisStore, number: signal.Signals
) -> None:
    event = write(store)
    os.kill(server.pid or 0, number)
    assert wait_until(lambda: not server.is_running)
    for ask in QUESTIONS.values():
        refusal(ask, store)
    server.start()

    assert [event] == store.changes(after=0, wait_seconds=0)
    assert write(store).revision == 2


def test_who_waits_for_changes_is_told_that_the_connection_ended(
    server: EmbeddedServer, store: RedisStore, operator: redis.Redis
) -> None:
    # Had it gone on in silence, it might go on with another server, or one that was set back.
    words: list[str] = []
    waiting = threading.Thread(
        target=lambda: words.append(refusal(lambda store: store.changes(after=0, wait_seconds=20), store))
    )
    waiting.start()
    assert wait_until(lambda: operator.info("clients")["blocked_clients"] == 1)
    operator.client_kill_filter(_type="normal", skipme=True)
    waiting.join(5)

    assert words == ["Redis cannot be reached"]
    assert write(store).revision == 1


def test_who_waits_for_changes_is_told_at_once_that_the_server_died(
    server: EmbeddedServer, store: RedisStore, operator: redis.Redis
) -> None:
    words: list[str] = []
    waiting = threading.Thread(
        target=lambda: words.append(refusal(lambda store: store.changes(after=0, wait_seconds=20), store))
    )
    waiting.start()
    assert wait_until(lambda: operator.info("clients")["blocked_clients"] == 1)
    os.kill(server.pid or 0, signal.SIGKILL)
    waiting.join(5)

    assert words == ["Redis cannot be reached"]
