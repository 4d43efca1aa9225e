"""Staff change the calendar: a change is told before it is made, what receipts were given by stays, it is followed."""

import asyncio
import json
from datetime import date, datetime
from pathlib import Path

import pytest

from gateway.calendar_change import ChangeRefused, apply, change, questions
from gateway.calendar_follow import follow_calendar
from gateway.calendar_tables import HOURS_FILE, OVERRIDES_FILE, SHIPPED, CalendarMistaken
from gateway.clock import VIETNAM
from gateway.deadlines import Calendar, due
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import inhouse

TODAY = date(2026, 3, 2)
ANNOUNCED = """version = "overrides-2027.1"
announced_through_year = 2027

[[holidays]]
day = 2027-09-01
name_vi = "Nghỉ Quốc khánh (hoán đổi)"
name_en = "National Day (exchanged)"
source = "a trial announcement"
certainty = "unconfirmed"

[[working_days]]
day = 2027-09-11
name_vi = "Làm bù"
name_en = "Worked in exchange"
source = "a trial announcement"
certainty = "verified"
"""
HOURS = (SHIPPED / HOURS_FILE).read_text("utf-8").replace("hours-2026.2", "hours-2026.3")
LATER_HOURS = (
    HOURS
    + """
[[hours]]
valid_from = 2026-03-03
rest_weekdays = [6, 7]
source = "a trial decision"
certainty = "unconfirmed"
windows = [{ from = "08:00", to = "12:00" }, { from = "13:00", to = "17:00" }]
outside = [
  { before = "08:00", counts_from = "08:00", vi = "sớm", en = "early" },
  { after = "12:00", before = "13:00", counts_from = "13:00", vi = "trưa", en = "noon" },
  { after = "17:00", counts_from = "08:00", next_working_day = true, vi = "muộn", en = "late" },
]
day_off = { counts_from = "08:00" }
"""
)


def test_a_change_is_told_before_it_is_made_and_made_whole(tmp_path: Path):
    made = change(tmp_path, ANNOUNCED.encode(), TODAY)
    assert {one.what for one in made.differences} >= {
        "version overrides-2026.1",
        "version overrides-2027.1",
        "announced_through_year 2027",
    }
    assert [(one.day, one.is_worked) for one in made.turned] == [(date(2027, 9, 1), False), (date(2027, 9, 11), True)]
    assert list(tmp_path.iterdir()) == [], "nothing was written"
    apply(tmp_path, made)
    calendar = Calendar.load(tmp_path)
    assert calendar.version == made.after.version != made.before.version
    assert calendar.why_off(date(2027, 9, 1)) == ("Nghỉ Quốc khánh (hoán đổi)", "National Day (exchanged)")
    assert (tmp_path / HOURS_FILE).read_bytes() == (SHIPPED / HOURS_FILE).read_bytes()
    apply(tmp_path, made)
    assert change(tmp_path, ANNOUNCED.encode(), TODAY).differences == ()


def test_what_was_in_force_can_be_reckoned_with_again(tmp_path: Path):
    before = change(tmp_path, ANNOUNCED.encode(), TODAY).before
    apply(tmp_path, change(tmp_path, ANNOUNCED.encode(), TODAY))
    old = tmp_path / "as-it-was"
    old.mkdir()
    for name, version in ((HOURS_FILE, before.hours.version), (OVERRIDES_FILE, before.overrides.version)):
        (old / name).write_bytes((tmp_path / "earlier" / f"{version}.toml").read_bytes())
    assert Calendar.load(old).version == before.version


@pytest.mark.parametrize("version", ["overrides-2026.1", "overrides-2027.1", "", "../hours", "a/b"])
def test_a_version_stands_for_one_table_and_is_a_plain_name(tmp_path: Path, version: str):
    apply(tmp_path, change(tmp_path, ANNOUNCED.encode(), TODAY))
    other = ANNOUNCED.replace('"overrides-2027.1"', f'"{version}"').replace("2027-09-01", "2027-09-06")
    with pytest.raises(ChangeRefused):
        change(tmp_path, other.encode(), TODAY)


def test_new_hours_begin_on_a_day_to_come_and_change_no_earlier_reckoning(tmp_path: Path):
    apply(tmp_path, change(tmp_path, LATER_HOURS.encode(), TODAY))
    old, new = Calendar.load(), Calendar.load(tmp_path)
    early = datetime(2026, 3, 2, 7, 30, tzinfo=VIETNAM)
    assert due(early, 5, new).due_at == due(early, 5, old).due_at == datetime(2026, 3, 9, 7, 30, tzinfo=VIETNAM)
    next_day = datetime(2026, 3, 3, 7, 30, tzinfo=VIETNAM)
    assert due(next_day, 5, new).due_at == datetime(2026, 3, 10, 8, 0, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    "content",
    [
        LATER_HOURS.replace("2026-03-03", "2026-03-02"),
        HOURS.replace('"17:00"', '"16:30"'),
        HOURS.replace("[6, 7]", "[7]"),
        HOURS.replace("1995-01-01", "1996-01-01"),
        HOURS.replace("Asia/Ho_Chi_Minh", "Asia/Tokyo"),
    ],
)
def test_hours_that_receipts_were_given_by_are_not_changed(tmp_path: Path, content: str):
    with pytest.raises(ChangeRefused):
        change(tmp_path, content.encode(), TODAY)


def test_where_hours_come_from_may_be_confirmed_later(tmp_path: Path):
    better = HOURS.replace("defaults of a provincial", "confirmed by the office; defaults of a provincial")
    (before, after) = [one.what for one in change(tmp_path, better.encode(), TODAY).differences if "source" in one.what]
    assert "confirmed by the office" in after
    assert "confirmed by the office" not in before


@pytest.mark.parametrize("content", [b"", b"\xff", b"[[x]]\n", b'version = "x"\n', b"announced_through_year = 2027\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes):
    with pytest.raises(CalendarMistaken):
        change(tmp_path, content, TODAY)


def test_what_needs_a_person_is_named(tmp_path: Path):
    assert list(questions(Calendar.load(), TODAY)) == []
    (late,) = questions(Calendar.load(), date(2026, 11, 1))
    assert "2027" in late[0]
    needless = ANNOUNCED.replace("2027-09-11", "2026-08-22").replace("through_year = 2027", "through_year = 2026")
    apply(tmp_path, change(tmp_path, needless.encode(), TODAY))
    said = " ".join(en for _, en in questions(Calendar.load(tmp_path), TODAY))
    assert "22/08/2026 changes nothing" in said
    assert "01/09/2027 is unconfirmed" in said
    assert "01/09/2027 lies after the announced years" in said


def test_a_running_gateway_follows_the_tables_and_keeps_those_in_force_when_they_are_broken(tmp_path: Path):
    folder = tmp_path / "tables"
    apply(folder, change(folder, ANNOUNCED.encode(), TODAY))
    with inhouse(tmp_path / "home", calendar=str(folder)) as gateway:
        house = gateway.house
        assert house.tables.calendar.version == Calendar.load(folder).version
        first = house.tables
        asyncio.run(follow_calendar(house))
        assert house.tables is first, "nothing differs, nothing changes"
        later = ANNOUNCED.replace("2027.1", "2027.2").replace("2027-09-01", "2027-09-03")
        apply(folder, change(folder, later.encode(), TODAY))
        asyncio.run(follow_calendar(house))
        assert not house.tables.calendar.is_working_day(date(2027, 9, 3))
        in_force = house.tables.calendar
        (folder / OVERRIDES_FILE).write_text("broken", "utf-8")
        asyncio.run(follow_calendar(house))
        assert house.tables.calendar is in_force


def test_staff_import_a_table_by_command(motcua: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    new, folder = tmp_path / "new.toml", tmp_path / "tables"
    new.write_text(ANNOUNCED, "utf-8")
    assert "MOTCUA_CALENDAR" in motcua("calendar", "import", str(new)).err
    monkeypatch.setenv("MOTCUA_CALENDAR", str(folder))
    folder.mkdir()
    assert motcua("calendar", "show").err, "an empty folder holds no tables"
    foretold = motcua("calendar", "import", str(new), "--dry-run")
    assert foretold.status == 0, foretold.err
    assert "+ overrides.toml: announced_through_year 2027" in foretold.out
    assert "01/09/2027 thành ngày nghỉ" in foretold.out
    assert not (folder / OVERRIDES_FILE).exists()
    assert motcua("calendar", "import", str(new)).status == 0
    assert (folder / OVERRIDES_FILE).read_text("utf-8") == ANNOUNCED
    shown = json.loads(motcua("calendar", "show", "2027", "--json").out)
    exceptional = {one["day"]: (one["works"], one["from"]) for one in shown["days"]}
    assert exceptional["2027-09-01"] == (False, "overrides")
    assert exceptional["2027-09-11"] == (True, "overrides")
    assert exceptional["2027-11-24"] == (False, "library")
    assert shown["announced"] is True
    told = motcua("calendar", "show", "2027").out
    assert "11/09/2027  Bảy       làm việc bù" in told
    assert "07:00–11:30, 13:30–17:00" in told
    checked = motcua("calendar", "check", "--json")
    assert checked.status == 1
    assert "01/09/2027 is unconfirmed" in [one["en"] for one in json.loads(checked.out)["found"]]
    assert "2027.1" in motcua("due", "600", "--at", "31/12/2026 10:00", "--json").out, "the operator's own calendar"
    again = motcua("calendar", "import", str(new), "--json")
    assert json.loads(again.out)["imported"] is False


def test_a_due_date_is_explained_by_command(motcua: Terminal):
    told = motcua("due", "600", "--at", "27/04/2026 16:45", "--pause", "28/04/2026 09:00", "05/05/2026 10:00")
    assert told.status == 0
    assert "Hẹn trả · due: 12/05/2026 08:00:00" in told.out
    assert "25 giờ 0 phút làm việc" in told.out
    answer = json.loads(motcua("due", "612", "--at", "2026-08-22T17:30+07:00", "--json").out)
    assert answer["due_at"] == "2026-08-24T17:00:00.000+07:00"
    assert answer["limit"] == {"time_limit_working_days": 0, "certainty": "verified"}
    assert answer["steps"][-1]["at"] == answer["due_at"]
    longer = json.loads(motcua("due", "607", "--at", "28/04/2026 07:00", "--verified", "--json").out)
    assert longer["due_at"] == "2026-06-12T07:00:00.000+07:00"
    assert longer["limit"] == {"time_limit_verified_days": 45, "certainty": "verified"}
    for wrong in (
        ("--verified",),
        ("--at", "27/04/2026 16:45", "--pause", "28/04/2026 09:00", "28/04/2026 08:00"),
        ("--at", "27/04/1990 16:45"),
    ):
        told = motcua("due", "600", *wrong)
        assert told.status == 2
        assert len(told.err.strip().splitlines()) == 1


def test_due_tells_what_paper_counts_from_and_that_it_is_unconfirmed(motcua: Terminal):
    told = json.loads(motcua("due", "600", "--posted", "21/04/2026 10:00", "--at", "23/04/2026 09:00", "--json").out)[
        "starts"
    ]
    assert (told["by"], told["at"][:16], told["unconfirmed"]) == ("arrived", "2026-04-23T09:00", True)
    waits = motcua("due", "630a", "--at", "21/04/2026 10:00", "--paper", "none")
    assert "the clock has not started" in waits.out
    assert "unconfirmed" in waits.out
    both = json.loads(motcua("due", "630a", "--at", "21/04/2026 10:00", "--paper", "23/04/2026 09:00", "--json").out)
    assert (both["starts"]["by"], both["starts"]["at"][:16]) == ("later", "2026-04-23T09:00")
    alone = json.loads(motcua("due", "630a", "--at", "23/04/2026 09:00", "--json").out)
    assert both["due_at"] == alone["due_at"]
