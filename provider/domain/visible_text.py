"""Text from outside as a person may see it: without what moves a terminal's cursor or turns its letters around."""

import re

# The control characters, C0 but for line feed and tab, and C1; the marks of direction and those that cannot be seen;
# surrogates; and separators of lines that not every reader takes for one.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Write each character that would be hidden, or hide others, as JSON escapes it."""
    return _HIDDEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x10000:
        return f"\\u{number:04x}"
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
