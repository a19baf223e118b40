"""The spec of a webhook: its URL, events, format and secret."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from provider.domain.fields import Document
from provider.domain.fields.addresses import asked_url_problem
from provider.domain.fields.types import Name
from provider.domain.notifications.notice import Notice, NoticeKind
from provider.domain.notifications.templates import check_json_template, check_template

_SECRET_PATTERN = r"^([!-~]{16,256})?$"  # noqa: S105 what one looks like
_LONGEST_TEMPLATE = 4_000
_MOST_ROLLOUTS = 1_000


class Format(StrEnum):
    """Format of the messages."""

    JSON = "json"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"


def _url(url: str) -> str:
    # Unlike what else is asked, the addresses of Teams' workflows are nothing without their query.
    address, _, query = url.partition("?")
    problem = asked_url_problem(address)
    if not re.fullmatch(r"[!-~]*", query) or "#" in query:
        problem = "only printable ASCII without spaces and fragments is allowed"
    if problem:
        # Not said what it was: whoever knows the address of a chat's webhook can write there.
        raise ValueError(f"must be a URL such as https://hooks.slack.com/services/…: {problem}")
    return url


def _secret(secret: str) -> str:
    if not re.fullmatch(_SECRET_PATTERN, secret):
        raise ValueError("must be 16 to 256 printable ASCII characters without spaces")
    return secret


Address = Annotated[str, Field(max_length=2_048, json_schema_extra={"format": "uri"}), AfterValidator(_url)]
# All kinds but the test message, which is sent on request.
_Event = Literal[
    NoticeKind.CREATED,
    NoticeKind.STARTED,
    NoticeKind.ADVANCED,
    NoticeKind.WAITING,
    NoticeKind.ABORTED,
    NoticeKind.PROMOTED,
    NoticeKind.REMOVED,
    NoticeKind.DELETED,
]


def _event(kind: object) -> object:
    if kind not in get_args(_Event):
        raise ValueError(f"must be one of {', '.join(get_args(_Event))}")
    return kind


Event = Annotated[_Event, BeforeValidator(_event)]
Template = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEMPLATE), AfterValidator(check_template)]


class ShownSpec(Document):
    """Spec of a webhook without its secret."""

    url: Address = Field(repr=False)
    """URL that receives the messages by POST."""
    format: Format = Format.JSON
    """Format of the messages."""
    template: Template | None = None
    """Template of the whole body for `json`, or of the text for a chat. Placeholders: `$text`, `$rollout`,
    `$weight`, …"""
    events: tuple[Event, ...] | None = Field(default=None, min_length=1)
    """Events to send. Default: all events."""
    rollouts: tuple[Name, ...] | None = Field(default=None, min_length=1, max_length=_MOST_ROLLOUTS)
    """Rollouts to send events of. Default: all rollouts."""

    @model_validator(mode="after")
    def _fits_its_format(self) -> Self:
        if self.template and self.format is Format.JSON:
            check_json_template(self.template)
        return self

    def wants(self, notice: Notice) -> bool:
        """Tell whether a notice is to be sent there."""
        is_kind = self.events is None or notice.kind in self.events
        return is_kind and (self.rollouts is None or notice.rollout in self.rollouts)


class WebhookSpec(ShownSpec):
    """Spec of a webhook. Without `secret`, the stored secret is kept; an empty `secret` removes it."""

    secret: Annotated[str, AfterValidator(_secret), Field(json_schema_extra={"pattern": _SECRET_PATTERN})] | None = (
        Field(default=None, repr=False)
    )
    """Secret that signs the messages, 16 to 256 printable ASCII characters."""

    @property
    def shown(self) -> ShownSpec:
        """The spec without the secret."""
        return ShownSpec.model_validate({name: getattr(self, name) for name in ShownSpec.model_fields})


@dataclass(frozen=True)
class Webhook:
    """A stored webhook; `version` is the revision that wrote it."""

    name: str
    version: int
    spec: WebhookSpec
