"""A gateway's /metrics as a Traefik has it: `python tools/benchmarks/metrics_page.py PORT ROLLOUTS CANARIES`.

Each look finds more requests of every service; the page is made beforehand, so that serving it costs little.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_EDGES = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.2", "0.3", "0.5", "0.8", "1.2", "2", "5", "10", "+Inf")
_PAGES = 20


def page(rollouts: int, canaries: int, *, turn: int) -> bytes:
    """Give the counters of all services, two of a rollout that has a canary, after so many turns."""
    lines = ["process_start_time_seconds 1.7e+09"]
    for index in range(rollouts):
        for side, count in [("1", 1_000 * turn), ("2", 50 * turn)][: 2 if index < canaries else 1]:
            labels = f'code="200",method="GET",protocol="http",service="shop-{index}_{side}@http"'
            lines.append(f"traefik_service_requests_total{{{labels}}} {count}")
            lines += [
                f'traefik_service_request_duration_seconds_bucket{{{labels},le="{edge}"}} {count}' for edge in _EDGES
            ]
    return "\n".join([*lines, ""]).encode()


def main() -> None:
    """Serve until it is ended."""
    port, rollouts, canaries = map(int, sys.argv[1:])
    pages = [page(rollouts, canaries, turn=turn + 1) for turn in range(_PAGES)]
    turns = iter(range(10**9))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = pages[min(next(turns), _PAGES - 1)]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
