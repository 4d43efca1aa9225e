"""The statutory clock gives the dates that the offices give, and never one outside working time."""

import re
import shutil
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import calendar_days, deadlines
from gateway.calendar_tables import SHIPPED
from gateway.deadlines import Calendar, CalendarMistaken, OutsideCalendar, due

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
CALENDAR = Calendar.load()

limits = st.integers(0, 60)


def at(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M:%S").replace(tzinfo=VIETNAM)


moments = st.datetimes(
    at("01/01/2024 00:00:00").replace(tzinfo=None),
    at("31/12/2028 00:00:00").replace(tzinfo=None),
    timezones=st.just(VIETNAM),
)


def changed_tables(folder: Path, *hours: tuple[str, str], overrides: str = "") -> Path:
    """The shipped tables with every place of some words in hours.toml changed, and more overrides."""
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    text = (folder / "hours.toml").read_text("utf-8")
    for old, new in hours:
        assert old in text
        text = text.replace(old, new)
    (folder / "hours.toml").write_text(text, "utf-8")
    with (folder / "overrides.toml").open("a", encoding="utf-8") as table:
        table.write(overrides)
    return folder


def override(table: str, day: str) -> str:
    names = 'name_vi = "Thử"\nname_en = "Trial"'
    return f'\n[[{table}]]\nday = {day}\n{names}\nsource = "a test"\ncertainty = "unconfirmed"\n'


@pytest.mark.parametrize(
    ("received", "days", "expected"),
    [
        ("13/01/2026 09:29:22", 5, "20/01/2026 09:29:22"),  # a real dossier of procedure 600
        ("12/02/2026 09:00:00", 5, "26/02/2026 09:00:00"),  # over Tết
        ("20/08/2026 10:00:00", 2, "22/08/2026 10:00:00"),  # a Saturday worked in exchange
        ("28/08/2026 10:00:00", 1, "03/09/2026 10:00:00"),  # 31/08 exchanged, 01-02/09 National Day
        ("23/11/2026 10:00:00", 1, "25/11/2026 10:00:00"),  # Vietnam Cultural Day
        ("24/04/2026 10:00:00", 1, "28/04/2026 10:00:00"),  # 26/04 was a Sunday: 27/04 is off instead
        ("13/01/2026 17:00:00", 1, "14/01/2026 17:00:00"),  # the last moment still counts
        ("13/01/2026 17:00:01", 1, "15/01/2026 07:00:00"),
        ("13/01/2026 06:59:59", 1, "14/01/2026 07:00:00"),
        ("13/01/2026 11:30:00", 1, "14/01/2026 11:30:00"),
        ("13/01/2026 11:30:01", 1, "14/01/2026 13:30:00"),
        ("17/01/2026 10:00:00", 1, "20/01/2026 07:00:00"),  # received on a Saturday
        ("13/01/2026 09:00:00", 0, "13/01/2026 17:00:00"),  # within the day
        ("13/01/2026 19:00:00", 0, "14/01/2026 17:00:00"),
        ("31/12/2026 10:00:00", 1, "04/01/2027 10:00:00"),
    ],
)
def test_a_dossier_is_due_when_the_offices_say(received: str, days: int, expected: str):
    assert due(at(received), days, CALENDAR).due_at == at(expected)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 8, 22), True),
        (date(2026, 8, 29), False),
        (date(2026, 8, 31), False),
        (date(2026, 11, 24), False),
        (date(2026, 2, 16), False),
        (date(2026, 2, 23), True),
        (date(2025, 4, 26), True),
        (date(2025, 5, 2), False),
        (date(2024, 5, 4), True),
        (date(2024, 4, 29), False),
    ],
)
def test_exchanged_days_and_holidays_are_known(day: date, works: bool):
    assert CALENDAR.is_working_day(day) is works
    assert (CALENDAR.why_off(day) is None) is works


def test_the_answer_is_in_vietnamese_time_whatever_zone_the_receipt_was_told_in():
    told = at("13/01/2026 09:29:22").astimezone(UTC)
    answer = due(told, 5, CALENDAR)
    assert answer.due_at.isoformat() == "2026-01-20T09:29:22+07:00"


def is_in_a_window(moment: datetime) -> bool:
    return any(begin <= moment.time() <= end for begin, end in CALENDAR.on(moment.date()).windows)


@given(start=moments, days=limits)
def test_a_due_date_is_always_inside_a_window_of_a_working_day(start: datetime, days: int):
    answer = due(start, days, CALENDAR)
    assert CALENDAR.is_working_day(answer.due_at.date())
    assert is_in_a_window(answer.due_at)
    assert answer.due_at > start or (days == 0 and answer.due_at == start)


@given(start=moments, later=st.timedeltas(timedelta(0), timedelta(days=20)), days=limits)
def test_who_comes_later_is_never_due_earlier(start: datetime, later: timedelta, days: int):
    assert due(start, days, CALENDAR).due_at <= due(start + later, days, CALENDAR).due_at


@given(
    start=moments,
    later=st.timedeltas(timedelta(0), timedelta(days=3)),
    days=limits,
    waits=st.lists(
        st.tuples(st.timedeltas(timedelta(0), timedelta(days=15)), st.timedeltas(timedelta(0), timedelta(days=15))),
        max_size=3,
    ),
)
def test_with_pauses_too_a_due_date_is_in_working_time_and_later_receipts_are_not_due_earlier(
    start: datetime, later: timedelta, days: int, waits: list[tuple[timedelta, timedelta]]
):
    second = start + later
    pauses = [(second + after, second + after + lasted) for after, lasted in waits]
    first_due = due(start, days, CALENDAR, pauses).due_at
    second_due = due(second, days, CALENDAR, pauses).due_at
    assert first_due <= second_due
    assert CALENDAR.is_working_day(first_due.date())
    assert is_in_a_window(first_due)
    gained = CALENDAR.working_time(due(start, days, CALENDAR).due_at, first_due)
    assert gained <= sum((CALENDAR.working_time(*pause) for pause in pauses), timedelta())
    if len(pauses) == 1:
        assert gained == CALENDAR.working_time(*pauses[0])


@given(start=moments, days=limits)
def test_one_more_day_is_one_working_day_more(start: datetime, days: int):
    here, next_one = due(start, days + 1, CALENDAR).due_at, due(start, days + 2, CALENDAR).due_at
    assert next_one.date() == CALENDAR.next_working_day(here.date())
    assert next_one.time() == here.time()


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ([("14/01/2026 09:00:00", "15/01/2026 09:00:00")], "21/01/2026 09:29:22"),  # one working day
        ([("14/01/2026 08:00:00", "14/01/2026 10:30:00")], "20/01/2026 13:59:22"),  # 2 h 30, over the lunch break
        ([("14/01/2026 17:30:00", "15/01/2026 06:00:00")], "20/01/2026 09:29:22"),  # a night is no working time
        ([("17/01/2026 08:00:00", "18/01/2026 20:00:00")], "20/01/2026 09:29:22"),  # nor is a weekend
        ([("14/01/2026 16:00:00", "16/01/2026 08:30:00")], "21/01/2026 13:59:22"),
        (  # overlapping waits count once
            [("14/01/2026 09:00:00", "15/01/2026 09:00:00"), ("14/01/2026 10:00:00", "15/01/2026 08:00:00")],
            "21/01/2026 09:29:22",
        ),
        (
            [("16/01/2026 09:00:00", "19/01/2026 09:00:00"), ("14/01/2026 09:00:00", "15/01/2026 09:00:00")],
            "22/01/2026 09:29:22",
        ),
    ],
)
def test_waiting_for_a_supplement_adds_the_working_time_that_passed(pauses: list[tuple[str, str]], expected: str):
    told = [(at(begin), at(end)) for begin, end in pauses]
    assert due(at("13/01/2026 09:29:22"), 5, CALENDAR, told).due_at == at(expected)


def test_each_step_is_told_in_vietnamese_and_english_and_the_last_one_is_the_answer():
    answer = due(at("12/02/2026 12:00:00"), 5, CALENDAR, [(at("13/02/2026 08:00:00"), at("13/02/2026 09:00:00"))])
    received, begun, counted, paused = answer.steps
    assert received.vi == "Tiếp nhận lúc 12/02/2026 12:00:00."
    assert begun.vi == "Tính từ 12/02/2026 13:30:00: trong giờ nghỉ giữa buổi."
    assert "17/02/2026 nghỉ: Tết Nguyên Đán" in counted.vi
    assert "17/02/2026 off: Lunar New Year" in counted.en
    assert "1 giờ 0 phút" in paused.vi
    assert "1 h 0 min" in paused.en
    assert paused.at == answer.due_at == at("26/02/2026 14:30:00")
    assert all(earlier.at <= later.at for earlier, later in pairwise(answer.steps))


def test_a_worked_saturday_is_named_and_dates_for_people_are_day_first():
    counted = due(at("20/08/2026 10:00:00"), 8, CALENDAR).steps[-1]
    assert "22/08/2026 làm việc bù" in counted.vi
    assert "22/08/2026 is worked in exchange" in counted.en
    assert not re.search(r"08/(22|31)/2026", counted.en)


def test_why_counting_starts_elsewhere_is_said():
    def why(text: str) -> str:
        return due(at(text), 1, CALENDAR).steps[1].vi

    assert "trước giờ làm việc" in why("13/01/2026 05:00:00")
    assert "sau giờ làm việc" in why("13/01/2026 20:00:00")
    assert "nghỉ hằng tuần" in why("17/01/2026 10:00:00")
    assert "Quốc khánh" in why("02/09/2026 10:00:00")


def test_the_version_names_the_library_the_tables_and_their_bytes(tmp_path: Path):
    version = due(at("13/01/2026 09:29:22"), 5, CALENDAR).calendar
    assert re.fullmatch(r"holidays-[0-9.]+/hours-[0-9.]+/overrides-[0-9.]+/sha256-[0-9a-f]{12}", version)
    assert Calendar.load(changed_tables(tmp_path / "same")).version == version
    assert Calendar.load(changed_tables(tmp_path / "other", overrides="# one word more\n")).version != version


def test_an_announced_day_wins_over_the_library(tmp_path: Path):
    text = (
        override("holidays", "2026-01-15")
        + override("working_days", "2026-01-17")
        + override("working_days", "2026-11-24")
    )
    calendar = Calendar.load(changed_tables(tmp_path, overrides=text))
    assert calendar.why_off(date(2026, 1, 15)) == ("Thử", "Trial")
    assert calendar.is_working_day(date(2026, 1, 17))
    assert calendar.is_working_day(date(2026, 11, 24))
    assert due(at("14/01/2026 10:00:00"), 2, calendar).due_at == at("17/01/2026 10:00:00")


def test_other_windows_are_only_another_table(tmp_path: Path):
    calendar = Calendar.load(changed_tables(tmp_path, ('"07:00"', '"08:00"')))
    assert due(at("13/01/2026 07:30:00"), 1, calendar).due_at == at("14/01/2026 08:00:00")
    assert due(at("13/01/2026 18:00:00"), 1, calendar).due_at == at("15/01/2026 08:00:00")
    assert calendar.on(date(2026, 1, 13)).day_length == timedelta(hours=7)


def test_what_comes_after_hours_counts_from_where_the_table_says(tmp_path: Path):
    early_closing = ('after = "17:00"', 'after = "16:00"')
    calendar = Calendar.load(changed_tables(tmp_path / "cut-off", early_closing))
    assert due(at("13/01/2026 16:00:00"), 1, calendar).due_at == at("14/01/2026 16:00:00")
    assert due(at("13/01/2026 16:00:01"), 1, calendar).due_at == at("15/01/2026 07:00:00")
    still_today = ('counts_from = "07:00"\nnext_working_day = true', 'counts_from = "17:00"')
    calendar = Calendar.load(changed_tables(tmp_path / "same-day", still_today))
    assert due(at("13/01/2026 22:00:00"), 1, calendar).due_at == at("14/01/2026 17:00:00")


def test_a_date_counted_through_a_year_that_is_not_announced_is_provisional():
    known, unknown = due(at("13/01/2026 09:00:00"), 5, CALENDAR), due(at("31/12/2026 09:00:00"), 5, CALENDAR)
    assert not known.provisional
    assert unknown.provisional
    assert unknown.steps[-1].vi.startswith("Tạm tính")


AFTER_HOURS = 'after = "17:00"\ncounts_from = "07:00"\nnext_working_day = true'


@pytest.mark.parametrize(
    ("hours", "overrides"),
    [
        (('from = "07:00"\nto', 'from = "12:00"\nto'), ""),
        (('from = "13:30"\nto', 'from = "11:00"\nto'), ""),
        (('"07:00"', '"late"'), ""),
        (('"07:00"', '"07:00+07:00"'), ""),
        (('"Asia/Ho_Chi_Minh"', '"Asia/Nowhere"'), ""),
        (("[6, 7]", "[1, 2, 3, 4, 5, 6, 7]"), ""),
        (("[6, 7]", "[8]"), ""),
        (("time_zone", "timezone"), ""),
        (("[[hours]]", "[[hours_of]]"), ""),
        # What comes before opening, in the break or after closing must be answered, once, and in working time.
        (('before = "07:00"', 'before = "06:00"'), ""),
        (('after = "11:30"', 'after = "12:00"'), ""),
        (('after = "17:00"', 'after = "18:00"'), ""),
        (('after = "11:30"\nbefore = "13:30"', 'after = "06:00"\nbefore = "13:30"'), ""),
        (('counts_from = "13:30"', 'counts_from = "12:30"'), ""),
        # Whoever comes later must not count from earlier.
        (('counts_from = "13:30"', 'counts_from = "15:00"'), ""),
        (('counts_from = "13:30"', 'counts_from = "10:00"'), ""),
        ((AFTER_HOURS, AFTER_HOURS.replace("07:00", "09:00")), ""),
        ((AFTER_HOURS, AFTER_HOURS.replace("\nnext_working_day = true", "")), ""),
        (('[hours.day_off]\ncounts_from = "07:00"', '[hours.day_off]\ncounts_from = "10:00"'), ""),
        (("", ""), override("holidays", "2026-01-15") + override("working_days", "2026-01-15")),
        (("", ""), override("holidays", "2026-01-15") + override("holidays", "2026-01-15")),
        (("", ""), override("holidays", '"soon"')),
        (("", ""), "[[holidays]]\nday = 2026-01-15\n"),
    ],
)
def test_tables_that_contradict_themselves_do_not_load(tmp_path: Path, hours: tuple[str, str], overrides: str):
    changed_tables(tmp_path, overrides=overrides)
    text = (tmp_path / "hours.toml").read_text("utf-8")
    assert hours[0] in text
    (tmp_path / "hours.toml").write_text(text.replace(*hours) if hours[0] else text, "utf-8")
    with pytest.raises(CalendarMistaken):
        Calendar.load(tmp_path)


NEW_HOURS = """
[[hours]]
valid_from = {since}
rest_weekdays = [7]
source = "a test"
certainty = "unconfirmed"
windows = [{{ from = "08:00", to = "12:00" }}, {{ from = "13:00", to = "17:00" }}]
outside = [
  {{ before = "08:00", counts_from = "08:00", vi = "sớm", en = "early" }},
  {{ after = "12:00", before = "13:00", counts_from = "13:00", vi = "trưa", en = "noon" }},
  {{ after = "17:00", counts_from = "08:00", next_working_day = true, vi = "muộn", en = "late" }},
]
day_off = {{ counts_from = "08:00" }}
"""


def test_new_hours_leave_old_reckonings_as_they_are(tmp_path: Path):
    changed_tables(tmp_path)
    with (tmp_path / "hours.toml").open("a", encoding="utf-8") as table:
        table.write(NEW_HOURS.format(since="2026-03-02"))
    calendar = Calendar.load(tmp_path)
    pause = [(at("02/03/2026 07:30:00"), at("02/03/2026 12:30:00"))]
    for text in ("27/02/2026 07:30:00", "27/02/2026 18:00:00", "28/02/2026 09:00:00", "01/03/2026 23:59:59"):
        old, new = due(at(text), 5, CALENDAR, pause), due(at(text), 5, calendar, pause)
        assert (new.due_at, new.steps) == (old.due_at, old.steps)
        assert new.calendar != old.calendar
    assert due(at("02/03/2026 07:30:00"), 5, calendar).due_at == at("07/03/2026 08:00:00"), (
        "a Saturday, by the new week"
    )
    assert due(at("02/03/2026 12:30:00"), 5, calendar, pause[:0]).steps[1].en.endswith("noon.")


@pytest.mark.parametrize("since", ["1995-01-01", "1994-12-31"])
def test_hours_stand_in_the_order_of_their_days(tmp_path: Path, since: str):
    changed_tables(tmp_path)
    with (tmp_path / "hours.toml").open("a", encoding="utf-8") as table:
        table.write(NEW_HOURS.format(since=since))
    with pytest.raises(CalendarMistaken, match="later day"):
        Calendar.load(tmp_path)


def test_a_limit_in_calendar_days_counts_days_off_and_never_ends_on_one():
    def forty_five(text: str) -> datetime:
        return due(at(text), 45, CALENDAR, calendar_days=True).due_at

    assert forty_five("28/04/2026 07:00:00") == at("12/06/2026 07:00:00")
    assert forty_five("29/04/2026 09:00:00") == at("15/06/2026 09:00:00"), "13/06 is a Saturday"
    assert forty_five("02/01/2026 18:00:00") == at("23/02/2026 07:00:00"), "from 05/01 to 19/02, which is in Tết"
    said = due(at("29/04/2026 09:00:00"), 45, CALENDAR, calendar_days=True).steps[-1]
    assert "13/06/2026 không phải ngày làm việc (nghỉ hằng tuần), sang ngày làm việc tiếp theo" in said.vi
    assert "13/06/2026 is off (weekly rest), so the next working day" in said.en


def test_a_folder_without_tables_does_not_load(tmp_path: Path):
    with pytest.raises(CalendarMistaken):
        Calendar.load(tmp_path)


def test_what_cannot_be_reckoned_is_refused():
    start = at("13/01/2026 09:00:00")
    with pytest.raises(ValueError, match="aware"):
        due(start.replace(tzinfo=None), 5, CALENDAR)
    for days in (-1, deadlines.LIMIT_DAYS_MAX + 1):
        with pytest.raises(ValueError, match="limit_days"):
            due(start, days, CALENDAR)
    with pytest.raises(ValueError, match="pause"):
        due(start, 5, CALENDAR, [(start + timedelta(days=2), start + timedelta(days=1))])
    with pytest.raises(ValueError, match="pause"):
        due(start, 5, CALENDAR, [(start - timedelta(days=2), start + timedelta(days=1))])
    with pytest.raises(ValueError, match="aware"):
        due(start, 5, CALENDAR, [(start.replace(tzinfo=None, day=14), start.replace(tzinfo=None, day=15))])
    with pytest.raises(OutsideCalendar):
        due(start.replace(year=2100, month=12, day=30), 5, CALENDAR)
    with pytest.raises(OutsideCalendar):
        due(start.replace(year=1994), 5, CALENDAR)


def test_a_days_counting_is_kept_and_the_keeping_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calendar_days, "SHIFTS_KEPT_MAX", 8)
    calendar = Calendar.load()
    day = date(2026, 1, 13)
    assert calendar.shift(day, 5) is calendar.shift(day, 5)
    for days in range(1, 30):
        calendar.shift(day, days)
        assert len(calendar.on(day)._shifts) <= 8
    assert calendar.shift(day, 5).day == date(2026, 1, 20)
