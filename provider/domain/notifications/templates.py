"""Templates: text with `$names` that are filled in, and nothing else. There is no way from one to an attribute."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from string import Template

from provider.domain.fields import NotJsonError, decode_json, weight_number
from provider.domain.notifications.notice import Notice, sample

Escape = Callable[[str], str]

_SAMPLE = sample(datetime(2026, 1, 1, tzinfo=UTC))


def fields(notice: Notice) -> Mapping[str, str]:
    """Give what a template can name."""
    return {
        "event": notice.kind.value,
        "rollout": notice.rollout,
        "text": notice.text,
        "phase": str(notice.phase),
        "weight": str(weight_number(notice.weight)),
        "actor": notice.actor,
        "reason": notice.reason,
        "at": notice.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "revision": str(notice.revision),
        "requestId": notice.request_id,
    }


def filled_in(template: str, notice: Notice, *, escape: Escape) -> str:
    """Fill in a template. Only what is filled in is escaped: the rest was written by who may write webhooks."""
    return Template(template).substitute({name: escape(text) for name, text in fields(notice).items()})


def json_escaped(text: str) -> str:
    """Escape a text to stand between the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def check_template(text: str) -> str:
    """Give the template back; ValueError where it names what is not there."""
    template = Template(text)
    if not template.is_valid():
        raise ValueError("a $ must be followed by a name; write $$ for a literal $")
    known = fields(_SAMPLE)
    unknown = [name for name in template.get_identifiers() if name not in known]
    if unknown:
        raise ValueError(f"there is no ${unknown[0]}; there are {', '.join(f'${name}' for name in known)}")
    return text


def check_json_template(text: str) -> None:
    """Refuse, by ValueError, a template that does not become JSON."""
    try:
        decode_json(filled_in(text, _SAMPLE, escape=json_escaped))
    except NotJsonError as error:
        raise ValueError(f"the template of the format json must be JSON once it is filled in: {error}") from error
