"""Sentinels, a Cluster and TLS: that every method works there, and what is said when it does not."""

import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from provider.store import RedisStore, Stored, StoreUnavailableError
from provider.store.keys import Keys
from tests.store.questions import QUESTIONS
from tests.store.tls import Certificate, make_certificate, tls_front
from tests.store.writing import SHOP, write
from tools.chaos.servers import HOST, SERVICE, Cluster, Node, Sentinels, free_ports

SECRET = "s3cret"
NO_SENTINEL = "no reachable Sentinel knows a primary of this service"
NO_CLUSTER = "Redis is not a Cluster: use redis:// without +cluster"
NOT_PERMITTED = "Redis rejects the user or password"
UNTRUSTED = "the certificate of Redis is not trusted (ssl_ca_certs), or is for another name"


def refusal(url: str, ask: Callable[[RedisStore], object] = RedisStore.now) -> str:
    """Ask what must fail and give the words; nothing of what a traceback shows may hold the password."""
    store = RedisStore(url)
    with pytest.raises(StoreUnavailableError) as caught:
        ask(store)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def lock(node: Node) -> None:
    """Have a server, or a Sentinel, want a password from now on."""
    with node.hand() as hand:
        hand.execute_command("ACL", "SETUSER", "default", "resetpass", f">{SECRET}")


def test_every_question_is_answered(store_elsewhere: RedisStore) -> None:
    for ask in QUESTIONS.values():
        ask(store_elsewhere)
    event = write(store_elsewhere)

    assert [event] == store_elsewhere.changes(after=event.revision - 1, wait_seconds=1)
    assert [event] == store_elsewhere.history(event.key, limit=1)


@pytest.mark.parametrize(
    "store_elsewhere",
    ["sentinel", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("cluster", "tls"))],
    indirect=True,
)
def test_an_answer_that_comes_late_is_not_taken_for_the_next(store_elsewhere: RedisStore) -> None:
    write(store_elsewhere, "text")
    # Longer than an answer is waited for, and over before the next one would be given up.
    store_elsewhere._ask(lambda hand: hand.client_pause(2_500))
    with pytest.raises(StoreUnavailableError, match="Redis timed out"):
        store_elsewhere.now()

    assert store_elsewhere.revision()[1] == 1
    assert Stored(1, "text") == store_elsewhere.read(SHOP)[0]


# Nobody there, or somebody else


@pytest.mark.parametrize("question", QUESTIONS)
def test_who_is_away_cannot_be_reached(question: str) -> None:
    sentinels = f"redis+sentinel://:{SECRET}@{HOST}:1,{HOST}:2/main?sentinel_password={SECRET}"
    cluster = f"redis+cluster://:{SECRET}@{HOST}:1,{HOST}:2"

    assert refusal(sentinels, QUESTIONS[question]) == NO_SENTINEL
    assert refusal(cluster, QUESTIONS[question]) == "Redis cannot be reached"


def test_a_service_that_no_sentinel_knows_is_told(sentinel_url: str) -> None:
    assert refusal(f"{sentinel_url}s") == NO_SENTINEL


def test_a_cluster_and_one_server_are_not_taken_for_each_other(cluster: Cluster, tmp_path: Path) -> None:
    owner = cluster.owner(Keys("default").revision)
    other = next(node for node in cluster.nodes if node is not owner)

    assert refusal(other.url, write) == "Redis is a Cluster: use redis+cluster://HOST:6379"
    with Node(tmp_path) as node:
        assert refusal(f"redis+cluster://{node.address}") == NO_CLUSTER


# Passwords


def test_sentinels_and_servers_have_passwords_of_their_own(tmp_path: Path) -> None:
    with Sentinels(tmp_path, replicas=0, sentinels=1, down_after_seconds=60) as servers:
        lock(servers.nodes[0])
        lock(servers.sentinels[0])
        url = servers.url.replace("://", f"://:{SECRET}@")

        assert refusal(f"{servers.url}?sentinel_password={SECRET}") == NOT_PERMITTED
        assert refusal(f"{url.replace(SECRET, 'wrong')}?sentinel_password={SECRET}") == NOT_PERMITTED
        assert refusal(url) == NO_SENTINEL
        assert refusal(f"{url}?sentinel_password=wrong") == NO_SENTINEL
        assert write(RedisStore(f"{url}?sentinel_username=default&sentinel_password={SECRET}")).revision == 1


@pytest.mark.slow
def test_a_cluster_has_one_password(tmp_path: Path) -> None:
    with Cluster(tmp_path, primaries=1) as servers:
        lock(servers.nodes[0])

        assert refusal(servers.url) == NOT_PERMITTED
        assert refusal(servers.url.replace("://", f"://:{SECRET}-@")) == NOT_PERMITTED
        assert write(RedisStore(servers.url.replace("://", f"://default:{SECRET}@"))).revision == 1


# TLS


def test_a_server_is_trusted_by_its_certificate_and_name(tls_url: str, tmp_path: Path) -> None:
    bare = tls_url.partition("?")[0]
    by_name = tls_url.replace(HOST, "localhost", 1)

    assert refusal(bare) == UNTRUSTED
    assert refusal(f"{bare}?ssl_ca_certs={make_certificate(tmp_path).certificate}") == UNTRUSTED
    assert refusal(by_name) == UNTRUSTED
    assert refusal(bare.replace("rediss", "redis")) == "Redis cannot be reached"
    for lax in (f"{by_name}&ssl_check_hostname=false", f"{bare}?ssl_cert_reqs=none"):
        RedisStore(lax).now()


def test_a_server_may_want_a_certificate_of_its_client(shared_tls: Certificate, tmp_path: Path) -> None:
    ours, front = make_certificate(tmp_path / "ours"), free_ports(1)[0]
    url = f"rediss://{HOST}:{front}?ssl_ca_certs={shared_tls.certificate}"
    context = shared_tls.context(clients=ours)
    with Node(tmp_path / "node") as node, tls_front(context, port=front, to_port=node.port):
        assert refusal(url) == "Redis cannot be reached"
        RedisStore(f"{url}&ssl_certfile={ours.certificate}&ssl_keyfile={ours.key}").now()


def test_sentinels_and_the_primary_are_asked_by_tls(shared_tls: Certificate, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other")
    to_sentinel, to_primary, also_to_sentinel = free_ports(3)
    url = f"rediss+sentinel://{HOST}:{to_sentinel}/{SERVICE}?ssl_ca_certs={shared_tls.certificate}"
    with ExitStack() as stack:
        servers = Sentinels(tmp_path, replicas=0, sentinels=1, watched_port=to_primary)
        node, sentinel = servers.nodes[0], servers.sentinels[0]
        # The Sentinel finds its primary behind a front, too.
        primary = tls_front(shared_tls.context(), port=to_primary, to_port=node.port, lets_plain_in=True)
        with primary:
            stack.enter_context(servers)
            stack.enter_context(tls_front(shared_tls.context(), port=to_sentinel, to_port=sentinel.port))
            stack.enter_context(tls_front(other.context(), port=also_to_sentinel, to_port=sentinel.port))

            assert refusal(url.replace(str(to_sentinel), str(also_to_sentinel))) == NO_SENTINEL
            assert write(RedisStore(url)).revision == 1
        with tls_front(other.context(), port=to_primary, to_port=node.port, lets_plain_in=True):
            assert refusal(url) == UNTRUSTED


@pytest.mark.slow
def test_a_cluster_is_asked_by_tls(shared_tls: Certificate, tmp_path: Path) -> None:
    other, front = make_certificate(tmp_path / "other"), free_ports(1)[0]
    url = f"rediss+cluster://{HOST}:{front}?ssl_ca_certs="
    with (
        Cluster(tmp_path, primaries=1, announced=lambda _: front) as servers,
        tls_front(shared_tls.context(), port=front, to_port=servers.nodes[0].port),
    ):
        assert refusal(f"{url}{other.certificate}") == UNTRUSTED
        assert write(RedisStore(f"{url}{shared_tls.certificate}")).revision == 1
