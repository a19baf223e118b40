"""Each matcher's names, how many values it takes, and which."""

import pytest

from provider.domain.rules import Match, RuleError, parse_rule


def refusal(text: str) -> tuple[int, str]:
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    return caught.value.position, caught.value.message


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        *((f"{name}(`a`)", "Host") for name in ("Host", "host", "HOST")),
        *((f"{name}(`a`)", "HostRegexp") for name in ("HostRegexp", "hostregexp", "HOSTREGEXP", "Hostregexp")),
        *((f"{name}(`::1`)", "ClientIP") for name in ("ClientIP", "clientip", "CLIENTIP", "Clientip")),
    ],
)
def test_a_name_is_taken_in_the_four_cases_that_traefik_registers(text: str, matcher: str) -> None:
    rule = parse_rule(text)

    assert isinstance(rule, Match)
    assert rule.matcher == matcher


PATHS = "Path, PathPrefix, PathRegexp"
ALL = f"ClientIP, Header, HeaderRegexp, Host, HostRegexp, Method, {PATHS}, Query, QueryRegexp"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Hots", "unknown matcher `Hots`; did you mean `Host`?"),
        ("hostRegexp", "unknown matcher `hostRegexp`; did you mean `HostRegexp`?"),
        ("PathPrefixStrip", "unknown matcher `PathPrefixStrip`; did you mean `PathPrefix`?"),
        ("Headers", "`Headers` is Traefik v2 syntax; v3 writes Header(`X-Canary`, `always`)"),
        (
            "HeadersRegexp",
            "`HeadersRegexp` is Traefik v2 syntax; v3 writes HeaderRegexp(`X-Canary`, `^(always|yes)$`)",
        ),
        ("HostHeader", "`HostHeader` is Traefik v2 syntax; v3 writes Host(`example.com`)"),
        ("HostSNI", "`HostSNI` is for TCP routers; an HTTP router writes Host(`example.com`)"),
        ("Not", "write ! for `Not`"),
        ("Übung", f"unknown matcher `Übung`; Traefik has {ALL}"),
    ],
)
def test_an_unknown_name_is_refused_with_the_right_one(name: str, message: str) -> None:
    assert refusal(f"Path(`/`) && {name}(`a`)") == (13, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Host()", "`Host` takes one value, not 0: write for example Host(`example.com`)"),
        ("Host(`a`, `b`)", "`Host` takes one value since Traefik v3, not 2: write Host(`a`) || Host(`b`)"),
        (
            "Path(`/a`, `/b`, `/c`)",
            "`Path` takes one value since Traefik v3, not 3: write Path(`/a`) || Path(`/b`) || Path(`/c`)",
        ),
        (
            "Header(`a`)",
            "`Header` takes a name and a value, not 1: write for example Header(`X-Canary`, `always`)",
        ),
        (
            "Header(`a`, `b`, `c`)",
            "`Header` takes a name and a value, not 3: write for example Header(`X-Canary`, `always`)",
        ),
        (
            "Query(`a`, `b`, `c`)",
            "`Query` takes a name and at most one value, not 3: write for example Query(`canary`, `always`)",
        ),
    ],
)
def test_a_wrong_number_of_values_is_refused_at_the_name(text: str, message: str) -> None:
    assert refusal(f"({text})") == (1, message)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("Host(``)", 5, "`Host` takes no empty value: write for example Host(`example.com`)"),
        ("Method(`\r`)", 7, "`Method` takes no empty value: write for example Method(`GET`)"),
        ("Header(`a`, ``)", 12, "`Header` takes no empty value: write HeaderRegexp(`a`, `^$`)"),
        ("Query(`a`, ``)", 11, "`Query` takes no empty value: write Query(`a`)"),
        ("Query(``, ``)", 6, "`Query` takes no empty value: write for example Query(`canary`, `always`)"),
        ("Path(`shop`)", 5, "a path begins with /: write Path(`/shop`)"),
        ("PathPrefix(`shop`)", 11, "a path begins with /: write PathPrefix(`/shop`)"),
        (
            "Host(`é.com`)",
            5,
            "`Host` takes ASCII only: write an international name like xn--bcher-kva.example",
        ),
        (
            "HostRegexp(`é`)",
            11,
            "`HostRegexp` takes ASCII only: write an international name like xn--bcher-kva.example",
        ),
        ("HostRegexp(`[`)", 11, "no regular expression that Traefik takes: missing ]: ["),
        ("HeaderRegexp(`a`, `(`)", 18, "no regular expression that Traefik takes: missing ): ("),
    ],
)
def test_a_value_that_traefik_refuses_is_refused_where_it_stands(text: str, position: int, message: str) -> None:
    assert refusal(text) == (position, message)


@pytest.mark.parametrize(
    "text",
    [
        "Host(`*`)",
        "Host(`*.example.com`)",
        "Host(`a b`)",
        "Method(`whatever`)",
        "Path(`/é`)",
        "PathRegexp(`é`)",
        "Header(`not a token`, `é`)",
        "HeaderRegexp(`[`, `.`)",
        "Query(`[`)",
        "QueryRegexp(`[`)",
        "QueryRegexp(`a`, `.`)",
        "ClientIP(`192.0.2.1`)",
        "ClientIP(`10.1.2.3/8`)",
        "ClientIP(`10.0.0.0/008`)",
        "ClientIP(`2001:DB8::/32`)",
        "ClientIP(`::ffff:192.0.2.1/96`)",
        "ClientIP(`0.0.0.0/0`)",
    ],
)
def test_what_traefik_takes_is_taken(text: str) -> None:
    assert str(parse_rule(text)) == text


@pytest.mark.parametrize(
    "address",
    [
        *(
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.01",
            "10.0.0.0/255.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "/8",
        ),
        *(
            "fe80::1%eth0",
            "fe80::1%eth0/64",
            " 10.0.0.1",
            "10.0.0.1\n",
            "1::2::3",
            "example.com",
            "10.0.0.0/٨",
        ),
    ],
)
def test_what_is_no_address_range_to_go_is_refused(address: str) -> None:
    position, message = refusal(f"ClientIP(`{address}`)")

    assert position == 9
    assert message.endswith("is no IP address or CIDR range, such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32")
