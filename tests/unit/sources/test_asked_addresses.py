"""Addresses that are asked from inside are never those where a cloud keeps its credentials."""

import pytest

from provider.domain.analysis import Analysis, Check
from provider.domain.fields import InvalidDocumentError, read
from provider.domain.fields.addresses import asked_url_problem
from provider.domain.gateways import GatewaySpec

_WORDS = "link-local and metadata addresses are not allowed"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254.",
        "169.254.0.1",
        "169.254.43518",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "[fe80::1]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "[fd00:0ec2:0:0::0254]",
        "[::ffff:169.254.169.254]",
    ],
)
def test_link_local_addresses_are_refused_however_they_are_written(host: str) -> None:
    assert (asked_url_problem(f"http://{host}:80/latest") or "").startswith(_WORDS)


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "127.0.0.1", "169.253.1.1", "prometheus", "169.254.example", "[fd00::1]", "[fec0::1]"),
        *("1.2.3.4.5", "300.1", "0", "08.1.1.1", "99999999999", "0x"),
    ],
)
def test_other_addresses_are_not(host: str) -> None:
    assert asked_url_problem(f"https://{host}/latest") is None


def test_what_is_no_address_at_all_is_told_first() -> None:
    assert asked_url_problem("ftp://169.254.169.254") == "the scheme must be http or https"


@pytest.mark.parametrize(
    ("document", "model", "place"),
    [
        ({"source": {"prometheus": {"url": "URL"}}}, Analysis, "/source/prometheus/url"),
        ({"name": "a", "prometheus": {"url": "URL", "query": "1", "atMost": 1}}, Check, "/prometheus/url"),
        ({"name": "a", "webhook": {"url": "URL"}}, Check, "/webhook/url"),
        ({"api": "URL"}, GatewaySpec, "/api"),
        ({"metrics": "URL"}, GatewaySpec, "/metrics"),
        ({"api": ["http://edge:8080", "URL"]}, GatewaySpec, "/api"),
    ],
    ids=str,
)
def test_every_document_that_names_what_is_asked_refuses_them(
    document: dict[str, object], model: type[Analysis | Check | GatewaySpec], place: str
) -> None:
    with pytest.raises(InvalidDocumentError, match=f"^{place}: must be .*: {_WORDS}"):
        read(model, _with(document, "http://169.254.169.254/latest"))


def _with(document: object, url: str) -> object:
    if isinstance(document, dict):
        return {name: _with(value, url) for name, value in document.items()}
    if isinstance(document, list):
        return [_with(value, url) for value in document]
    return url if document == "URL" else document
