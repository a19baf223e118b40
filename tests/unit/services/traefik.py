"""A small HTTP server that plays Traefik's API: it carries what it was told, a part at a time."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from provider.domain.json_object import Json
from provider.traefik.applied import SECTIONS


@dataclass(frozen=True)
class Raw:
    """An answer that is none of Traefik's own."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Traefik:
    """What the server shows by path below `/api/http/`, and what it was asked."""

    url: str = ""
    page_size: int = 1_000
    parts: dict[str, Json] = field(default_factory=dict)
    raw: dict[str, Raw] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_answering: threading.Event = field(default_factory=threading.Event)

    def carry(self, configuration: bytes) -> None:
        """Take over a body as Traefik does: every name gets its provider, every part the status enabled."""
        http = json.loads(configuration).get("http", {})
        self.parts = {
            f"{section}/{name}@http": {**part, "name": f"{name}@http", "provider": "http", "status": "enabled"}
            for section in SECTIONS
            for name, part in http.get(section, {}).items()
        }

    def answer(self, target: str) -> Raw:
        self.is_answering.wait()
        self.asked.append(target)
        url = urlsplit(target)
        path = url.path.removeprefix("/api/http/")
        if path in self.raw:
            return self.raw[path]
        if path in SECTIONS:
            return self._page(path, int(parse_qs(url.query)["page"][0]))
        if path == "/api/overview":
            return Raw(json.dumps({"http": {name: self._counted(name) for name in ("routers", "services")}}).encode())
        if path == "/api/version":
            return Raw(b'{"Version": "3.7.15", "Codename": "langres"}')
        part = self.parts.get(path)
        return Raw(json.dumps(part).encode()) if part else Raw(b'{"message": "not found"}', 404)

    def _counted(self, section: str) -> Json:
        statuses = [part.get("status") for path, part in self.parts.items() if path.startswith(f"{section}/")]
        return {
            "total": len(statuses),
            "warnings": statuses.count("warning"),
            "errors": statuses.count("disabled"),
        }

    def _page(self, section: str, page: int) -> Raw:
        parts = [part for path, part in sorted(self.parts.items()) if path.startswith(f"{section}/")]
        begin, end = (page - 1) * self.page_size, page * self.page_size
        following = page + 1 if end < len(parts) else 1
        return Raw(json.dumps(parts[begin:end]).encode(), headers={"X-Next-Page": str(following)})


@contextmanager
def running_traefik() -> Iterator[Traefik]:
    """Serve until the block ends; requests that are held are let go then."""
    traefik = Traefik()
    traefik.is_answering.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raw = traefik.answer(self.path)
            self.send_response(raw.status)
            for name, value in {"Content-Length": str(len(raw.body)), **raw.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the word of the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        traefik.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield traefik
        finally:
            traefik.is_answering.set()
            server.shutdown()
            thread.join()
