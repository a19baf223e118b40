"""When steps may advance automatically: time windows and freezes in a time zone."""

import re
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from provider.domain.fields import Document
from provider.domain.fields.quotes import quoted

_TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_DAYS = tuple(Day)


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # not there, or no name at all
        raise ValueError(f"must be a time zone such as Europe/Berlin or UTC, not {quoted(name)}") from error
    return name


def _time(value: object) -> time:
    # A number is refused too: YAML reads 22:00 without quotes as one, and pydantic would take it for seconds.
    if not isinstance(value, str) or not re.fullmatch(_TIME_PATTERN, value):
        raise ValueError(f'must be a time of day in quotes, such as "09:00", not {quoted(value)}')
    return time.fromisoformat(value)


def _date(value: object) -> date:
    problem = f"must be a date such as 2026-12-24, not {quoted(value)}"
    if not isinstance(value, str) or not re.fullmatch(_DATE_PATTERN, value):
        raise ValueError(problem)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(problem) from error


TimeZone = Annotated[str, AfterValidator(_time_zone), Field(max_length=64)]
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": _TIME_PATTERN, "examples": ["09:00"]}),
]
Date = Annotated[
    date,
    BeforeValidator(_date),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DATE_PATTERN, "examples": ["2026-12-24"]}),
]


class Window(Document):
    """A daily time window. A window whose end is before its start continues past midnight."""

    days: tuple[Day, ...] = Field(default=_DAYS, min_length=1, max_length=7)
    """Days of the week on which the window starts."""
    from_: TimeOfDay = Field(default=time(0, 0), alias="from")
    """Start of the window, such as `"09:00"`, in quotes."""
    to: TimeOfDay = time(0, 0)
    """End of the window; `"00:00"` is midnight."""

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment, in the schedule's own time zone, lies within."""
        today, yesterday = _DAYS[moment.weekday()], _DAYS[(moment - timedelta(days=1)).weekday()]
        clock = moment.time()
        if self.from_ < self.to:
            return today in self.days and self.from_ <= clock < self.to
        return (today in self.days and clock >= self.from_) or (yesterday in self.days and clock < self.to)


class Freeze(Document):
    """A range of days on which no step advances automatically, including the first and the last day."""

    from_: Date = Field(alias="from")
    """First day, such as `2026-12-23`."""
    to: Date
    """Last day."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to < self.from_:
            raise ValueError("to must not be before from")
        return self


class Schedule(Document):
    """When steps may advance automatically. Manual changes and rollbacks are always possible."""

    time_zone: TimeZone = "UTC"
    """Time zone of windows and freezes, such as `Europe/Berlin`."""
    windows: tuple[Window, ...] | None = Field(default=None, min_length=1, max_length=32)
    """Time windows in which steps may advance. Default: at any time."""
    freezes: tuple[Freeze, ...] | None = Field(default=None, min_length=1, max_length=100)
    """Days on which no step advances."""

    def is_open(self, now: datetime) -> bool:
        """Tell whether steps may advance at a moment (aware)."""
        here = now.astimezone(ZoneInfo(self.time_zone))
        is_frozen = any(freeze.from_ <= here.date() <= freeze.to for freeze in self.freezes or ())
        return not is_frozen and (self.windows is None or any(window.holds(here) for window in self.windows))
