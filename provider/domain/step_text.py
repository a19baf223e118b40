"""The text of a step, such as `25%`, `pause 10m` or `analyze until known`: one entry per kind, read and written.

Steps are JSON objects here, so that the command line needs no schema. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_NUMBER, _SPAN = r"([0-9]+(?:\.[0-9]+)?) ?%?", r"([0-9][0-9a-z.]*)"
EXAMPLES = "25%, pause, pause 10m, analyze for 5m, analyze until known, ramp 5% to 50% by 5% every 2m, mirror 10%"


@dataclass(frozen=True)
class _Kind:
    """How a kind of step is written, and the patterns by which it is read."""

    text: Callable[[Any], str]
    forms: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _analysis(value: Mapping[str, Any]) -> str:
    if "duration" in value:
        return f"analyze for {value['duration']}"
    return f"analyze until known within {value['deadline']}" if "deadline" in value else "analyze until known"


def _overrides(value: list[Any]) -> str:
    return f"{len(value) or 'no'} override{'' if len(value) == 1 else 's'}"


_KINDS: Mapping[str, _Kind] = {
    "setWeight": _Kind("{}%".format, {rf"(?:weight )?{_NUMBER}": _number}),
    "pause": _Kind(
        lambda value: f"pause {value.get('duration', '')}".rstrip(),
        {r"pause": dict, rf"pause {_SPAN}": lambda duration: {"duration": duration}},
    ),
    "analysis": _Kind(
        _analysis,
        {
            rf"analyze for {_SPAN}": lambda duration: {"duration": duration},
            r"analyze until known": lambda: {"until": "known"},
            rf"analyze until known within {_SPAN}": lambda deadline: {"until": "known", "deadline": deadline},
        },
    ),
    "ramp": _Kind(
        lambda value: "ramp {from}% to {to}% by {by}% every {every}".format(**value),
        {
            rf"ramp {_NUMBER} to {_NUMBER} by {_NUMBER} every {_SPAN}": lambda start, end, by, every: {
                "from": _number(start),
                "to": _number(end),
                "by": _number(by),
                "every": every,
            }
        },
    ),
    "setMirror": _Kind("mirror {}%".format, {rf"mirror {_NUMBER}": _number}),
    # No text describes overrides in full, so they are never read from one.
    "setOverride": _Kind(_overrides),
}


def step_text(step: Mapping[str, Any]) -> str:
    """Return a step's text. Of an unknown kind, which a newer provider may have, return its name."""
    ((kind, value),) = step.items()
    return _KINDS[kind].text(value) if kind in _KINDS else str(kind)


def is_readable(step: Mapping[str, Any]) -> bool:
    """Tell whether `parse_step` reads a step's text as the same step."""
    return any(name in step and kind.forms for name, kind in _KINDS.items())


def parse_step(text: str) -> dict[str, Any] | None:
    """Return the step that a text describes; None if it describes none."""
    # Spaces are collapsed first: the patterns would try each way to share a long run of them.
    words = " ".join(text.split())
    for name, kind in _KINDS.items():
        for pattern, value in kind.forms.items():
            match = re.fullmatch(pattern, words, re.IGNORECASE)
            if match:
                return {name: value(*match.groups())}
    return None
