"""Notifications about rollouts: which change sends what, formatting and signing. Pure."""

from provider.domain.notifications.formats import Message, render
from provider.domain.notifications.notice import Notice, NoticeKind, Occasion, describe, sample
from provider.domain.notifications.signature import sign
from provider.domain.notifications.webhook import Format, PublicWebhookSpec, Webhook, WebhookSpec

__all__ = [
    "Format",
    "Message",
    "Notice",
    "NoticeKind",
    "Occasion",
    "PublicWebhookSpec",
    "Webhook",
    "WebhookSpec",
    "describe",
    "render",
    "sample",
    "sign",
]
