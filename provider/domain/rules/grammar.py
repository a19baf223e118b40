"""The grammar of a rule: matchers under `!`, `&&`, `||` and parentheses, which bind as in Go.

Traefik hands a rule to Go's own expression parser and then allows only this much of it (pkg/rules/parser.go
and github.com/vulcand/predicate).
"""

import re
from collections.abc import Callable
from functools import lru_cache

from provider.domain.rules.errors import RuleError
from provider.domain.rules.hints import (
    expected_matcher,
    expected_operator,
    expected_parenthesis,
    expected_separator,
    expected_value,
)
from provider.domain.rules.matchers import (
    canonical_name,
    complain_of_count,
    complain_of_name,
    complain_of_value,
    cost_of,
    example_of,
)
from provider.domain.rules.regexps import MAX_COST
from provider.domain.rules.tokens import Token, tokens
from provider.domain.rules.tree import And, Match, Not, Or, Rule

# Far above any rule in use; they bound the work and the stack that a text from outside can ask for.
MAX_LENGTH = 8192
MAX_DEPTH = 32

# Go's scanner refuses some of these. For most others Traefik's YAML reader refuses the *whole* configuration,
# and U+0085 it changes in silence. Inside a double-quoted value each can be written as an escape.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


# A rule is read with its document, again when what was rendered of it is checked, and in every worker that follows.
@lru_cache(maxsize=1_024)
def parse_rule(text: str) -> Rule:
    """Read a rule as Traefik v3 does.

    Raises RuleError, with the offset in the text, for everything that Traefik would refuse.
    """
    if len(text) > MAX_LENGTH:
        raise RuleError(f"the rule has {len(text)} characters; the most is {MAX_LENGTH}", MAX_LENGTH)
    if found := _UNPRINTABLE.search(text):
        code = ord(found[0])
        message = f'U+{code:04X} cannot stand in a rule; a value in double quotes takes "\\u{code:04x}"'
        raise RuleError(message, found.start())
    return _Parser(text).rule()


class _Parser:
    """Recursive descent with one token of look-ahead; `depth` counts parentheses and negations."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._cost = 0

    def rule(self) -> Rule:
        rule = self._any_of(0)
        if self._next.kind != "end":
            raise RuleError(expected_operator(self._next), self._next.position)
        return rule

    def _any_of(self, depth: int) -> Rule:
        return self._chain("||", self._all_of, Or, depth)

    def _all_of(self, depth: int) -> Rule:
        return self._chain("&&", self._operand, And, depth)

    def _chain(self, operator: str, operand: Callable[[int], Rule], join: type[And] | type[Or], depth: int) -> Rule:
        rules = [operand(depth)]
        while self._next.kind == operator:
            self._take()
            rules.append(operand(depth))
        return join(tuple(rules)) if len(rules) > 1 else rules[0]

    def _operand(self, depth: int) -> Rule:
        token = self._next
        if depth > MAX_DEPTH:
            raise RuleError(f"nested more than {MAX_DEPTH} levels deep; write it flatter", token.position)
        match token.kind:
            case "!":
                self._take()
                return Not(self._operand(depth + 1))
            case "(":
                return self._group(depth + 1)
            case "name":
                return self._match()
        raise RuleError(expected_matcher(token), token.position)

    def _group(self, depth: int) -> Rule:
        opening = self._take()
        rule = self._any_of(depth)
        if self._next.kind != ")":
            raise RuleError(expected_operator(self._next, opening), self._next.position)
        self._take()
        return rule

    def _match(self) -> Match:
        name = self._take()
        matcher = canonical_name(name.text)
        if matcher is None:
            raise RuleError(complain_of_name(name.text), name.position)
        if self._next.kind != "(":
            raise RuleError(expected_parenthesis(name, example_of(matcher)), self._next.position)
        match = _checked(matcher, name, self._values(matcher))
        self._cost += cost_of(matcher, list(match.arguments))
        if self._cost > MAX_COST:
            raise RuleError("the regular expressions of this rule are too large; repeat and name less", name.position)
        return match

    def _values(self, matcher: str) -> list[Token]:
        opening = self._take()
        values: list[Token] = []
        # A comma after the last value is Go's way to end the line there.
        while self._next.kind != ")":
            values.append(self._value(matcher))
            if self._next.kind == ",":
                self._take()
            elif self._next.kind != ")":
                raise RuleError(expected_separator(self._next, opening), self._next.position)
        self._take()
        return values

    def _value(self, matcher: str) -> Token:
        if self._next.kind != "value":
            message = expected_value(self._text, self._next, example_of(matcher))
            raise RuleError(message, self._next.position)
        return self._take()

    def _take(self) -> Token:
        token, self._next = self._next, next(self._tokens, self._next)
        return token


def _checked(matcher: str, name: Token, tokens_of_values: list[Token]) -> Match:
    values = [token.text for token in tokens_of_values]
    if complaint := complain_of_count(matcher, values):
        raise RuleError(complaint, name.position)
    for index, token in enumerate(tokens_of_values):
        if complaint := complain_of_value(matcher, values, index):
            raise RuleError(complaint, token.position)
    return Match(matcher, tuple(values))
