"""`traefik-canary demo --scenario NAME`: play it, and say what was so."""

import sys
import tempfile
from pathlib import Path

from provider.demo.processes import Processes
from provider.demo.scenarios import scenario
from provider.demo.scenarios.stage import Stage


def run_scenario(name: str) -> int:
    """Play a scenario and tell it on the standard output; 0 when all that it claims was so, else 1.

    Raises ProcessFailedError, TraefikMissingError; all processes have ended then.
    """
    is_so = True
    with tempfile.TemporaryDirectory(prefix=f"traefik-canary-{name}-") as directory:
        try:
            with Processes(Path(directory)) as processes:
                for claim in scenario(name)(Stage(Path(directory), processes, _say)):
                    is_so = is_so and claim.holds
                    _say(f"{'  ok   ' if claim.holds else '  FAIL '}{claim.words}")
        except KeyboardInterrupt:
            _say("\nStopped before the end.")
            return 1
    return 0 if is_so else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
