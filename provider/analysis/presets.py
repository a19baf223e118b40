"""Presets: the numbers of an analysis by one word."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Preset(StrEnum):
    """Which numbers an analysis starts from."""

    CAREFUL = "careful"
    """More evidence before a canary is called good, and a smaller regression counts."""
    BALANCED = "balanced"
    """The defaults."""
    FAST = "fast"
    """Less evidence: verdicts come sooner and are wrong more often."""


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
    """Where the value of a setting comes from."""

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
