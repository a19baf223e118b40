"""A sample app that says which version it is: `python -m provider.demo.sample_app --port 9001 --version v1`.

It can be made to fail or to be slow, at its start and while it runs (`PUT /behaviour`), to see what a canary does.
With `--upstream` each answer needs one of another service first, and tells its version too.
"""

import argparse
import html
import json
import random
import time
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_UPSTREAM_SECONDS = 10.0
_COLOURS = {"v1": "#2563eb", "v2": "#d97706", "v3": "#059669"}
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{version}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem;
  color-scheme: light dark }}
h1 {{ color: {colour} }}
#grid {{ display: grid; grid-template-columns: repeat(20, 1fr); gap: 3px }}
#grid i {{ aspect-ratio: 1; border-radius: 3px; background: #8888; color: #fff;
  font: 600 .6rem/2 system-ui; text-align: center }}
</style></head>
<body><h1>This is {version}</h1>
<p>Each square below is one more request to this address, in the colour of the version that answered.
Shift the weight and watch. <output id="count"></output></p>
<div id="grid"></div>
<script>
const colours = {colours}, grid = document.getElementById("grid"), seen = [];
for (let i = 0; i < 200; i++) grid.append(document.createElement("i"));
async function ask() {{
  try {{
    const answer = await fetch("/", {{headers: {{Accept: "application/json"}}, cache: "no-store"}});
    seen.push(answer.ok ? (await answer.json()).version : "!");
  }} catch {{ seen.push("!"); }}
  if (seen.length > 200) seen.shift();
  seen.forEach((version, i) => {{
    grid.children[i].style.background = colours[version] || "#dc2626"; grid.children[i].textContent = version;
  }});
  const counts = {{}};
  seen.forEach(version => counts[version] = (counts[version] || 0) + 1);
  document.getElementById("count").textContent = Object.entries(counts).sort()
    .map(([version, count]) => version + ": " + Math.round(1000 * count / seen.length) / 10 + "%").join(", ");
  setTimeout(ask, 50);
}}
ask();
</script></body></html>
"""


@dataclass
class Behaviour:
    """How the app behaves: the share of requests that fail, and how long each one takes."""

    error_rate: float = 0.0
    delay_seconds: float = 0.0


@dataclass(frozen=True)
class Upstream:
    """Another service that is called for each answer: by which address, under which name."""

    address: str
    host: str

    def ask(self) -> tuple[int, str]:
        """Give the status and the version that answered; 502 where nobody did."""
        connection = HTTPConnection(self.address, timeout=_UPSTREAM_SECONDS)
        try:
            connection.request("GET", "/", headers={"Host": self.host})
            answer = connection.getresponse()
            return answer.status, answer.getheader("X-App-Version") or "nobody"
        except (OSError, HTTPException):
            return HTTPStatus.BAD_GATEWAY, "nobody"
        finally:
            connection.close()


class SampleApp(ThreadingHTTPServer):
    """The app's server."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(
        self,
        address: tuple[str, int],
        *,
        version: str,
        behaviour: Behaviour,
        idle_seconds: float,
        upstream: Upstream | None = None,
    ) -> None:
        self.version = version
        self.upstream = upstream
        self.behaviour = behaviour
        self.idle_seconds = idle_seconds
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer: header and body apart would wait for each other (Nagle, delayed ACK) for 40 ms.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    server: SampleApp

    def setup(self) -> None:
        super().setup()
        self.version = self.server.version

    def handle_one_request(self) -> None:
        super().handle_one_request()
        # As servers do, a new connection is given its time: it is between requests that it idles.
        self.connection.settimeout(self.server.idle_seconds or None)

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(HTTPStatus.OK, "text/plain", "ok\n")
            return
        time.sleep(self.server.behaviour.delay_seconds)
        status: int = HTTPStatus.OK
        if self.server.upstream:
            status, version = self.server.upstream.ask()
            self.version = f"{self.server.version} > {version}"
        if status >= HTTPStatus.BAD_REQUEST:
            self._answer(HTTPStatus.BAD_GATEWAY, "text/plain", f"{self.version} answers {status}\n")
        elif random.random() < self.server.behaviour.error_rate:  # noqa: S311 nothing secret
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", f"{self.server.version} fails\n")
        elif "text/html" in self.headers.get("Accept", ""):
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self._page())
        elif "application/json" in self.headers.get("Accept", ""):
            self._answer(HTTPStatus.OK, "application/json", json.dumps({"version": self.version}))
        else:
            self._answer(HTTPStatus.OK, "text/plain", f"{self.version}\n")

    def do_POST(self) -> None:
        self._read()
        self.do_GET()

    def do_PUT(self) -> None:
        if self.path != "/behaviour":
            self._read()
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "only /behaviour can be put\n")
            return
        try:
            self.server.behaviour = Behaviour(**json.loads(self._read()))
        except (TypeError, ValueError):
            self._answer(HTTPStatus.BAD_REQUEST, "text/plain", 'send {"error_rate": 0.05, "delay_seconds": 0}\n')
            return
        self._answer(HTTPStatus.OK, "application/json", json.dumps(asdict(self.server.behaviour)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the signature of the base class
        """Say nothing of single requests."""

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _page(self) -> str:
        version = html.escape(self.server.version)
        return _PAGE.format(version=version, colour=_COLOURS.get(version, "#7c3aed"), colours=json.dumps(_COLOURS))

    def _answer(self, status: HTTPStatus, content_type: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-App-Version", self.version)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


def main() -> None:
    """Run the app until it is ended."""
    parser = argparse.ArgumentParser(description="A sample app that reports its version.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", default="v1")
    parser.add_argument("--error-rate", type=float, default=0.0, help="Share of requests that fail, 0 to 1")
    parser.add_argument("--delay", type=float, default=0.0, help="Delay of each response in seconds")
    parser.add_argument(
        "--idle-timeout", type=float, default=0.0, help="Close idle connections after this many seconds"
    )
    parser.add_argument("--upstream", metavar="HOST:PORT", help="URL of a service to call for each response")
    parser.add_argument("--upstream-host", default="", help="Host name for calls of that service")
    options = parser.parse_args()
    app = SampleApp(
        (options.host, options.port),
        version=options.version,
        behaviour=Behaviour(options.error_rate, options.delay),
        idle_seconds=options.idle_timeout,
        upstream=Upstream(options.upstream, options.upstream_host) if options.upstream else None,
    )
    try:
        app.serve_forever()
    except KeyboardInterrupt:
        app.server_close()


if __name__ == "__main__":
    main()
