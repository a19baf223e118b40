"""Presets: named sets of defaults for an analysis."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Preset(StrEnum):
    """Named set of defaults for an analysis."""

    CAREFUL = "careful"
    """Requires more evidence before a canary passes, and detects smaller regressions."""
    BALANCED = "balanced"
    """The defaults."""
    FAST = "fast"
    """Requires less evidence: verdicts come sooner and are wrong more often."""


# By the names of the document; what a preset leaves out has its default.
NUMBERS: Mapping[Preset, Mapping[str, Any]] = {
    Preset.CAREFUL: {
        "margin": 1.5,
        "worseThan": 1.1,
        "beta": 0.01,
        "tolerated": 0.1,
        "minRequests": 500,
        "atLeast": "10m",
        "warmUp": "1m",
    },
    Preset.BALANCED: {},
    Preset.FAST: {
        "margin": 3,
        "alpha": 0.1,
        "beta": 0.1,
        "tolerated": 0.5,
        "minRequests": 50,
        "atLeast": "1m",
        "warmUp": "10s",
        "sustained": "10s",
    },
}


class Origin(StrEnum):
    """Origin of a setting's value."""

    DEFAULT = "default"
    PRESET = "preset"
    SET = "set"


def filled(document: object) -> object:
    """Return an `analysis` document with the numbers of its preset where it has none of its own.

    What is no document, or names no known preset, is returned as it is: the fields' own checks report it.
    """
    if not isinstance(document, Mapping):
        return document
    try:
        numbers = NUMBERS[Preset(document["preset"])]
    except (KeyError, ValueError, TypeError):
        return document
    return {**numbers, **document}
