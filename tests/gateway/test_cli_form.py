"""`motcua form`: an employer's list becomes a form, its mistakes are told by cell, and an empty list can be had."""

import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest
from lxml import etree

from tests.gateway.cli_run import Terminal
from tests.schemas.sheet_layouts import PEOPLE, PLAIN, opened, printed, saved, vendor, workbook

WRONG = [2, "Trần Thị Bình", 12345678, "Kế toán", "bảy triệu", "13/2026", "ZZ"]


def kept(path: Path, content) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else saved(content))
    return path


def test_the_help_has_examples(motcua: Terminal):
    told = motcua("form", "--help")
    assert told.status == 0
    assert "motcua form D02-TS --from" in told.out.partition("ví dụ · example:")[2]


def test_a_good_list_becomes_a_form(motcua: Terminal, tmp_path: Path):
    source, form = kept(tmp_path / "list.xlsx", workbook(PLAIN, *PEOPLE)), tmp_path / "D02-TS.xml"
    told = motcua("form", "D02-TS", "--from", source, "-o", form, "--at", "20/01/2026")
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith("ĐẠT · GOOD  list.xlsx › Tháng 1 → D02-TS@595: 2 dòng · rows, 0 lỗi · errors")
    root = etree.parse(form).getroot()
    assert (root.tag, len(root.findall("NoiDung/LaoDong")), len(root.find("Cky"))) == ("D02-TS", 2, 0)


def test_the_form_that_was_made_is_one_that_the_check_of_a_form_accepts(motcua: Terminal, tmp_path: Path):
    source, form = kept(tmp_path / "list.xlsx", printed()), tmp_path / "D02-TS.xml"
    assert motcua("form", "d02-ts", "--from", source, "-o", form, "--at", "2026-01-20").status == 0
    assert form.read_text("utf-8").count("<LaoDong>") == 3


def test_a_bad_list_is_told_by_cell_and_given_back_marked(motcua: Terminal, tmp_path: Path):
    source, out = kept(tmp_path / "list.xlsx", workbook(PLAIN, PEOPLE[0], WRONG)), tmp_path / "marked.xlsx"
    told = motcua("form", "D02-TS", "--from", source, "--mark", out, "-o", tmp_path / "x.xml", "--at", "20/01/2026")
    assert told.status == 1
    assert told.out.startswith("KHÔNG ĐẠT · BAD")
    assert "LỖI · ERROR  ô · cell E3 · Tiền lương (hệ số/mức lương) · Trần Thị Bình · 0012345678" in told.out
    assert "ô · cell C3 (MasoBHXH): “12345678” → 0012345678" in told.out
    assert "chưa nên ký" in told.out
    assert openpyxl.load_workbook(out)["Tháng 1"]["E3"].comment.text.startswith("LỖI")


def test_english_is_spoken_when_asked(motcua: Terminal, tmp_path: Path):
    source, out = kept(tmp_path / "list.xlsx", workbook(PLAIN, WRONG)), tmp_path / "marked.xlsx"
    told = motcua("form", "D02-TS", "--from", source, "--mark", out, "--lang", "en")
    assert "Wrong    : " in told.out
    assert "Sai gì" not in told.out
    assert openpyxl.load_workbook(out)["Tháng 1"]["E2"].comment.text.startswith("ERROR")


def test_a_program_reads_everything_as_json(motcua: Terminal, tmp_path: Path):
    source = kept(tmp_path / "list.xlsx", workbook([*PLAIN, "Mã NV"], [*PEOPLE[0], "x"], [*WRONG, "y"]))
    told = motcua("form", "D02-TS", "--from", source, "--json")
    said = json.loads(told.out)
    assert (told.status, said["ok"], said["form"], said["sheet"], said["rows"]) == (
        1,
        False,
        "D02-TS@595",
        "Tháng 1",
        2,
    )
    assert said["columns"]["TienLuong"] == "E1"
    assert said["unused"][0]["cell"] == "H1"
    assert {"E3", "F3", "G3"} <= {each["cell"] for each in said["findings"]}
    assert said["changes"] == [{"cell": "C3", "column": "MasoBHXH", "typed": "12345678", "written": "0012345678"}]


def test_the_xml_alone_goes_to_standard_output(motcua: Terminal, tmp_path: Path):
    told = motcua("form", "D02-TS", "--from", kept(tmp_path / "list.xlsx", workbook(PLAIN, *PEOPLE)), "-o", "-")
    assert etree.fromstring(told.out.encode()).tag == "D02-TS"
    assert "ĐẠT · GOOD" in told.err


def test_a_csv_file_is_read_and_given_back_as_a_workbook(motcua: Terminal, tmp_path: Path):
    text = "\ufeff" + "\r\n".join(";".join(map(str, line)) for line in [PLAIN, PEOPLE[0], WRONG])
    out = tmp_path / "marked.xlsx"
    told = motcua("form", "D02-TS", "--from", kept(tmp_path / "list.csv", text.encode()), "--mark", out)
    assert told.status == 1
    assert openpyxl.load_workbook(out)["CSV"]["H3"].value


def test_columns_and_texts_can_be_given(motcua: Terminal, tmp_path: Path):
    source = kept(
        tmp_path / "list.xlsx", workbook([*PLAIN[:4], "Lương CB thực tế"], *[person[:5] for person in PEOPLE])
    )
    words = ["--column", "TienLuong=E", "--set", "PA=ON", "--set", "TuThang=01/2026"]
    assert motcua("form", "D02-TS", "--from", source, *words).status == 0
    refused = motcua("form", "D02-TS", "--from", source)
    assert refused.status == 2
    assert "TienLuong" in refused.err
    assert "“Lương CB thực tế” (ô E1)" in refused.err


def test_a_template_is_written_filled_in_and_read(motcua: Terminal, tmp_path: Path):
    empty = tmp_path / "mau.xlsx"
    assert motcua("form", "D02-TS", "--template", "-o", empty).status == 0
    book = opened(empty.read_bytes())
    names = [cell.value for cell in book["D02-TS"][4]]
    person = {"HoTen": "Nguyễn Văn An", "MasoBHXH": "0112345678", "ChucVu": "Thợ", "TienLuong": 7500000}
    for name, value in (person | {"TuThang": "01/2026", "PA": "ON"}).items():
        book["D02-TS"].cell(5, names.index(name) + 1).value = value
    source = kept(tmp_path / "filled.xlsx", book)
    told = motcua("form", "D02-TS", "--from", source, "-o", tmp_path / "x.xml", "--at", "20/01/2026")
    assert told.status == 0
    assert "<MasoBHXH>0112345678</MasoBHXH>" in (tmp_path / "x.xml").read_text("utf-8")


def test_the_forms_that_have_a_list_are_listed(motcua: Terminal):
    told = motcua("form", "--list")
    assert told.status == 0
    assert {"D02-TS", "TK1-TS", "D01-TS"} <= {line.split()[0] for line in told.out.splitlines()}
    assert "Hoso" not in told.out


def test_each_sheet_of_a_vendors_workbook_becomes_its_form(motcua: Terminal, tmp_path: Path):
    source = kept(tmp_path / "vendor.xlsx", vendor())
    assert "› Dữ Liệu →" in motcua("form", "D02-TS", "--from", source).out
    assert "› Bảng kê →" in motcua("form", "D01-TS", "--from", source).out


@pytest.mark.parametrize(
    "words",
    [
        ("form",),
        ("form", "D02-TS"),
        ("form", "D02-TS", "--from", "khong-co.xlsx"),
        ("form", "D99-TS", "--from", "khong-co.xlsx"),
        ("form", "TK3-TS", "--template", "-o", "x.xlsx"),
        ("form", "D02-TS", "--template"),
        ("form", "D02-TS", "--from", "x.xlsx", "--at", "hôm qua"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_ends_in_one_line(motcua: Terminal, words: tuple[str, ...]):
    told = motcua(*words)
    assert told.status == 2
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("old.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 99),
        ("no.xlsx", b"PK\x03\x04 khong phai"),
        ("empty.csv", b""),
        ("other.csv", "Tên;Địa chỉ\nmột;hai\n".encode()),
        ("page.xls", b"<html></html>"),
    ],
)
def test_a_file_that_is_no_list_ends_in_one_line(motcua: Terminal, tmp_path: Path, name: str, content: bytes):
    told = motcua("form", "D02-TS", "--from", kept(tmp_path / name, content))
    assert (told.status, told.out) == (2, "")
    assert len(told.err.strip().splitlines()) == 1


def test_a_bomb_ends_in_one_line_and_writes_nothing(motcua: Terminal, tmp_path: Path):
    bomb = io.BytesIO(saved(workbook(PLAIN, *PEOPLE)))
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/media/a.bin", b"\0" * 60_000_000)
    source = kept(tmp_path / "bomb.xlsx", bomb.getvalue())
    told = motcua("form", "D02-TS", "--from", source, "-o", tmp_path / "x.xml", "--mark", tmp_path / "m.xlsx")
    assert told.status == 2
    assert "an toàn" in told.err
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["bomb.xlsx"]


@pytest.mark.parametrize("word", ["TienLuong", "=E", "TienLuong=", "TienLuong=7", "Khong=E"])
def test_a_column_that_is_wrongly_given_is_refused(motcua: Terminal, tmp_path: Path, word: str):
    source = kept(tmp_path / "list.xlsx", workbook(PLAIN, *PEOPLE))
    assert motcua("form", "D02-TS", "--from", source, "--column", word).status == 2


def test_the_employers_list_is_never_written_over(motcua: Terminal, tmp_path: Path):
    source = kept(tmp_path / "list.xlsx", workbook(PLAIN, *PEOPLE))
    before = Path(source).read_bytes()
    other, aside = tmp_path / "x.xml", tmp_path / "." / "sub" / ".." / "list.xlsx"
    (tmp_path / "sub").mkdir()
    for words in (("-o", source), ("--mark", source), ("-o", aside), ("-o", other, "--mark", other)):
        told = motcua("form", "D02-TS", "--from", source, *words)
        assert (told.status, told.out) == (2, ""), words
        assert len(told.err.strip().splitlines()) == 1
    assert Path(source).read_bytes() == before
    assert not other.exists()


def test_the_forms_that_have_a_list_are_listed_for_programs_too(motcua: Terminal):
    told = json.loads(motcua("form", "--list", "--json").out)
    assert {"D02-TS", "TK1-TS", "D01-TS"} <= {one["form"] for one in told}
    assert all(one["title_vi"] and one["version"].startswith(one["form"] + "@") for one in told)


def test_what_an_operator_confirmed_here_refuses_here_too(motcua: Terminal, tmp_path: Path):
    source = kept(tmp_path / "list.xlsx", workbook(PLAIN, [*PEOPLE[0][:-1], "TM"]))
    words = ("form", "D02-TS", "--from", source, "-o", tmp_path / "x.xml", "--json")
    warned = motcua(*words)
    codes = {one["code"]: one["severity"] for one in json.loads(warned.out)["findings"]}
    assert (warned.status, codes["d02-newcomer-without-id"]) == (0, "warning")
    assert not motcua.home.exists(), "looking makes no database"
    assert (
        motcua("fact", "confirm", "d02-newcomer-without-id", "--by", "Nguyễn Thị Mẫu", "--source", "CV 1").status == 0
    )
    refused = motcua(*words)
    codes = {one["code"]: one["severity"] for one in json.loads(refused.out)["findings"]}
    assert (refused.status, codes["d02-newcomer-without-id"]) == (1, "error")
    page = tmp_path / "x.html"
    assert motcua("print", tmp_path / "x.xml", "-o", page, "--with-findings").status == 0
    assert "is-error" in page.read_text("utf-8")
