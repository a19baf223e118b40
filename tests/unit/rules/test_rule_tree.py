"""A rule written from its tree means that tree again."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.rules import And, Match, Not, Or, Rule, RuleError, parse_rule

# Placeholders, wildcards and Query(`a=b`) match nothing, and are refused.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{*="), min_size=1, max_size=8)
MATCHES = st.one_of(
    st.builds(lambda name, value: Match("Header", (name, value)), TEXT, TEXT),
    st.builds(lambda path: Match("PathPrefix", (f"/{path}",)), TEXT),
    st.builds(lambda name: Match("Query", (name,)), TEXT),
    st.builds(lambda host: Match("Host", (host,)), st.from_regex(r"[a-z0-9.*-]{1,8}", fullmatch=True)),
    st.just(Match("ClientIP", ("10.0.0.0/8",))),
    st.just(Match("HostRegexp", (r"^[a-z]+\.example\.com$",))),
)


def compounds(rules: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    several = st.lists(rules, min_size=2, max_size=4).map(tuple)
    return st.one_of(rules.map(Not), several.map(And), several.map(Or))


RULES: st.SearchStrategy[Rule] = st.recursive(MATCHES, compounds, max_leaves=12)


@given(RULES)
def test_a_tree_written_and_read_is_the_same_tree(rule: Rule) -> None:
    assert parse_rule(str(rule)) == rule


@given(RULES)
def test_a_written_rule_contains_only_printable_characters(rule: Rule) -> None:
    assert str(rule).isprintable()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('HOST("a")', "Host(`a`)"),
        ("Host(`a`)||Host(`b`)&&!(Host(`c`))", "Host(`a`) || Host(`b`) && !Host(`c`)"),
        ("(Host(`a`) || Host(`b`)) && Host(`c`)", "(Host(`a`) || Host(`b`)) && Host(`c`)"),
        ("!(Host(`a`) || Host(`b`))", "!(Host(`a`) || Host(`b`))"),
        ("header(`X`,\n`y`,)", "Header(`X`, `y`)"),
    ],
)
def test_a_rule_is_written_with_only_the_parentheses_it_needs(text: str, written: str) -> None:
    assert str(parse_rule(text)) == written


def test_rules_and_their_errors_survive_pickling() -> None:
    rule, error = parse_rule("Host(`a`) && !Path(`/b`)"), RuleError("wrong", 3)

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled right here

    assert pickle.loads(pickle.dumps(rule)) == rule  # noqa: S301
    assert (copy.message, copy.position, str(copy)) == ("wrong", 3, "column 4: wrong")
