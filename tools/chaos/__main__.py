"""`python -m tools.chaos`."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from provider.demo.gateway import TraefikMissingError, traefik_binary
from provider.demo.processes import ProcessFailedError
from tools.chaos.catalogue import FAULTS, Fault, Home
from tools.chaos.controls import CONTROLS
from tools.chaos.faults import DISK_BYTES, cannot_mount
from tools.chaos.report import as_document, as_table, as_words, written_into
from tools.chaos.scene import under_load
from tools.chaos.servers import Cluster, Sentinels, ServerEndedError
from tools.chaos.system import System, embedded, failing_over, single
from tools.chaos.trial import Result, at_random, run
from tools.chaos.waiting import NotInTimeError

RANDOM = "at-random"


def main() -> int:
    """Run the faults and print the results. Return the exit code."""
    options = _options()
    # As Ctrl-C: the child processes end with this one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = list(_results(options))
        missed, controlled = _controlled(options)
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except (NotInTimeError, ProcessFailedError, ServerEndedError, TraefikMissingError, OSError) as error:
        _say(f"failed: {error}")
        return 1
    sys.stdout.write(as_table(results))
    sys.stdout.write(as_words(results))
    sys.stdout.write(controlled)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        document = as_document(results, machine=machine(), seed=options.seed)
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if options.docs:
        when = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
        text = f"\n{machine()}; {when}, seed {options.seed}.\n\n{as_table(results)}\n{controlled}"
        options.docs.write_text(written_into(options.docs.read_text(), text))
    return 0 if all(result.is_good for result in results) and not missed else 1


def machine() -> str:
    """Return a description of the machine."""
    version = subprocess.run([traefik_binary(), "version"], capture_output=True, text=True, check=True).stdout
    parts = (
        f"{os.cpu_count()} cores",
        f"{sys.platform} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"Traefik {version.split()[1]}",
        f"load {os.getloadavg()[0]:.1f}",
    )
    return ", ".join(parts)


def _results(options: argparse.Namespace) -> Iterator[Result]:
    for home in Home:
        faults = [fault for fault in FAULTS if fault.home is home]
        wanted = [fault for fault in faults if not options.only or fault.name in options.only]
        possible = [fault for fault in wanted if not fault.needs()]
        minutes = options.minutes if home is Home.SINGLE and (not options.only or RANDOM in options.only) else 0
        for fault in wanted:
            if fault not in possible:
                _say(f"{fault.name}: not tried, {fault.needs()}")
                yield Result(fault.name, fault.words, 0.0, skipped=fault.needs())
        if possible or minutes:
            yield from _in(home, possible, options, minutes=minutes)


def _in(home: Home, faults: Sequence[Fault], options: argparse.Namespace, *, minutes: float) -> Iterator[Result]:
    _say(f"starting: {home}")
    with _system(home) as system, under_load(system, seed=options.seed) as scene:
        chosen = list(faults)
        if minutes:
            drawn = [fault for fault in FAULTS if fault.home is home and fault.is_at_random and not fault.needs()]
            chosen.append(at_random(drawn, scene, seconds=60 * minutes))
        for fault in chosen:
            _say(f"{fault.name}: {fault.words}")
            result = run(fault, scene)
            _say("  passed" if result.is_good else f"  {as_words([result])}")
            yield result


def _controlled(options: argparse.Namespace) -> tuple[int, str]:
    """Run the controls. Return how many were missed, and a sentence."""
    wanted = [control for control in CONTROLS if not options.only or control.fault.name in options.only]
    if not wanted:
        return 0, ""
    missed = []
    with _system(Home.SINGLE) as system, under_load(system, seed=options.seed) as scene:
        for control in wanted:
            _say(f"{control.fault.name}: {control.fault.words}")
            result = run(control.fault, scene)
            is_found = control.is_found(result)
            _say("  found" if is_found else f"  NOT FOUND: {result}")
            missed += [] if is_found else [control.fault.words]
    words = f"Of {len(wanted)} controls, {len(wanted) - len(missed)} were found."
    return len(missed), f"{words}{' Missed: ' if missed else ''}{'; '.join(missed)}\n"


@contextmanager
def _system(home: Home) -> Iterator[System]:
    # A short path: Valkey's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        match home:
            case Home.SINGLE | Home.REPLICAS:
                kind = single(folder, providers=1 if home is Home.SINGLE else 2)
            case Home.SENTINEL:
                kind = failing_over(folder, Sentinels(folder / "redis"))
            case Home.CLUSTER:
                kind = failing_over(folder, Cluster(folder / "redis", replicas=2, timeout_seconds=2))
            case Home.EMBEDDED:
                kind = embedded(folder)
        with _small_disk(folder / "data-0", wanted=home is Home.EMBEDDED), kind as system:
            yield system


@contextmanager
def _small_disk(folder: Path, *, wanted: bool) -> Iterator[None]:
    """Mount a small disk under a data directory, where mounting is permitted."""
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder)]
    is_there = wanted and not cannot_mount()
    if is_there:
        subprocess.run(mount, check=True)
    try:
        yield
    finally:
        if is_there:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tools.chaos", description="Break one part after another under load.")
    parser.add_argument("--minutes", type=float, default=3.0, metavar="N", help="minutes of random faults, or 0")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="seed of the random faults")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*(fault.name for fault in FAULTS), *(control.fault.name for control in CONTROLS), RANDOM],
        metavar="FAULT",
        help=f"run this fault only; repeatable: {', '.join(fault.name for fault in FAULTS)}, {RANDOM}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the table into this page")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stderr.write(f"chaos: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
