"""What hops cost, as a table, and that each way is measured in each round."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tools.benchmarks.hops import Plan, Way, as_text, measure


def test_a_table_compares_each_way_with_the_first() -> None:
    ways = {
        "direct": Way(latencies=[0.1, 0.2, 0.3], rates=[10_000, 30_000, 20_000], client=[0.9]),
        "one hop": Way(latencies=[0.4, 0.5, 0.6], rates=[5_000], client=[0.5]),
    }
    _, head, direct, hop = as_text(Plan(rounds=3), ways).splitlines()

    assert head.split() == ["p50", "ms", "added", "p95", "ms", "added", "a", "second", "ratio", "client"]
    assert direct.split() == ["direct", "0.20", "0.00", "0.29", "0.00", "20,000", "1.00", "90%"]
    assert hop.split() == ["one", "hop", "0.50", "0.30", "0.59", "0.30", "5,000", "0.25", "50%"]


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1024  # one packet an answer

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_: object) -> None:
        pass


def test_every_way_is_measured_in_every_round() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        plan = Plan(rounds=2, requests=3, seconds=0.02, connections=2, warm_up_requests=1)
        ways = measure(plan, {"direct": server.server_port, "again": server.server_port})
        server.shutdown()

    assert [(len(way.latencies), len(way.rates), len(way.client)) for way in ways.values()] == [(6, 2, 2)] * 2
    assert all(rate > 0 for way in ways.values() for rate in way.rates)
