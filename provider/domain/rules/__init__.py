"""Traefik's v3 rule language for HTTP routers: what it takes, and plain words about what it does not.

Traefik answers 404 for a rule it cannot read, so no such rule may reach it. Everything here is pure.
"""

from provider.domain.rules.coverage import RuleIndex, covers, may_meet, normalized
from provider.domain.rules.errors import RuleError
from provider.domain.rules.grammar import parse_rule
from provider.domain.rules.literals import quote
from provider.domain.rules.tree import And, Match, Not, Or, Rule

__all__ = [
    "And",
    "Match",
    "Not",
    "Or",
    "Rule",
    "RuleError",
    "RuleIndex",
    "covers",
    "may_meet",
    "normalized",
    "parse_rule",
    "quote",
]
