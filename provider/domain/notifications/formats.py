"""A notice as JSON, and as Slack, Teams and Discord want to have it.

Slack: https://docs.slack.dev/messaging/formatting-message-text (what is escaped), /reference/block-kit/blocks.
Teams: a Power Automate workflow "when a Teams webhook request is received", which takes Adaptive Cards 1.4.
Discord: https://docs.discord.com/developers/resources/webhook#execute-webhook (2,000 characters, allowed_mentions).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from provider.domain.fields import weight_number
from provider.domain.json_object import Json
from provider.domain.notifications.notice import Notice
from provider.domain.notifications.signature import sign
from provider.domain.notifications.templates import Escape, fields, filled_in, json_escaped
from provider.domain.notifications.webhook import Format, WebhookSpec

_PLAIN = "$text"
# Of one field; the longest reason is shorter. Discord refuses more than 2,000 characters in all, Slack 3,000 a block.
_LONGEST_FIELD = 900
_LONGEST_MESSAGE = 2_000
# So that a reason such as "<!channel>" calls nobody, and `*` stays what it is.
_SLACK = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN = {char: f"\\{char}" for char in "\\*_~`|<>[]()#"}


@dataclass(frozen=True)
class Message:
    """What is posted: the bytes, and the headers that go with them."""

    body: bytes
    headers: Mapping[str, str] = field(repr=False)


def render(notice: Notice, spec: WebhookSpec, *, unix_seconds: int) -> Message:
    """Shape a notice for a webhook; `unix_seconds` is the time of sending, which is signed with it."""
    body = _body(notice, spec).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "traefik-canary",
        "X-Canary-Event": notice.kind.value,
        "X-Canary-Delivery": str(notice.revision),
    }
    if spec.secret:
        headers["X-Canary-Signature"] = sign(body, secret=spec.secret, unix_seconds=unix_seconds)
    return Message(body, headers)


def _body(notice: Notice, spec: WebhookSpec) -> str:
    if spec.format is Format.JSON and spec.template:
        return filled_in(spec.template, notice, escape=json_escaped)
    template = spec.template or _PLAIN
    match spec.format:
        case Format.JSON:
            document = _plain(notice)
        case Format.SLACK:
            document = _slack(notice, template)
        case Format.TEAMS:
            document = _teams(notice, template)
        case Format.DISCORD:
            document = _discord(notice, template)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _plain(notice: Notice) -> Json:
    return {**fields(notice), "weight": weight_number(notice.weight), "revision": notice.revision}


def _slack(notice: Notice, template: str) -> Json:
    escape = _escaping(_SLACK)
    words = _cut(filled_in(template, notice, escape=escape))
    return {
        "text": words,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": words}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": _small_print(notice, escape)}]},
        ],
    }


def _teams(notice: Notice, template: str) -> Json:
    escape = _escaping(_MARKDOWN)
    block: Json = {"type": "TextBlock", "wrap": True}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {**block, "text": _cut(filled_in(template, notice, escape=escape)), "weight": "Bolder"},
            {**block, "text": _small_print(notice, escape), "isSubtle": True, "size": "Small"},
        ],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _discord(notice: Notice, template: str) -> Json:
    escape = _escaping(_MARKDOWN)
    words = f"{filled_in(template, notice, escape=escape)}\n-# {_small_print(notice, escape)}"
    # Nobody is called by what stands in a reason, "@everyone" for one: it cannot be escaped.
    return {"content": _cut(words), "allowed_mentions": {"parse": []}}


def _small_print(notice: Notice, escape: Escape) -> str:
    return filled_in("$event by $actor, $at, revision $revision", notice, escape=escape)


def _escaping(table: Mapping[str, str]) -> Escape:
    def escape(text: str) -> str:
        pieces: list[str] = []
        size = 0
        for char in text:
            piece = table.get(char, char)
            size += len(piece)
            if size >= _LONGEST_FIELD:
                return "".join([*pieces, "…"])  # cut between characters: half an escape is read as something else
            pieces.append(piece)
        return "".join(pieces)

    return escape


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"
