"""Has our own work become slower? `python -m tools.benchmarks.regression`, in short for every test run.

Seconds say little on a machine that others share. So each work of ours is done in turns with a reference work of the
same kind, a millisecond or two each, and what counts is how many times the CPU time of the reference it takes, in the
quick tenth of hundreds of turns. `--write` makes that the baseline of this Python's version, after a change that is
meant.
"""

import argparse
import gc
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from provider.domain.analysis import Analysis, Measurement, Record
from provider.domain.rules import parse_rule
from provider.replica import Feed, read_document
from provider.replica.configurations import Bodies
from provider.store import Key, MemoryStore, Stored
from provider.traefik.config import checked, render
from provider.web.poll import Polling, SightingBook
from provider.web.poll.application import PATH
from tools.benchmarks import machine
from tools.benchmarks.stored import contents, shifted
from tools.simulation.counting import CANARY, STABLE, Gateway
from tools.simulation.traffic import SAMPLE_SECONDS, Scenario, Schedule

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BASELINE = Path(__file__).with_name("baseline.json")
# Which work a processor does quicker than which differs between them: on another one only what is plain is found.
TOLERANCE, TOLERANCE_ELSEWHERE = 0.2, 0.5
_TURNS, _WARM_UP_TURNS, _MORE_TRIES = 600, 20, 2
_FEW, _MANY = 20, 1_000
_PATIENCE_SECONDS = 10.0

Work = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """A work of ours, and one of others' that takes about as long and does the same kind of thing."""

    ours: Work
    reference: Work

    def ratio(self, *, turns: int = _TURNS) -> float:
        """Return how many times the CPU time of the reference ours takes, in the quick tenth of many turns."""
        ours, reference = [], []
        with _undisturbed():
            for turn in range(_WARM_UP_TURNS + turns):
                # Who comes first may find the caches colder.
                if turn % 2:
                    ours.append(_cpu_seconds(self.ours))
                    reference.append(_cpu_seconds(self.reference))
                else:
                    reference.append(_cpu_seconds(self.reference))
                    ours.append(_cpu_seconds(self.ours))
        return _quick(ours[_WARM_UP_TURNS:]) / _quick(reference[_WARM_UP_TURNS:])


def _quick(times: Sequence[float]) -> float:
    """Return the time that a tenth of the turns stay below: other processes on the same core disturb the rest."""
    return sorted(times)[len(times) // 10]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Look for no garbage meanwhile: it would be found in whichever turn it falls into."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _cpu_seconds(work: Work) -> float:
    began = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began) / 1e9


def pairs() -> Mapping[str, Pair]:
    """Give what is compared, by name."""
    return {
        "rendering and checking fragments": _rendering(),
        "joining a body of 1,000 rollouts": _joining(),
        "reading documents": _reading(),
        "answering immediate polls": _polling(),
        "judging samples of a canary": _judging(),
    }


def _rendering() -> Pair:
    rollouts = list(shifted(_FEW))
    fragments = [vars(render(rollout)) for rollout in rollouts]
    return Pair(
        lambda: [checked(render(rollout)) for rollout in rollouts],
        # With an indentation it is Python's own code that writes, as rendering is Python.
        lambda: [json.dumps(fragment, indent=1, sort_keys=True) for fragment in fragments],
    )


def _joining() -> Pair:
    rollouts = list(shifted(_MANY))
    encoded = {rollout.name: checked(render(rollout)) for rollout in rollouts}
    bodies = Bodies(lambda rollout: encoded[rollout.name])
    for rollout in rollouts:
        bodies.put(rollout)
    names = list(encoded)

    # The same objects are looked at, and big pieces of memory come and go: both cost more on a busy machine.
    def join() -> bytes:
        found = [encoded[name] for name in names]
        digest = blake2b(b"".join([one.services[:16] for one in found if one.routers])).digest()
        return digest + b"\n".join([b",".join([one.routers, one.services, one.middlewares]) for one in found])

    def change_and_join() -> bytes:
        bodies.put(rollouts[0])
        return bodies.body("edge").as_yaml

    return Pair(change_and_join, join)


def _reading() -> Pair:
    documents: Sequence[tuple[Key, Stored]] = list(contents(shifted(_FEW)).documents.items())
    texts = [stored.text for _, stored in documents]

    def read() -> None:
        parse_rule.cache_clear()  # each rule is new to a worker that starts
        for key, stored in documents:
            read_document(key, stored)

    return Pair(read, lambda: [json.dumps(json.loads(text), indent=1) for text in texts])


def _polling() -> Pair:
    store = MemoryStore()
    store.restore(contents(shifted(_FEW)), actor="bench", reason="")
    feed = Feed(store)
    feed.start()
    feed.wait_for_body("edge", other_than=None, seconds=_PATIENCE_SECONDS)
    feed.close()  # what it knows it goes on to tell; its thread would only disturb
    polling = Polling(feed, SightingBook(store, feed), needs_token=False)
    environment = {"REQUEST_METHOD": "GET", "PATH_INFO": PATH, "QUERY_STRING": "gateway=edge"}

    @Request.application
    def trivial(request: Request) -> Response:
        return Response(request.args.get("gateway", ""), content_type="application/json")

    return Pair(_asked(polling, environment), _asked(trivial, environment))


def _judging() -> Pair:
    """Judge samples of 250 requests, with all that the default settings compare."""
    gateway, settings, now = Gateway(), Analysis(), datetime(2026, 1, 1, tzinfo=UTC)
    measurements = []
    for sample in Scenario(50, Random(1), Schedule(((_FEW * SAMPLE_SECONDS, 0.25),))).samples():  # noqa: S311
        for stable, canary in sample.gateways.values():
            gateway.count(STABLE, stable)
            gateway.count(CANARY, canary)
        measurements.append(Measurement({"edge": gateway.snapshot()}))

    def judge() -> Record:
        record = Record("attempt", "step")
        for number, measurement in enumerate(measurements):
            at = now + timedelta(seconds=SAMPLE_SECONDS * number)
            record = record.looked(measurement, settings, stable=STABLE, canary=CANARY, now=at)
        return record

    document = judge().as_document()
    return Pair(judge, lambda: [json.dumps(document, indent=1, sort_keys=True) for _ in range(_FEW // 2)])


def _asked(application: "WSGIApplication", environment: Mapping[str, Any]) -> Work:
    def ask() -> None:
        for _ in range(_FEW):
            application(dict(environment), lambda *_: bytes)

    return ask


@dataclass(frozen=True)
class Baseline:
    """What was measured before, by name, and by how much more is let pass."""

    ratios: Mapping[str, float]
    tolerance: float

    def is_slower(self, name: str, ratio: float) -> bool:
        """Tell whether a work takes more than the tolerance allows; one that is new does not."""
        return name in self.ratios and ratio > (1 + self.tolerance) * self.ratios[name]


def measured(before: Baseline, *, turns: int) -> Mapping[str, float]:
    """Measure all. What seems slower than the tolerance allows is measured again, and the least counts.

    A bad moment of the machine passes; what has become slower stays so. A quarter of the turns is enough to tell that
    nothing has; a new baseline takes all of them.
    """
    ratios = {}
    for name, pair in pairs().items():
        ratio = pair.ratio(turns=(turns + 3) // 4 if name in before.ratios else turns)
        for _ in range(_MORE_TRIES):
            if before.is_slower(name, ratio):
                ratio = min(ratio, pair.ratio(turns=turns))
        ratios[name] = ratio
    return ratios


def version() -> str:
    """Name the kind of Python that a baseline holds for: another one has other ratios."""
    return f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}"


def main() -> int:
    """Measure and print; 1 where something has become slower than the tolerance allows."""
    parser = argparse.ArgumentParser(
        "python -m tools.benchmarks.regression", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--turns", type=int, default=_TURNS, help="of each work and its reference")
    parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE", help="what is compared with")
    parser.add_argument("--write", action="store_true", help="make what came out the baseline")
    options = parser.parse_args()
    known: dict[str, Any] = json.loads(options.baseline.read_text())
    one = {} if options.write else known.get(version(), {})
    tolerance = TOLERANCE if one.get("processor") == machine.processor() else TOLERANCE_ELSEWHERE
    before = Baseline(one.get("ratios", {}), tolerance)
    ratios = measured(before, turns=options.turns)
    for name, ratio in ratios.items():
        change = f"{ratio / before.ratios[name] - 1:+10.1%}" if name in before.ratios else f"{'new':>10}"
        sys.stdout.write(f"{name:<36}{ratio:>8.3f}{change}\n")
    if options.write:
        rounded = {name: round(ratio, 3) for name, ratio in ratios.items()}
        known[version()] = {"processor": machine.processor(), "ratios": rounded}
        options.baseline.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    return int(any(before.is_slower(name, ratio) for name, ratio in ratios.items()))


if __name__ == "__main__":
    sys.exit(main())
