from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, create_model

from provider.domain.fields import Document, InvalidDocumentError, format_duration, read, weight_number, write
from provider.domain.fields.quotes import quoted
from provider.domain.fields.types import (
    CheckedPath,
    CookieValue,
    Duration,
    EntryPoint,
    HeaderValue,
    Name,
    Reference,
    Rule,
    ServerUrl,
    Token,
    UrlPath,
    Weight,
    WholeNumber,
    parse_duration,
    parse_weight,
)
from provider.domain.rollouts import Spec


def field(kind: Any) -> type[BaseModel]:
    return create_model("Field", __base__=Document, value=(kind, ...))


def taken(kind: Any, value: object) -> Any:
    return write(read(field(kind), {"value": value}))["value"]


def refusal(kind: Any, value: object) -> str:
    with pytest.raises(InvalidDocumentError) as caught:
        read(field(kind), {"value": value})
    (mistake,) = caught.value.mistakes

    assert mistake.pointer == "/value"
    return mistake.detail


@pytest.mark.parametrize(
    ("value", "weight"),
    [
        (0, "0.00"),
        (100, "100.00"),
        (5, "5.00"),
        (5.0, "5.00"),
        (0.1, "0.10"),
        (0.07, "0.07"),
        (33.33, "33.33"),
        (99.99, "99.99"),
        (1e1, "10.00"),
        (0.01, "0.01"),
        (Decimal("12.5"), "12.50"),
        (Decimal("12.500"), "12.50"),
    ],
)
def test_a_weight_is_kept_in_hundredths(value: object, weight: str) -> None:
    assert str(parse_weight(value)) == weight


@pytest.mark.parametrize(
    "value",
    [
        *(-1, -0.01, 101, 100.01, 0.001, 33.333, 1e-9, 1e400, 10**400, 0.1 + 0.2),
        *(float("nan"), float("inf"), float("-inf"), Decimal("sNaN"), Decimal("1E+999999"), Decimal("1E-999999")),
        *(True, False, None, "5", "", [5], {"weight": 5}),
    ],
)
def test_what_is_no_per_cent_of_two_decimals_is_refused(value: object) -> None:
    assert f"must be a number from 0 to 100 with at most two decimals, not {quoted(value)}" == refusal(Weight, value)


@pytest.mark.parametrize(
    ("value", "written"), [(0, 0), (-0.0, 0), (25.0, 25), (100, 100), (0.1, 0.1), (33.33, 33.33), (50.5, 50.5)]
)
def test_a_weight_is_written_as_the_plainest_number(value: float, written: float) -> None:
    number = taken(Weight, value)

    assert (written, type(written)) == (number, type(number))


@given(st.integers(0, 10_000))
def test_every_hundredth_of_a_per_cent_survives_writing_and_reading(hundredths: int) -> None:
    weight = Decimal(hundredths) / 100

    assert parse_weight(weight_number(weight)) == weight


@pytest.mark.parametrize(
    ("text", "milliseconds", "written"),
    [
        ("1ms", 1, "1ms"),
        ("500ms", 500, "500ms"),
        ("0.5s", 500, "500ms"),
        ("1.2s", 1_200, "1.2s"),
        ("1000ms", 1_000, "1s"),
        ("90s", 90_000, "1m30s"),
        ("10m", 600_000, "10m"),
        ("1h30m", 5_400_000, "1h30m"),
        ("1.5h", 5_400_000, "1h30m"),
        ("1h0.5s", 3_600_500, "1h0.5s"),
        ("1m1m", 120_000, "2m"),
        ("30m1h", 5_400_000, "1h30m"),
        ("0s1m", 60_000, "1m"),
        ("100s", 100_000, "1m40s"),
        ("8784h", 8784 * 3_600_000, "8784h"),
    ],
)
def test_a_duration_is_read_as_go_reads_it_and_written_plainly(text: str, milliseconds: int, written: str) -> None:
    assert timedelta(milliseconds=milliseconds) == parse_duration(text)
    assert taken(Duration, text) == written


@pytest.mark.parametrize(
    "value",
    [
        *("", "10", "10 s", " 10s", "10s ", "10s\n", "-10s", "+10s", "s", "1.s", ".5s", "1,5s", "10S", "10sec"),
        *("1d", "1us", "١s", "1e3s", "0x1s", "1" * 40 + "s", 10, 1.5, True, None, ["10s"]),
    ],
)
def test_what_go_would_not_call_a_duration_is_refused(value: object) -> None:
    assert f"must be a duration such as 500ms, 10s, 5m or 1h30m, not {value!r}" == refusal(Duration, value)


@pytest.mark.parametrize("text", ["0s", "0ms", "0h0m", "0.5ms", "0.0001s", "1.0001s"])
def test_a_duration_is_of_whole_milliseconds_and_never_none(text: str) -> None:
    assert f"must be a whole number of milliseconds and at least 1, not {text}" == refusal(Duration, text)


@pytest.mark.parametrize("text", ["8784h1ms", "9999999999999999999999h"])
def test_a_duration_is_at_most_a_year(text: str) -> None:
    assert f"must be at most 8784h (a year), not {text}" == refusal(Duration, text)


@given(st.integers(1, 8784 * 3_600_000))
def test_every_duration_survives_writing_and_reading(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(duration)) == duration


def test_no_time_at_all_is_written_as_such() -> None:
    assert format_duration(timedelta(0)) == "0s"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Name, ["a", "0", "shop", "shop-api", "a--b", "x" * 63]),
        (EntryPoint, ["web", "web-secure", "Web_1", "x" * 63]),
        (Reference, ["shop-v2@docker", "a@file", "default-shop-80@kubernetescrd", "A.b:c/d_e@plugin-2", "a@http2"]),
        (Token, ["X-Canary", "a", "x!#$%&'*+.^_|~-9"]),
        (HeaderValue, ["always", "a b", 'say "hi"', "`", "~", "x" * 512]),
        (CookieValue, ["always", "1.0", "a=b", "`(^|$)`", "/"]),
        (UrlPath, ["/", "/healthz", "/a?b=c#d", "/%20"]),
        (CheckedPath, ["/", "/healthz", "/a//b/", "/%20?b=100%&c=//d", "/?a", "/a#%20/?#", "/a:b@c"]),
        (Rule, ["Host(`a`)", "Host(`a`) &&\nPath(`/b`)"]),
        (WholeNumber, [0, -1, 7, 10**12]),
    ],
)
def test_what_traefik_reads_is_taken_as_it_is(kind: Any, values: list[object]) -> None:
    assert [taken(kind, value) for value in values] == values


NOT_A_NAME = "must be 1 to 63 lowercase letters, digits and inner hyphens, such as shop-api"
NOT_AN_ENTRY_POINT = "must be the name of an entry point such as web"
NOT_A_REFERENCE = "must be NAME@PROVIDER, such as shop-v2@docker"
NOT_A_TOKEN = "must be a name of letters, digits and hyphens, such as X-Canary"
NOT_A_HEADER_VALUE = "must be printable ASCII without leading or trailing spaces"
NOT_A_COOKIE_VALUE = "must be a cookie's value: no space, quote, comma, ; or \\"
NOT_A_PATH = "must be a path that begins with /, such as /healthz"
NOT_A_CHECKED_PATH = "must be a path that begins with one / and has complete escapes such as %20"


@pytest.mark.parametrize(
    ("kind", "words", "values"),
    [
        (Name, NOT_A_NAME, ["", "-", "a-", "-a", "Shop", "a_b", "a.b", "a b", "é", "a\n", "x" * 64]),
        (EntryPoint, NOT_AN_ENTRY_POINT, ["", "we b", "web\n", "é", "a.b", "x" * 64]),
        (
            Reference,
            NOT_A_REFERENCE,
            ["", "shop", "@docker", "shop@", "a@b@c", "a b@file", "a@Docker", "a@file\n", "-a@file", "é@file"],
        ),
        (Token, NOT_A_TOKEN, ["", "a b", "a:", "a;", "a\n", "`a`", "é", '"a"']),
        (HeaderValue, NOT_A_HEADER_VALUE, ["", " ", " a", "a ", "a\n", "a\tb", "a\x7f", "é"]),
        (CookieValue, NOT_A_COOKIE_VALUE, ["", "a b", "a;b", "a,b", 'a"', "a\\", "a\n", "é", "\x7f"]),
        (
            CheckedPath,
            NOT_A_CHECKED_PATH,
            ["", "healthz", "//host/x", "//", "/%zz", "/a%2", "/#%", "/a b", "/a\n"],
        ),
        (UrlPath, NOT_A_PATH, ["", "healthz", "/a b", "/a\n", "/é", "http://a/"]),
    ],
)
def test_what_traefik_would_misread_is_refused_in_words_that_help(kind: Any, words: str, values: list[str]) -> None:
    assert [f"{words}, not {value!r}" for value in values] == [refusal(kind, value) for value in values]


@pytest.mark.parametrize("kind", [Name, EntryPoint, Reference, Token, HeaderValue, CookieValue, UrlPath, Rule])
@pytest.mark.parametrize("value", [None, 1, True, ["a"], {"a": "b"}])
def test_what_is_no_text_is_refused(kind: Any, value: object) -> None:
    assert refusal(kind, value) == "must be a valid string"


@pytest.mark.parametrize(("kind", "most"), [(Reference, 253), (Token, 128), (HeaderValue, 512), (UrlPath, 1024)])
def test_texts_have_an_end(kind: Any, most: int) -> None:
    ending = "@file" if kind is Reference else ""
    longest = "/" * (kind is UrlPath)
    longest += "a" * (most - len(longest) - len(ending)) + ending

    assert taken(kind, longest) == longest
    assert f"must have at most {most} characters" == refusal(kind, f"{longest[:1]}a{longest[1:]}")


def test_this_providers_own_services_are_no_references() -> None:
    words = "must not end in @http: these services belong to this provider and change"

    assert refusal(Reference, "shop_1@http") == words


@pytest.mark.parametrize("name", ["api@internal", "prometheus@internal", "noop@internal", "ping@internal"])
def test_traefiks_internal_services_are_no_references(name: str) -> None:
    assert refusal(Reference, name).startswith("must not end in @internal")


@pytest.mark.parametrize("field", ["middlewares", "stable", "canary"])
def test_no_part_of_a_spec_refers_to_an_internal_service(field: str) -> None:
    sides = {"stable": {"service": "a@file"}, "canary": {"service": "b@file"}}
    parts = {"middlewares": ["dashboard_redirect@internal"], **{side: {"service": "api@internal"} for side in sides}}
    with pytest.raises(InvalidDocumentError) as caught:
        read(Spec, {"rule": "Host(`a`)", **sides, field: parts[field]})

    assert [mistake.pointer.split("/")[1] for mistake in caught.value.mistakes] == [field]


def test_a_rule_is_refused_with_the_column() -> None:
    assert refusal(Rule, "Hots(`a`)") == "column 1: unknown matcher `Hots`; did you mean `Host`?"


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("5", "must be a whole number, not '5'"),
        (True, "must be a whole number, not True"),
        (1.5, "must be a valid integer, got a number with a fractional part"),
        (float("inf"), "must be a finite number"),
        (float("nan"), "must be a finite number"),
        (None, "must be a valid integer"),
        ([1], "must be a valid integer"),
    ],
)
def test_what_is_no_whole_number_is_refused(value: object, detail: str) -> None:
    assert refusal(WholeNumber, value) == detail


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert taken(WholeNumber, 20.0) == 20


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("http://10.0.0.1:8080/", "http://10.0.0.1:8080"),
        ("https://shop", "https://shop"),
        ("h2c://shop.internal.:50051", "h2c://shop.internal.:50051"),
        ("http://my_app-1:1", "http://my_app-1:1"),
        ("http://[::1]:65535", "http://[::1]:65535"),
        ("http://[::ffff:10.0.0.1]", "http://[::ffff:10.0.0.1]"),
    ],
)
def test_a_servers_address_is_kept_without_a_last_slash(url: str, kept: str) -> None:
    assert taken(ServerUrl, url) == kept


SCHEMES = "the scheme must be h2c or http or https"
PORTS = "the port must be from 1 to 65535"
HOST = "the host is not valid"
ASCII = "only printable ASCII without spaces is allowed"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("10.0.0.1:8080", SCHEMES),
        ("shop", SCHEMES),
        ("", SCHEMES),
        ("ftp://shop", SCHEMES),
        ("unix:///run/shop.sock", SCHEMES),
        ("http://", "it has no host"),
        ("http:///shop", "it has no host"),
        ("http://:80", "it has no host"),
        ("http://-shop", HOST),
        ("http://a;b", HOST),
        ("http://a\\b", HOST),
        ("http://a`b", HOST),
        ("http://[::1%25eth0]:80", HOST),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://shop:0", PORTS),
        ("http://shop:", PORTS),
        ("http://shop:65536", "Port out of range 0-65535"),
        ("http://shop:+80", "Port could not be cast to integer value as '+80'"),
        ("http://shop:8_0", "Port could not be cast to integer value as '8_0'"),
        ("http://me:secret@shop", "it must not contain a user or password"),
        ("http://shop/api", "it must not have a path: Traefik would ignore it"),
        ("http://shop//", "it must not have a path: Traefik would ignore it"),
        ("http://shop?a", "it must not have a query or fragment"),
        ("http://shop#", "it must not have a query or fragment"),
        ("http://shöp", ASCII),
        ("http://shop ", ASCII),
        ("http://shop\n", ASCII),
        ("http://sh\top", ASCII),
    ],
)
def test_what_is_no_servers_address_is_refused(url: str, problem: str) -> None:
    assert f"must be a server URL such as http://10.0.0.1:8080: {problem}" == refusal(ServerUrl, url)
