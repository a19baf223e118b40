"""What to say when something else was expected at a token."""

import re

from provider.domain.rules.literals import quote
from provider.domain.rules.tokens import Token

# A value without its quotes, up to where it ends.
_BARE = re.compile(r"[^`\"(),\s](?:[^`\"(),\n]*[^`\"(),\s])?(?=\s*(?:[,)]|\Z))")
_EXAMPLE = "Host(`example.com`)"
_LINE_ENDS = "Go's grammar, which Traefik uses, ends the rule at this line break"
_WORDS = {"and": "&&", "or": "||"}
_QUOTES = "'\u2018\u2019\u201c\u201d\u00b4"
_STRAY = {
    "&": "a single & means nothing in a rule: write &&",
    "|": "a single | means nothing in a rule: write ||",
    "/": "a value needs quotes, and a rule takes no comments",
    "#": "a rule takes no comments",
    "=": "a rule compares nothing: join matchers with && and ||",
    ":": f"this is Traefik v1 syntax; v3 writes {_EXAMPLE}",
    ";": "a rule takes no semicolons: join matchers with && and ||",
}


def expected_matcher(token: Token) -> str:
    """Say what is wrong with a token that stands where a matcher should."""
    if token.kind == "end" and token.position == 0:
        return f"the rule is empty: write for example {_EXAMPLE}"
    if token.kind == "value":
        return f"a value alone matches nothing: name its matcher, as in {_EXAMPLE}"
    if token.kind == "stray":
        return _stray(token)
    return f"a matcher is missing here, such as {_EXAMPLE}"


def expected_operator(token: Token, opening: Token | None = None) -> str:
    """Say what is wrong with a token that follows a complete rule, which a parenthesis may have opened."""
    if token.kind == "newline":
        return f"{_LINE_ENDS}: put the && or || (or a parenthesis that closes) before it"
    if token.kind == "end" and opening:
        return _unclosed(opening)
    if token.kind == ")":
        return "this parenthesis was never opened: remove it"
    if token.kind == "stray":
        return _stray(token)
    if token.text.lower() in _WORDS:
        return f"write {_WORDS[token.text.lower()]} for `{token.text}`"
    return "two matchers are joined with && or ||: one of them is missing here"


def expected_parenthesis(name: Token, example: str) -> str:
    """Say what comes after the name of a matcher."""
    values = "values" if "," in example else "value"
    return f"`{name.text}` is followed by its {values} in parentheses: {example}"


def expected_separator(token: Token, opening: Token) -> str:
    """Say what is wrong with a token that follows a value."""
    if token.kind == "newline":
        return f"{_LINE_ENDS}: put the parenthesis that closes, or a comma, before it"
    if token.kind in {"end", "&&", "||"}:
        return _unclosed(opening)
    return "after a value comes a comma or a parenthesis that closes"


def expected_value(rule: str, token: Token, example: str) -> str:
    """Say what is wrong with a token that stands where a quoted value should."""
    bare = _BARE.match(rule, token.position)
    if bare and token.kind in {"name", "stray"}:
        return f"{bare[0]} needs quotes around it: write {quote(bare[0].strip(_QUOTES))}"
    return f"a value in quotes is missing here, as in {example}"


def _stray(token: Token) -> str:
    character = token.text
    if character.isspace():
        return f"U+{ord(character):04X} only looks like a space: use an ordinary one"
    if character in _QUOTES:
        return f"values stand between backquotes or double quotes, not between {character}"
    return _STRAY.get(character, f"{character} means nothing in a rule, outside of a quoted value")


def _unclosed(opening: Token) -> str:
    return f"a closing parenthesis is missing for the one in column {opening.position + 1}"
