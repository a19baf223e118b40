"""String literals as Go has them: raw between backquotes, or between double quotes with escapes.

Traefik reads a rule with Go's own parser (pkg/rules/parser.go): "String literals" in the Go specification.
"""

import re

from provider.domain.rules.errors import RuleError

_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_ESCAPED = {character: f"\\{letter}" for letter, character in _LETTERS.items()}
_ESCAPE = re.compile(
    r"""\\(?:
        (?P<letter>[abfnrtv\\"])
        | (?P<octal>[0-7]{3})
        | x(?P<hex>[0-9A-Fa-f]{2})
        | u(?P<short>[0-9A-Fa-f]{4})
        | U(?P<long>[0-9A-Fa-f]{8})
        | .
    )""",
    re.VERBOSE,
)


def quote(text: str) -> str:
    """Write a string literal that Traefik reads back as exactly this text, in printable characters only.

    Raises ValueError for a lone surrogate, which no text sent to Traefik can contain.
    """
    # What is not printable is escaped: Go takes no raw NUL or byte order mark and drops carriage returns, and
    # the YAML reader in front of it refuses a whole configuration for one raw control character.
    if text.isprintable() and "`" not in text:
        return f"`{text}`"
    return '"' + "".join(map(_escape, text)) + '"'


def read_raw(literal: str) -> str:
    """Return the text between backquotes; carriage returns are not part of it."""
    return literal[1:-1].replace("\r", "")


def read_quoted(literal: str, position: int) -> str:
    """Return the text that a double-quoted literal stands for.

    Raises RuleError for an escape that Go does not have, and for bytes that are not UTF-8.
    """
    if "\\" not in literal:
        return literal[1:-1]

    def replace(escape: re.Match[str]) -> str:
        character = _character(escape)
        if character is None:
            raise RuleError(_bad_escape(escape[0]), position + 1 + escape.start())
        return character

    text = _ESCAPE.sub(replace, literal[1:-1])
    try:
        return text.encode(errors="surrogateescape").decode()
    except UnicodeDecodeError as error:
        message = 'these escapes do not make up UTF-8: write a character as itself, or like "\\u00e9"'
        raise RuleError(message, position) from error


def _escape(character: str) -> str:
    if escaped := _ESCAPED.get(character):
        return escaped
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"a lone surrogate, U+{code:04X}, is not text")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _character(escape: re.Match[str]) -> str | None:
    match escape.lastgroup:
        case "letter":
            return _LETTERS[escape["letter"]]
        case "octal":
            return _byte(int(escape["octal"], 8))
        case "hex":
            return _byte(int(escape["hex"], 16))
        case "short" | "long":
            return _code_point(int(escape["short"] or escape["long"], 16))
    return None


def _byte(value: int) -> str | None:
    # Several such bytes may spell one character, so those beyond ASCII wait as surrogates for the decoder.
    if value > 0xFF:
        return None
    return chr(value) if value < 0x80 else chr(0xDC00 + value)


def _code_point(value: int) -> str | None:
    return None if value > 0x10FFFF or 0xD800 <= value <= 0xDFFF else chr(value)


def _bad_escape(escape: str) -> str:
    return (
        f"{escape} is no escape in a double-quoted value: write a backslash as \\\\, "
        "or put the value between backquotes, where nothing is escaped"
    )
