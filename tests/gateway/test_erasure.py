"""What is erased cannot be read again, says so, and can be proved as before."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway import erasures_file, papers
from gateway.audit import Audit
from gateway.clock import to_us
from gateway.contents import ContentErased, open_content
from gateway.erasure import (
    Erased,
    NotErased,
    Order,
    TombstoneForged,
    erase,
    erase_again,
    faults,
    read_tombstone,
)
from gateway.erasures_file import ErasuresBroken, ErasuresUnkept, Line
from gateway.receipt import ERASURE_TYPE
from signing.seal import open_jws, seal_jws
from storage import holds, journal, statements
from storage.erasing import leave_no_copy
from tests.gateway.ended import EVERYTHING, accepted, finished, reported
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier, inhouse

ORDER = Order(by="vận hành", because="hết thời hạn lưu giữ")


@pytest.fixture
def gateway(tmp_path: Path):
    with inhouse(tmp_path / "home") as opened:
        yield opened


def file_of(gateway: Inhouse) -> Path:
    return gateway.house.settings.path("erasures", "erasures.jsonl")


def erased(gateway: Inhouse, name: str) -> Erased:
    return erase(gateway.house.stores, file_of(gateway), name, ORDER, gateway.clock.now())


def row(gateway: Inhouse, dossier: str) -> journal.Dossier:
    with gateway.house.database.read() as tx:
        found = journal.dossier(tx, dossier, EVERYTHING)
    assert found is not None
    return found


def keys(gateway: Inhouse) -> dict[str, dict[str, str]]:
    return {key.kid: key.jwk for key in gateway.house.stores.seal.keys(gateway.clock.now())}


def audited(gateway: Inhouse) -> list[str]:
    found = Audit(gateway.house.stores, keys(gateway)).run()
    return [f"{fault.code} {fault.subject}: {fault.en}" for fault in found.faults]


def test_the_key_is_gone_and_the_receipt_stands_byte_for_byte(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    done = erased(gateway, made["dossier"])
    after = row(gateway, made["dossier"])
    assert after.wrapped_key is None
    assert after.erased_at_us is not None
    assert after.statement == made["receipt"]
    assert after.state == "finished"
    assert faults(after, done.tombstone) == []
    with pytest.raises(ContentErased):
        open_content(gateway.house.stores, after)
    with gateway.house.database.read() as tx:
        (stated,) = [one for one in statements.of(tx, after.id) if one.type == ERASURE_TYPE]
        leaf = tx.execute(sa.text("SELECT leaf FROM log_entry WHERE seq = :seq"), {"seq": stated.seq}).scalar_one()
        facts = [event.type for event in journal.events(tx, EVERYTHING, 0, after.id)]
    assert bytes(leaf) == hashlib.sha256(done.jws.encode()).digest()
    assert facts[-1] == "erased"
    assert audited(gateway) == []


def test_the_tombstone_is_sealed_and_names_what_the_log_holds(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    done = erased(gateway, made["receipt_number"])
    said = read_tombstone(done.jws, keys(gateway).values())
    assert said == done.tombstone
    assert said.statement_sha256 == hashlib.sha256(made["receipt"].encode()).hexdigest()
    assert said.sha256 == made["sha256"]
    assert set(said.cleared) == {"content", "part-names", "report"}
    assert said.because == ORDER.because


def test_nothing_that_quotes_persons_is_left_in_the_row_its_parts_or_its_facts(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    erased(gateway, made["dossier"])
    with gateway.house.database.read() as tx:
        names = [part.name for part in journal.parts(tx, made["dossier"])]
        details = [event.detail for event in journal.events(tx, EVERYTHING, 0, made["dossier"])]
        certificates = tx.execute(sa.text("SELECT count(*) FROM dossier_certificate")).scalar_one()
    assert set(names) == {""}
    assert not any("Nguyễn Văn Ẩn" in detail for detail in details)
    assert certificates == 0
    assert row(gateway, made["dossier"]).report.count("Nguyễn") == 0


def test_a_refusal_that_quotes_findings_gives_way_and_its_leaf_is_named_by_the_tombstone(gateway: Inhouse):
    employer = gateway.bearer("employer", units=[UNIT])
    bad = a_dossier(9).replace(b"</KyKeKhai>", b"1</KyKeKhai>")
    refused = gateway("POST", "/v1/dossiers", employer, content=bad).json()
    done = erased(gateway, refused["dossier"])
    after = row(gateway, refused["dossier"])
    assert after.statement == ""
    assert done.tombstone.statement_sha256 == hashlib.sha256(refused["notice"].encode()).hexdigest()
    assert "notice" in done.tombstone.cleared
    with gateway.house.database.read() as tx:
        leaf = tx.execute(sa.text("SELECT leaf FROM log_entry WHERE seq = :seq"), {"seq": after.seq}).scalar_one()
    assert bytes(leaf).hex() == done.tombstone.statement_sha256
    assert audited(gateway) == []
    assert gateway("GET", f"/v1/dossiers/{after.id}", employer).json()["findings"] == []
    assert gateway("GET", f"/v1/dossiers/{after.id}/receipt", employer).status_code == 410


def test_what_a_refused_dossier_said_of_itself_and_what_its_readers_wrote_goes_too(gateway: Inhouse):
    employer, person = gateway.bearer("employer", units=[UNIT]), "Nguyễn Văn Ẩn"
    bad = a_dossier(9).replace(b"<KyKeKhai>", f"<KyKeKhai>{person} ".encode())
    bad = bad.replace(b"<MaThuTuc>600", f"<MaThuTuc>{person}".encode())
    refused = gateway("POST", "/v1/dossiers", employer, content=bad).json()
    before = row(gateway, refused["dossier"])
    assert person in before.period
    assert person in before.procedure
    assert gateway("GET", f"/v1/dossiers/{before.id}/evidence?why=hỏi {person}", employer).status_code == 200
    assert gateway("GET", f"/v1/dossiers/{before.id}/evidence", employer).status_code == 200
    erased(gateway, before.id)
    assert audited(gateway) == []
    with gateway.house.database.read() as tx:
        kept = [
            str(one)
            for name in ("dossier", "part", "event", "reading", "statement", "document", "alarm")
            for one in tx.execute(sa.text(f"SELECT * FROM {name}")).all()
        ]
    assert kept
    assert not any(person in one for one in kept)
    shown = gateway("GET", f"/v1/dossiers/{before.id}/readings", employer).json()["readings"]
    assert [one["why"] for one in shown] == ["", "own"]


def test_the_doors_say_that_it_was_erased_and_still_give_the_receipt(gateway: Inhouse):
    employer = gateway.bearer("employer", units=[UNIT])
    (made,) = finished(gateway, 1)
    erased(gateway, made["dossier"])
    at = f"/v1/dossiers/{made['dossier']}"
    for path in (f"{at}/content", f"{at}/forms/1", f"{at}/validation"):
        answer = gateway("GET", path, employer)
        assert (answer.status_code, answer.json().get("code")) == (410, "content-erased"), path
    shown = gateway("GET", at, employer).json()
    assert shown["receipt"] == made["receipt"]
    assert shown["erased_at"] is not None
    assert gateway("GET", f"{at}/receipt", employer).text == made["receipt"]
    again = gateway("POST", "/v1/dossiers", employer, content=a_dossier(1))
    assert (again.status_code, again.json()["receipt"]) == (200, made["receipt"])
    assert gateway("GET", "/v1/dossiers", employer).status_code == 200


def test_on_postgresql_it_is_the_same(tmp_path: Path, postgres_migrated_url: str):
    with inhouse(tmp_path / "home", database_url=postgres_migrated_url) as gateway:
        (made, other) = finished(gateway, 1, 2)
        hold = holds.Hold(id="h-1", dossier=other["dossier"], placed_by="tòa án", placed_at_us=1, why="CV 34/TA")
        with gateway.house.database.begin() as tx:
            assert holds.place(tx, hold)
        done = erased(gateway, made["receipt_number"])
        with pytest.raises(NotErased):
            erased(gateway, other["dossier"])
        assert faults(row(gateway, made["dossier"]), done.tombstone) == []
        assert audited(gateway) == []
        assert not leave_no_copy(gateway.house.database)


def test_what_is_under_way_is_not_erased(gateway: Inhouse):
    employer = gateway.bearer("employer", units=[UNIT])
    made = accepted(gateway, 1, employer)
    with pytest.raises(NotErased) as refused:
        erased(gateway, made["dossier"])
    assert refused.value.why == "under-way"
    # Withdrawn, but its office may still be handed the work.
    reported(gateway.house, made["dossier"], "withdrawn")
    with pytest.raises(NotErased):
        erased(gateway, made["dossier"])
    assert row(gateway, made["dossier"]).wrapped_key is not None
    assert not file_of(gateway).exists()


def test_a_held_dossier_is_not_erased_until_the_last_hold_is_lifted(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    for name in ("h-1", "h-2"):
        hold = holds.Hold(id=name, dossier=made["dossier"], placed_by="tòa án", placed_at_us=1, why="CV 34/TA")
        with gateway.house.database.begin() as tx:
            assert holds.place(tx, hold)
            assert not holds.place(tx, hold)
    for name in ("h-1", "h-2"):
        with pytest.raises(NotErased, match="CV 34/TA") as refused:
            erased(gateway, made["dossier"])
        assert refused.value.why == "held"
        with gateway.house.database.begin() as tx:
            assert holds.lift(tx, name, "tòa án", "CV 56/TA", 2)
            assert not holds.lift(tx, name, "tòa án", "CV 56/TA", 2)
    erased(gateway, made["dossier"])


def test_what_was_held_after_an_erasure_that_failed_is_not_erased_by_a_restore(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    done = erased(gateway, made["dossier"])
    (other,) = finished(gateway, 2)
    after, at_us = row(gateway, other["dossier"]), to_us(gateway.clock.now())
    said = msgspec.structs.replace(done.tombstone, dossier=after.id, receipt=after.statement_number)
    for name, placed_at_us, expected in (("h-before", at_us - 1, True), ("h-after", at_us + 1, False)):
        hold = holds.Hold(id=name, dossier=after.id, placed_by="tòa án", placed_at_us=placed_at_us, why="CV 34/TA")
        with gateway.house.database.engine.connect() as tx:
            holds.place(tx, hold)
            turn = journal.take_turn(tx)
            assert erase_again(tx, turn, said, done.jws) is expected, name
            tx.rollback()


def test_holds_of_very_many_dossiers_can_be_asked_for_at_once(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    hold = holds.Hold(id="h-1", dossier=made["dossier"], placed_by="tòa án", placed_at_us=1, why="CV 34/TA")
    with gateway.house.database.begin() as tx:
        holds.place(tx, hold)
    with gateway.house.database.read() as tx:
        many = [*(f"d-{number}" for number in range(260_000)), made["dossier"]]
        assert holds.binding(tx, many) == {made["dossier"]: [hold]}


def test_its_documents_go_with_it(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    stores, now = gateway.house.stores, gateway.clock.now()
    asked = {"dossier": made["dossier"], "kind": "receipt-pdf", "number": 1, "media_type": papers.PDF}
    papers.keep(stores, b"%PDF", **asked, now=now)
    assert "documents" in erased(gateway, made["dossier"]).tombstone.cleared
    document = papers.find(stores, made["dossier"], "receipt-pdf", 1)
    assert document is not None
    with pytest.raises(ContentErased):
        papers.read(stores, document)
    with pytest.raises(ContentErased):
        papers.keep(stores, b"%PDF again", **(asked | {"number": 2}), now=now)
    assert audited(gateway) == []


def test_it_is_erased_once(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    erased(gateway, made["dossier"])
    with pytest.raises(NotErased) as refused:
        erased(gateway, made["dossier"])
    assert refused.value.why == "erased"
    with pytest.raises(NotErased) as refused:
        erased(gateway, "d-nobody")
    assert refused.value.why == "unknown"
    assert len(erasures_file.read(file_of(gateway))) == 1


def test_when_the_file_of_erasures_cannot_be_written_nothing_is_erased(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    nowhere = file_of(gateway).parent / "not-there" / "erasures.jsonl"
    with pytest.raises(ErasuresUnkept):
        erase(gateway.house.stores, nowhere, made["dossier"], ORDER, gateway.clock.now())
    assert row(gateway, made["dossier"]).wrapped_key is not None
    assert audited(gateway) == []


def test_the_line_is_in_the_file_before_the_erasure_is_committed(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch):
    (made,) = finished(gateway, 1)
    seen: list[bool] = []
    append = erasures_file.append

    def watching(path: Path, lines: list[Line]) -> None:
        append(path, lines)
        # Another connection does not see the erasure yet.
        with gateway.house.database.engine.connect() as other:
            key = other.execute(sa.text("SELECT wrapped_key FROM dossier WHERE pack IS NOT NULL")).scalar_one()
        seen.append(key is not None)

    monkeypatch.setattr(erasures_file, "append", watching)
    done = erased(gateway, made["dossier"])
    assert seen == [True]
    (line,) = erasures_file.read(file_of(gateway))
    assert (line.tombstone, line.dossier, line.receipt) == (done.jws, made["dossier"], made["receipt_number"])


def test_no_copy_of_the_key_stays_in_the_files_of_the_embedded_database(gateway: Inhouse):
    (made, kept) = finished(gateway, 1, 2)
    key, other = row(gateway, made["dossier"]).wrapped_key, row(gateway, kept["dossier"]).wrapped_key
    assert key
    assert other
    erased(gateway, made["dossier"])
    assert leave_no_copy(gateway.house.database)
    home = gateway.house.settings.home_path
    content = b"".join(path.read_bytes() for path in home.glob("motcua.sqlite*"))
    assert key not in content
    assert other in content


@pytest.mark.parametrize(
    "forge",
    [
        lambda jws, _: jws[:-4] + ("AAAA" if not jws.endswith("AAAA") else "BBBB"),
        lambda _, gateway: seal_jws(gateway.house.stores.seal.signer_at(gateway.clock.now()), b"{}", ERASURE_TYPE),
        lambda jws, gateway: seal_jws(
            gateway.house.stores.seal.signer_at(gateway.clock.now()),
            open_jws(jws, next(iter(keys(gateway).values())), typ=ERASURE_TYPE),
            "motcua-receipt+jws",
        ),
    ],
    ids=["other signature", "says nothing", "another kind of statement"],
)
def test_a_forged_tombstone_is_refused(gateway: Inhouse, forge):
    (made,) = finished(gateway, 1)
    with pytest.raises(TombstoneForged):
        read_tombstone(forge(erased(gateway, made["dossier"]).jws, gateway), keys(gateway).values())


def test_a_torn_last_line_is_no_erasure_and_makes_room_for_the_next(tmp_path: Path):
    path, line = tmp_path / "erasures.jsonl", Line(dossier="d-1", receipt="1", sha256="", at="", tombstone="x.y.z")
    erasures_file.append(path, [line])
    whole = path.read_bytes()
    for torn in (b"{", whole[:-1], b"x" * 9000):
        path.write_bytes(whole + torn)
        assert erasures_file.read(path) == [line]
        erasures_file.append(path, [line])
        assert erasures_file.read(path) == [line, line]
    path.write_bytes(whole[:-1])
    assert erasures_file.read(path) == []
    for damaged in (b"no line of ours\n", whole.replace(b"d-1", b"d-\xff")):
        path.write_bytes(damaged + whole)
        with pytest.raises(ErasuresBroken, match=r"erasures\.jsonl:1"):
            erasures_file.read(path)


LINES = st.lists(
    st.builds(Line, dossier=st.text(), receipt=st.text(), sha256=st.text(), at=st.text(), tombstone=st.text()),
    max_size=4,
)


@given(LINES, st.data())
def test_wherever_the_file_is_torn_the_whole_lines_before_are_read_and_go_on(lines: list[Line], data: st.DataObject):
    content = erasures_file.as_bytes(lines)
    cut = data.draw(st.integers(0, len(content)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "erasures.jsonl"
        path.write_bytes(content[:cut])
        whole = lines[: content[:cut].count(b"\n")]
        assert erasures_file.read(path) == whole
        erasures_file.append(path, lines)
        assert erasures_file.read(path) == [*whole, *lines]


def test_an_office_no_longer_sees_content_either(gateway: Inhouse):
    (made,) = finished(gateway, 1)
    erased(gateway, made["dossier"])
    office = gateway.bearer("office", offices=[OFFICE])
    assert gateway("GET", f"/v1/dossiers/{made['dossier']}/content", office).status_code == 410
