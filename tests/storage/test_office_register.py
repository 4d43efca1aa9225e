"""The register of an office: what is its own or was, in the span, in the order of receipt."""

from msgspec import structs

from storage import courses, journal, office_register, register
from storage.courses import Course
from storage.database import Database
from tests.databases import an_event, database, database_url, put_dossier

__all__ = ["database", "database_url"]


def numbers(database: Database, office: str | None, first: int = 0, end: int = 100, most: int = 50) -> list[str]:
    with database.read() as tx:
        return [one.id for one in office_register.lines(tx, office, first, end, "2026-03-02", most)]


def passed_on(database: Database, dossier: journal.Dossier, left: str) -> None:
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        journal.record(tx, [structs.replace(an_event(dossier, turn.next(), "sent-on"), office=left)], {})
        journal.end_turn(tx, turn)


def test_an_office_has_what_it_settles_and_what_it_passed_on(database: Database) -> None:
    put_dossier(database, "later", received_at_us=9)
    put_dossier(database, "earlier", received_at_us=3)
    put_dossier(database, "again", received_at_us=3)
    passed_on(database, put_dossier(database, "gone", competent_office="08907", received_at_us=5), "07906")
    put_dossier(database, "others", competent_office="08907", received_at_us=6)
    put_dossier(database, "refused", state="refused", received_at_us=4)
    put_dossier(database, "pending", state="pending", received_at_us=4)
    put_dossier(database, "added", purpose="supplement", about="d-later", received_at_us=4)
    assert numbers(database, "07906") == ["d-earlier", "d-again", "d-gone", "d-later"]
    assert numbers(database, "08907") == ["d-gone", "d-others"]
    assert numbers(database, None) == ["d-earlier", "d-again", "d-gone", "d-others", "d-later"]
    assert numbers(database, "00100") == []
    # The first instant counts, the last does not.
    assert numbers(database, "07906", 3, 9) == ["d-earlier", "d-again", "d-gone"]
    assert numbers(database, "07906", most=2) == ["d-earlier", "d-again"]


def test_a_line_tells_how_far_its_dossier_has_come_and_its_units_name_on_that_day(database: Database) -> None:
    put_dossier(database, "untouched", due_at_us=7)
    worked = put_dossier(database, "worked", received_at_us=2, due_at_us=7)
    course = Course(
        dossier=worked.id, office="07906", since_us=3, due_at_us=8, appointed_at_us=9, supplements=2, finished_at_us=10,
        ended_at_us=10, returned_at_us=11, returned_by="post", national_code="G09", bhxh_number="03706/2026/07906",
    )  # fmt: skip
    unit = register.Unit(code=worked.unit, tax_code="1", office="07906", name="Trước", valid_from="2020-01-01")
    with database.begin() as tx:
        courses.put(tx, course)
        register.put(tx, [unit, structs.replace(unit, name="Sau", valid_from="2026-03-03")])
    with database.read() as tx:
        first, second = office_register.lines(tx, "07906", 0, 100, "2026-03-02", 50)
    assert (first.due_at_us, first.supplements, first.finished_at_us, first.national_code) == (7, 0, None, "")
    for name in ("due_at_us", "appointed_at_us", "supplements", "finished_at_us", "ended_at_us", "returned_at_us",
                 "returned_by", "national_code", "bhxh_number", "paused_since_us"):  # fmt: skip
        assert getattr(second, name) == getattr(course, name), name
    assert [one.unit_name for one in (first, second)] == ["Trước", "Trước"]
    with database.read() as tx:
        assert {one.unit_name for one in office_register.lines(tx, "07906", 0, 100, "2026-03-03", 50)} == {"Sau"}
