"""Steps as people type them."""

import pytest

from provider.web.pages.step_lines import line_of, step_of

LINES = {
    "25%": {"setWeight": 25},
    "0.5%": {"setWeight": 0.5},
    "pause": {"pause": {}},
    "pause 10m": {"pause": {"duration": "10m"}},
    "analyze for 5m": {"analysis": {"duration": "5m"}},
    "analyze until known": {"analysis": {"until": "known"}},
    "analyze until known within 1h": {"analysis": {"until": "known", "deadline": "1h"}},
    "ramp 5% to 50% by 2.5% every 2m": {"ramp": {"from": 5, "to": 50, "by": 2.5, "every": "2m"}},
    "mirror 10%": {"setMirror": 10},
    "setOverride: []": {"setOverride": []},
}


@pytest.mark.parametrize(("line", "step"), LINES.items())
def test_a_line_is_a_step_and_the_step_is_the_line(line: str, step: dict[str, object]) -> None:
    assert step_of(line) == step
    assert line_of(step) == line


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("25", "25%"),
        ("25 %", "25%"),
        ("weight 25 %", "25%"),
        ("Pause  10m", "pause 10m"),
        ("ramp 5 to 50 by 5 every 2m", "ramp 5% to 50% by 5% every 2m"),
        ("setWeight: 25", "25%"),
        ("pause: {duration: 1m}", "pause 1m"),
    ],
)
def test_what_is_typed_otherwise_is_understood(typed: str, line: str) -> None:
    assert line_of(step_of(typed)) == line


@pytest.mark.parametrize(
    "typed", ["wobble", "", "pause for ever", "25 percent", "ramp 5 to 50", "analyze", "a: b: c", "[x]: ["]
)
def test_what_is_no_step_is_explained(typed: str) -> None:
    with pytest.raises(ValueError, match=r"must be a step such as 25%|line 1"):
        step_of(typed)


@pytest.mark.parametrize("typed", ["1.2.3%", "ramp . to 5 by 1 every 1m"])
def test_what_is_no_number_is_no_step(typed: str) -> None:
    with pytest.raises(ValueError, match="must be a step such as"):
        step_of(typed)
