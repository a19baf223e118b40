"""A rule cut into tokens, as Go's scanner cuts it (go/scanner)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from provider.domain.rules.errors import RuleError
from provider.domain.rules.literals import read_quoted, read_raw

_BLANK = " \t\r\n"
# With the blanks behind it, so that each token takes one match.
_TOKEN = re.compile(
    r"""
    (?: (?P<name>[^\W\d]\w*)
      | (?P<raw>`[^`]*`)
      | (?P<quoted>"(?:[^"\\\n]|\\.)*")
      | (?P<symbol>&&|\|\||[!(),])
    )
    [\ \t\r\n]*
    """,
    re.VERBOSE,
)
_BLANKS = re.compile(r"[ \t\r\n]*")


class Token(NamedTuple):
    """A piece of a rule.

    `kind` is `name`, `value`, a symbol itself, `newline` where Go ends the expression, `stray` for a
    character that no rule contains, or `end`. `text` is what a value stands for, or else what was written.
    """

    kind: str
    text: str
    position: int


def tokens(rule: str) -> Iterator[Token]:
    """Yield the tokens of a rule, the last one being `end`.

    Raises RuleError at a literal that is not closed or contains an escape that does not exist.
    """
    end = len(rule.rstrip(_BLANK))
    position = len(rule) - len(rule.lstrip(_BLANK))
    while position < end:
        found = _TOKEN.match(rule, position)
        token = _token(found) if found else _stray(rule, position)
        yield token
        after = found.end(found.lastgroup or 0) if found else position + 1
        position = found.end() if found else _end_of_blanks(rule, after)
        # Go puts a semicolon where a line ends after one of these; at the very end of a rule it does no harm.
        if after < position < end and token.kind in {"name", "value", ")"}:
            line_end = rule.find("\n", after, position)
            if line_end >= 0:
                yield Token("newline", "\n", line_end)
    yield Token("end", "", end)


def _end_of_blanks(rule: str, position: int) -> int:
    found = _BLANKS.match(rule, position)
    return found.end() if found else position


def _token(found: re.Match[str]) -> Token:
    kind, position = found.lastgroup or "", found.start()
    text = found[kind]
    match kind:
        case "name":
            return Token("name", text, position)
        case "raw":
            return Token("value", read_raw(text), position)
        case "quoted":
            return Token("value", read_quoted(text, position), position)
    return Token(text, text, position)


def _stray(rule: str, position: int) -> Token:
    match rule[position]:
        case "`":
            raise RuleError("this value is never closed: a backquote is missing at its end", position)
        case '"':
            raise RuleError('this value is not closed on its line: a " is missing at its end', position)
        case character:
            return Token("stray", character, position)
