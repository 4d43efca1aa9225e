"""The parties are told when a dossier is due, how that came about, and when it will likely be done."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from gateway.clock import VIETNAM, to_us
from gateway.course import course_of
from gateway.due_alarms import sound_alarms
from gateway.due_watch import watch_due
from gateway.estimate import RESTS_ON_MIN
from gateway.events import dossier_of
from storage import courses
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_due_estimate import finish

# The hand clock of a gateway in a test begins on Monday 02/03/2026 at 08:30.
DUE = "2026-03-09T08:30:00.000+07:00"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("due") / "home") as made:
        yield made


def moment(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=VIETNAM)


def submit(gateway: Inhouse, seed: int, **fields: Any) -> str:
    employer = gateway.bearer("employer", units=[UNIT])
    answer = gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed, **fields))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["dossier"])


def told(gateway: Inhouse, dossier: str, token: str | None = None) -> dict[str, Any]:
    answer = gateway("GET", f"/v1/dossiers/{dossier}/due", token or gateway.bearer("employer", units=[UNIT]))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def change(gateway: Inhouse, dossier: str, **changed: Any) -> None:
    """What the line writes of a course when an office reports."""
    with gateway.house.database.begin() as tx:
        held = course_of(tx, dossier_of(tx, dossier), gateway.clock.now())
        courses.put(tx, structs.replace(held, **changed))


def test_a_fresh_dossier_is_due_when_its_receipt_says_and_every_step_is_told(gateway: Inhouse) -> None:
    dossier = submit(gateway, 1)
    shown = told(gateway, dossier)
    calendar = gateway.house.tables.calendar.version
    assert shown["due_at"] == DUE
    assert shown["original"] == {"due_at": DUE, "calendar": calendar}
    assert (shown["calendar"], shown["provisional"], shown["recalculated"]) == (calendar, False, True)
    assert (shown["working_days"], shown["pauses"], shown["paused_since"], shown["reappointed_at"]) == (
        5,
        [],
        None,
        None,
    )
    assert [step["vi"] for step in shown["steps"]] == [
        "Tiếp nhận lúc 02/03/2026 08:30:00.",
        "Cộng 5 ngày làm việc, giữ nguyên giờ: 09/03/2026 08:30:00.",
    ]
    assert shown["steps"][-1]["at"] == DUE
    assert (shown["note_vi"], shown["note_en"]) == ("", "")


def test_only_its_parties_are_told(gateway: Inhouse) -> None:
    dossier = submit(gateway, 2)
    for token in (gateway.bearer("office", offices=[OFFICE]), gateway.bearer("operator")):
        assert told(gateway, dossier, token)["due_at"] == DUE
    for token in (gateway.bearer("employer"), gateway.bearer("office", offices=["08907"])):
        assert gateway("GET", f"/v1/dossiers/{dossier}/due", token).status_code == 404


def test_a_wait_for_a_supplement_stands_in_it_and_then_moves_the_date(gateway: Inhouse) -> None:
    dossier = submit(gateway, 3)
    asked, came = moment(4, 9), moment(5, 10)
    change(gateway, dossier, paused_since_us=to_us(asked))
    waiting = told(gateway, dossier)
    assert (waiting["due_at"], waiting["paused_since"]) == (DUE, "2026-03-04T09:00:00.000+07:00")
    assert waiting["steps"][-1]["en"].startswith("A supplement is awaited since 04/03/2026 09:00")
    # Nine working hours were waited: a day, and one hour.
    moved = moment(10, 9, 30)
    change(gateway, dossier, paused_since_us=None, pauses=((to_us(asked), to_us(came)),), due_at_us=to_us(moved))
    shown = told(gateway, dossier)
    assert shown["due_at"] == shown["steps"][-1]["at"] == "2026-03-10T09:30:00.000+07:00"
    assert shown["original"]["due_at"] == DUE
    assert shown["pauses"] == [{"from": "2026-03-04T09:00:00.000+07:00", "to": "2026-03-05T10:00:00.000+07:00"}]
    assert shown["recalculated"] is True


def test_after_an_apology_the_new_date_is_in_force(gateway: Inhouse) -> None:
    dossier = submit(gateway, 4)
    change(gateway, dossier, appointed_at_us=to_us(moment(16, 8, 30)))
    shown = told(gateway, dossier)
    assert shown["due_at"] == shown["reappointed_at"] == "2026-03-16T08:30:00.000+07:00"
    assert shown["original"]["due_at"] == DUE
    assert shown["steps"][-1]["vi"] == "Cơ quan đã xin lỗi và hẹn lại: 16/03/2026 08:30."


def test_a_date_that_comes_out_otherwise_today_stands_and_is_told_apart(gateway: Inhouse) -> None:
    dossier = submit(gateway, 5)
    change(gateway, dossier, due_at_us=to_us(moment(11, 8, 30)))
    shown = told(gateway, dossier)
    assert shown["due_at"] == "2026-03-11T08:30:00.000+07:00"
    assert shown["recalculated"] is False
    assert "for information only" in shown["note_en"]


def test_the_estimate_is_told_as_one_and_not_for_what_is_ended(gateway: Inhouse) -> None:
    dossier = submit(gateway, 6)
    few = told(gateway, dossier)["estimate"]
    assert (few["basis"], few["likely_at"]) == ("none", None)
    assert "Not enough history" in few["en"]
    now = gateway.clock.now()
    finish(gateway.house.database, "before", [4.0] * RESTS_ON_MIN, office=OFFICE, received=now - timedelta(days=60))
    gateway.clock.advance(301)
    shown = told(gateway, dossier)["estimate"]
    assert (shown["basis"], shown["rests_on"], shown["median_working_h"]) == ("office-procedure", RESTS_ON_MIN, 4.0)
    assert shown["likely_at"] == shown["late_at"] == "2026-03-02T14:30:00.000+07:00"
    assert shown["vi"].startswith(f"Ước tính, không phải cam kết: theo {RESTS_ON_MIN} hồ sơ cùng cơ quan, cùng thủ tục")
    assert "taken longer" not in shown["en"]
    with gateway.house.database.begin() as tx:
        tx.exec_driver_sql("UPDATE dossier SET state = 'finished' WHERE id = ?", (dossier,))
    assert told(gateway, dossier)["estimate"] is None


def test_the_background_warns_parties_and_offices_by_the_settings(gateway: Inhouse) -> None:
    dossier = submit(gateway, 7)
    received = gateway.clock.now()
    for later in (timedelta(days=4), timedelta(days=7), timedelta(days=7, minutes=1)):
        gateway.clock.advance((received + later - gateway.clock.now()).total_seconds())
        gateway.asked(watch_due(gateway.house))
        gateway.asked(sound_alarms(gateway.house))
    office, employer = gateway.bearer("office", offices=[OFFICE]), gateway.bearer("employer", units=[UNIT])
    events = gateway("GET", f"/v1/dossiers/{dossier}/events", employer).json()["events"]
    assert [one["type"] for one in events] == ["accepted", "due-soon", "due-now", "overdue"]
    assert {one["detail"]["due_at"] for one in events[1:]} == {told(gateway, dossier)["due_at"]}
    rules = {one["rule"] for one in gateway("GET", "/v1/alarms", office).json()}
    assert rules >= {"work-uncollected", "dossier-overdue"}
