import socket
from collections.abc import Iterator

import pytest

from tools.benchmarks.wire import Answer, Connection, WireError, request


@pytest.fixture
def peer() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with Connection(host, port) as connection, server.accept()[0] as accepted:
            yield connection, accepted


def test_a_request_has_the_length_of_its_body_in_bytes() -> None:
    written = request("PUT", "/weight", headers={"Host": "shop"}, body='{"reason":"ü"}')

    assert (
        written
        == b"PUT /weight HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
        b'{"reason":"\xc3\xbc"}'
    )


def test_a_request_without_a_body_ends_with_its_headers() -> None:
    assert request("GET", "/", headers={"Host": "shop"}) == b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


def test_an_answer_may_come_in_pieces(peer: tuple[Connection, socket.socket]) -> None:
    connection, server = peer
    for piece in (b"HTTP/1.1 503 Service Un", b"available\r\nX: y\r\ncontent-length: 3\r\n\r\nv"):
        server.sendall(piece)
        assert connection.receive() is None
    server.sendall(b"1\n")

    assert Answer(503, b"v1\n") == connection.receive()


def test_the_next_answer_begins_anew(peer: tuple[Connection, socket.socket]) -> None:
    connection, server = peer
    for body in (b"v1", b"v2"):
        server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)

        assert Answer(200, body) == connection.ask(b"GET / HTTP/1.1\r\n\r\n")


def test_an_answer_that_breaks_off_is_an_error(peer: tuple[Connection, socket.socket]) -> None:
    connection, server = peer
    server.close()

    with pytest.raises(WireError, match="closed"):
        connection.receive()


def test_an_answer_of_unknown_length_is_an_error(peer: tuple[Connection, socket.socket]) -> None:
    connection, server = peer
    server.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    with pytest.raises(WireError, match="Content-Length"):
        connection.receive()
