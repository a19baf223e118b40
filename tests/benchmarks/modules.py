"""The benchmarks' modules, run as a person runs them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_module(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m tools.benchmarks.NAME` to its end."""
    return subprocess.run(
        [sys.executable, "-m", f"tools.benchmarks.{name}", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=ROOT,
    )
