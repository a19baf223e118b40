"""A receiver of webhooks that keeps the reasons of the changes it was told of."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tools.chaos.line import HOST


@dataclass
class Inbox:
    """URL of the receiver, and the reasons in its messages, the oldest first."""

    url: str
    reasons: list[str] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Inbox]:
    """Run a receiver that accepts every message."""
    inbox = Inbox("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            inbox.reasons.append(str(json.loads(body).get("reason")))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name in the library
            """Log nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    inbox.url = f"http://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
