"""Once only: a paper that is held is found by its digest, for its own people alone, and stays while referred to."""

import hashlib
from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from lxml import etree

from gateway.callers import register_client
from gateway.once_only import NOT_ASKED, NOTHING, REFERENCE, digests_of, findings_of, is_held, referred_to, resolve
from gateway.part_content import PartContent
from schemas.catalogue import Catalogue
from schemas.envelope import open_envelope
from schemas.envelope_files import ATTACHMENT
from schemas.envelope_files import REFERENCE as OF_SCHEMAS
from schemas.sample import Reference
from storage import held, journal
from storage.database import Database
from storage.journal import Part
from storage.vault import ContentCorrupt
from tests.clocks import HandClock
from tests.databases import a_dossier, database, database_url
from tests.gateway.inhouse import OFFICE, OTHER_UNIT, UNIT, Inhouse, inhouse
from tests.gateway.inhouse import a_dossier as signed

__all__ = ["database", "database_url"]

DIGEST = hashlib.sha256(b"a contract").digest()
ON = date(2026, 3, 2)


class Shelf:
    """Dossiers with one paper each, put straight into the journal."""

    def __init__(self, database: Database) -> None:
        self.database, self._names = database, iter(range(1, 1000))

    def client(self, *units: str) -> str:
        return register_client(
            self.database, role="employer", name="", units=units, offices=(), jwk=None, requests_per_minute_max=60,
            now=HandClock().now(),
        )[0]  # fmt: skip

    def put(self, submitter: str, unit: str = "TS12345", *, kind: str = ".pdf", **changes: object) -> str:
        """A dossier with that paper, or with a reference to it: its receipt's number."""
        form = str(changes.pop("form", ATTACHMENT))
        with self.database.begin() as tx:
            turn = journal.take_turn(tx)
            name = f"{next(self._names):03d}"
            one = a_dossier(name, turn.next(), submitter=submitter, unit=unit, **changes)
            part = Part(dossier=one.id, number=2, form=form, name="a.pdf", kind=kind, size_bytes=9, sha256=DIGEST)
            journal.enter(tx, [one], [part], [], [])
            journal.end_turn(tx, turn)
        return one.statement_number

    def refers(self, submitter: str, unit: str = "TS12345", **changes: object) -> str:
        return self.put(submitter, unit, kind=REFERENCE, **changes)

    def resolved(self, client: str, unit: str = "TS12345", on: date = ON) -> list[str]:
        with self.database.read() as tx:
            found = resolve(tx, [DIGEST, b"\x01" * 32], client=client, unit=unit, on=on)
        assert b"\x01" * 32 in found.unknown
        assert (DIGEST in found.unknown) is not (DIGEST in found.found)
        return [one.dossier for one in found.found.get(DIGEST, ())]

    def relying(self, receipt: str) -> list[str]:
        with self.database.read() as tx:
            return referred_to(tx, "d-" + receipt.rpartition("-")[2])


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


def test_the_rooms_agree_on_what_a_reference_is() -> None:
    assert REFERENCE == OF_SCHEMAS
    assert f"'{ATTACHMENT}'" in str(held._REFERRED)


def test_a_paper_is_found_for_its_submitter_and_for_its_unit_and_for_nobody_else(shelf: Shelf) -> None:
    mine, colleague, stranger = shelf.client("TS12345"), shelf.client("TS12345"), shelf.client("AA1234B")
    shelf.put(mine)
    shelf.put(mine, "AA1234B")
    assert shelf.resolved(mine) == ["d-001", "d-002"]
    assert shelf.resolved(mine, "ZZ99999") == ["d-001", "d-002"]
    assert shelf.resolved(colleague) == ["d-001"]
    # A unit that one does not speak for is of no use, whatever the envelope says; nor is a unit without a name.
    assert shelf.resolved(colleague, "AA1234B") == shelf.resolved(colleague, "") == []
    assert shelf.resolved(stranger) == []
    assert shelf.resolved(stranger, "AA1234B") == ["d-002"]
    with shelf.database.begin() as tx:
        tx.execute(
            sa.text("UPDATE client_unit SET valid_from = '2020-01-01', valid_to = '2026-03-01' WHERE client = :it"),
            {"it": colleague},
        )
    assert shelf.resolved(colleague) == []
    assert shelf.resolved(colleague, on=date(2026, 3, 1)) == ["d-001"]


def test_what_cannot_be_given_out_is_not_held(shelf: Shelf) -> None:
    mine = shelf.client("TS12345")
    shelf.put(mine, state="refused")
    shelf.put(mine, state="pending")
    shelf.put(mine, erased_at_us=5, wrapped_key=None)
    shelf.put(mine, pack=None)
    shelf.put(mine, form="TK1-TS")
    shelf.refers(mine)
    assert shelf.resolved(mine) == []
    with shelf.database.read() as tx:
        assert not is_held(tx, DIGEST, client=mine, on=ON)
    shelf.put(mine)
    assert shelf.resolved(mine) == ["d-007"]


def test_asking_whether_a_paper_is_held_answers_as_a_reference_would(shelf: Shelf) -> None:
    mine, other = shelf.client("TS12345", "AA1234B"), shelf.client("AA1234B")
    shelf.put(shelf.client("TS12345"))
    with shelf.database.read() as tx:
        assert is_held(tx, DIGEST, client=mine, on=ON)
        assert is_held(tx, DIGEST, client=mine, on=ON, unit="TS12345")
        assert not is_held(tx, DIGEST, client=mine, on=ON, unit="AA1234B")
        assert not is_held(tx, DIGEST, client=other, on=ON)
        assert not is_held(tx, DIGEST, client=other, on=ON, unit="TS12345")


def test_without_references_nobody_is_asked() -> None:
    nobody: sa.Connection = None  # type: ignore[assignment]
    found = resolve(nobody, [], client="c", unit="u", on=ON)
    assert (found.found, found.unknown) == ({}, ())


def test_a_dossier_is_relied_on_while_it_alone_holds_what_another_refers_to(shelf: Shelf) -> None:
    mine, ivan, stranger = shelf.client("TS12345"), shelf.client(), shelf.client("AA1234B")
    holder = shelf.put(mine)
    assert shelf.relying(holder) == []
    of_unit, of_submitter = shelf.refers(ivan), shelf.refers(mine, "BB1111C")
    shelf.refers(stranger, "AA1234B")
    shelf.refers(mine, state="refused")
    shelf.refers(mine, erased_at_us=5, wrapped_key=None)
    assert shelf.relying(holder) == [of_unit, of_submitter]
    assert shelf.relying(of_unit) == []
    # The same paper again, in another dossier: each may go, but not both.
    shelf.put(ivan, "CC2222D")
    assert shelf.relying(holder) == [of_submitter]
    twin = shelf.put(mine, "DD3333E")
    assert shelf.relying(holder) == []
    with shelf.database.begin() as tx:
        tx.execute(sa.text("UPDATE dossier SET erased_at_us = 7 WHERE statement_number = :it"), {"it": holder})
    assert shelf.relying(twin) == [of_submitter]


def test_what_is_erased_together_neither_keeps_nor_holds_a_paper_for_each_other(shelf: Shelf) -> None:
    mine = shelf.client("TS12345")
    holder = shelf.put(mine)
    about = "d-" + holder.rpartition("-")[2]
    supplement = shelf.refers(mine, purpose="supplement", about=about)
    assert (shelf.relying(holder), shelf.relying(supplement)) == ([], [])
    other = shelf.put(mine, purpose="supplement", about=about)
    later = shelf.refers(mine)
    assert (shelf.relying(holder), shelf.relying(other)) == ([later], [later])


def test_the_index_on_papers_is_used(shelf: Shelf) -> None:
    if shelf.database.dialect != "sqlite":
        with shelf.database.read() as tx:
            found = tx.execute(sa.text("SELECT indexdef FROM pg_indexes WHERE indexname = 'part_paper'")).scalar()
        assert found is not None
        assert "CT-DK" in found
        return
    with shelf.database.read() as tx:
        plan = tx.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT 1 FROM part p WHERE p.sha256 IN (x'00') AND p.form = 'CT-DK'"
        ).fetchall()
    assert any("part_paper" in str(row) for row in plan)


# --- over HTTP ---


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("once") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def employer(gateway: Inhouse) -> str:
    return gateway.bearer("employer", units=[UNIT])


def papers(content: bytes) -> dict[int, tuple[str, bytes]]:
    """The files of a dossier as its envelope holds them: name and bytes, by number."""
    box, _ = open_envelope(etree.fromstring(content), catalogue=Catalogue.load(), on=ON)
    assert box is not None
    return {one.number: (one.name, one.content) for one in box.files}


def sent(gateway: Inhouse, token: str, seed: int, **more: object) -> tuple[str, dict[int, tuple[str, bytes]]]:
    content = signed(seed, **{"attachments": 2, **more})  # type: ignore[arg-type]
    answer = gateway("POST", "/v1/dossiers", token, content=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["dossier"]), papers(content)


@pytest.fixture(scope="module")
def filed(gateway: Inhouse, employer: str) -> tuple[str, dict[int, tuple[str, bytes]]]:
    return sent(gateway, employer, 41)


def test_a_part_is_given_out_decoded_with_its_digest_and_the_reading_is_written_down(
    gateway: Inhouse, employer: str, filed: tuple[str, dict[int, tuple[str, bytes]]]
) -> None:
    dossier, files = filed
    for number, (name, content) in files.items():
        answer = gateway("GET", f"/v1/dossiers/{dossier}/parts/{number}?why=soat", employer)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["repr-digest"] == answer.headers["content-digest"]
        assert name in answer.headers["content-disposition"]
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    kinds = [gateway("HEAD", f"/v1/dossiers/{dossier}/parts/{one}", employer).headers["content-type"] for one in files]
    assert kinds[0] == "application/xml"
    assert "application/pdf" in kinds
    page = gateway("GET", f"/v1/dossiers/{dossier}/readings", employer).json()["readings"]
    assert [(one["what"], one["why"]) for one in page] == [(f"parts/{number}", "soat") for number in files]


def test_a_range_of_a_part_is_given_out(
    gateway: Inhouse, employer: str, filed: tuple[str, dict[int, tuple[str, bytes]]]
) -> None:
    dossier, files = filed
    number, (_, content) = max(files.items())
    answer = gateway("GET", f"/v1/dossiers/{dossier}/parts/{number}", employer, headers={"range": "bytes=3-9"})
    assert (answer.status_code, answer.content) == (206, content[3:10])
    beyond = gateway("GET", f"/v1/dossiers/{dossier}/parts/{number}", employer, headers={"range": "bytes=9999999-"})
    assert beyond.status_code == 416


def test_a_part_is_for_the_parties_alone(gateway: Inhouse, filed: tuple[str, dict[int, tuple[str, bytes]]]) -> None:
    dossier, _ = filed
    path = f"/v1/dossiers/{dossier}/parts"
    office, stranger = gateway.bearer("office", offices=[OFFICE]), gateway.bearer("employer", units=[OTHER_UNIT])
    assert gateway("GET", f"{path}/1", office).status_code == 200
    assert gateway("GET", f"{path}/1", stranger).status_code == 404
    assert gateway("GET", f"{path}/1", gateway.bearer("operator")).status_code == 403
    for number in ("0", "99", "123456789", "-1"):
        assert gateway("GET", f"{path}/{number}", office).status_code == 404, number


def test_do_you_hold_this_document_is_answered_to_its_own_people_alone(
    gateway: Inhouse, employer: str, filed: tuple[str, dict[int, tuple[str, bytes]]]
) -> None:
    _, files = filed
    stranger = gateway.bearer("employer", units=[OTHER_UNIT])
    form, paper = (hashlib.sha256(files[number][1]).hexdigest() for number in (min(files), max(files)))

    def held_for(token: str, digest: str, more: str = "") -> bool:
        answer = gateway("GET", f"/v1/documents?sha256={digest}{more}", token)
        assert answer.status_code == 200
        assert answer.json()["sha256"] == digest
        return bool(answer.json()["held"])

    assert held_for(employer, paper)
    assert held_for(employer, paper, f"&unit={UNIT}")
    assert not held_for(employer, form)
    assert not held_for(employer, "0" * 64)
    assert not held_for(stranger, paper)
    assert not held_for(stranger, paper, f"&unit={UNIT}")
    for wrong in ("x", "0" * 63, "zz" * 32, "0" * 62 + " 0"):
        assert gateway("GET", f"/v1/documents?sha256={wrong}", employer).status_code == 400


def refer(gateway: Inhouse, dossier: str, digest: bytes) -> None:
    """Have the last part of a dossier be a reference, as a line that takes references writes it."""
    with gateway.house.database.begin() as tx:
        tx.execute(
            sa.text(
                "UPDATE part SET kind = :kind, sha256 = :sha256, size_bytes = 0 WHERE dossier = :id"
                " AND number = (SELECT max(number) FROM part WHERE dossier = :id)"
            ),
            {"kind": REFERENCE, "sha256": digest, "id": dossier},
        )


def test_a_reference_gives_out_the_document_and_both_dossiers_say_who_was_given_it(
    gateway: Inhouse, employer: str, filed: tuple[str, dict[int, tuple[str, bytes]]]
) -> None:
    holder, files = filed
    number, (_, content) = max(files.items())
    dossier, own = sent(gateway, employer, 42)
    refer(gateway, dossier, hashlib.sha256(content).digest())
    before = len(gateway("GET", f"/v1/dossiers/{holder}/readings", employer).json()["readings"])
    answer = gateway("GET", f"/v1/dossiers/{dossier}/parts/{max(own)}", employer)
    assert (answer.status_code, answer.content) == (200, content)
    assert (
        answer.headers["content-type"]
        == gateway("HEAD", f"/v1/dossiers/{holder}/parts/{number}", employer).headers["content-type"]
    )
    (mine,) = gateway("GET", f"/v1/dossiers/{dossier}/readings", employer).json()["readings"]
    theirs = gateway("GET", f"/v1/dossiers/{holder}/readings", employer).json()["readings"][before:]
    assert (mine["what"], [one["what"] for one in theirs]) == (f"parts/{max(own)}", [f"parts/{number}"])
    with gateway.house.database.read() as tx:
        assert referred_to(tx, holder) == [
            tx.execute(sa.text("SELECT statement_number FROM dossier WHERE id = :id"), {"id": dossier}).scalar()
        ]


def test_a_reference_whose_document_is_nowhere_any_more_is_gone_and_not_an_error(
    gateway: Inhouse, employer: str
) -> None:
    dossier, own = sent(gateway, employer, 43)
    refer(gateway, dossier, b"\x09" * 32)
    answer = gateway("GET", f"/v1/dossiers/{dossier}/parts/{max(own)}", employer)
    assert (answer.status_code, answer.json()["code"]) == (410, "content-erased")


def test_bytes_that_are_not_what_the_journal_names_are_not_given_out(gateway: Inhouse, employer: str) -> None:
    dossier, own = sent(gateway, employer, 44)
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE part SET sha256 = :it WHERE dossier = :id"), {"it": b"\x05" * 32, "id": dossier})
    answer = gateway("GET", f"/v1/dossiers/{dossier}/parts/{min(own)}", employer)
    assert answer.json()["code"] == "content-unreadable"
    assert gateway("GET", f"/v1/dossiers/{dossier}/readings", employer).json()["readings"] == []


class InPieces:
    """A file beside an envelope that is read as it is wanted."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size_bytes, self.sha256 = len(content), hashlib.sha256(content).digest()
        self.ends = content[:4], content[-4:]

    def chunks(self) -> Iterator[bytes]:
        yield from (self._content[at : at + 7] for at in range(0, len(self._content), 7))

    def read(self) -> bytes:
        raise AssertionError("it is too large to be read whole")


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 7), (3, 20), (14, 15), (49, 50), (5, 999)])
def test_a_large_part_is_streamed_and_its_digest_is_right_or_it_breaks_off(start: int, end: int | None) -> None:
    content = bytes(range(50))
    good = PartContent(hashlib.sha256(content).digest(), InPieces(content))
    assert b"".join(good.chunks(start, end)) == content[start:end]
    bad = PartContent(DIGEST, InPieces(content))
    if end is None or end >= len(content):
        with pytest.raises(ContentCorrupt):
            list(bad.chunks(start, end))


def test_what_an_envelope_refers_to_is_refused_unless_it_is_held(shelf: Shelf) -> None:
    mine = shelf.client("TS12345")
    content = signed(5, references=[Reference("hop-dong.pdf", DIGEST), Reference("khac.png", b"\x01" * 32)])
    box, found = open_envelope(etree.fromstring(content), catalogue=Catalogue.load(), on=ON)
    assert box is not None
    assert found == []
    shelf.put(mine, kind=".png")
    with shelf.database.read() as tx:
        resolved = resolve(tx, [DIGEST, b"\x01" * 32], client=mine, unit="TS12345", on=ON)
    not_asked = findings_of(box, NOT_ASKED)
    assert [(one.code, one.severity) for one in not_asked] == [("reference-not-looked-for", "warning")] * 2
    assert [one.code for one in findings_of(box, NOTHING)] == ["reference-unknown"] * 2
    told = {one.code: one for one in findings_of(box, resolved)}
    assert told.keys() == {"reference-unknown", "reference-kind-differs"}
    assert told["reference-unknown"].severity == "error"
    assert (told["reference-unknown"].file, told["reference-unknown"].value) == ("khac.png", "01" * 32)
    assert told["reference-kind-differs"].severity == "warning"
    parts = [Part(dossier="d", number=1, form="CT-DK", name="", kind=REFERENCE, size_bytes=0, sha256=DIGEST)]
    assert digests_of(parts) == (DIGEST,)  # type: ignore[arg-type]
