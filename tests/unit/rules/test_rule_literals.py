"""String literals: written so that Go reads the same text back, and read as Go reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.rules import Match, RuleError, parse_rule, quote


def value_of(literal: str) -> str:
    rule = parse_rule(f"Header(`X`, {literal})")
    assert isinstance(rule, Match)
    return rule.arguments[1]


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("", "``"),
        ("always", "`always`"),
        ('say "hi" \\ bye', '`say "hi" \\ bye`'),
        ("é 😀", "`é 😀`"),
        ("`", '"`"'),
        ('`"\\', '"`\\"\\\\"'),
        ("a\nb\tc\rd", '"a\\nb\\tc\\rd"'),
        ("\0\x1b\x7f\x85", '"\\u0000\\u001b\\u007f\\u0085"'),
        ("\u00a0\u2028\ufeff\uffff", '"\\u00a0\\u2028\\ufeff\\uffff"'),
        ("\U000e0001", '"\\U000e0001"'),
    ],
)
def test_quote_uses_backquotes_where_it_can_and_escapes_where_it_must(text: str, literal: str) -> None:
    assert quote(text) == literal


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_quoted_text_reads_back_as_itself(text: str) -> None:
    assert value_of(quote(text)) == text


@pytest.mark.parametrize("text", ["\ud800", "`\udfff"])
def test_a_lone_surrogate_cannot_be_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a lone surrogate, U\+D[8F][0-9A-F]{2}, is not text$"):
        quote(text)


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ('"always"', "always"),
        ("`a\\nb`", "a\\nb"),
        ("`a\r\nb`", "a\nb"),
        (r'"\a\b\f\n\r\t\v\\\""', '\a\b\f\n\r\t\v\\"'),
        (r'"\x41\101\u0041\U00000041"', "AAAA"),
        (r'"\xc3\xa9"', "é"),
        (r'"\303\251"', "é"),
        (r'"\u00e9\U0001F600"', "é😀"),
        (r'"\u0000\ufeff"', "\0\ufeff"),
        (r'"\\x41"', r"\x41"),
        ('"`"', "`"),
    ],
)
def test_a_literal_is_read_as_go_reads_it(literal: str, text: str) -> None:
    assert value_of(literal) == text


@pytest.mark.parametrize(
    ("escape", "shown"),
    [
        (r"\'", r"\'"),
        (r"\`", r"\`"),
        (r"\q", r"\q"),
        (r"\8", r"\8"),
        (r"\1", r"\1"),
        (r"\12", r"\1"),
        (r"\400", r"\400"),
        (r"\x4", r"\x"),
        (r"\u004", r"\u"),
        (r"\ud800", r"\ud800"),
        (r"\U00110000", r"\U00110000"),
    ],
)
def test_an_escape_that_go_does_not_have_is_refused_where_it_stands(escape: str, shown: str) -> None:
    with pytest.raises(RuleError) as caught:
        value_of(f'"ab{escape}"')

    assert caught.value.position == len('Header(`X`, "ab')
    assert caught.value.message == (
        f"{shown} is no escape in a double-quoted value: write a backslash as \\\\, "
        "or put the value between backquotes, where nothing is escaped"
    )


@pytest.mark.parametrize("literal", [r'"\xff"', r'"\377"', r'"\xc3"', r'"\xed\xa0\x80"'])
def test_escapes_that_are_not_utf_8_are_refused(literal: str) -> None:
    with pytest.raises(RuleError) as caught:
        value_of(literal)

    assert caught.value.position == len("Header(`X`, ")
    assert caught.value.message == (
        r'these escapes do not make up UTF-8: write a character as itself, or like "\u00e9"'
    )


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        ("`a)", "this value is never closed: a backquote is missing at its end"),
        ('"a)', 'this value is not closed on its line: a " is missing at its end'),
        ('"a\nb")', 'this value is not closed on its line: a " is missing at its end'),
        ('"a\\")', 'this value is not closed on its line: a " is missing at its end'),
    ],
)
def test_a_literal_that_is_not_closed_is_refused_where_it_opens(literal: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule(f"Host({literal}")

    assert (caught.value.position, caught.value.message) == (5, message)
