"""What a webhook may be written as, and that its secret is told to nobody."""

from dataclasses import replace
from typing import Any

import pytest

from provider.domain.fields import InvalidDocumentError, read, write
from provider.domain.notifications import Notice, NoticeKind, Webhook, WebhookSpec
from tests.unit.notifications.test_formats import NOTICE

URL = "https://hooks.slack.com/services/T0/B0/s3cret"
SECRET = "a-secret-of-16-or-more"


def webhook(**fields: Any) -> WebhookSpec:
    return read(WebhookSpec, {"url": URL, **fields})


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://10.0.0.1:8080",
        "https://[fd00::1]/hook",
        "https://prod-1.logic.azure.com:443/workflows/x/paths/invoke?api-version=2016-06-01&sp=%2Frun&sig=aB_c-1",
    ],
)
def test_an_address_may_have_a_path_and_a_query(url: str) -> None:
    assert webhook(url=url).url == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "the scheme must be http or https"),
        ("ftp://chat.example/x", "the scheme must be http or https"),
        ("https://", "it has no host"),
        ("https://user:s3cret@chat.example/x", "it must not contain a user or password"),
        ("https://chat.example/x#s3cret", "it must not have a query or fragment"),
        ("https://chat.example/x?a=b#s3cret", "only printable ASCII without spaces and fragments"),
        ("https://chat.example/x?a=s3cret b", "only printable ASCII without spaces"),
        ("https://chat.example/x?a=s3cret\r\nX: y", "only printable ASCII without spaces"),
        ("https://chat.example/s3cret\n", "only printable ASCII without spaces"),
        ("http://169.254.169.254/latest?s3cret", "link-local and metadata addresses are not allowed"),
        ("http://2852039166/latest", "link-local and metadata addresses are not allowed"),
        ("http://[fe80::1]/x", "link-local and metadata addresses are not allowed"),
    ],
)
def test_another_address_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(InvalidDocumentError, match=words) as caught:
        webhook(url=url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "secret", ["x" * 15, "x" * 257, "has spaces in it, that", "ümlaut-ümlaut-ümlaut", "x" * 16 + "\n"]
)
def test_a_weak_secret_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(InvalidDocumentError, match="16 to 256 printable") as caught:
        webhook(secret=secret)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("secret", [SECRET, "x" * 16, "x" * 256, "", None])
def test_a_secret_is_never_shown(secret: str | None) -> None:
    spec = webhook(secret=secret)

    assert "secret" not in write(spec.shown)
    assert not secret or secret not in f"{spec!r}{spec}{spec.shown!r}{Webhook('chat', 7, spec)!r}"
    assert "s3cret" not in repr(spec)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": "irc"}, "/format: must be 'json', 'slack', 'teams' or 'discord'"),
        ({"events": []}, "/events: must have at least 1"),
        ({"events": ["exploded"]}, "/events/0: must be one of created"),
        ({"events": ["test"]}, "/events/0: must be one of created"),
        ({"rollouts": ["Shop"]}, "/rollouts/0: must be 1 to 63 lowercase letters"),
        ({"template": ""}, "/template: "),
        ({"template": "$wieght"}, r"/template: there is no \$wieght; there are \$event, \$rollout"),
        ({"template": "100 $"}, r"/template: a \$ must be followed by a name"),
        ({"template": "$text"}, "the template of the format json must be JSON once it is filled in"),
        ({"template": '{"a": $text}'}, "the template of the format json must be JSON once it is filled in"),
        ({"template": "$text.__class__", "format": "json"}, "must be JSON"),
        ({"template": "${text.real}", "format": "slack"}, r"a \$ must be followed by a name"),
        ({"hook": 1}, "/hook: is not a known field"),
    ],
)
def test_a_mistake_is_told(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidDocumentError, match=words):
        webhook(**fields)


@pytest.mark.parametrize(
    ("fields", "notice", "wanted"),
    [
        ({}, NOTICE, True),
        ({"events": ["advanced", "aborted"]}, NOTICE, True),
        ({"events": ["aborted"]}, NOTICE, False),
        ({"rollouts": ["shop"]}, NOTICE, True),
        ({"rollouts": ["blog"]}, NOTICE, False),
        ({"rollouts": ["shop"], "events": ["aborted"]}, NOTICE, False),
        ({"rollouts": ["shop"], "events": ["aborted"]}, replace(NOTICE, kind=NoticeKind.ABORTED), True),
    ],
)
def test_a_webhook_is_told_what_it_wants(fields: dict[str, Any], notice: Notice, wanted: bool) -> None:
    assert webhook(**fields).wants(notice) == wanted


def test_all_kinds_but_the_test_message_are_events() -> None:
    schema = WebhookSpec.model_json_schema()["properties"]["events"]["anyOf"][0]["items"]

    assert set(schema["enum"]) == {*NoticeKind} - {NoticeKind.TEST}
