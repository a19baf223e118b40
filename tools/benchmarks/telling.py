"""How long Traefik takes over what it is told, by how it is told: `python -m tools.benchmarks.telling`.

Each way has a Traefik of its own, which polls bytes that are made beforehand; they take turns. Timed is from the end
of a held poll to the first answer of the other version; besides, the CPU time that Traefik used for it in the end.
"""

import argparse
import gzip
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import mean, median

from provider.demo.processes import Child
from provider.domain.json_object import Json
from provider.replica import Body, Image
from tools.benchmarks.fleet import Fleet
from tools.benchmarks.machine import cpu_seconds
from tools.benchmarks.peers import Bench, Told
from tools.benchmarks.propagation import SETTLING, Lane
from tools.benchmarks.system import HOST, Tune, as_shipped

_HOLD_SECONDS = 1.0
_SHIFTS, _WARM_UP = 12, 2


@dataclass(frozen=True)
class Way:
    """A way to tell: the bytes of a body, how they are encoded, and what else Traefik is given."""

    name: str
    content: Callable[[Body], bytes]
    encoding: str = ""
    tune: Tune = as_shipped
    environment: Mapping[str, str] = field(default_factory=dict)


def _changed(change: Callable[[Json], None]) -> Callable[[Body], bytes]:
    def content(body: Body) -> bytes:
        document = json.loads(body.as_json)
        change(document["http"])
        return json.dumps(document, separators=(",", ":")).encode()

    return content


def _with_priorities(http: Json) -> None:
    for router in http["routers"].values():
        router["priority"] = 1_000


def _without_entry_points(http: Json) -> None:
    for router in http["routers"].values():
        del router["entryPoints"]


def _with_short_names(http: Json) -> None:
    short = {name: f"{number:x}" for number, name in enumerate(http["services"])}
    routers = http["routers"].values()
    http["routers"] = {
        f"{number:x}": {**router, "service": short[router["service"]]} for number, router in enumerate(routers)
    }
    for service in http["services"].values():
        for child in service.get("weighted", {}).get("services", ()):
            child["name"] = short[child["name"]]
    http["services"] = {short[name]: service for name, service in http["services"].items()}


def _web_by_default(static: Json) -> None:
    static["entryPoints"]["web"]["asDefault"] = True


def _as_json(body: Body) -> bytes:
    return body.as_json


def _as_yaml(body: Body) -> bytes:
    return body.as_yaml


WAYS = (
    Way("JSON", _as_json),
    Way("YAML, in parts", _as_yaml),
    Way("JSON, gzip", lambda body: gzip.compress(body.as_json, 1), encoding="gzip"),
    Way("JSON, short names", _changed(_with_short_names)),
    Way("JSON, explicit priorities, all the same", _changed(_with_priorities)),
    Way("JSON, no entry points, web by default", _changed(_without_entry_points), tune=_web_by_default),
    Way("JSON, GOGC=400", _as_json, environment={"GOGC": "400"}),
    Way("YAML, in parts, GOGC=400", _as_yaml, environment={"GOGC": "400"}),
)


class _Source:
    """Answers polls: at once when there is something new, or else when they have been held for a while."""

    def __init__(self, content: bytes, encoding: str) -> None:
        self._content = content
        self._encoding = encoding
        self._revision = 1
        self._changed = threading.Condition()

    def tell(self, content: bytes) -> None:
        """Have something new."""
        with self._changed:
            self._content, self._revision = content, self._revision + 1
            self._changed.notify_all()

    def after(self, revision: int) -> tuple[int, bytes]:
        """Wait for something newer; what there is then, with its number."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision != revision, timeout=_HOLD_SECONDS)
            return self._revision, self._content

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen until the context is left; where."""
        source, encoding = self, self._encoding

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            revision = 0

            def do_GET(self) -> None:
                self.revision, content = source.after(self.revision)
                self.send_response(200)
                if encoding:
                    self.send_header("Content-Encoding", encoding)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with suppress(ConnectionError):  # its Traefik was told to end
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer((HOST, 0), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://{HOST}:{server.server_port}"
            server.shutdown()


@dataclass
class _Running:
    """A way that runs: its Traefik, and what shifts it."""

    lane: Lane
    traefik: Child

    def shift(self) -> tuple[float, float]:
        """Shift to the other version; the seconds until that was in traffic, and the CPU seconds of Traefik."""
        used = cpu_seconds(self.traefik.process.pid)
        took = self.lane.shift()
        time.sleep(0.1 + SETTLING * took)
        return took, cpu_seconds(self.traefik.process.pid) - used


@dataclass(frozen=True)
class Taken:
    """What the shifts of one way took: seconds each, and CPU seconds of Traefik."""

    seconds: Sequence[float]
    cpu: Sequence[float]


def measure(size: int, shifts: int, ways: Sequence[Way] = WAYS) -> Mapping[str, Taken]:
    """Shift so often in each way, in turns. Raises ProcessFailedError, WireError."""
    with Bench.of(size) as bench, ExitStack() as stack:
        bodies = _bodies(bench.fleet)
        running = {way.name: stack.enter_context(_running(bench, way, bodies)) for way in ways}
        for _ in range(_WARM_UP):
            for each in running.values():
                each.shift()
        taken: Mapping[str, list[tuple[float, float]]] = {name: [] for name in running}
        for _ in range(shifts):
            for name, each in running.items():
                taken[name].append(each.shift())
    return {name: Taken(*zip(*values, strict=True)) for name, values in taken.items()}


def _bodies(fleet: Fleet) -> Mapping[str, Body]:
    """Give what the provider serves with either version in front."""
    swapped = replace(fleet, urls={"v1": fleet.urls["v2"], "v2": fleet.urls["v1"]})
    found = {}
    for version, each in (("v1", fleet), ("v2", swapped)):
        image = Image()
        image.replace(each.contents())
        found[version] = image.bodies.body("")
    return found


@contextmanager
def _running(bench: Bench, way: Way, bodies: Mapping[str, Body]) -> Iterator[_Running]:
    contents = {version: way.content(body) for version, body in bodies.items()}
    source = _Source(contents["v1"], way.encoding)
    with (
        source.listening() as url,
        bench.traefik(f"way-{WAYS.index(way)}", way.tune, provider=url, environment=way.environment) as traefik,
        Lane(
            Told(way.name, traefik.web_port, lambda version: source.tell(contents[version])), size=bench.fleet.size
        ) as lane,
    ):
        yield _Running(lane, traefik.child)


def table(size: int, taken: Mapping[str, Taken]) -> Iterator[str]:
    """Give the median of each way and the mean of its CPU time, both beside the first way's."""
    yield f"{size:,} rollouts{'':<30}{'p50 ms':>10}{'ratio':>8}{'CPU ms':>10}{'ratio':>8}"
    first = next(iter(taken.values()))
    for name, each in taken.items():
        seconds, cpu = median(each.seconds), mean(each.cpu)
        yield (
            f"  {name:<42}{seconds * 1_000:>8.1f}{seconds / median(first.seconds):>8.2f}"
            f"{cpu * 1_000:>10.1f}{cpu / mean(first.cpu):>8.2f}"
        )


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.telling", description=str(__doc__).splitlines()[0])
    parser.add_argument("--sizes", default="1000,5000", help="how many rollouts, separated by commas")
    parser.add_argument("--shifts", type=int, default=_SHIFTS, help="in each way")
    options = parser.parse_args()
    for size in map(int, options.sizes.split(",")):
        sys.stdout.write("".join(f"{line}\n" for line in table(size, measure(size, options.shifts))))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
