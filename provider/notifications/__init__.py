"""What people are told of a rollout: which change means what, in which words, shaped for whom, and signed. Pure."""

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
