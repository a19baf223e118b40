"""Steps as people type them, one per line: the text of a step, or YAML. Pure."""

import yaml

from provider.domain.json_object import Json
from provider.domain.step_text import EXAMPLES, is_readable, parse_step, step_text
from provider.domain.strict_yaml import StrictLoader, words_of

# Twenty overrides in YAML.
LONGEST_LINE = 4_000


def step_of(line: str) -> Json:
    """Return the step of a line: its text, or YAML such as `setOverride: [...]`. Raise ValueError with examples."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"must be a step of at most {LONGEST_LINE:,} characters")
    step = parse_step(line)
    if step:
        return step
    if ":" not in line:
        raise ValueError(f"must be a step such as {EXAMPLES}")
    try:
        document = yaml.load(line, StrictLoader)  # noqa: S506 it is a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(words_of(error) if isinstance(error, yaml.YAMLError) else "is not YAML") from error
    if not isinstance(document, dict):
        raise ValueError(f"must be a step such as {EXAMPLES}")  # noqa: TRY004 what the form shows
    return document


def line_of(step: Json) -> str:
    """Return the line that `step_of` reads as the same step."""
    if is_readable(step):
        return step_text(step)
    return yaml.safe_dump(dict(step), default_flow_style=True, width=10**6, allow_unicode=True).strip().strip("{}")
