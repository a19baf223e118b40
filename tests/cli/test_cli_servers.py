"""What keeps a server from starting is one clear line; and the certificate."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography import x509

from provider.demo.parts import free_port
from tests.cli.conftest import Run
from tests.e2e.harness import eventually


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def provider(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, with no settings but these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
    return subprocess.run(
        [sys.executable, "-m", "provider", *arguments],
        capture_output=True,
        text=True,
        env={**inherited, **environment},
        timeout=30,
        check=False,
    )


def test_a_busy_port_keeps_the_provider_from_starting(busy_port: int, tmp_path: Path) -> None:
    refused = provider("serve", "--bind", f"127.0.0.1:{busy_port}", "--data-dir", str(tmp_path / "data"))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert (
        f"traefik-canary: cannot listen on 127.0.0.1:{busy_port}: Address already in use; "
        "choose another address with --bind or CANARY_BIND\n" == refused.stderr
    )
    assert not (tmp_path / "data").exists()


@pytest.fixture
def demo_ports() -> list[str]:
    """Give the options that have the demonstration listen where nobody else does."""
    options = ("--port", "--web-port", "--websecure-port", "--api-port", "--stable-port", "--canary-port")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in options]
        ports = [str(server.getsockname()[1]) for server in servers]
    return [part for pair in zip(options, ports, strict=True) for part in pair]


@pytest.mark.parametrize("option", ["--canary-port"])
def test_a_busy_port_keeps_the_demonstration_from_starting(
    offline: Run, demo_ports: list[str], busy_port: int, option: str
) -> None:
    refused = offline("demo", *demo_ports, option, str(busy_port))

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"traefik-canary: port {busy_port} on 127.0.0.1, wanted for " in refused.stderr
    assert f"choose another one with {option}\n" in refused.stderr


def test_a_demonstration_uses_no_port_twice(offline: Run) -> None:
    refused = offline("demo", "--port", "9001")

    assert refused.exit_code == 2
    assert "--port and --stable-port both use port 9001" in refused.stderr


@pytest.mark.parametrize(
    ("command", "variables", "words"),
    [
        (["serve", "--bind", "8080"], {}, "bind (CANARY_BIND) must be HOST:PORT such as 127.0.0.1:8080, not 8080"),
        (["serve"], {"CANARY_BIND": "[::1"}, "bind (CANARY_BIND) must be HOST:PORT such as 127.0.0.1:8080, not [::1"),
        (["serve", "--workers", "0"], {}, "workers (CANARY_WORKERS) must be from 1 to 64, not 0"),
        (["serve"], {"CANARY_WORKERS": "two"}, "CANARY_WORKERS must be a whole number, not two"),
        (["serve", "--namespace", "{a}"], {}, "namespace (CANARY_NAMESPACE) must be lowercase letters"),
        (["serve"], {"CANARY_CONTROLLER": "maybe"}, "CANARY_CONTROLLER must be true or false, not maybe"),
        (["serve"], {"CANARY_ADMIN_TOKEN": "hunter2"}, "CANARY_ADMIN_TOKEN must be 20 or more printable characters"),
        (
            ["serve", "--redis-url", "cache:6379"],
            {},
            "redis-url (CANARY_REDIS_URL) must be redis://HOST:6379/0, redis",
        ),
        (["controller", "--namespace", "{a}"], {}, "namespace (CANARY_NAMESPACE) must be lowercase letters"),
        (
            ["controller"],
            {"CANARY_REDIS_URL": "http://me:hunter2@a"},
            "redis-url (CANARY_REDIS_URL) must be redis://",
        ),
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_is_named(
    offline: Run, command: list[str], variables: dict[str, str | None], words: str
) -> None:
    refused = offline(*command, environment=variables)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"traefik-canary: {words}")
    assert refused.stderr.count("\n") == 1
    assert "hunter2" not in refused.stderr


@pytest.mark.parametrize("option", ["--bind", "--workers", "--namespace"])
def test_an_option_goes_before_the_environment(offline: Run, option: str) -> None:
    variable = f"CANARY_{option[2:].upper()}"
    refused = offline("serve", option, "-1", environment={variable: "1"})

    assert refused.exit_code == 1
    assert variable in refused.stderr
    assert "-1" in refused.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["serve", "--workers", "two"], "'two' is not a valid integer"),
        (["serve", "--log-format", "xml"], "'xml' is not one of 'text', 'json'"),
        (["serve", "now"], "Got unexpected extra argument (now)"),
        (["demo", "--port", "0"], "0 is not in the range 1<=x<=65535"),
        (["certificate"], "Missing argument 'DIRECTORY'"),
    ],
)
def test_wrong_usage_starts_nothing(offline: Run, command: list[str], words: str) -> None:
    refused = offline(*command)

    assert refused.exit_code == 2
    assert words in refused.stderr


def test_a_data_directory_that_cannot_be_made_is_named(offline: Run, demo_ports: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = str(tmp_path / "file" / "data")
    served = provider("serve", "--bind", f"127.0.0.1:{demo_ports[1]}", "--data-dir", directory)
    shown = offline("demo", *demo_ports, "--data-dir", directory)

    assert (served.returncode, shown.exit_code) == (1, 1)
    for said in (served.stderr, shown.stderr):
        assert "Not a directory" in said
        assert directory in said
        assert said.count("\n") == 1


def test_a_certificate_is_written_for_the_names_that_are_asked_for_and_kept(offline: Run, tmp_path: Path) -> None:
    first = offline("certificate", str(tmp_path / "new"), "--host", "a.example", "--host", "*.b.example")
    content = (tmp_path / "new" / "default.crt").read_bytes()
    second = offline("certificate", str(tmp_path / "new"), "--host", "c.example")
    certificate = x509.load_pem_x509_certificate(content)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert (0, f"created default.crt and default.key in {tmp_path / 'new'}\n") == (first.exit_code, first.stdout)
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "*.b.example"]
    assert (tmp_path / "new" / "default.key").stat().st_mode & 0o777 == 0o600
    assert f"kept existing default.crt and default.key in {tmp_path / 'new'}\n" == second.stdout
    assert (tmp_path / "new" / "default.crt").read_bytes() == content


@pytest.mark.parametrize("host", ["größe.example", "", "x" * 65])
def test_a_name_that_no_certificate_can_have_is_refused(offline: Run, tmp_path: Path, host: str) -> None:
    refused = offline("certificate", str(tmp_path / "new"), "--host", host)

    assert refused.exit_code == 1
    assert f"traefik-canary: cannot create a certificate for {host!r}: " in refused.stderr
    assert not (tmp_path / "new").exists()


def test_a_directory_that_cannot_be_written_is_named(offline: Run, tmp_path: Path) -> None:
    (tmp_path / "default.crt").mkdir()
    refused = offline("certificate", str(tmp_path))

    assert refused.exit_code == 1
    assert f"traefik-canary: cannot write to {tmp_path}: Is a directory\n" == refused.stderr


def test_a_controller_alone_serves_its_metrics(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "provider", "controller", "--metrics", address]
    with subprocess.Popen([*command, "--redis-url", "redis://127.0.0.1:1", "--data-dir", str(tmp_path)]) as process:
        try:
            text = eventually(lambda: _page(f"http://{address}/metrics"), what="it serves its metrics")
        finally:
            process.terminate()

    assert "canary_loop_last_iteration_timestamp_seconds" in text
    assert not list(tmp_path.iterdir())


def _page(url: str) -> str:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(url, timeout=5).text
    return ""


def test_metrics_of_a_controller_need_an_address(tmp_path: Path) -> None:
    refused = provider("controller", "--metrics", "9100", "--data-dir", str(tmp_path))

    assert refused.returncode == 1
    assert "--metrics must be HOST:PORT such as 127.0.0.1:8080, not 9100" in refused.stderr
