"""All measurements in a few minutes: `python -m tools.benchmarks`; one of them: `python -m tools.benchmarks serving`.

Each is a module that can be run by itself, with more options and for longer.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provider.demo.gateway import TraefikMissingError
from provider.demo.processes import ProcessFailedError
from provider.server.embedded_valkey import EmbeddedServerError
from tools.benchmarks import (
    adding,
    benchmark,
    holding,
    machine,
    propagation,
    report,
    serving,
    stages,
    starting,
    telling,
    writing,
)
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.picture import drawn
from tools.benchmarks.serving import LoadError
from tools.benchmarks.targets import Figures, as_document, table
from tools.benchmarks.wire import WireError

_FAILURES = (
    *(MeasurementError, LoadError, WireError, ProcessFailedError, TraefikMissingError, EmbeddedServerError),
    OSError,
)
_PROPAGATION = propagation.Plan(shifts=60)


@dataclass(frozen=True)
class Result:
    """What a measurement says, and its figures that have targets."""

    text: str
    figures: Figures


def main() -> int:
    """Measure, print one table, write figures and picture; 1 where something could not be measured."""
    options = _options()
    # As Ctrl-C: what was started ends with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    before = machine.description()
    try:
        results = _measured(options.names or list(MEASUREMENTS))
    except KeyboardInterrupt:
        sys.stderr.write("bench: ended\n")
        return 130
    figures = {name: value for result in results.values() if result for name, value in result.figures.items()}
    sys.stdout.write(f"{before}\n" + "".join(f"{line}\n" for line in table(figures)))
    _write(options.directory, before, results, figures)
    return 0 if all(results.values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tools.benchmarks", description=str(__doc__).splitlines()[0])
    parser.add_argument("names", nargs="*", type=_known, metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--directory", type=Path, default=Path("build"), help="where bench.json and bench.svg go")
    return parser.parse_args()


def _known(name: str) -> str:
    if name not in MEASUREMENTS:
        raise argparse.ArgumentTypeError(f"there is no {name}")
    return name


def _measured(names: Sequence[str]) -> Mapping[str, Result | None]:
    results: dict[str, Result | None] = {}
    for name in names:
        sys.stderr.write(f"bench: {name}\n")
        try:
            result = results[name] = MEASUREMENTS[name]()
        except _FAILURES as error:
            sys.stderr.write(f"bench: {name} has failed: {error}\n")
            results[name] = None
        else:
            sys.stdout.write(f"== {name}\n{result.text}\n")
            sys.stdout.flush()
    return results


def _write(directory: Path, before: str, results: Mapping[str, Result | None], figures: Figures) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    texts = {name: result.text.splitlines() if result else None for name, result in results.items()}
    document = {"machine": before, "figures": as_document(figures), "texts": texts}
    (directory / "bench.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    (directory / "bench.svg").write_text(drawn(figures, caption=before))


def _shifting() -> Result:
    outcome = benchmark.run(benchmark.Plan(changes=60, peer_changes=0), say=lambda _: None)
    return Result(report.as_text(outcome), {})


def _propagation() -> Result:
    lines = [propagation.HEAD]
    figures: dict[str, float] = {}
    for size in _PROPAGATION.sizes:
        seconds = propagation.measure(_PROPAGATION, size)
        lines += propagation.table(size, seconds)
        figures |= propagation.figures(size, seconds)
    return Result("\n".join(lines) + "\n", figures)


def _stages() -> Result:
    found = {size: stages.measure(size, shifts=8) for size in propagation.SIZES}
    return Result("".join(f"{line}\n" for line in stages.table(found)), {})


def _telling() -> Result:
    size = 5_000
    return Result("".join(f"{line}\n" for line in telling.table(size, telling.measure(size, shifts=6))), {})


def _adding() -> Result:
    found = adding.measure(30, python=adding.environment_of_the_peer(adding.ENVIRONMENT))
    return Result("".join(f"{line}\n" for line in adding.table(found)), {})


def _serving() -> Result:
    outcome = serving.measure(serving.Plan(rounds=6))
    return Result(serving.as_text(outcome), serving.figures(outcome))


def _holding() -> Result:
    outcome = holding.measure(holding.Plan())
    return Result(holding.as_text(outcome), holding.figures(outcome))


def _writing() -> Result:
    outcome = writing.measure(writing.Plan(rounds=2))
    return Result(writing.as_text(outcome), writing.figures(outcome))


def _starting() -> Result:
    outcome = starting.measure(starting.Plan(starts=5))
    return Result(starting.as_text(outcome), starting.figures(outcome))


MEASUREMENTS: Mapping[str, Callable[[], Result]] = {
    "shifting": _shifting,
    "propagation": _propagation,
    "stages": _stages,
    "telling": _telling,
    "adding": _adding,
    "serving": _serving,
    "holding": _holding,
    "writing": _writing,
    "starting": _starting,
}


if __name__ == "__main__":
    sys.exit(main())
