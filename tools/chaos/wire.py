"""A TCP proxy that can be cut, be slow, or lose packets; and that finds another server when one is gone."""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
_CHUNK = 65_536
_CONNECT_SECONDS = 2.0
# What Linux waits before it sends again what was lost, at least: 200 ms for data, 1 s for a connection; then twice as
# long each time. So often at most, as nobody here waits for longer.
_AGAIN_SECONDS, _CONNECT_AGAIN_SECONDS, _MOST_LOSSES = 0.2, 1.0, 5


@dataclass(frozen=True)
class Weather:
    """What becomes of what is sent: each piece comes so much later, and is lost with a probability."""

    delay_seconds: float = 0.0
    loss: float = 0.0
    is_cut: bool = False


class Wire:
    """Listens on `port`, and connects to the first of `targets` that accepts, staying with it while it does.

    No byte is ever missing, as TCP does not lose any: of a lost packet an application sees that it comes later, after
    one or more times of waiting for the repetition. That is what is done here, for each piece that is read. When the
    wire is cut its connections are ended, and new ones refused.
    """

    def __init__(self, *targets: int, seed: int = 0) -> None:
        self._targets: Sequence[int] = targets
        self._random = random.Random(seed)  # noqa: S311 a game, no secret
        self._weather = Weather()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self.port = self._listen()

    @contextmanager
    def under(self, weather: Weather) -> Iterator[None]:
        """Have other weather for a while."""
        self._weather = weather
        if weather.is_cut:
            self._hang_up()
        try:
            yield
        finally:
            if weather.is_cut:
                self._listen()
            self._weather = Weather()

    def __enter__(self) -> Self:
        """It listens from the first."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self._hang_up()

    def _listen(self) -> int:
        listener = socket.create_server((HOST, getattr(self, "port", 0)), reuse_port=False, backlog=256)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    def _hang_up(self) -> None:
        if self._listener:
            # Shut down first: a thread that waits in accept() would hold it open.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _reset(connection)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        time.sleep(self._losses(_CONNECT_AGAIN_SECONDS))
        server = self._connected()
        if server is None or self._listener is None:
            client.close()
            if server:
                server.close()
            return
        with self._lock:
            self._open |= {client, server}
        there = threading.Thread(target=self._carry, args=(client, server), daemon=True)
        there.start()
        self._carry(server, client)
        there.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _connected(self) -> socket.socket | None:
        for target in self._targets:
            with contextlib.suppress(OSError):
                server = socket.create_connection((HOST, target), timeout=_CONNECT_SECONDS)
                server.settimeout(None)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._targets = (target, *(other for other in self._targets if other != target))
                return server
        return None

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(_CHUNK):
                time.sleep(self._weather.delay_seconds + self._losses(_AGAIN_SECONDS))
                sink.sendall(piece)
        except OSError:
            _reset(sink)  # as the one side ended, so must the other
            return
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _losses(self, again_seconds: float) -> float:
        seconds = 0.0
        for times in range(_MOST_LOSSES):
            if self._random.random() >= self._weather.loss:
                break
            seconds += again_seconds * 2**times
        return seconds


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
