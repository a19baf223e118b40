"""Regular expressions: RE2's, less what Go does not take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.rules import RuleError, parse_rule, regexps
from provider.domain.rules.regexps import complain_of_regexp


@pytest.mark.parametrize(
    "pattern",
    [
        r"^/(shop|cart)/[0-9]{1,1000}$",
        r"(?P<name>a)(?<other>b)(?P<name>c)",
        r"(?i:a)(?s-m:b)\bx\B\A\z",
        r"\Q\C(?<é>{999999999}\E",
        r"\\C",
        r"[[:alpha:]\d\pL]\p{Greek}\P{^Lu}\pN",
        r"\x{000000000041}\x41\101",
        "x{,2}{",
        "é",
        "(" * 150 + ")" * 150,
    ],
)
def test_what_go_compiles_is_taken(pattern: str) -> None:
    assert complain_of_regexp(pattern) is None


NO_LOOK_AHEAD = "Go's regular expressions have no look-ahead"


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("(", "missing ): ("),
        ("[a", "missing ]: [a"),
        ("a**", "bad repetition operator: **"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("(?=a)", f"invalid perl operator: (?= ({NO_LOOK_AHEAD})"),
        ("(?!a)", f"invalid perl operator: (?! ({NO_LOOK_AHEAD}; put ! before the matcher)"),
        ("(?<=a)", "invalid perl operator: (?<= (Go's regular expressions have no look-behind)"),
        ("(?<!a)", "invalid perl operator: (?<! (Go's regular expressions have no look-behind)"),
        (r"(a)\1", r"invalid escape sequence: \1 (Go's regular expressions have no backreferences)"),
        (r"a\Z", r"invalid escape sequence: \Z (write \z for the end of the text)"),
        (r"\pL{1000}", "pattern too large - compile failed"),
    ],
)
def test_what_re2_refuses_is_refused_in_its_words(pattern: str, complaint: str) -> None:
    assert complain_of_regexp(pattern) == complaint


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        (r"a\C", r"\C, a single byte, does not exist in Go"),
        (r"\\\C", r"\C, a single byte, does not exist in Go"),
        (r"\Qa\E\C", r"\C, a single byte, does not exist in Go"),
        ("(?P<é>a)", "a group's name has only the letters a to z, digits and _, unlike é"),
        ("(?<é>a)", "a group's name has only the letters a to z, digits and _, unlike é"),
        ("a{99999999999999999999}", "a repetition of 99999999999999999999 is above 1000"),
        ("a{1,99999999999999999999}", "a repetition of 1,99999999999999999999 is above 1000"),
        (r"\p{Tai_Le}", r"not every Traefik knows the class \p{Tai_Le}"),
        (r"[\P{^SignWriting}]", r"not every Traefik knows the class \p{SignWriting}"),
        ("(" * 151 + ")" * 151, "it has more than 150 groups"),
    ],
)
def test_what_re2_takes_and_go_does_not_is_refused(pattern: str, complaint: str) -> None:
    assert complain_of_regexp(pattern) == complaint


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_an_expression_or_a_complaint(pattern: str) -> None:
    assert complain_of_regexp(pattern) != ""


@pytest.mark.parametrize(
    "rule", ["PathRegexp(`[\\pL\\pN\\pM]{1,20}`)", " || ".join(["PathRegexp(`^/x{1,500}$`)"] * 20)]
)
def test_regular_expressions_of_a_usual_size_are_read(rule: str) -> None:
    assert parse_rule(rule)


@pytest.mark.parametrize(
    ("rule", "position"),
    [
        (" || ".join(f"PathRegexp(`{n}[\\pL\\pN\\pM]{{1,20}}`)" for n in range(2)), 36),
        (" || ".join(f"HostRegexp(`{n}x{{1,1000}}`)" for n in range(10, 90)), None),
    ],
)
def test_the_regular_expressions_of_a_rule_have_a_budget_together(rule: str, position: int | None) -> None:
    with pytest.raises(RuleError, match="are too large") as caught:
        parse_rule(rule)

    assert position in {None, caught.value.position}


def test_an_expression_names_so_many_classes() -> None:
    assert complain_of_regexp("|".join(["\\pL"] * 200)) is None
    assert complain_of_regexp("|".join(["\\pL"] * 201)) == "it names more than 200 classes of characters"


def test_an_expression_that_every_override_repeats_is_compiled_once() -> None:
    pattern = "^/once[a-z]{1,50}$"
    for number in range(33):
        parse_rule(f"PathRegexp(`{pattern}`) && Header(`X-Canary`, `{number}`)")
    compiled = regexps._compiled.cache_info()
    parse_rule(f"PathRegexp(`{pattern}`) && Method(`GET`)")

    assert compiled.misses == regexps._compiled.cache_info().misses
