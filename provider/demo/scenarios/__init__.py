"""Scenarios: a problem that people have, shown with real processes, and what becomes of it.

Each module has a `play` that is told on a stage and yields what it has shown, claim by claim.
"""

from importlib import import_module

from provider.demo import SCENARIOS
from provider.demo.scenarios.stage import Play


def scenario(name: str) -> Play:
    """Give what is played under a name; KeyError where there is none."""
    if name not in SCENARIOS:
        raise KeyError(name)
    play: Play = import_module(f"{__name__}.{name.replace('-', '_')}").play
    return play
