"""When steps may advance by themselves: hours of days, time zones, and days on which nothing moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.fields import InvalidDocumentError, decode_json, encode, read, write
from provider.domain.fields.quotes import quoted
from provider.domain.rollouts import Schedule

OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:30"}
START = datetime(2020, 1, 1, tzinfo=UTC)
NIGHT = {"days": ["fri"], "from": "22:00", "to": "02:00"}
MOMENTS = st.integers(0, 10 * 366 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))


def schedule(**document: Any) -> Schedule:
    return read(Schedule, document)


def at(text: str) -> datetime:
    """Read a moment in UTC, such as `2026-03-02 09:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def mistakes(document: object) -> dict[str, str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read(Schedule, document)
    return {mistake.pointer: mistake.detail for mistake in caught.value.mistakes}


@given(MOMENTS)
def test_without_windows_and_freezes_it_is_always_open(moment: datetime) -> None:
    assert schedule().is_open(moment)
    assert schedule(windows=[{}]).is_open(moment)
    assert schedule(windows=[{"from": "09:00", "to": "09:00"}]).is_open(moment)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-02 08:59:59.999999", False),
        ("2026-03-02 09:00", True),
        ("2026-03-02 17:29:59.999999", True),
        ("2026-03-02 17:30", False),
        ("2026-03-06 12:00", True),
        ("2026-03-07 12:00", False),
        ("2026-03-08 12:00", False),
    ],
)
def test_a_window_is_open_from_its_beginning_until_before_its_end_on_its_days(moment: str, is_open: bool) -> None:
    assert is_open is schedule(windows=[OFFICE]).is_open(at(moment))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-06 01:00", False),
        ("2026-03-06 21:59", False),
        ("2026-03-06 22:00", True),
        ("2026-03-07 01:59", True),
        ("2026-03-07 02:00", False),
        ("2026-03-07 22:00", False),
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins(moment: str, is_open: bool) -> None:
    assert is_open is schedule(windows=[NIGHT]).is_open(at(moment))


def test_a_window_without_an_end_lasts_until_midnight() -> None:
    evening = schedule(windows=[{"days": ["sun"], "from": "20:00"}])

    assert [evening.is_open(at(f"2026-03-{moment}")) for moment in ("08 23:59", "09 00:00")] == [True, False]


def test_one_window_of_several_is_enough() -> None:
    both = schedule(windows=[OFFICE, NIGHT])

    assert [both.is_open(at(f"2026-03-06 {time}")) for time in ("12:00", "20:00", "23:00")] == [True, False, True]


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        # In winter 09:00 in Berlin is 08:00 in UTC.
        ("2026-03-27 07:59", False),
        ("2026-03-27 08:00", True),
        # From the last Sunday of March on, it is 07:00.
        ("2026-03-30 06:59", False),
        ("2026-03-30 07:00", True),
        ("2026-03-30 15:30", False),
        # Until the last Sunday of October.
        ("2026-10-23 07:00", True),
        ("2026-10-26 07:00", False),
        ("2026-10-26 08:00", True),
        ("2026-10-26 16:29", True),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall_in_summer_and_winter(moment: str, is_open: bool) -> None:
    assert is_open is schedule(timeZone="Europe/Berlin", windows=[OFFICE]).is_open(at(moment))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        # 02:00 to 03:00 is left out on 29 March, and is there twice on 25 October.
        ("2026-03-29 00:59", False),
        ("2026-03-29 01:00", False),
        ("2026-10-25 00:00", True),
        ("2026-10-25 01:00", True),
        ("2026-10-25 02:00", False),
    ],
)
def test_an_hour_that_the_clock_leaves_out_or_repeats_is_so_in_a_window(moment: str, is_open: bool) -> None:
    hour = {"days": ["sun"], "from": "02:00", "to": "03:00"}

    assert is_open is schedule(timeZone="Europe/Berlin", windows=[hour]).is_open(at(moment))


def test_the_day_is_the_one_in_the_time_zone() -> None:
    mondays = {"windows": [{"days": ["mon"]}]}

    assert schedule(timeZone="Asia/Tokyo", **mondays).is_open(at("2026-03-01 15:00"))
    assert not schedule(**mondays).is_open(at("2026-03-01 15:00"))
    assert schedule(timeZone="America/New_York", **mondays).is_open(at("2026-03-03 04:59"))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-12-23 22:59", True),
        ("2026-12-23 23:00", False),
        ("2026-12-28 12:00", False),
        ("2027-01-01 22:59", False),
        ("2027-01-01 23:00", True),
    ],
)
def test_nothing_moves_from_the_first_day_of_a_freeze_to_the_end_of_its_last(moment: str, is_open: bool) -> None:
    freezes = [{"from": "2026-12-24", "to": "2027-01-01"}, {"from": "2026-11-27", "to": "2026-11-27"}]

    assert is_open is schedule(timeZone="Europe/Berlin", freezes=freezes).is_open(at(moment))


def test_a_freeze_of_one_day_closes_its_windows_too() -> None:
    frozen = schedule(windows=[OFFICE, NIGHT], freezes=[{"from": "2026-03-06", "to": "2026-03-06"}])

    assert [
        frozen.is_open(at(moment)) for moment in ("2026-03-06 12:00", "2026-03-06 23:00", "2026-03-07 01:00")
    ] == [False, False, True]


@given(MOMENTS, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]))
def test_what_one_window_leaves_out_is_what_its_opposite_takes(moment: datetime, zone: str) -> None:
    day = schedule(timeZone=zone, windows=[{"from": "06:15", "to": "22:00"}])
    night = schedule(timeZone=zone, windows=[{"from": "22:00", "to": "06:15"}])

    assert day.is_open(moment) is not night.is_open(moment)


@pytest.mark.parametrize(
    "time", ["9:00", "24:00", "09:60", "0900", "09:00:00", "09:00\n", " 09:00", "9am", "", 1320, 9.5, True, None]
)
def test_what_is_no_time_of_day_is_refused(time: object) -> None:
    """Other readers of YAML than ours read 22:00 without quotes as the number 1320."""
    words = f'must be a time of day in quotes, such as "09:00", not {time!r}'

    assert {"/windows/0/to": words} == mistakes({"windows": [{"to": time}]})


@pytest.mark.parametrize("date", ["2026-02-30", "2026-2-3", "24.12.2026", "2026-12-24T00:00:00Z", "", 20261224, None])
def test_what_is_no_date_is_refused(date: object) -> None:
    words = f"must be a date such as 2026-12-24, not {date!r}"

    assert {"/freezes/0/from": words} == mistakes({"freezes": [{"from": date, "to": "2026-12-31"}]})


@pytest.mark.parametrize(
    "zone", ["", ".", "Europe", "europe/paris", "Mars/Phobos", "../UTC", "/etc/passwd", "a\0b", "\ud800", "x" * 300]
)
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    words = f"must be a time zone such as Europe/Berlin or UTC, not {quoted(zone)}"

    assert {"/timeZone": words} == mistakes({"timeZone": zone})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"windows": []}, {"/windows": "must have at least 1; omit it for none"}),
        ({"windows": [{"days": []}]}, {"/windows/0/days": "must have at least 1; omit it for none"}),
        (
            {"windows": [{"days": ["mon", "Tuesday"]}]},
            {"/windows/0/days/1": "must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'"},
        ),
        ({"windows": [{"form": "09:00"}]}, {"/windows/0/form": "is not a known field; did you mean from?"}),
        ({"freezes": [{"from": "2026-12-24"}]}, {"/freezes/0/to": "is required"}),
        (
            {"freezes": [{"from": "2026-12-24", "to": "2026-12-23"}]},
            {"/freezes/0": "to must not be before from"},
        ),
        ({"timezone": "UTC"}, {"/timezone": "is not a known field; did you mean timeZone?"}),
    ],
)
def test_a_mistake_is_told_where_it_stands(document: object, expected: dict[str, str]) -> None:
    assert mistakes(document) == expected


def test_a_schedule_is_written_as_it_is_read() -> None:
    document = {
        "timeZone": "Europe/Berlin",
        "windows": [OFFICE, NIGHT],
        "freezes": [{"from": "2026-12-24", "to": "2027-01-01"}],
    }

    assert write(read(Schedule, document)) == document
    assert read(Schedule, document) == read(Schedule, decode_json(encode(read(Schedule, document))))
