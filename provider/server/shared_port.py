"""Several providers on one port: how one comes and goes without a request that is lost.

With SO_REUSEPORT Linux gives each new connection to one of the sockets that listen there, and each has a queue of its
own: what waits in it when the socket is closed is reset.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Any

from gunicorn.sock import BaseSocket

# linux/filter.h, asm-generic/socket.h: Python has no names for these.
_SO_ATTACH_FILTER = 26
# Of the TCP header's flags (byte 13) keep SYN and ACK. SYN alone is a new connection: drop it, and nothing else.
_DROP_NEW = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
# A handshake that has begun takes one more round trip. A worker goes on for so long, as it may be told to end by the
# same signal as the arbiter, which systemd sends to all processes at once, before that has called `let_pass_by`.
HANDSHAKE_SECONDS = 0.2


class SharedSocket(BaseSocket):  # type: ignore[misc]  # gunicorn has no types
    """A socket that gets no connections before a worker lets it listen, as only then can they be answered.

    gunicorn's own `reuse_port` gives each worker one that listens before the worker has loaded.
    """

    def __init__(self, address: tuple[str, int], conf: Any, log: Any) -> None:
        self.FAMILY = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, conf, log)

    def set_options(self, sock: socket.socket, bound: bool = False) -> socket.socket:  # noqa: ARG002 its shape
        """Bind, and do not listen."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.bind(sock)
        sock.setblocking(False)
        sock.set_inheritable(True)
        return sock


def let_pass_by(sockets: Iterable[Any]) -> None:
    """Take no new connections on sockets that are about to be closed; those that have begun are completed.

    A packet that opens one is dropped: its sender's system sends it again after a second, and it comes to another
    provider. Without this, whoever connects between the last look into the queue and the close is reset.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_NEW))
    for one in sockets:
        one.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_DROP_NEW), ctypes.addressof(program))
        )
