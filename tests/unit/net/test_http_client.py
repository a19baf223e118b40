"""Calls to servers that never come to an end."""

import gzip
import subprocess
import sys
import threading

import pytest

from provider.net.http_client import Source, SourceError, asked
from provider.net.ssrf_guard import new_session
from tests.drip import HEAD, dripping_server
from tests.unit.sources.sources import Told, running_server

# The wait for each byte is far longer than the pauses of the server.
SOURCE = Source("it", timeout_seconds=30, deadline_seconds=0.5, size=1_000_000)
DRIPS = [
    pytest.param(HEAD, b"X", id="a header line"),
    pytest.param(HEAD, b"X: y\r\n", id="header lines"),
    pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="informational responses"),
    pytest.param(HEAD + b"Content-Length: 1000\r\n\r\n", b" ", id="a body with a length"),
    pytest.param(HEAD + b"\r\n", b" ", id="a body without a length"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunks"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", id="the size of a chunk"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", id="trailers"),
]


def read(url: str, source: Source = SOURCE) -> bytes:
    with new_session() as session, asked(session, "GET", url, source=source) as reply:
        return reply.body()


@pytest.mark.parametrize(("begin", "again"), DRIPS)
def test_a_deadline_holds_for_whatever_drips(begin: bytes, again: bytes) -> None:
    with (
        dripping_server(begin, again) as url,
        pytest.raises(SourceError, match=r"^it does not answer (all )?within 0\.5 s$"),
    ):
        read(url)


def test_a_deadline_holds_on_a_connection_that_was_kept() -> None:
    ok = HEAD + b"Content-Length: 2\r\n\r\n{}"
    with dripping_server(HEAD, b"X: y\r\n", first=ok) as url, new_session() as session:
        with asked(session, "GET", url, source=SOURCE) as reply:
            first = reply.body()
        with (
            pytest.raises(SourceError, match=r"^it does not answer within 0\.5 s$"),
            asked(session, "GET", url, source=SOURCE) as reply,
        ):
            reply.body()

    assert first == b"{}"


def test_a_deadline_holds_for_a_tls_handshake() -> None:
    begin_of_a_record = b"\x16\x03\x03\x40\x00"
    with (
        dripping_server(begin_of_a_record, b"\x02") as url,
        pytest.raises(SourceError, match=r"^it does not answer within 0\.5 s$"),
    ):
        read(url.replace("http:", "https:"))


def test_a_deadline_holds_under_gevent() -> None:
    script = """if True:
        from gevent import monkey
        monkey.patch_all()
        from tests.unit.net.test_http_client import HEAD, SourceError, dripping_server, read
        with dripping_server(HEAD, b"X: y\\r\\n") as url:
            try:
                read(url)
            except SourceError as error:
                print(error)
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100)

    assert done.stdout == "it does not answer within 0.5 s\n"


def test_a_deadline_holds_for_each_of_several_threads() -> None:
    failures: list[str] = []

    def ask(url: str) -> None:
        with pytest.raises(SourceError) as caught:
            read(url)
        failures.append(str(caught.value))

    with dripping_server(HEAD, b"X: y\r\n") as url:
        threads = [threading.Thread(target=ask, args=(url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert failures == ["it does not answer within 0.5 s"] * 4


def test_an_endless_body_is_read_up_to_the_size_that_is_borne() -> None:
    source = Source("it", timeout_seconds=30, deadline_seconds=60, size=1_000_000)
    with (
        dripping_server(HEAD + b"\r\n", b" " * 100_000, pause_seconds=0) as url,
        pytest.raises(SourceError, match=r"^it answers more than 1,000,000 bytes$"),
    ):
        read(url, source)


def test_the_size_is_that_of_the_unpacked_body() -> None:
    source = Source("it", timeout_seconds=30, deadline_seconds=60, size=1_000_000)
    with running_server() as server:
        server.answers["/"] = Told(gzip.compress(b" " * 100_000_000), headers={"Content-Encoding": "gzip"})
        with pytest.raises(SourceError, match=r"^it answers more than 1,000,000 bytes$"):
            read(f"{server.url}/", source)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_of_the_environment_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", "http://ann:s3cret@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(SourceError) as refused:
        read(f"{scheme}://shop.invalid/")

    assert "by the proxy 127.0.0.1:1 of HTTP_PROXY" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_proxy_that_is_not_used_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    with pytest.raises(SourceError, match=r"does not answer: connection refused$"):
        read("http://127.0.0.1:1/")
