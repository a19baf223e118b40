from datetime import UTC, datetime

import pytest

from provider.domain.fields import InvalidDocumentError, decode_json, encode, read, write
from provider.domain.gateways import DEFAULT_GATEWAY, GatewaySpec, Sighting


def mistakes(document: object) -> dict[str, str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read(GatewaySpec, document)
    return {mistake.pointer: mistake.detail for mistake in caught.value.mistakes}


def test_a_traefik_without_a_name_is_the_default_one() -> None:
    assert DEFAULT_GATEWAY == "default"


def test_a_gateway_need_not_be_asked_at_all() -> None:
    assert write(read(GatewaySpec, {})) == {}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://edge:8080", "http://edge:8080"),
        ("http://edge:8080/", "http://edge:8080"),
        ("https://edge.example.com/traefik/api/", "https://edge.example.com/traefik/api"),
        ("http://[::1]:8080/metrics", "http://[::1]:8080/metrics"),
    ],
)
def test_an_address_is_kept_without_a_last_slash(url: str, kept: str) -> None:
    assert {"api": kept, "metrics": kept} == write(read(GatewaySpec, {"api": url, "metrics": url}))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("edge:8080", "the scheme must be http or https"),
        ("h2c://edge", "the scheme must be http or https"),
        ("file:///etc/passwd", "the scheme must be http or https"),
        ("http://", "it has no host"),
        ("http://me:secret@edge", "it must not contain a user or password"),
        ("http://edge:0", "the port must be from 1 to 65535"),
        ("http://edge?a=b", "it must not have a query or fragment"),
        ("http://edge\r\nHost: a", "only printable ASCII without spaces is allowed"),
    ],
)
def test_what_cannot_be_asked_is_refused(url: str, problem: str) -> None:
    words = f"must be a URL such as http://edge:8080: {problem}"

    assert {"/api": words, "/metrics": words} == mistakes({"api": url, "metrics": url})


def test_an_unknown_field_is_told() -> None:
    assert mistakes({"metric": "http://edge:8080"}) == {"/metric": "is not a known field; did you mean metrics?"}


def test_a_sighting_survives_writing_and_reading() -> None:
    sighting = Sighting(
        gateway="edge",
        address="10.0.0.1",
        last_poll=datetime(2026, 1, 1, tzinfo=UTC),
        revision_served=7,
        digest="abc",
    )

    assert read(Sighting, decode_json(encode(sighting))) == sighting


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"basicAuth": "password"}, ""),
        ({"api": "http://edge:8080", "ca": "edge-ca"}, ""),
        (
            {
                "api": "http://edge:8080",
                "basicAuth": "password",
                "header": {"name": "authorization", "secret": "bearer"},
            },
            "",
        ),
        ({"api": "http://edge:8080", "basicAuth": "../etc/passwd"}, "/basicAuth"),
        ({"api": "http://edge:8080", "basicAuth": "ann:s3cret"}, "/basicAuth"),
        ({"api": "http://edge:8080", "basicAuth": ".."}, "/basicAuth"),
        ({"api": "http://edge:8080", "header": {"name": "X-Api-Key", "secret": "a b"}}, "/header/secret"),
        ({"api": "http://edge:8080", "header": {"name": "X-Api-Key"}}, "/header/secret"),
        ({"api": "http://edge:8080", "header": {"name": "X Api", "secret": "key"}}, "/header/name"),
    ],
)
def test_credentials_that_cannot_be_meant_are_refused(document: object, pointer: str) -> None:
    found = mistakes(document)

    assert {pointer} == found.keys()
    assert "s3cret" not in str(found)
