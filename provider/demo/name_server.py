"""A name server of one's own: names whose addresses change when somebody says so."""

import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from provider.demo.parts import free_port

_LARGEST_DATAGRAM_BYTES = 512
_LOOK_SECONDS = 0.05


class NameServer:
    """Answers for the names that it was told, over UDP and TCP, while in its context.

    `asked` counts the questions by name and type.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._records: dict[tuple[str, str], tuple[int, Sequence[str]]] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        port = free_port(host)
        self.address = f"{host}:{port}"
        self._servers = (_Datagrams((host, port), self), _Streams((host, port), self))

    def __enter__(self) -> Self:
        """Begin to answer."""
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answer no more."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def say(self, name: str, kind: str, records: Sequence[str], *, ttl: int = 1) -> None:
        """Have a name lead there from now on: to addresses, to `PRIORITY WEIGHT PORT TARGET` for SRV, or nowhere."""
        self._records[name.rstrip(".").lower(), kind] = (ttl, records)

    def answer(self, wire: bytes) -> dns.message.Message:
        """Answer one question."""
        query = dns.message.from_wire(wire)
        answer = dns.message.make_response(query)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        ttl, records = self._records.get((name, kind), (0, ()))
        if records:
            answer.answer.append(dns.rrset.from_text_list(question.name, ttl, "IN", kind, records))
        elif not any(known == name and found for (known, _), (_, found) in self._records.items()):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


class _Datagrams(socketserver.ThreadingUDPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], names: NameServer) -> None:
        self.names = names
        super().__init__(address, _Datagram)


class _Datagram(socketserver.BaseRequestHandler):
    server: _Datagrams

    def handle(self) -> None:
        wire, socket = self.request
        answer = self.server.names.answer(wire)
        sent = answer.to_wire()
        if len(sent) > _LARGEST_DATAGRAM_BYTES:
            # Who asked asks again over TCP.
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            sent = answer.to_wire()
        socket.sendto(sent, self.client_address)


class _Streams(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], names: NameServer) -> None:
        self.names = names
        super().__init__(address, _Stream)


class _Stream(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        (length,) = struct.unpack("!H", self.rfile.read(2))
        sent = self.server.names.answer(self.rfile.read(length)).to_wire()
        self.wfile.write(struct.pack("!H", len(sent)) + sent)
