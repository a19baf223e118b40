"""What a rule means: matchers under not, and, or. `str()` writes it as Traefik reads it."""

from dataclasses import dataclass
from typing import TypeAlias

from provider.domain.rules.literals import quote


@dataclass(frozen=True, slots=True)
class Match:
    """One matcher under its canonical name, with the values it was given."""

    matcher: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.matcher}({', '.join(map(quote, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a rule."""

    rule: "Rule"

    def __str__(self) -> str:
        return f"!{_inside(self.rule, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more rules that must all match; a chain of any length stays flat."""

    rules: tuple["Rule", ...]

    def __str__(self) -> str:
        return " && ".join(_inside(rule, And, Or) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more rules of which one must match."""

    rules: tuple["Rule", ...]

    def __str__(self) -> str:
        return " || ".join(_inside(rule, Or) for rule in self.rules)


Rule: TypeAlias = Match | Not | And | Or


def _inside(rule: Rule, *groups: type) -> str:
    # Only the parentheses that the meaning needs: what was parsed is never nested deeper when written back.
    return f"({rule})" if isinstance(rule, groups) else str(rule)
