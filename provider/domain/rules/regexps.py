"""Regular expressions as Go's `regexp` takes them.

RE2 reads the same language. What it takes and Go refuses is looked for here: a comparison with the real
Traefik found it, and Go's regexp/syntax/parse.go explains it.
"""

import re
from functools import lru_cache

import re2

# Go allows 128 MiB and RE2 by default 8, which is most of a second of work: too much for a text from outside.
_MEMORY_BYTES = 1 << 20
# Go refuses a parse tree of more than 1,000 levels, of which a group adds up to four.
_GROUPS = 150
# Each takes a tenth of a millisecond, however small what is made of it.
_CLASSES = 200
_INSTRUCTIONS_OF_A_CLASS = 250
# Of all expressions of a rule, in instructions: some 25 milliseconds of work here, and more in each Traefik.
MAX_COST = 50_000

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = _MEMORY_BYTES

_ATOM = re.compile(
    r"""
    \\Q.*?(?:\\E|\Z)
    | \\[pP]\{\^?(?P<category>[^}]*)\}
    | (?P<byte>\\C)
    | \\x\{[^}]*\}
    | \\.
    | \(\?P?<(?P<group>[^>]*)>
    | \{(?P<count>[0-9]{9,}(?:,[0-9]*)?|[0-9]+,[0-9]{9,})\}
    """,
    re.VERBOSE | re.DOTALL,
)
_CLASS = re.compile(r"\\[pP]")
_HINTS = {
    "(?=": "Go's regular expressions have no look-ahead",
    "(?!": "Go's regular expressions have no look-ahead; put ! before the matcher",
    "(?<=": "Go's regular expressions have no look-behind",
    "(?<!": "Go's regular expressions have no look-behind",
    "\\Z": "write \\z for the end of the text",
}


def complain_of_regexp(pattern: str) -> str | None:
    """Say why Go would not compile this regular expression, or return None if it would."""
    complaint, _ = _compiled(pattern)
    return complaint


def cost_of_regexp(pattern: str) -> int:
    """Return the size of an expression's program, in instructions, with the classes of characters that it names."""
    _, cost = _compiled(pattern)
    return cost


# Every override of a rollout repeats the rule.
@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> tuple[str | None, int]:
    classes = len(_CLASS.findall(pattern))
    if classes > _CLASSES:
        return f"it names more than {_CLASSES} classes of characters", 0
    try:
        compiled = re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        return _explain(error), 0
    cost = compiled.programsize + _INSTRUCTIONS_OF_A_CLASS * classes
    if pattern.count("(") > _GROUPS:
        return f"it has more than {_GROUPS} groups", cost
    return next(filter(None, map(_complain_of_atom, _ATOM.finditer(pattern))), None), cost


def _explain(error: Exception) -> str:
    said = error.args[0]
    reason = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    if re.search(r"escape sequence: \\[1-9]", reason):
        return f"{reason} (Go's regular expressions have no backreferences)"
    hint = next((hint for sign, hint in _HINTS.items() if reason.endswith(sign)), "")
    return f"{reason} ({hint})" if hint else reason


def _complain_of_atom(atom: re.Match[str]) -> str | None:
    # re2 has taken the expression, so that every atom is complete and only its content is in question.
    match atom.lastgroup:
        case "byte":
            return r"\C, a single byte, does not exist in Go"
        case "group" if not atom["group"].isascii():
            return f"a group's name has only the letters a to z, digits and _, unlike {atom['group']}"
        case "count":
            return f"a repetition of {atom['count']} is above 1000"
        case "category" if not re.fullmatch("[A-Z][a-z]*", atom["category"]):
            # Newer Go folds names and so lost those of several words; older Go knows only the exact name.
            return rf"not every Traefik knows the class \p{{{atom['category']}}}"
    return None
