"""Before a form changes, it is known whose dossiers would break, by which rule; and only what is new is counted."""

import json
import re
import shutil
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.app import open_the_database
from gateway.config import Settings
from gateway.rehearse import OTHERS, SOFTWARE_MAX, Asked, Kept, Rehearsal, judge_stored, version_of
from schemas.catalogue import ROOM, Catalogue
from schemas.sample import make_dossier
from tests.databases import database_url
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import OFFICE, OTHER_UNIT, TAX_CODE, UNIT, a_dossier, inhouse, pki, sign
from tests.schemas.broken import _column, in_form

__all__ = ["database_url"]

THAI_SON, VISNAM = "00040", "00111"
RECEIVED = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
RULE = """
  <sch:pattern id="d02-next">
    <sch:rule context="/D02-TS/NoiDung/LaoDong">
      <sch:assert id="d02-kind-one" role="error" subject="Loai" m:certainty="verified" m:source="a draft"
          test="not(Loai = '2')"
          diagnostics="d02-kind-one.vi d02-kind-one.en d02-kind-one.fix.vi d02-kind-one.fix.en">One kind.</sch:assert>
      <sch:assert id="d02-high-wage" role="warning" subject="TienLuong" m:certainty="verified" m:source="a draft"
          test="not(TienLuong &gt; 90000000)"
          diagnostics="d02-high-wage.vi d02-high-wage.en d02-high-wage.fix.vi d02-high-wage.fix.en">Wages.</sch:assert>
      <sch:assert id="d02-id-seven" role="error" subject="ID" m:certainty="unconfirmed" m:source="a draft"
          test="not(ID = '77')"
          diagnostics="d02-id-seven.vi d02-id-seven.en d02-id-seven.fix.vi d02-id-seven.fix.en">No 77.</sch:assert>
    </sch:rule>
  </sch:pattern>
"""
DIAGNOSTICS = "".join(
    f'<sch:diagnostic id="{rule}.{part}" xml:lang="{part[-2:]}">{words}</sch:diagnostic>'
    for rule, words in (("d02-kind-one", "loại phải là 1"), ("d02-high-wage", "lương cao"), ("d02-id-seven", "số 77"))
    for part in ("vi", "en", "fix.vi", "fix.en")
)


def changed(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def write_version(room: Path, version: str, valid_from: str, *changes: tuple[str, str, str]) -> None:
    """A version of D02-TS made from the one in force: changes are (file, old, new)."""
    target = room / "forms" / "D02-TS" / version
    source = ROOM / "forms" / "D02-TS" / "595"
    target.mkdir(parents=True)
    for name in ("form.toml", "form.xsd", "form.sch"):
        text = (source / name).read_text("utf-8")
        for file, old, new in changes:
            text = changed(text, old, new) if file == name else text
        if name == "form.toml":
            text = changed(text, 'version = "595"', f'version = "{version}"')
            text = changed(text, "valid_from = 2017-05-01", f"valid_from = {valid_from}")
        (target / name).write_text(text, "utf-8")


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two versions of D02-TS that are yet to come."""
    room = tmp_path_factory.mktemp("draft")
    write_version(
        room, "next", "2099-01-01",
        ("form.xsd", 'name="MaPhongBan" type="TenNgan"', 'name="MaPhongBan" type="MaNgan"'),
        ("form.xsd", '<xs:enumeration value="2"/>', '<xs:enumeration value="2"/><xs:enumeration value="3"/>'),
        ("form.sch", "<sch:diagnostics>", f"{RULE}<sch:diagnostics>{DIAGNOSTICS}"),
    )  # fmt: skip
    required = '<xs:element name="MaPhongBan" type="TenNgan" minOccurs="0"/>'
    write_version(
        room, "600-2100", "2100-01-01",
        ("form.xsd", required, f'{required}<xs:element name="MaHopDong" type="TenNgan"/>'),
        ("form.toml", "[labels]", '[labels]\nMaHopDong = "Mã hợp đồng"'),
    )  # fmt: skip
    return room


def raw_dossier(seed: int, ivan: str = THAI_SON, **columns: str) -> bytes:
    """An unsigned dossier of one employee by that software, with these columns set in its D02-TS."""
    raw = make_dossier(
        "600", employees=1, seed=seed, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=date(2026, 3, 2), attachments=0,
    )  # fmt: skip
    for name, value in columns.items():
        raw = in_form(raw, "D02-TS", lambda form: _column(form, name.encode(), value.encode()))  # noqa: B023
    return re.sub(rb"<MaIVAN>[^<]*<", b"<MaIVAN>%s<" % ivan.encode(), raw, count=1)


DOSSIERS = [
    (1, THAI_SON, {}),
    (2, THAI_SON, {"MaPhongBan": "Phòng 2"}),
    (3, THAI_SON, {"MaPhongBan": "Phòng 3", "Loai": "2"}),
    (4, VISNAM, {"Loai": "2"}),
    (5, VISNAM, {"TienLuong": "95000000"}),
    (6, VISNAM, {"ID": "77"}),
]


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A home that accepted six dossiers of two I-VANs, one a day, and one of another unit; it refused one. And the
    receipt numbers of the six.
    """
    home = tmp_path_factory.mktemp("lived") / "home"
    numbers = []
    with inhouse(home) as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        for seed, ivan, columns in DOSSIERS:
            answer = gateway("POST", "/v1/dossiers", employer, content=sign(raw_dossier(seed, ivan, **columns)))
            assert answer.status_code == 201, answer.text
            numbers.append(answer.json()["receipt_number"])
            gateway.clock.advance(24 * 3600)
            employer = gateway.bearer("employer", units=[UNIT])
        other = gateway.bearer("employer", units=[OTHER_UNIT])
        theirs = a_dossier(7, unit=OTHER_UNIT, tax_code="0309876547", holder="other", employees=1)
        assert gateway("POST", "/v1/dossiers", other, content=theirs).status_code == 201
        bad = a_dossier(9).replace(b"</KyKeKhai>", b"1</KyKeKhai>")
        assert gateway("POST", "/v1/dossiers", employer, content=bad).status_code == 422
    return home, numbers


@pytest.fixture
def rehearse(motcua: Terminal, draft: Path, lived_in: tuple[Path, list[str]]) -> "Rehearse":
    return Rehearse(motcua, draft, lived_in[0])


class Rehearse:
    """The command, with the draft laid over the catalogue."""

    def __init__(self, motcua: Terminal, draft: Path, home: Path) -> None:
        self.motcua, self.draft = motcua, draft
        shutil.copytree(home, motcua.home)

    def __call__(self, *words: object, version: str = "NEXT") -> tuple[int, dict[str, object]]:
        ran = self.motcua(
            "rehearse", "--form", "D02-TS", "--version", version, "--catalogue", self.draft, "--json", *words
        )
        return ran.status, json.loads(ran.out)

    def said(self, *words: object, form: str = "D02-TS", version: str = "NEXT") -> tuple[int, str, str]:
        ran = self.motcua("rehearse", "--form", form, "--version", version, "--catalogue", self.draft, *words)
        return ran.status, ran.out, ran.err


def counts(found: dict[str, object]) -> dict[str, object]:
    names = ("dossiers", "judged", "good", "newly_broken", "newly_good", "bad_before", "newly_warned", "without_form",
             "unreadable", "erased")  # fmt: skip
    return {name: found[name] for name in names if found[name]}


def by_software(rows: object) -> dict[tuple[str, str], tuple[int, int]]:
    assert isinstance(rows, list)
    return {(row["ivan"], row["code"]): (row["dossiers"], row["findings"]) for row in rows}


def test_who_would_break_is_counted_by_software_and_rule(rehearse: Rehearse, lived_in: tuple[Path, list[str]]):
    status, found = rehearse("--stored", "--unit", UNIT)
    assert status == 1
    assert not found["ok"]
    assert (found["form"], found["version"], found["valid_from"]) == ("D02-TS", "D02-TS@next", "2099-01-01")
    assert counts(found) == {"dossiers": 6, "judged": 6, "good": 3, "newly_broken": 3, "newly_warned": 2}
    assert found["against"] == {"D02-TS@595": 6}
    assert by_software(found["broken"]) == {
        (THAI_SON, "value-malformed"): (2, 2),
        (THAI_SON, "d02-kind-one"): (1, 1),
        (VISNAM, "d02-kind-one"): (1, 1),
    }
    assert by_software(found["warned"]) == {(VISNAM, "d02-high-wage"): (1, 1), (VISNAM, "d02-id-seven"): (1, 1)}
    first = found["broken"][0]
    assert first["columns"] == ["MaPhongBan"]
    assert first["example"]["dossier"] == lived_in[1][1]
    assert "Phòng 2" in first["example"]["message_vi"]
    assert [(one["ivan"], one["name"], one["judged"], one["newly_broken"]) for one in found["software"]] == [
        (THAI_SON, "Thái Sơn", 3, 2),
        (VISNAM, "Visnam", 3, 1),
    ]


def test_a_person_reads_counts_and_an_example_of_each_finding(rehearse: Rehearse, lived_in: tuple[Path, list[str]]):
    status, out, err = rehearse.said("--stored", "--unit", UNIT)
    assert status == 1
    assert err == ""
    assert "D02-TS@next, hiệu lực từ · in force from 01/01/2099" in out
    assert re.search(r"SẼ HỎNG · newly broken +3\n", out)
    assert re.search(rf"{THAI_SON} +Thái Sơn +3 +2 +0 +0\n", out)
    assert re.search(rf"{VISNAM} +d02-kind-one +1 +1 +Loai\n", out)
    assert f"{VISNAM} d02-kind-one, {lived_in[1][3]}: Tệp D02-TS-595.xml, dòng 1 (" in out
    assert out.endswith("3 HỒ SƠ SẼ HỎNG · DOSSIERS WOULD BREAK\n")
    assert "row 1 (" in rehearse.said("--stored", "--lang", "en")[1]


@pytest.mark.parametrize("version", ["600-2100", "D02-TS@600-2100"])
def test_a_new_required_column_breaks_everyone(rehearse: Rehearse, version: str):
    status, found = rehearse("--stored", version=version)
    assert status == 1
    assert counts(found) == {"dossiers": 7, "judged": 7, "newly_broken": 7}
    assert {row["code"] for row in found["broken"]} == {"element-missing"}
    assert "Mã hợp đồng" in found["broken"][0]["example"]["message_vi"]


def test_by_the_version_in_force_nobody_breaks(rehearse: Rehearse):
    status, found = rehearse("--stored", version="595")
    assert status == 0
    assert found["ok"]
    assert counts(found) == {"dossiers": 7, "judged": 7, "good": 7}
    status, out, _ = rehearse.said("--stored", version="595")
    assert status == 0
    assert out.endswith("KHÔNG HỒ SƠ NÀO HỎNG THÊM · NOBODY WOULD BREAK\n")


def test_days_of_receipt_choose_both_included(rehearse: Rehearse):
    _, found = rehearse("--stored", "--since", "03/03/2026", "--until", "2026-03-04")
    assert counts(found) == {"dossiers": 2, "judged": 2, "newly_broken": 2}
    _, found = rehearse("--stored", "--since", "2026-03-08", "--until", "2026-03-08", "--unit", OTHER_UNIT)
    assert counts(found) == {"dossiers": 1, "judged": 1, "good": 1}
    status, found = rehearse("--stored", "--since", "2030-01-01")
    assert (status, found["dossiers"]) == (2, 0)


def test_erased_and_damaged_dossiers_are_counted_and_the_others_judged(
    rehearse: Rehearse, lived_in: tuple[Path, list[str]]
):
    numbers = lived_in[1]
    with closing(open_the_database(Settings(home=str(rehearse.motcua.home)))) as database, database.begin() as tx:
        erase = sa.text("UPDATE dossier SET wrapped_key = NULL WHERE statement_number = :number")
        spoil = sa.text("UPDATE dossier SET pack_length = pack_length - 1 WHERE statement_number = :number")
        assert tx.execute(erase, {"number": numbers[1]}).rowcount == 1
        assert tx.execute(spoil, {"number": numbers[2]}).rowcount == 1
    status, found = rehearse("--stored", "--unit", UNIT)
    assert status == 1
    assert counts(found) == {
        "dossiers": 6, "judged": 4, "good": 3, "newly_broken": 1, "newly_warned": 2, "unreadable": 1, "erased": 1,
    }  # fmt: skip
    assert [one["dossier"] for one in found["unread"]] == [numbers[2]]


def test_nothing_is_written(rehearse: Rehearse):
    def bytes_of(home: Path) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and "-shm" not in path.name}

    before = bytes_of(rehearse.motcua.home)
    rehearse("--stored")
    after = bytes_of(rehearse.motcua.home)
    assert {path: content for path, content in after.items() if content} == {
        path: content for path, content in before.items() if content
    }


def test_files_are_dossiers_signed_or_not_or_bare_forms(rehearse: Rehearse, tmp_path: Path):
    good = (ROOM / "forms/D02-TS/595/samples/valid-two-employees.xml").read_text("utf-8")
    odd_room = re.sub(r"<MaPhongBan/>|<MaPhongBan>[^<]*</MaPhongBan>", "<MaPhongBan>Phòng A</MaPhongBan>", good)
    new_sex = changed(good, "<GioiTinh>1<", "<GioiTinh>3<")
    files = {
        "signed.xml": sign(raw_dossier(2, MaPhongBan="Phòng 2")),
        "unsigned.xml": raw_dossier(4, VISNAM, Loai="2"),
        "bare-good.xml": good.encode(),
        "bare-broken.xml": odd_room.encode(),
        "bare-newly-good.xml": new_sex.encode(),
        "other.xml": (ROOM / "forms/TK1-TS/595/samples/valid-newcomer.xml").read_bytes(),
        "torn.xml": b"<Hoso><NoiDung>",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    status, found = rehearse(*(tmp_path / name for name in files))
    assert status == 1
    assert counts(found) == {
        "dossiers": 7, "judged": 5, "good": 1, "newly_broken": 3, "newly_good": 1, "without_form": 1, "unreadable": 1,
    }  # fmt: skip
    assert {row["ivan"] for row in found["broken"]} == {"", THAI_SON, VISNAM}
    assert found["broken"][0]["example"]["dossier"] == str(tmp_path / "bare-broken.xml")
    assert found["unread"][0]["dossier"] == str(tmp_path / "torn.xml")


def test_a_dossier_in_a_container_is_opened(rehearse: Rehearse, tmp_path: Path):
    raw, signed = tmp_path / "raw.xml", tmp_path / "dossier.asice"
    raw.write_bytes(raw_dossier(4, VISNAM, Loai="2"))
    pki().write(tmp_path)
    key = next(tmp_path.rglob("*employer*.key.pem"))
    certificate = key.with_name(key.name.replace(".key.pem", ".pem"))
    words = ["sign", raw, "--profile", "asic", "--key", key, "--cert", certificate, "-o", signed]
    assert rehearse.motcua(*words).status == 0
    status, found = rehearse(signed)
    assert (status, by_software(found["broken"])) == (1, {(VISNAM, "d02-kind-one"): (1, 1)})


def test_a_file_that_is_not_there_or_nothing_to_judge_is_no_success(rehearse: Rehearse, tmp_path: Path):
    (tmp_path / "good.xml").write_bytes(raw_dossier(1))
    status, out, err = rehearse.said(tmp_path / "good.xml", tmp_path / "gone.xml")
    assert status == 2
    assert "gone.xml" in err
    (tmp_path / "other.xml").write_bytes(b"<La/>")
    status, out, err = rehearse.said(tmp_path / "other.xml")
    assert status == 2
    assert "NOBODY" not in out
    assert "nothing could be judged" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--form", "D02-TS", "--version", "999", "--stored"], "Các bản · versions: 595 (01/05/2017)"),
        (["--form", "XX-TS", "--version", "NEXT", "--stored"], "không có tờ khai XX-TS"),
        (["--form", "D02-TS", "--version", "595"], "--stored"),
        (["--form", "D02-TS", "--version", "595", "--unit", "X", "a.xml"], "--stored"),
        (
            ["--form", "D02-TS", "--version", "595", "--stored", "--since", "2026-02-02", "--until", "2026-02-01"],
            "--since",
        ),
        (["--form", "D02-TS", "--version", "595", "--stored", "--catalogue", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(rehearse: Rehearse, words: list[str], says: str):
    ran = rehearse.motcua("rehearse", *words)
    assert ran.status == 2
    assert says in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_without_a_version_to_come_next_is_refused_and_those_that_are_there_are_listed(rehearse: Rehearse):
    ran = rehearse.motcua("rehearse", "--form", "TK1-TS", "--version", "NEXT", "--stored")
    assert ran.status == 2
    assert "no version is yet to come" in ran.err
    assert "595 (" in ran.err


def test_where_nothing_was_ever_received_no_database_is_made(motcua: Terminal):
    assert motcua("rehearse", "--form", "D02-TS", "--version", "595", "--stored").status == 2
    assert not motcua.home.exists()


def test_help_shows_examples(rehearse: Rehearse):
    ran = rehearse.motcua("rehearse", "--help")
    assert ran.status == 0
    assert "motcua rehearse --form D02-TS --version NEXT --stored" in ran.out


def test_next_is_the_first_to_come_and_a_rule_not_confirmed_only_warns(draft: Path):
    catalogue = Catalogue.load(ROOM, draft)
    following = version_of(catalogue, "D02-TS", "NEXT", date(2026, 3, 2))
    assert following.version == "D02-TS@next"
    assert version_of(catalogue, "D02-TS", "NEXT", date(2099, 6, 1)).version == "D02-TS@600-2100"
    for confirmed, broken, warned in ((set(), 0, 1), ({"d02-id-seven"}, 1, 0)):
        rehearsal = Rehearsal(following, catalogue.confirming(confirmed), catalogue.confirming(confirmed))
        rehearsal.judge("a", raw_dossier(1, ID="77"), RECEIVED)
        found = rehearsal.end()
        assert (found.newly_broken, found.newly_warned) == (broken, warned)


def test_a_dossier_from_before_any_version_is_compared_with_none(draft: Path):
    catalogue = Catalogue.load(ROOM, draft)
    rehearsal = Rehearsal(version_of(catalogue, "D02-TS", "next", date(2026, 3, 2)), catalogue, catalogue)
    bare = (ROOM / "forms/D02-TS/595/samples/valid-two-employees.xml").read_bytes()
    rehearsal.judge("old", bare, datetime(2017, 4, 1, tzinfo=UTC))
    assert rehearsal.end().against == {"none": 1}


def test_the_envelope_itself_may_be_rehearsed(tmp_path: Path):
    source, target = ROOM / "forms/Hoso/1", tmp_path / "forms/Hoso/2"
    target.mkdir(parents=True)
    for name in ("form.toml", "form.xsd", "form.sch"):
        text = (source / name).read_text("utf-8").replace('version = "1"', 'version = "2"')
        text = re.sub(r"(?m)^valid_from = [0-9].*", "valid_from = 2099-01-01", text)
        text = re.sub(r'(name="QuyTrinhISO" type=")[^"]*', r"\1TenNganBatBuoc", text)
        (target / name).write_text(text, "utf-8")
    catalogue = Catalogue.load(ROOM, tmp_path)
    rehearsal = Rehearsal(version_of(catalogue, "Hoso", "NEXT", date(2026, 3, 2)), catalogue, catalogue)
    rehearsal.judge("a", raw_dossier(1), RECEIVED)
    found = rehearsal.end()
    assert (found.judged, found.newly_broken, found.broken[0].columns) == (1, 1, ["QuyTrinhISO"])


def test_names_of_software_without_end_are_counted_together(draft: Path):
    catalogue = Catalogue.load(ROOM, draft)
    rehearsal = Rehearsal(version_of(catalogue, "D02-TS", "NEXT", date(2026, 3, 2)), catalogue, catalogue)
    raw = raw_dossier(1, "IVAN", Loai="2")
    for number in range(SOFTWARE_MAX + 5):
        rehearsal.judge("a", raw.replace(b"<MaIVAN>IVAN<", b"<MaIVAN>%dx%s<" % (number, b"9" * 500)), RECEIVED)
    found = rehearsal.end()
    assert len(found.software) == SOFTWARE_MAX + 1
    assert next(one for one in found.software if one.ivan == OTHERS).judged == 5
    assert max(len(one.ivan) for one in found.software) <= 20
    assert found.newly_broken == SOFTWARE_MAX + 5


def test_a_gateway_at_work_beside_is_not_held_up(tmp_path: Path, draft: Path, database_url: str):
    catalogue = Catalogue.load(ROOM, draft)
    rehearsal = Rehearsal(version_of(catalogue, "D02-TS", "NEXT", date(2026, 3, 2)), catalogue, catalogue)
    with inhouse(tmp_path / "home", database_url=database_url) as gateway:
        stores = gateway.house.stores
        employer = gateway.bearer("employer", units=[UNIT])
        assert gateway("POST", "/v1/dossiers", employer, content=sign(raw_dossier(1))).status_code == 201
        walk = judge_stored(rehearsal, Kept(stores.database, stores.vault, stores.cipher), Asked())
        assert next(walk) == 1
        assert gateway("POST", "/v1/dossiers", employer, content=sign(raw_dossier(4, Loai="2"))).status_code == 201
        assert list(walk) == [2]
    assert rehearsal.end().newly_broken == 1
