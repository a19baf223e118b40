"""A notice in each format, to the byte where others rely on it."""

import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.fields import read
from provider.domain.notifications import Notice, NoticeKind, WebhookSpec, render, sign

SECRET = "a-secret-of-16-or-more"
PAGE = Path(__file__).parents[3] / "docs" / "webhooks.md"
NOTICE = Notice(
    kind=NoticeKind.ADVANCED,
    rollout="shop",
    text="shop: 25% to the canary, waiting 10m",
    phase="Paused",
    weight=Decimal("25.00"),
    actor="ci",
    reason="",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    revision=42,
    request_id="gitlab-4711",
)
NASTY = replace(NOTICE, text='shop: "a" <!channel> & *b* _c_ [d](e) @everyone \\ ü', reason="$text ${x} {0.real}")
FORMATS = ["json", "slack", "teams", "discord"]


def webhook(**fields: Any) -> WebhookSpec:
    return read(WebhookSpec, {"url": "https://chat.example/hook", **fields})


def body(notice: Notice, **fields: Any) -> Any:
    return json.loads(render(notice, webhook(**fields), unix_seconds=7).body)


def test_json_is_what_the_documentation_shows() -> None:
    shown = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)

    assert shown
    assert json.loads(shown[1]) == body(NOTICE)


def test_slack_gets_blocks_and_a_text_for_its_notification() -> None:
    words = "shop: 25% to the canary, waiting 10m"
    small = "advanced by ci, 2026-01-01T00:00:00.000Z, revision 42"
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": words}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": small}]},
    ]

    assert {"text": words, "blocks": blocks} == body(NOTICE, format="slack")


def test_teams_gets_an_adaptive_card() -> None:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                {
                    "type": "TextBlock",
                    "wrap": True,
                    "text": "shop: 25% to the canary, waiting 10m",
                    "weight": "Bolder",
                },
                {
                    "type": "TextBlock",
                    "wrap": True,
                    "text": "advanced by ci, 2026-01-01T00:00:00.000Z, revision 42",
                    "isSubtle": True,
                    "size": "Small",
                },
            ],
        },
    }

    assert {"type": "message", "attachments": [attachment]} == body(NOTICE, format="teams")


def test_discord_gets_a_content_that_calls_nobody() -> None:
    content = "shop: 25% to the canary, waiting 10m\n-# advanced by ci, 2026-01-01T00:00:00.000Z, revision 42"

    assert {"content": content, "allowed_mentions": {"parse": []}} == body(NOTICE, format="discord")


def test_what_a_reason_says_is_no_markup() -> None:
    slack = body(NASTY, format="slack")["text"]
    discord = body(NASTY, format="discord")["content"]
    teams = body(NASTY, format="teams")["attachments"][0]["content"]["body"][0]["text"]

    assert slack == 'shop: "a" &lt;!channel&gt; &amp; *b* _c_ [d](e) @everyone \\ ü'
    assert teams == 'shop: "a" \\<!channel\\> & \\*b\\* \\_c\\_ \\[d\\]\\(e\\) @everyone \\\\ ü'
    assert discord.startswith(teams)


@pytest.mark.parametrize("format_", FORMATS[1:])
def test_a_template_is_the_words_of_a_chat(format_: str) -> None:
    text = render(NASTY, webhook(format=format_, template="*$rollout*: $reason, $$5"), unix_seconds=7).body.decode()

    assert "*shop*: $text $" in text
    assert "$5" in text


def test_a_template_is_the_whole_body_of_json_and_stays_json() -> None:
    template = '{"a": "$text", "b": [$weight, ${revision}], "c": "$reason"}'

    assert {"a": NASTY.text, "b": [25, 42], "c": NASTY.reason} == body(NASTY, template=template)


@given(st.text(max_size=3_000), st.sampled_from(FORMATS))
def test_any_words_are_json_and_no_longer_than_they_may_be(words: str, format_: str) -> None:
    words = words.encode(errors="replace").decode()
    document = body(replace(NOTICE, text=words, reason=words), format=format_)

    match format_:
        case "json":
            assert words == document["text"]
        case "discord":
            assert len(document["content"]) <= 2_000
        case "slack":
            assert len(document["blocks"][0]["text"]["text"]) <= 2_000


@pytest.mark.parametrize("format_", FORMATS)
def test_a_message_says_what_it_is(format_: str) -> None:
    headers = render(NOTICE, webhook(format=format_), unix_seconds=7).headers

    assert headers == {
        "Content-Type": "application/json",
        "User-Agent": "traefik-canary",
        "X-Canary-Event": "advanced",
        "X-Canary-Delivery": "42",
    }


def test_a_message_is_signed_with_its_time() -> None:
    message = render(NOTICE, webhook(secret=SECRET), unix_seconds=1_767_225_600)
    digest = hmac.new(SECRET.encode(), b"1767225600." + message.body, hashlib.sha256).hexdigest()

    assert f"t=1767225600,v1={digest}" == message.headers["X-Canary-Signature"]
    assert SECRET not in f"{message.body!r}{message.headers}{message}"


def test_the_lines_of_the_documentation_verify_a_signature() -> None:
    lines = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert lines
    names: dict[str, Any] = {}
    exec(lines[1], names)  # noqa: S102 they are our own
    is_genuine = names["is_genuine"]
    now = int(time.time())

    assert is_genuine(b"body", sign(b"body", secret=SECRET, unix_seconds=now), SECRET)
    assert not is_genuine(b"other", sign(b"body", secret=SECRET, unix_seconds=now), SECRET)
    assert not is_genuine(b"body", sign(b"body", secret=SECRET, unix_seconds=now), SECRET[:-1])
    assert not is_genuine(b"body", sign(b"body", secret=SECRET, unix_seconds=now - 301), SECRET)
