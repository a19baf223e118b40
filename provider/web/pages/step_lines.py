"""Steps as people type them, one a line: `25%`, `pause 10m`, `analyze until known`. Pure."""

import re
from collections.abc import Callable, Mapping

import yaml

from provider.domain.json_object import Json
from provider.domain.strict_yaml import StrictLoader, words_of

_NUMBER, _SPAN = r"([0-9]+(?:\.[0-9]+)?) ?%?", r"([0-9][0-9a-z.]*)"
_FORMS: Mapping[str, Callable[..., Json]] = {
    rf"(?:weight )?{_NUMBER}": lambda weight: {"setWeight": _number(weight)},
    r"pause": lambda: {"pause": {}},
    rf"pause {_SPAN}": lambda duration: {"pause": {"duration": duration}},
    rf"analyze for {_SPAN}": lambda duration: {"analysis": {"duration": duration}},
    r"analyze until known": lambda: {"analysis": {"until": "known"}},
    rf"analyze until known within {_SPAN}": lambda deadline: {"analysis": {"until": "known", "deadline": deadline}},
    rf"ramp {_NUMBER} to {_NUMBER} by {_NUMBER} every {_SPAN}": lambda start, end, by, every: {
        "ramp": {"from": _number(start), "to": _number(end), "by": _number(by), "every": every}
    },
    rf"mirror {_NUMBER}": lambda percent: {"setMirror": _number(percent)},
}
_EXAMPLES = "25%, pause, pause 10m, analyze for 5m, analyze until known, ramp 5% to 50% by 5% every 2m, mirror 10%"


# Twenty overrides in YAML.
LONGEST_LINE = 4_000


def step_of(line: str) -> Json:
    """Read a line; ValueError says what would be right. What no words are for is YAML: `setOverride: [...]`."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"must be a step of at most {LONGEST_LINE:,} characters")
    # Spaces are collapsed first: the patterns would try each way to share a long run of them.
    words = " ".join(line.split())
    for pattern, make in _FORMS.items():
        match = re.fullmatch(pattern, words, re.IGNORECASE)
        if match:
            return make(*match.groups())
    if ":" not in line:
        raise ValueError(f"must be a step such as {_EXAMPLES}")
    try:
        document = yaml.load(line, StrictLoader)  # noqa: S506 it is a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(words_of(error) if isinstance(error, yaml.YAMLError) else "is not YAML") from error
    if not isinstance(document, dict):
        raise ValueError(f"must be a step such as {_EXAMPLES}")  # noqa: TRY004 what the form shows
    return document


def line_of(step: Json) -> str:
    """Write a step as a line that `step_of` reads as the same step."""
    match dict(step):
        case {"setWeight": weight}:
            return f"{weight}%"
        case {"pause": pause}:
            return f"pause {pause.get('duration', '')}".rstrip()
        case {"analysis": {"duration": duration}}:
            return f"analyze for {duration}"
        case {"analysis": {"until": "known", **rest}}:
            return f"analyze until known within {rest['deadline']}" if rest else "analyze until known"
        case {"ramp": ramp}:
            return f"ramp {ramp['from']}% to {ramp['to']}% by {ramp['by']}% every {ramp['every']}"
        case {"setMirror": percent}:
            return f"mirror {percent}%"
        case other:
            return yaml.safe_dump(other, default_flow_style=True, width=10**6, allow_unicode=True).strip().strip("{}")


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number
