"""Notifications about rollouts: which change sends what, formatting and signing. Pure."""

from provider.notifications.notice import Notice, NoticeKind, Occasion, describe, sample
from provider.notifications.rendering import Message, render
from provider.notifications.signature import sign
from provider.notifications.webhook import Format, ShownSpec, Webhook, WebhookSpec

__all__ = [
    "Format",
    "Message",
    "Notice",
    "NoticeKind",
    "Occasion",
    "ShownSpec",
    "Webhook",
    "WebhookSpec",
    "describe",
    "render",
    "sample",
    "sign",
]
