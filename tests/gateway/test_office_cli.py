"""`motcua office` and `motcua route`: the operator sees what a table changes, and anyone can replay a decision."""

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.app import open_the_database
from gateway.config import Settings
from gateway.routing import OfficeTable
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import UNIT, a_dossier, inhouse
from tests.gateway.routing_cases import OPERATOR_FILE

BY = ("--by", "Nguyễn Thị Mẫu")
OURS = OfficeTable.load()


def sheet(path: Path, *rows: str) -> Path:
    path.write_text("code,name,parent,valid_from\n" + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def test_a_dry_run_shows_what_differs_and_writes_nothing(motcua: Terminal, tmp_path: Path):
    changes = sheet(tmp_path / "sua.csv", "07906,Cơ sở Bình Thạnh Mới,07900,2027-01-01", "07999,Cơ sở Thử,07900,")
    told = motcua("office", "import", changes, "--over", "--dry-run", "--valid-from", "01/12/2026")
    assert told.status == 0
    assert "+ thêm · added: 07999 Cơ sở Thử (01/12/2026)" in told.out
    assert "× kết thúc · ended: 07906 Bảo hiểm xã hội Cơ sở Bình Thạnh (01/07/2025 – 31/12/2026)" in told.out
    assert "chưa ghi gì · dry run" in told.out
    assert not motcua.home.exists()


def test_without_a_name_nothing_is_imported(motcua: Terminal):
    told = motcua("office", "import", OPERATOR_FILE)
    assert told.status == 2
    assert "--by" in told.err


def test_a_table_that_contradicts_itself_is_told_and_not_imported(motcua: Terminal, tmp_path: Path):
    told = motcua("office", "import", sheet(tmp_path / "a.csv", "09941,Cơ sở,09999,"), *BY)
    assert told.status == 2
    assert "09999, which is not in the table" in told.err
    assert not motcua.home.exists()


def test_a_table_is_imported_listed_used_and_taken_back(begun: Terminal, tmp_path: Path):
    assert "bảng 1 kèm chương trình" in begun("office", "tables").out
    told = begun("office", "import", OPERATOR_FILE, *BY, "--note", "CV 123/BHXH")
    assert told.status == 0
    assert "Đã niêm phong · sealed: bảng · table 2" in told.out
    assert begun("office", "import", OPERATOR_FILE, *BY).out.endswith("nothing is written\n")
    listed = json.loads(begun("office", "list", "--json").out)
    assert {one["code"] for one in listed["offices"]} == {"09940", "09941", "09942", "09943", "09944"}
    assert begun("route", "600", "--unit-office", "07906").status == 1
    assert begun("route", "600", "--unit-office", "07906", "--table", "1").out.startswith("07906 ")
    assert begun("route", "600", "--unit-office", "07906", "--table", OURS.version).status == 0
    exported = tmp_path / "ra.toml"
    assert begun("office", "export", "-o", exported).status == 0
    assert OfficeTable.load(exported).rows.offices == OfficeTable.load(OPERATOR_FILE).rows.offices

    later = begun("office", "use", "1", *BY, "--why", "nhập nhầm", "--valid-from", "01/01/2090")
    assert later.status == 0
    assert begun("route", "600", "--unit-office", "07906").status == 1
    sooner = begun("office", "use", "1", *BY, "--why", "nhập nhầm")
    assert sooner.status == 0
    assert "planned from 01/01/2090, will NOT come into force" in sooner.err, "nothing that was planned is lost unsaid"
    assert "planned" not in begun("office", "use", "1", *BY).err
    assert begun("route", "600", "--unit-office", "07906").status == 0
    tables = json.loads(begun("office", "tables", "--json").out)
    assert [(one["version"], one["in_force"], one["fault"]) for one in tables["tables"]] == [
        (1, True, ""),
        (2, False, ""),
    ]
    assert "CV 123/BHXH" in begun("office", "tables").out
    assert begun("office", "use", "9", *BY).status == 2
    assert begun("audit").status == 0


def test_a_table_that_was_changed_in_the_database_is_told_and_never_used(begun: Terminal):
    assert begun("office", "import", OPERATOR_FILE, *BY).status == 0
    database = open_the_database(Settings(home=str(begun.home)))
    with database.begin() as tx:
        tx.execute(sa.text("UPDATE office_table SET content = (SELECT content FROM office_table WHERE version = 1)"))
    database.close()
    assert "✗ table 2: khác với điều đã niêm phong" in begun("office", "tables").out
    for words in (("office", "list"), ("route", "600", "--unit-office", "09941"), ("office", "use", "2", *BY)):
        told = begun(*words)
        assert told.status == 2
        assert "sealed" in told.err


def test_an_office_is_shown_with_its_past_and_its_heirs(motcua: Terminal):
    told = motcua("office", "show", "9993")
    assert "Thay cho · took over from: 09991 [DEMO]" in told.out
    assert "99001, 99002" in told.out
    old = motcua("office", "show", "09994")
    assert "Thay bằng · successors: 09993" in old.out
    unknown = motcua("office", "show", "903")
    assert unknown.status == 2
    assert "01903" in unknown.err


def test_a_decision_is_explained_step_by_step_in_both_languages(motcua: Terminal):
    told = motcua("route", "601", "--unit-office", "9993", "--place", "99003", "--at", "2026-11-23", "--explain")
    assert told.status == 0
    assert told.out.startswith("09995  ")
    for words in ("1. Cơ quan quản lý đơn vị", "Rule inspection-place-1", "3. Cơ quan giải quyết: 09995", OURS.version):
        assert words in told.out
    again = json.loads(motcua("route", "601", "--unit-office", "9993", "--place", "99003", "--json").out)
    assert (again["ok"], again["competent_office"], again["certainty"]) == (True, "09995", "demo")
    assert len(again["steps"]) == 3


def test_a_spread_decision_is_replayed_from_its_digest(motcua: Terminal):
    digest = hashlib.sha256(b"dossier-1").hexdigest()
    words = ("route", "630a", "--unit-office", "09981", "--sha256", digest)
    assert motcua(*words, "--at", "2025-12-01").out.startswith("09983 ")
    assert motcua(*words, "--at", "2026-07-01").out.startswith("09981 ")
    assert motcua("route", "630a", "--unit-office", "09981").status == 1


@pytest.mark.parametrize(
    "words",
    [
        ("route",),
        ("route", "600"),
        ("route", "600", "--unit-office", "07906", "--table", "7"),
        ("route", "630a", "--unit-office", "09981", "--sha256", "abc"),
        ("route", "--receipt", "no-such-receipt"),
        ("office", "import", "no-such-file.csv", *BY),
    ],
    ids=" ".join,
)
def test_what_is_called_wrong_is_told_in_one_line(motcua: Terminal, words: tuple[str, ...]):
    told = motcua(*words)
    assert told.status == 2
    assert len(told.err.strip().splitlines()) == 1


def test_a_receipts_routing_is_replayed_by_number_and_from_its_file(
    motcua: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with inhouse(tmp_path / "gateway") as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        answer = gateway("POST", "/v1/dossiers", employer, content=a_dossier(1)).json()
        refused = gateway("POST", "/v1/dossiers", employer, content=a_dossier(2).replace(b"03/2026", b"04/2026", 1))
    file = tmp_path / "bienhan.jws"
    file.write_text(answer["receipt"] + "\n", "ascii")
    # Without the gateway's keys and database: what is in the receipt is enough.
    alone = motcua("route", "--receipt", file)
    assert alone.status == 0
    assert "comes out the same" in alone.out
    assert "not checked here" in alone.out

    monkeypatch.setenv("MOTCUA_HOME", str(tmp_path / "gateway"))
    told = motcua("route", "--receipt", answer["receipt_number"], "--explain")
    assert told.status == 0
    assert "con dấu · seal: đúng · holds" in told.out
    assert "✓ Tính lại ra đúng như vậy" in told.out
    otherwise = motcua("route", "--receipt", file, "--unit-office", "08907", "--json")
    assert otherwise.status == 1
    assert json.loads(otherwise.out)["ok"] is False

    file.write_text(answer["receipt"][:-4] + "AAAA", "ascii")
    forged = motcua("route", "--receipt", file)
    assert forged.status == 1
    assert "does NOT hold" in forged.out
    assert refused.status_code == 422
    notice = tmp_path / "notice.jws"
    notice.write_text(refused.json()["notice"], "ascii")
    assert motcua("route", "--receipt", notice).status == 2
