"""What a rule may look like, what it means, and what is said of everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.rules import And, Match, Not, Or, Rule, RuleError, parse_rule
from provider.domain.rules.grammar import MAX_DEPTH, MAX_LENGTH

A, B, C = Match("Host", ("a",)), Match("Path", ("/b",)), Match("Method", ("GET",))
a, b, c = "Host(`a`)", "Path(`/b`)", "Method(`GET`)"


def refusal(text: str) -> tuple[int, str]:
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    return caught.value.position, caught.value.message


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (a, A),
        (f"{a} && {b}", And((A, B))),
        (f"{a} || {b}", Or((A, B))),
        (f"!{a}", Not(A)),
        (f"{a} && {b} && {c}", And((A, B, C))),
        (f"{a} || {b} && {c}", Or((A, And((B, C))))),
        (f"{a} && {b} || {c}", Or((And((A, B)), C))),
        (f"({a} || {b}) && {c}", And((Or((A, B)), C))),
        (f"{a} && ({b} && {c})", And((A, And((B, C))))),
        (f"!{a} && {b}", And((Not(A), B))),
        (f"!({a} && {b})", Not(And((A, B)))),
        (f"!!{a}", Not(Not(A))),
        (f"(({a}))", A),
    ],
)
def test_operators_bind_as_in_go(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "Host (`a`)",
        "Host( `a` )",
        "Host(`a`,)",
        "Host(`a`,\n)",
        "Host(\n`a`)",
        "\n\t Host(`a`) \r\n\n",
        "(\nHost(`a`))",
        "Host(`a`)\n \n",
    ],
)
def test_blanks_and_a_last_comma_change_nothing(text: str) -> None:
    assert parse_rule(text) == A


@pytest.mark.parametrize("text", [f"{a} &&\n{b}", f"{a}&&{b}", f"{a} && (\n{b})", f"{a}\t&&\r{b}"])
def test_a_line_may_end_after_an_operator(text: str) -> None:
    assert parse_rule(text) == And((A, B))


LINE_ENDS = "Go's grammar, which Traefik uses, ends the rule at this line break: "


@pytest.mark.parametrize(
    ("text", "position", "remedy"),
    [
        (f"{a}\n&& {b}", 9, "put the && or || (or a parenthesis that closes) before it"),
        (f"({a} \n)", 11, "put the && or || (or a parenthesis that closes) before it"),
        ("Host(`a`\n)", 8, "put the parenthesis that closes, or a comma, before it"),
        ("Header(`a`\n, `b`)", 10, "put the parenthesis that closes, or a comma, before it"),
    ],
)
def test_a_line_may_not_end_after_a_value_or_a_matcher(text: str, position: int, remedy: str) -> None:
    assert refusal(text) == (position, LINE_ENDS + remedy)


MISSING_MATCHER = "a matcher is missing here, such as Host(`example.com`)"
MISSING_OPERATOR = "two matchers are joined with && or ||: one of them is missing here"
MISSING_VALUE = "a value in quotes is missing here, as in Host(`example.com`)"
NO_PARENTHESIS = "`Host` is followed by its value in parentheses: Host(`example.com`)"
AFTER_VALUE = "after a value comes a comma or a parenthesis that closes"


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "the rule is empty: write for example Host(`example.com`)"),
        (" \n ", 0, "the rule is empty: write for example Host(`example.com`)"),
        ("()", 1, MISSING_MATCHER),
        (f"{a} && ", 12, MISSING_MATCHER),
        (f"&& {a}", 0, MISSING_MATCHER),
        (f"{a} || && {b}", 13, MISSING_MATCHER),
        ("!", 1, MISSING_MATCHER),
        ("`a`", 0, "a value alone matches nothing: name its matcher, as in Host(`example.com`)"),
        (f"{a} {b}", 10, MISSING_OPERATOR),
        (f"{a}!{b}", 9, MISSING_OPERATOR),
        (f"{a}, {b}", 9, MISSING_OPERATOR),
        (f"{a}(`b`)", 9, MISSING_OPERATOR),
        (f"{a} AND {b}", 10, "write && for `AND`"),
        (f"({a} or {b})", 11, "write || for `or`"),
        (f"not {a}", 0, "write ! for `not`"),
        (f"{a} & {b}", 10, "a single & means nothing in a rule: write &&"),
        (f"{a} | {b}", 10, "a single | means nothing in a rule: write ||"),
        (f"{a} == {b}", 10, "a rule compares nothing: join matchers with && and ||"),
        (f"{a};", 9, "a rule takes no semicolons: join matchers with && and ||"),
        (f"# {a}", 0, "a rule takes no comments"),
        (f"{a} // shop", 10, "a value needs quotes, and a rule takes no comments"),
        (f"-{a}", 0, "- means nothing in a rule, outside of a quoted value"),
        (f"{a}\u00a0&& {b}", 9, "U+00A0 only looks like a space: use an ordinary one"),
        (f"“{a}”", 0, "values stand between backquotes or double quotes, not between “"),
        (f"{a})", 9, "this parenthesis was never opened: remove it"),
        (f"{b} || ({a}", 24, "a closing parenthesis is missing for the one in column 15"),
        ("Host(`a`  ", 8, "a closing parenthesis is missing for the one in column 5"),
        (f"Host(`a` && {b}", 9, "a closing parenthesis is missing for the one in column 5"),
        ("Host", 4, NO_PARENTHESIS),
        ("Host\n(`a`)", 4, NO_PARENTHESIS),
        ("Host`a`", 4, NO_PARENTHESIS),
        ("Host:a.b", 4, NO_PARENTHESIS),
        ("Header:x", 6, "`Header` is followed by its values in parentheses: Header(`X-Canary`, `always`)"),
        (":", 0, "this is Traefik v1 syntax; v3 writes Host(`example.com`)"),
        ("Host(`a` `b`)", 9, AFTER_VALUE),
        ("Host(`a`...)", 8, AFTER_VALUE),
        ("Host(,`a`)", 5, MISSING_VALUE),
        ("Header(`a`,,`b`)", 11, "a value in quotes is missing here, as in Header(`X-Canary`, `always`)"),
        ("Host((`a`))", 5, MISSING_VALUE),
        ("Host(Host(`a`))", 5, MISSING_VALUE),
        ("Host(", 5, MISSING_VALUE),
    ],
)
def test_a_refusal_says_what_is_wrong_where_and_what_is_right(text: str, position: int, message: str) -> None:
    assert refusal(text) == (position, message)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("Host(example.com)", 5, "example.com needs quotes around it: write `example.com`"),
        ("Path(/shop)", 5, "/shop needs quotes around it: write `/shop`"),
        ("Path(/a b )", 5, "/a b needs quotes around it: write `/a b`"),
        ("ClientIP(10.0.0.0/8", 9, "10.0.0.0/8 needs quotes around it: write `10.0.0.0/8`"),
        ("Header(X-Canary, `always`)", 7, "X-Canary needs quotes around it: write `X-Canary`"),
        ("Host('a')", 5, "'a' needs quotes around it: write `a`"),
        ("Host(“a”)", 5, "“a” needs quotes around it: write `a`"),
    ],
)
def test_a_bare_value_is_shown_with_its_quotes(text: str, position: int, message: str) -> None:
    assert refusal(text) == (position, message)


def test_the_error_names_a_column_counted_from_one() -> None:
    with pytest.raises(RuleError, match=r"^column 14: unknown matcher `Hots`; did you mean `Host`\?$"):
        parse_rule(f"{a} && Hots(`b`)")


@pytest.mark.parametrize(
    ("character", "code"), [("\0", "0000"), ("\x7f", "007F"), ("\ud800", "D800"), ("\ufeff", "FEFF")]
)
def test_a_character_that_cannot_travel_to_traefik_is_refused(character: str, code: str) -> None:
    message = f'U+{code} cannot stand in a rule; a value in double quotes takes "\\u{code.lower()}"'

    assert refusal(f"Path(`/{character}`)") == (7, message)


def test_a_rule_of_the_greatest_length_is_read_and_a_longer_one_is_not() -> None:
    longest = f"{a} || " * 600
    longest += f"Host(`{'a' * (MAX_LENGTH - len(longest) - 8)}`)"

    assert len(longest) == MAX_LENGTH
    assert isinstance(parse_rule(longest), Or)
    assert refusal(f"{longest} ") == (
        MAX_LENGTH,
        f"the rule has {MAX_LENGTH + 1} characters; the most is {MAX_LENGTH}",
    )


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("!", ""), ("!(", ")")])
def test_nesting_is_bounded(opening: str, closing: str) -> None:
    levels = MAX_DEPTH // len(opening)

    assert parse_rule(opening * levels + a + closing * levels)
    assert refusal(opening * (levels + 1) + a + closing * (levels + 1)) == (
        MAX_DEPTH + 1,
        f"nested more than {MAX_DEPTH} levels deep; write it flatter",
    )


@pytest.mark.parametrize("text", ["(" * MAX_LENGTH, "!" * MAX_LENGTH, "Host(" * 1600, "(!" * 4000])
def test_no_nesting_exhausts_the_stack(text: str) -> None:
    refusal(text)


FRAGMENTS = ["Host", "Path", "Header", "HeaderRegexp", "ClientIP", "(", ")", "!", "&&", "||", ",", " ", "\n"]
FRAGMENTS += ["`a`", "`/b`", '"c"', "`[`", "`", '"', "\\", '"\\xff"', "é", "&", "'", "\0", "\ufeff"]


def error_of(text: str) -> RuleError | None:
    try:
        parse_rule(text)
    except RuleError as error:
        return error
    return None


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
def test_any_text_is_a_rule_or_a_rule_error_within_the_text(text: str) -> None:
    error = error_of(text)

    assert error is None or (error.message and 0 <= error.position <= len(text))
