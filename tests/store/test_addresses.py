"""What the URL of a store says, and what is said of one that is none."""

import traceback
from typing import Any

import pytest

from provider.store.addresses import Kind, read_address

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "kind", "is_tls"),
    [
        ("redis://h", Kind.ONE, False),
        ("rediss://h:1/2?ssl_cert_reqs=none", Kind.ONE, True),
        ("unix:///run/redis.sock?db=1", Kind.ONE, False),
        ("redis+sentinel://h/main", Kind.SENTINEL, False),
        ("rediss+sentinel://h/main", Kind.SENTINEL, True),
        ("redis+cluster://h", Kind.CLUSTER, False),
        ("rediss+cluster://h/0", Kind.CLUSTER, True),
    ],
)
def test_the_scheme_tells_what_is_there(url: str, kind: Kind, is_tls: bool) -> None:
    address = read_address(url)

    assert (kind, is_tls) == (address.kind, address.is_tls)


@pytest.mark.parametrize(
    ("hosts", "nodes"),
    [
        ("a", (("a", 26379),)),
        ("a:1,b.example,10.0.0.1:3", (("a", 1), ("b.example", 26379), ("10.0.0.1", 3))),
        ("[::1]:5,[fe80::1],a:6", (("::1", 5), ("fe80::1", 26379), ("a", 6))),
    ],
)
def test_several_hosts_are_read(hosts: str, nodes: tuple[tuple[str, int], ...]) -> None:
    assert read_address(f"redis+sentinel://{hosts}/main").nodes == nodes


def test_a_node_of_a_cluster_has_the_port_of_redis() -> None:
    assert read_address("redis+cluster://a").nodes == (("a", 6379),)


@pytest.mark.parametrize(
    ("login", "options"),
    [
        ("", {}),
        (f":{SECRET}@", {"password": SECRET}),
        (f"me:{SECRET}%40%2F%3F:@", {"username": "me", "password": f"{SECRET}@/?:"}),
        (f"me:{SECRET}@@", {"username": "me", "password": f"{SECRET}@"}),
    ],
)
@pytest.mark.parametrize(("database", "db"), [("", {}), ("/", {}), ("/3", {"db": 3})])
def test_login_and_database_are_the_servers(
    login: str, options: dict[str, Any], database: str, db: dict[str, int]
) -> None:
    address = read_address(f"redis+sentinel://{login}a,b/main{database}?sentinel_password=other&max_connections=9")

    assert address.service == "main"
    assert {**options, **db, "max_connections": 9} == address.server_options
    assert address.sentinel_login == {"password": "other"}


def test_tls_is_that_of_the_sentinels_too(tmp_path: Any) -> None:
    file = tmp_path / "ca.crt"
    file.touch()
    address = read_address(f"rediss+sentinel://a/main?ssl_ca_certs={file}&ssl_check_hostname=false")

    assert {"ssl": True, "ssl_ca_certs": str(file), "ssl_check_hostname": False} == address.tls
    assert address.server_options == {}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "redis://HOST:6379/0"),
        ("http://:s3cret@host", "redis://HOST:6379/0"),
        ("redis+unix:///s3cret", "redis://HOST:6379/0"),
        ("redis+://:s3cret@h", "redis://HOST:6379/0"),
        ("redis://:s3cret@host:port", "redis://HOST:6379/0"),
        ("redis://:s3cret/@host", "redis://HOST:6379/0"),
        ("redis+sentinel://:s3cret/@host/main", "%2F"),
        ("redis+sentinel://:s3cret@host", "the name of the service is missing"),
        ("redis+sentinel://:s3cret@host/main/one", "a database after it is a number"),
        ("redis+sentinel://:s3cret@a,,b/main", "each host is a name or an address"),
        ("redis+sentinel://:s3cret@/main", "each host is a name or an address"),
        ("redis+sentinel://:s3cret@a:70000/main", "each host is a name or an address"),
        ("redis+sentinel://:s3cret@::1/main", "each host is a name or an address"),
        ("redis+sentinel://a/main?sentinel_pasword=s3cret", "sentinel_password"),
        ("redis+sentinel://a/main?max_connections=s3cret", "redis+sentinel://HOST"),
        ("redis+cluster://:s3cret@a/1", "no databases"),
        ("redis+cluster://:s3cret@a?db=1", "with options out of username"),
        ("redis+cluster://a?sentinel_password=s3cret", "with options out of username"),
        ("redis://a?password=s3cret&ssl_cert_reqs=none", "need rediss"),
        ("rediss://a?password=s3cret&ssl_cert_reqs=maybe", "required, optional or none"),
        ("rediss://a?ssl_keyfile=/nowhere/s3cret", "a file that is there as ssl_keyfile"),
    ],
)
def test_a_url_that_is_none_is_told_what_would_be_right(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_address(url)

    assert words in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@h/abc",
        f"redis://:{SECRET}@h:6379/-1",
        f"redis://:{SECRET}@h/1.5",
        f"rediss://:{SECRET}@h/0/1",
        f"redis://:{SECRET}@h/0x1",
        f"redis://:{SECRET}@h//1",
        f"redis://:{SECRET}@h?db=one",
        f"redis://:{SECRET}@h?db=-1",
        f"unix://:{SECRET}@",
        f"unix://:{SECRET}@/",
        f"unix://:{SECRET}@run/redis.sock",
        "unix:///run/redis.sock?db=x",
    ],
)
def test_a_database_or_a_path_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"database|db is|socket|redis://HOST") as caught:
        read_address(url)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://h/", "redis://h/15", "unix:///run/redis.sock", "redis://h?db=3"]
)
def test_a_database_that_is_a_number_is_taken(url: str) -> None:
    assert Kind.ONE is read_address(url).kind
