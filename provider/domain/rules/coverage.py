"""Which rules match the same requests: equal rules, rules that cover others, and rules that overlap.

Everything here is certain where it says yes, and nothing is known where it says no: what a regular expression matches
is not compared.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, product

from provider.domain.rules.tree import And, Match, Not, Or, Rule

_EVERYTHING = Match("PathPrefix", ("/",))
_PATHS = ("Path", "PathPrefix")
# Matchers of which a request has one value.
_SINGLE = ("Host", "Method", "Path")
_MET_AT_MOST = 200
_Key = tuple[str | None, str | None]


def normalized(rule: Rule) -> Rule:
    """Return the same rule for rules that differ in order, repetition or the case of hosts, methods and headers."""
    match rule:
        case Match():
            return _normalized_match(rule)
        case Not():
            inner = normalized(rule.rule)
            return inner.rule if isinstance(inner, Not) else Not(inner)
        case And():
            return _joined(rule.rules, And, left_out=_EVERYTHING)
    return _joined(rule.rules, Or)


def covers(other: Rule, rule: Rule) -> bool:
    """Tell whether a normalized rule matches all that another one matches. True only where that is certain."""
    if isinstance(rule, Or):
        return all(covers(other, part) for part in rule.rules)
    if isinstance(other, Or):
        return any(covers(part, rule) for part in other.rules)
    mine = _parts(rule)
    return all(any(_implies(part, wanted) for part in mine) for wanted in _parts(other) if wanted != _EVERYTHING)


def may_meet(other: Rule, rule: Rule) -> bool:
    """Tell whether two normalized rules name the same host, and nothing that a request cannot have both of."""
    return any(
        _host(one) is not None and _host(one) == _host(two) and not _are_disjoint(one, two)
        for one, two in product(_clauses(other), _clauses(rule))
    )


class RuleIndex:
    """Names of normalized rules, found by what covers or meets a rule without comparing all of them."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._names: dict[_Key, dict[str, None]] = {}
        self._by_host: dict[str | None, dict[str, None]] = {}

    def put(self, name: str, rule: Rule) -> None:
        """Note a rule, in place of the one before under this name."""
        if self._rules.get(name) == rule:
            return
        self.remove(name)
        self._rules[name] = rule
        for key in set(_keys(rule)):
            self._names.setdefault(key, {})[name] = None
            self._by_host.setdefault(key[0], {})[name] = None

    def remove(self, name: str) -> None:
        """Forget a rule."""
        rule = self._rules.pop(name, None)
        for key in set(_keys(rule)) if rule else ():
            self._names[key].pop(name, None)
            if not self._names[key]:
                del self._names[key]
            self._by_host[key[0]].pop(name, None)

    def near(self, rule: Rule) -> Iterator[tuple[str, Rule]]:
        """Yield the rules that may cover a rule, and some that may meet it: of many with its host not all."""
        found: dict[str, None] = {}
        for host, path in _keys(rule):
            paths = [None, *((path or "")[: end + 1] for end in range(len(path or "")))]
            for key in product((host, None), paths):
                found |= self._names.get(key, {})
            if host is not None:
                found |= dict.fromkeys(islice(self._by_host.get(host, {}), _MET_AT_MOST))
        yield from ((name, self._rules[name]) for name in found)


def _normalized_match(match: Match) -> Match:
    first, *rest = match.arguments
    match match.matcher:
        case "Host":
            return Match("Host", (first.lower(),))
        case "Method":
            return Match("Method", (first.upper(),))
        case "Header" | "HeaderRegexp":
            return Match(match.matcher, (first.lower(), *rest))
    return match


def _joined(rules: Sequence[Rule], join: type[And] | type[Or], *, left_out: Rule | None = None) -> Rule:
    parts = {str(part): part for rule in rules for part in _flat(normalized(rule), join) if part != left_out}
    ordered = [parts[text] for text in sorted(parts)]
    if not ordered:
        return _EVERYTHING
    return join(tuple(ordered)) if len(ordered) > 1 else ordered[0]


def _flat(rule: Rule, join: type[And] | type[Or]) -> Sequence[Rule]:
    return rule.rules if isinstance(rule, join) else (rule,)


def _clauses(rule: Rule) -> Sequence[Rule]:
    return _flat(rule, Or)


def _parts(rule: Rule) -> Sequence[Rule]:
    return _flat(rule, And)


def _implies(part: Rule, wanted: Rule) -> bool:
    if part == wanted:
        return True
    is_prefix = isinstance(wanted, Match) and wanted.matcher == "PathPrefix"
    return (
        is_prefix
        and isinstance(part, Match)
        and part.matcher in _PATHS
        and isinstance(wanted, Match)
        and part.arguments[0].startswith(wanted.arguments[0])
    )


def _are_disjoint(one: Rule, other: Rule) -> bool:
    mine, theirs = _parts(one), _parts(other)
    if any(Not(part) in theirs for part in mine) or any(Not(part) in mine for part in theirs):
        return True
    for matcher in _SINGLE:
        values = [_values(parts, matcher) for parts in (mine, theirs)]
        if all(values) and not set(values[0]) & set(values[1]):
            return True
    prefixes = [_values(parts, *_PATHS) for parts in (mine, theirs)]
    return any(not left.startswith(right) and not right.startswith(left) for left, right in product(*prefixes))


def _values(parts: Sequence[Rule], *matchers: str) -> Sequence[str]:
    return [part.arguments[0] for part in parts if isinstance(part, Match) and part.matcher in matchers]


def _host(clause: Rule) -> str | None:
    return next(iter(_values(_parts(clause), "Host")), None)


def _keys(rule: Rule) -> Iterator[_Key]:
    for clause in _clauses(rule):
        yield _host(clause), next(iter(_values(_parts(clause), *_PATHS)), None)
