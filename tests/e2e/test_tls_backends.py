"""Servers of a side that speak TLS, with a CA of their own and client certificates, behind the real Traefik."""

import ssl
import subprocess
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.e2e.harness import HOST, Stack, eventually

pytestmark = pytest.mark.traefik

SITE, NAME = "secure.localhost", "shop.internal"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        words = b"v1\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 as the base class names it
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that do not trust the certificate, or have none."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory with a CA, and certificates of a server and of a client that it has signed."""
    directory = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    def key_of(name: str) -> tuple[str, ...]:
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"

    openssl("req", "-x509", *key_of("ca"), "-out", "ca.crt", "-subj", "/CN=test CA", "-days", "2")
    for name, subject in (("server", NAME), ("client", "traefik")):
        openssl("req", *key_of(name), "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        (directory / f"{name}.ext").write_text(f"subjectAltName=DNS:{subject}")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", "2", "-out", f"{name}.crt", "-extfile", f"{name}.ext"),
        )
    return directory


@pytest.fixture(scope="module")
def backend(authority: Path) -> Iterator[str]:
    """Start a server that insists on a client certificate, and give its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
    context.load_verify_locations(authority / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    with _Server((HOST, 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://{HOST}:{server.server_port}"
        server.shutdown()


def test_traefik_reaches_a_side_by_its_transport_only(shared_stack: Stack, authority: Path, backend: str) -> None:
    client = {"certFile": str(authority / "client.crt"), "keyFile": str(authority / "client.key")}
    right = {"rootCAs": [str(authority / "ca.crt")], "serverName": NAME, "certificates": [client]}
    inline = {**right, "rootCAs": [(authority / "ca.crt").read_text()]}
    unverified = {"insecureSkipVerify": True, "certificates": [client]}
    wrong = (
        None,
        {**right, "serverName": "other.internal"},
        {"insecureSkipVerify": True},
        {name: value for name, value in right.items() if name != "rootCAs"},
    )

    assert [200, 200, 200] == [_status(shared_stack, backend, transport) for transport in (right, inline, unverified)]
    assert {200}.isdisjoint({_status(shared_stack, backend, transport) for transport in wrong})


def _status(stack: Stack, backend: str, transport: Mapping[str, Any] | None) -> int:
    """Apply a rollout with this transport and tell how Traefik answers once it has it."""
    stable = {"servers": [{"url": backend}], **({"serversTransport": transport} if transport else {})}
    document = {"spec": {"rule": f"Host(`{SITE}`)", "entryPoints": ["web"], "stable": stable}}
    stack.done("PUT", "/rollouts/secure", document)
    stack.wait_applied(name="secure")
    status: int = eventually(lambda: stack.get(Host=SITE).status_code, what="Traefik answers")
    return status
