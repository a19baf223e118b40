"""gunicorn's gevent worker, with an end that costs nobody an answer."""

import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

from provider.server.connection_limits import ConnectionLimits, most_connections
from provider.server.heartbeat import begin_load, say_serving
from provider.server.process_guard import end_with_parent, ignore_stray_signals, never_outlive_parent
from provider.server.request_limits import refusal_of
from provider.server.shared_port import HANDSHAKE_SECONDS

_HEARTBEAT_SECONDS = 1.0
_LOOK_SECONDS = 0.05
# The event loop gives the interpreter away at each system call, and waits so long for it to come back while a thread
# computes: a poll takes several calls. Python's own 5 ms would add up to tens of milliseconds.
_SWITCH_SECONDS = 0.001
# For the header of the first request; later ones may be as far apart as the keep-alive time.
_FIRST_HEADER_SECONDS = 10
_REPORT_SECONDS = 60
# A full pool accepts nobody: without room, the connection for which an idle one is closed would never get in.
_SPARE_CONNECTIONS = 64


class HttpWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """Ends in an order of its own: listen no more, then close connections, then answer what is held.

    gunicorn's worker closes connections first and listens for a second more. Traefik then connects anew to who is
    about to end, and where its connection still waits to be accepted when that happens, it is cut off: a failed poll.
    """

    alive: bool
    _ending: Event | None = None
    _connections: ConnectionLimits
    _limited_at = float("-inf")

    def init_process(self) -> None:
        """Load, and serve until told to end or until the master ends, however that comes."""
        begin_load(self.tmp)
        sys.setswitchinterval(_SWITCH_SECONDS)
        end_with_parent(self.ppid)
        never_outlive_parent(self.ppid, grace_seconds=self.cfg.graceful_timeout + 1)
        super().init_process()

    def init_signals(self) -> None:
        """Handle the signals of a worker; HUP and USR2 are for the master."""
        super().init_signals()
        ignore_stray_signals(signal.SIGHUP)
        signal.signal(signal.SIGUSR1, self.handle_usr1)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Refuse what cannot be parsed as the API does, instead of with a page of HTML."""
        if isinstance(exc, gevent.GreenletExit):
            return  # the worker ends, and its idle connections with it
        refusal = refusal_of(exc)
        if refusal is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.debug("refused a request of %s: %s", addr, exc)
        with suppress(OSError):
            client.sendall(refusal.message)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection, unless its client has too many of them."""
        connection: Any = gevent.getcurrent()
        if not self._connections.admit(connection, addr[0]):
            self._report_limit(addr[0])
            client.close()
            return
        try:
            super().handle(listener, client, addr)
        finally:
            self._connections.close(connection)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Serve a request; its connection does not have to make room meanwhile."""
        connection: Any = gevent.getcurrent()
        self._connections.begin_request(connection)
        try:
            return super().handle_request(listener_name, req, sock, addr)
        finally:
            is_gateway = getattr(connection, "is_gateway", False)
            self._connections.end_request(connection, is_gateway=is_gateway)

    def _report_limit(self, address: str) -> None:
        now = time.monotonic()
        if now - self._limited_at > _REPORT_SECONDS:
            self._limited_at = now
            self.log.warning("closed a connection of %s: this worker holds too many connections", address)

    def timeout_ctx(self) -> gevent.Timeout:
        """Limit how long the next header of a connection may take, which has a greenlet of its own."""
        connection: Any = gevent.getcurrent()
        is_first = not getattr(connection, "has_asked", False)
        connection.has_asked = True
        seconds = _FIRST_HEADER_SECONDS if is_first else self.cfg.keepalive
        return gevent.Timeout(seconds, False)  # type: ignore[arg-type]  # it ends the block in silence

    def run(self) -> None:
        """Serve until told to end."""
        self.notify()
        # With what it imports not before gevent's patches, and metrics not before their files have a place.
        from provider.web.rate_limits import neighbourhood  # noqa: PLC0415

        self._connections = ConnectionLimits(client_of=neighbourhood, most=most_connections(self.worker_connections))
        ending = self._ending = Event()
        if self.app.shares_port and not self._joins(ending):
            self.app.feed.close()
            return
        servers = [_Server(listener, self) for listener in self.sockets]
        for server in servers:
            server.start()
        say_serving(self.tmp)
        while self.alive and not ending.wait(_HEARTBEAT_SECONDS):
            self.notify()
        if self.app.shares_port:
            gevent.sleep(HANDSHAKE_SECONDS)
        for server in servers:
            server.listen_no_more()
        self.alive = False  # from here on an answer is the last on its connection
        self.app.feed.close()
        self._wait_for_the_last(servers)
        self.app.book.close()

    def _joins(self, ending: Event) -> bool:
        """Listen beside other providers once polls can be answered, as those do until then; False at an early end."""
        while not self.app.feed.is_ready:
            self.notify()
            if ending.wait(_LOOK_SECONDS):
                return False
        for listener in self.sockets:
            listener.listen(self.cfg.backlog)
        return True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 a signal handler's shape
        """Begin to end; one that has not begun to serve does not begin."""
        if self._ending is None:
            self.alive = False
        else:
            gevent.spawn(self._ending.set)

    def _wait_for_the_last(self, servers: "list[_Server]") -> None:
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while any(len(server.connections) for server in servers) and time.monotonic() < deadline:
            self.notify()
            gevent.sleep(_LOOK_SECONDS)
        for server in servers:
            server.stop(timeout=0)


@dataclass(frozen=True)
class _Listener:
    """What a worker wants to know of the socket that a connection came by, which may be closed already."""

    name: Any

    def getsockname(self) -> Any:
        return self.name


class _Server(StreamServer):
    max_accept = 1  # leaves some to the other workers

    def __init__(self, listener: Any, worker: HttpWorker) -> None:
        listener.setblocking(1)
        self.connections = Pool(worker.worker_connections + _SPARE_CONNECTIONS)
        handle = partial(worker.handle, _Listener(listener.getsockname()))
        super().__init__(listener, handle=handle, spawn=self.connections)

    def listen_no_more(self) -> None:
        """Accept whoever has connected already, and nobody else."""
        self.stop_accepting()
        accepted: Any = self.do_read()
        while accepted:
            self.do_handle(*accepted)
            accepted = self.do_read()
        self.close()
