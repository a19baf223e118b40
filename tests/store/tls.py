"""TLS for servers that were built without it: certificates, and a front that ends TLS before a port."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tools.chaos.servers import HOST

_CLIENT_HELLO = b"\x16"


@dataclass(frozen=True)
class Certificate:
    """A certificate that vouches for itself, and its key, as files."""

    certificate: Path
    key: Path

    def context(self, *, clients: "Certificate | None" = None) -> ssl.SSLContext:
        """Give what a server needs; with `clients` it wants just these."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if clients:
            context.load_verify_locations(clients.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_certificate(folder: Path, *, host: str = HOST) -> Certificate:
    """Make one for an address or a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "server.crt", folder / "server.key")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@contextmanager
def tls_front(context: ssl.SSLContext, *, port: int, to_port: int, lets_plain_in: bool = False) -> Iterator[None]:
    """Listen on a port, and pass on to another what comes by TLS; with `lets_plain_in` also what comes without.

    A Sentinel that speaks no TLS can so watch a server that clients are to reach by TLS, on one port.
    """
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever)
    listener = socket.create_server((HOST, port))

    def serve(client: socket.socket, is_tls: bool) -> object:
        if not is_tls and not lets_plain_in:
            client.close()
            return None
        return asyncio.run_coroutine_threadsafe(_serve(client, context if is_tls else None, to_port), loop)

    accepting = threading.Thread(target=_accept, args=(listener, serve))
    running.start()
    accepting.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        running.join()
        loop.close()


def _accept(listener: socket.socket, serve: Callable[[socket.socket, bool], object]) -> None:
    served = []  # a loop alone does not keep its tasks alive
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        is_tls = client.recv(1, socket.MSG_PEEK) == _CLIENT_HELLO
        client.setblocking(False)
        served.append(serve(client, is_tls))


async def _serve(client: socket.socket, context: ssl.SSLContext | None, to_port: int) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    try:
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=context)
    except OSError:  # who asks does not trust us, or is not trusted
        client.close()
        return
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        with suppress(OSError):
            behind, ahead = await asyncio.open_connection(HOST, to_port)
            try:
                pumps = [asyncio.ensure_future(_pump(reader, ahead)), asyncio.ensure_future(_pump(behind, writer))]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
            finally:
                ahead.transport.abort()
    finally:
        transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
