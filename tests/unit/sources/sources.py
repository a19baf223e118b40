"""A small HTTP server that plays whatever is asked: it answers as it was told, and keeps the questions."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Told:
    """An answer; with a pause, its body comes byte by byte with so many seconds between them."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_seconds: float = 0


@dataclass(frozen=True)
class Question:
    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Server:
    """What is answered by path, and what was asked."""

    url: str = ""
    answers: dict[str, Told] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    is_answering: threading.Event = field(default_factory=threading.Event)


class _Listener(ThreadingHTTPServer):
    def __init__(self, script: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        script.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Listener)
        script = self.server.script
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        script.questions.append(Question(self.command, self.path, body, dict(self.headers)))
        script.is_answering.wait()
        self._answer(script.answers.get(self.path, Told(status=404)))

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, told: Told) -> None:
        self.send_response(told.status)
        length = {} if "Transfer-Encoding" in told.headers else {"Content-Length": str(len(told.body))}
        for name, value in {**length, **told.headers}.items():
            # An answer without a length ends with its connection.
            if value:
                self.send_header(name, value)
        self.end_headers()
        # Whoever asked may have had enough.
        with suppress(ConnectionError):
            self._send(told)

    def _send(self, told: Told) -> None:
        if not told.pause_seconds:
            self.wfile.write(told.body)
            return
        for byte in told.body:
            self.wfile.write(bytes([byte]))
            time.sleep(told.pause_seconds)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the word of the base class
        pass


@contextmanager
def running_server() -> Iterator[Server]:
    """Serve until the block ends; requests that are held are let go then."""
    script = Server()
    script.is_answering.set()
    with _Listener(script) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield script
        finally:
            script.is_answering.set()
            listener.shutdown()
            thread.join()
