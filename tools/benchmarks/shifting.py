"""How long a weight takes to reach traffic: `python -m tools.benchmarks.shifting`, as a distribution."""

import argparse
import json
import signal
import sys
from pathlib import Path

from provider.demo.gateway import TraefikMissingError
from provider.demo.processes import ProcessFailedError
from tools.benchmarks.benchmark import Plan, run
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.report import as_document, as_text
from tools.benchmarks.wire import WireError


def main() -> int:
    """Measure and print; the exit code."""
    options = _options()
    plan = Plan(changes=options.changes, other_rollouts=options.rollouts, peer_changes=options.peer_changes)
    # As Ctrl-C: what was started ends with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.json:
            options.json.touch()  # rather refused now than when all is measured
        outcome = run(plan, say=_say)
    except KeyboardInterrupt:
        _say("ended")
        return 130
    except (MeasurementError, ProcessFailedError, TraefikMissingError, WireError, OSError) as error:
        _say(f"failed: {error}")
        return 1
    sys.stdout.write(as_text(outcome))
    if options.json:
        options.json.write_text(json.dumps(as_document(outcome), indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tools.benchmarks.shifting", description="How long a weight takes to reach traffic."
    )
    parser.add_argument("--changes", type=_positive, default=Plan.changes, metavar="N", help="how many are measured")
    parser.add_argument(
        "--rollouts",
        type=_natural,
        default=Plan.other_rollouts,
        metavar="N",
        help="how many other rollouts there are, at rest",
    )
    parser.add_argument(
        "--peer-changes",
        type=_natural,
        default=Plan.peer_changes,
        metavar="N",
        help="how many are measured at Traefik's defaults; each takes seconds",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and all measurements there")
    return parser.parse_args()


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be below 0")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
