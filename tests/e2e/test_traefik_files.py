"""Around the real Traefik: TLS to the servers of a side, its API behind a password, the pages below a path of it."""

import hashlib
import re
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from provider.demo.processes import Processes
from tests.e2e.harness import HOST, Stack, eventually, started

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
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the whole system, with a directory of secrets."""
    directory = tmp_path_factory.mktemp("stack")
    (directory / "secrets").mkdir()
    with Processes(directory) as processes:
        environment = {"CANARY_WORKERS": "1", "CANARY_SECRETS_DIR": str(directory / "secrets")}
        yield started(directory, processes, services={}, **environment)


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


def test_traefik_reaches_a_side_by_its_transport_only(secured: Stack, authority: Path, backend: str) -> None:
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

    assert [_status(secured, backend, transport) for transport in (right, inline, unverified)] == [200, 200, 200]
    assert {200}.isdisjoint({_status(secured, backend, transport) for transport in wrong})


def _status(stack: Stack, backend: str, transport: Mapping[str, Any] | None) -> int:
    """Apply a rollout with this transport and tell how Traefik answers once it has it."""
    stable = {"servers": [{"url": backend}], **({"serversTransport": transport} if transport else {})}
    document = {"spec": {"rule": f"Host(`{SITE}`)", "entryPoints": ["web"], "stable": stable}}
    stack.done("PUT", "/rollouts/secure", document)
    stack.wait_applied(name="secure")
    status: int = eventually(lambda: stack.get(Host=SITE).status_code, what="Traefik answers")
    return status


def test_an_api_behind_a_password_and_a_private_ca_is_read(secured: Stack) -> None:
    secrets, password = secured.directory / "secrets", "s3cret-of-the-edge"
    _publish_api(secured, user="ann", password=password)
    (secrets / "edge-password").write_text(f"ann:{password}\n")
    (secrets / "edge-ca").write_text((secured.traefik_directory / "default.crt").read_text())
    url = f"https://localhost:{secured.websecure_port}"

    assert "credentials" in _detail(secured, api=url, ca="edge-ca")
    assert "certificate" in _detail(secured, api=url, basicAuth="edge-password")
    assert "is not Traefik's API" in _detail(secured, api=f"http://{HOST}:{secured.web_port}")
    assert "is not Traefik's API" in _detail(secured, api=f"http://{HOST}:{secured.api_port}/dashboard")
    secured.done("PUT", "/gateways/edge", {"spec": {"api": url, "basicAuth": "edge-password", "ca": "edge-ca"}})
    assert secured.wait_applied()
    assert password not in secured.call("GET", "/gateways").text
    assert password not in secured.log()


def test_the_pages_are_served_below_a_path(secured: Stack) -> None:
    router = {
        "rule": "PathPrefix(`/tools/canary`)",
        "entryPoints": ["web"],
        "service": "pages",
        "middlewares": ["path"],
    }
    secured.define_in_files(
        {"pages": {"loadBalancer": {"servers": [{"url": f"http://{HOST}:{secured.provider_port}"}]}}},
        routers={"pages": router},
        middlewares={"path": {"stripPrefix": {"prefixes": ["/tools/canary"]}}},
    )
    root = f"http://{HOST}:{secured.web_port}/tools/canary"
    with requests.Session() as browser:
        browser.trust_env = False
        eventually(lambda: browser.get(f"{root}/livez").ok, what="Traefik serves the pages")
        link = secured.done("POST", "/sign-in-links", {})["path"]
        csrf = re.findall('name="csrf" value="([^"]+)"', browser.get(f"{root}{link}").text)[0]
        signed_in = browser.post(f"{root}{link}", data={"csrf": csrf}, allow_redirects=False)
        fleet = browser.get(f"{root}/")

    assert signed_in.headers["Location"] == "/tools/canary/"
    assert [cookie.path for cookie in browser.cookies] == ["/tools/canary"]
    assert (200, f"{root}/") == (fleet.status_code, fleet.url)
    assert 'href="/tools/canary/rollouts/shop"' in fleet.text
    assert not re.findall(r'(?:href|action|src|hx-get)="/(?!tools/canary/)[^"]*"', fleet.text)


def _detail(stack: Stack, **spec: str) -> str:
    """Write down where the gateway can be asked, and give what a wait for it says in the end."""
    stack.done("PUT", "/gateways/edge", {"spec": spec})
    answer = stack.call("GET", "/rollouts/shop/wait?for=applied&timeout=1")
    assert answer.status_code == 504, answer.text
    detail: str = answer.json()["detail"]
    return detail


def _publish_api(stack: Stack, *, user: str, password: str) -> None:
    """Have Traefik serve its API by TLS behind a password."""
    digest = b64encode(hashlib.sha1(password.encode()).digest()).decode()  # noqa: S324 a format of htpasswd
    router = {
        "rule": "PathPrefix(`/api`)",
        "entryPoints": ["websecure"],
        "service": "api@internal",
        "middlewares": ["password"],
        "tls": {},
    }
    middlewares = {"password": {"basicAuth": {"users": [f"{user}:{{SHA}}{digest}"]}}}
    stack.define_in_files({}, routers={"api": router}, middlewares=middlewares)
    url, ca = f"https://localhost:{stack.websecure_port}/api/version", str(stack.traefik_directory / "default.crt")
    eventually(lambda: stack.session.get(url, verify=ca).status_code == 401, what="the API has a password")
