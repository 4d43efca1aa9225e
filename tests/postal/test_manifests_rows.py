"""Manifests as they are kept, on each engine."""

from typing import Any

from storage import journal, manifests, register
from storage.database import Database
from storage.manifests import Line, Manifest, Side, Which
from tests.databases import database, database_url, put_dossier
from tests.postal.paper_rows import OFFICE, OTHER_OFFICE, Paper

__all__ = ["database", "database_url"]


def a_side(manifest: str, side: Which, made_at_us: int, seq: int) -> Side:
    return Side(
        manifest=manifest, side=side, made_at_us=made_at_us, made_by="x", entered_at_us=9, entered_by="c",
        sha256=b"d", signature="", body="{}", seq=seq,
    )  # fmt: skip


def put(database: Database, name: str, sides: list[Side], lines: list[Line], *, office: str = OFFICE) -> None:
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        manifests.enter(tx, Manifest(id=name, carrier="vnpost", office=office, direction="in", number=f"BK-{name}"))
        for side in sides:
            manifests.say(tx, side)
        count = sum(line.difference not in ("", "ok") for line in lines)
        manifests.put_lines(tx, name, lines, sides=len(sides), differences=count)
        journal.end_turn(tx, turn)


def test_manifests_are_kept_listed_and_those_that_need_a_person_are_told_the_oldest_first(database: Database) -> None:
    both = [a_side("m-1", "handed", 20, 1), a_side("m-1", "taken", 30, 2)]
    put(database, "m-1", both, [Line(manifest="m-1", item="RR1", handed="{}", taken="{}", difference="short")])
    put(database, "m-2", [a_side("m-2", "taken", 10, 3)], [], office=OTHER_OFFICE)
    fine = [a_side("m-3", "handed", 5, 4), a_side("m-3", "taken", 6, 5)]
    put(database, "m-3", fine, [Line(manifest="m-3", item="RR1", handed="{}", taken="{}", difference="ok")])
    with database.read() as tx:
        told = [(one.id, one.side, one.differences, one.since_us) for one in manifests.waiting(tx)]
        assert told == [("m-2", "taken", 0, 10), ("m-1", "", 1, 20)]
        assert set(manifests.sides(tx, "m-1")) == {"handed", "taken"}
        assert [one.difference for one in manifests.lines(tx, "m-1")] == ["short"]
        assert manifests.elsewhere(tx, "m-1", ["RR1", "RR2"]) == {"RR1": ["m-3"]}

        def listed(*, open_only: bool = False, after: str = "", limit: int = 9, **which: list[str] | None) -> list[str]:
            asked: dict[str, list[str] | None] = {"offices": None, "carriers": None}
            asked.update(which)
            found = manifests.listed(
                tx, offices=asked["offices"], carriers=asked["carriers"], open_only=open_only, after=after, limit=limit
            )
            return [one.id for one in found]

        assert listed() == ["m-1", "m-2", "m-3"]
        assert listed(limit=1, after="m-1") == ["m-2"]
        assert listed(offices=[OTHER_OFFICE]) == ["m-2"]
        assert listed(carriers=["ems"]) == listed(offices=[]) == []
        assert listed(open_only=True, carriers=["vnpost"]) == ["m-1", "m-2"]
    with database.begin() as tx:
        assert manifests.settle(tx, "m-1", "đủ", "c", 40, 6)
        assert not manifests.settle(tx, "m-1", "khác", "c", 41, 7)
    with database.read() as tx:
        assert [one.id for one in manifests.waiting(tx)] == ["m-2"]
        found = manifests.find(tx, "m-1")
        assert found is not None
        assert (found.settlement, found.settled_at_us, found.settled_seq) == ("đủ", 40, 6)
        assert manifests.find(tx, "m-9") is None
        assert manifests.stated(tx, []) == {}


def test_the_paper_tells_whose_dossiers_are_in_an_item_by_the_number_that_people_know(database: Database) -> None:
    paper = Paper(database)
    one, other = paper.announce("p-1", dossiers=2)
    paper.bind("RR1", "p-1", [one, other])
    came = put_dossier(database, one.removeprefix("d-"), unit="TS12345")
    paper.say("UPDATE announced SET unit = 'AA1234B' WHERE id = :id", id=other)
    known: dict[str, Any] = {"code": "TS12345", "tax_code": "1", "office": OFFICE}
    units = [
        register.Unit(**known, name="Tên cũ", valid_from="2020-01-01", valid_to="2025-12-31"),
        register.Unit(**known, name="Tên mới", valid_from="2026-01-01"),
    ]
    with database.begin() as tx:
        register.put(tx, units)
    put(database, "m-1", [], [Line(manifest="m-1", item="RR1", handed="{}", taken=None, difference="")])
    with database.read() as tx:
        found = manifests.on_paper(tx, "m-1", "2026-03-02")
    assert [(line.dossier, line.number, line.unit, line.unit_name) for line in found] == [
        (one, came.statement_number, "TS12345", "Tên mới"), (other, "", "AA1234B", ""),
    ]  # fmt: skip
    # Whoever writes another carrier's or office's item into a list is told nothing of whose it is.
    for change in ("carrier = 'ems'", "carrier = 'vnpost', office = '99999'"):
        paper.say(f"UPDATE manifest SET {change} WHERE id = 'm-1'")
        with database.read() as tx:
            assert manifests.on_paper(tx, "m-1", "2026-03-02") == []
