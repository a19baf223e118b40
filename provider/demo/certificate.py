"""The default certificate of a gateway: ECDSA, so that Traefik makes no RSA key of its own at every change."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VALID_DAYS = 825
CERTIFICATE, KEY = "default.crt", "default.key"


def write_certificate(directory: Path, *, hosts: Sequence[str] = ("localhost",)) -> bool:
    """Write `default.crt` and `default.key`; False where both are there already, which are kept.

    Needs the package cryptography, which comes with the extra `certificate`.
    """
    from cryptography import x509  # noqa: PLC0415 only this needs it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    certificate_file, key_file = directory / CERTIFICATE, directory / KEY
    if certificate_file.exists() and key_file.exists():
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key_file, pem, mode=0o600)
    _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return True


def _write(path: Path, content: bytes, *, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
