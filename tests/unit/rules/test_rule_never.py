"""Rules that Traefik takes but that match no request."""

import pytest

from provider.domain.rules import RuleError, parse_rule


def refusal(text: str) -> str:
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("HostRegexp(`{sub:[a-z]+}.example.com`)", r"HostRegexp(`^[a-z]+\.example\.com$`)"),
        ("HostRegexp(`{sub:[a-z]{2}}.example.com`)", r"HostRegexp(`^[a-z]{2}\.example\.com$`)"),
        ("HostRegexp(`{sub}.example.com`)", r"HostRegexp(`^[^.]+\.example\.com$`)"),
        ("Path(`/users/{id}`)", "PathRegexp(`^/users/[^/]+$`)"),
        ("Path(`/users/{id:[0-9]+}/x.html`)", r"PathRegexp(`^/users/[0-9]+/x\.html$`)"),
        ("PathPrefix(`/users/{id}`)", "PathRegexp(`^/users/[^/]+`)"),
        ("Path(`/static/*`)", "PathRegexp(`^/static/.*$`)"),
        ("PathPrefix(`/static/*`)", "PathRegexp(`^/static/.*`)"),
        ("Host(`https://example.com`)", "Host(`example.com`)"),
        ("Host(`example.com:8080`)", "Host(`example.com`)"),
        ("Host(`[::1]:8080`)", "Host(`[::1]`)"),
        ("Host(`example.com/`)", "Host(`example.com`)"),
        ("Host(`http://example.com:80/shop`)", "Host(`example.com`) && PathPrefix(`/shop`)"),
        ("Query(`canary=always`)", "Query(`canary`, `always`)"),
        ("Query(`canary=`)", "Query(`canary`)"),
    ],
)
def test_a_rule_that_never_matches_is_refused_with_the_one_that_does(text: str, right: str) -> None:
    assert refusal(text).endswith(f": write {right}")
    assert parse_rule(right)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Host(`${HOST}`)", "${HOST}"),
        ("Host(`shop.${DOMAIN:-localhost}`)", "${DOMAIN:-localhost}"),
        ("Host(`{{ host }}`)", "{{ host }}"),
        ("PathPrefix(`/{{ .Path }}/a`)", "{{ .Path }}"),
        ("HostRegexp(`^${SUB}`)", "${SUB}"),
        ("Header(`X-Canary`, `{{value}}`)", "{{value}}"),
        ("Query(`a`, `${B}`)", "${B}"),
    ],
)
def test_a_template_that_nothing_has_filled_is_refused(text: str, template: str) -> None:
    assert refusal(text).startswith(f"{template} is not expanded")


@pytest.mark.parametrize(
    "text",
    [
        "Host(`*.example.com`)",
        "Host(`::1`)",
        "Host(`[::1]`)",
        r"HostRegexp(`^[a-z]{2,3}\.example\.com$`)",
        r"HostRegexp(`^\pL\p{Greek}\x{41}$`)",
        r"HostRegexp(`^\{a\}$`)",
        r"PathRegexp(`^/[0-9]{4}/.*$`)",
        "Query(`a`, `b=c`)",
        "QueryRegexp(`a`, `^b=.*$`)",
        "Header(`a`, `${}`)",
        "Path(`/a:80`)",
    ],
)
def test_a_rule_that_may_match_is_taken(text: str) -> None:
    assert str(parse_rule(text)) == text
