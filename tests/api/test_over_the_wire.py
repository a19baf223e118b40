"""What is refused before or while a request is read, by the real server."""

import http.client
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from provider.demo.processes import Processes
from provider.server.connection_limits import MOST_OF_ONE
from tests.e2e.harness import HOST, Stack, eventually

MIB = 1024 * 1024
WEIGHT = "PUT /api/v1/rollouts/shop/weight HTTP/1.1"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("wire")
    with Processes(folder) as processes:
        stack = Stack(folder, processes)
        stack.start_provider(CANARY_POLLS_NEED_TOKEN="true", CANARY_WORKERS="1")
        eventually(lambda: stack.call("GET", "/rollouts").ok, what="the first admin is there")
        yield stack


def answer_to(stack: Stack, parts: Iterable[bytes]) -> tuple[int, str]:
    """Send raw bytes as far as they are taken; the status and all of the answer."""
    answer = b"HTTP/1.1 0 "
    # A server that has heard enough may reset the connection, and its answer with it.
    with (
        suppress(ConnectionError),
        socket.create_connection((HOST, stack.provider_port), timeout=20) as connection,
    ):
        for part in parts:
            connection.sendall(part)
        answer = b""
        while block := connection.recv(65_536):
            answer += block
    text = answer.decode(errors="replace")
    return int(text.split(" ", 2)[1]), text


def head(stack: Stack, line: str, *headers: str) -> bytes:
    fields = (f"Authorization: Bearer {stack.token}", "Content-Type: application/json", "Connection: close")
    return "\r\n".join((line, f"Host: {HOST}", *fields, *headers, "", "")).encode()


def test_a_body_in_chunks_is_no_longer_than_any_other(provider: Stack) -> None:
    # All that is within the limit would be right by itself.
    body = [b'c\r\n{"weight": 5\r\n', b"1\r\n}\r\n", *[b"10000\r\n" + b" " * 65_536 + b"\r\n"] * 16]
    end = [b"4\r\nmore\r\n", b"0\r\n\r\n"]
    status, text = answer_to(provider, [head(provider, WEIGHT, "Transfer-Encoding: chunked"), *body, *end])

    assert status in {413, 0}, text


def test_a_body_in_chunks_that_is_right_is_taken(provider: Stack) -> None:
    provider.call("DELETE", "/rollouts/shop?allowShrink=true")
    body = b'9\r\n{"weight"\r\n4\r\n: 5}\r\n0\r\n\r\n'
    status, _ = answer_to(provider, [head(provider, WEIGHT, "Transfer-Encoding: chunked"), body])

    assert status == 404  # it was read, and there is no such rollout


def test_a_body_that_is_announced_too_long_is_not_waited_for(provider: Stack) -> None:
    assert answer_to(provider, [head(provider, WEIGHT, f"Content-Length: {100 * MIB}")])[0] == 413


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("GET /api/v1/rollouts?" + "limit=1&" * 1_000 + " HTTP/1.1", []),
        ("GET /" + "a" * 5_000 + " HTTP/1.1", []),
        ("GET /livez HTTP/1.1", [f"X-{number}: 1" for number in range(200)]),
        ("GET /livez HTTP/1.1", ["X-Long: " + "a" * 10_000]),
        ("GET /livez HTTP/1.1", ["X-No-Colon"]),
        (WEIGHT, ["Content-Length: 5", "Transfer-Encoding: chunked"]),
        (WEIGHT, ["Content-Length: 5", "Content-Length: 6"]),
        (WEIGHT, ["Content-Length: -1"]),
    ],
    ids=[
        "parameters",
        "path",
        "many headers",
        "a long header",
        "no header",
        "two framings",
        "two lengths",
        "negative",
    ],
)
def test_a_request_that_is_too_much_or_two_at_once_is_refused(provider: Stack, line: str, headers: list[str]) -> None:
    status, text = answer_to(provider, [head(provider, line, *headers), b"GET /smuggled HTTP/1.1\r\n\r\n"])

    assert 400 <= status < 500
    assert "Content-Type: application/problem+json" in text
    assert '"type": "urn:traefik-canary:' in text
    assert provider.token not in text
    assert text.count("HTTP/1.1 ") == 1  # what follows is not answered as a request of its own


def test_a_document_that_is_deep_or_has_huge_numbers_is_refused(provider: Stack) -> None:
    for body in (b'{"weight":' * 100_000, b'{"weight":' + b"9" * 100_000 + b"}", b'{"weight": 1e999999999}'):
        status, _ = answer_to(provider, [head(provider, WEIGHT, f"Content-Length: {len(body)}"), body])

        assert status in {400, 422}


@pytest.mark.parametrize("header", ["SCRIPT_NAME: /x", "SCRIPT-NAME: /x"])
def test_a_client_of_a_proxy_on_this_host_cannot_hide_a_path_from_its_rules(provider: Stack, header: str) -> None:
    status, text = answer_to(provider, [head(provider, "GET /x/traefik/config HTTP/1.1", header)])

    assert status in {400, 404}, text


def test_two_slashes_are_not_redirected_to_a_host_of_the_callers(provider: Stack) -> None:
    status, text = answer_to(provider, [head(provider, "GET /api/v1//rollouts HTTP/1.1")])

    assert (status, "ocation:" in text) == (404, False)


def test_idle_connections_of_one_client_make_room_and_a_gateway_stays_connected(provider: Stack) -> None:
    token = provider.done("POST", "/tokens", {"name": "polling", "role": "gateway"})["token"]
    with ExitStack() as stack:
        gateway = stack.enter_context(closing(http.client.HTTPConnection(HOST, provider.provider_port, timeout=20)))
        statuses = [_polled(gateway, token)]
        local = gateway.sock.getsockname()
        idle = [
            stack.enter_context(socket.create_connection((HOST, provider.provider_port), timeout=20))
            for _ in range(MOST_OF_ONE + 10)
        ]
        idle[0].settimeout(20)

        assert idle[0].recv(1) == b""
        assert provider.call("GET", "/rollouts").ok
        statuses.append(_polled(gateway, token))
        assert statuses == [200, 200]
        assert gateway.sock.getsockname() == local


def _polled(gateway: http.client.HTTPConnection, token: str) -> int:
    gateway.request("GET", "/traefik/config", headers={"Authorization": f"Bearer {token}"})
    response = gateway.getresponse()
    response.read()
    return response.status
