"""`motcua print`: a form or a whole dossier, as PDF or HTML, as a person at the terminal asks for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import html
from pyhanko.pdf_utils.reader import PdfFileReader

import schemas
from gateway.cli_print import declare
from gateway.cli_terms import CannotWork, Parser
from schemas.sample import make_dossier, tax_code
from tests.clocks import HandClock
from tests.schemas.pdf_text import sheets

FORMS = Path(schemas.__file__).parent / "forms"
BAD = FORMS / "D02-TS/595/samples/invalid-many-in-one-row.xml"

Print = Callable[..., int]


@pytest.fixture
def put() -> Print:
    """Runs `motcua print` with these words."""

    def run(*words: object) -> int:
        parser = Parser(prog="motcua")
        declare(parser.add_subparsers(parser_class=Parser))
        asked = parser.parse_args(["print", *map(str, words)])
        return int(asked.run(asked))

    return run


@pytest.fixture
def dossier(tmp_path: Path) -> Path:
    content = make_dossier(
        "600", employees=5, seed=3, unit="AK4549H", tax_code=tax_code(3), office="09993", period="03/2026",
        made_on=HandClock().now().date(), attachments=1,
    )  # fmt: skip
    path = tmp_path / "hoso.xml"
    path.write_bytes(content)
    return path


def titles(path: Path) -> list[str]:
    return [head.text_content() for head in html.fromstring(path.read_bytes()).xpath("//h1")]


def test_a_dossier_is_printed_whole_its_cover_sheet_first(put: Print, dossier: Path, tmp_path: Path) -> None:
    assert put(dossier, "-o", tmp_path / "all.html") == 0
    assert titles(tmp_path / "all.html") == [
        "BẢNG KÊ HỒ SƠ ĐIỆN TỬ",
        "DANH SÁCH LAO ĐỘNG THAM GIA BHXH, BHYT, BHTN, BHTNLĐ, BNN",
        "TỜ KHAI THAM GIA, ĐIỀU CHỈNH THÔNG TIN BẢO HIỂM XÃ HỘI, BẢO HIỂM Y TẾ",
        "BẢNG KÊ THÔNG TIN",
    ]
    said = html.fromstring((tmp_path / "all.html").read_bytes()).text_content()
    # The forms' heads are filled in from the envelope.
    assert said.count("AK4549H") >= 4


def test_one_form_of_a_dossier_may_be_asked_for(put: Print, dossier: Path, tmp_path: Path) -> None:
    assert put(dossier, "--form", "D01-TS", "-o", tmp_path / "one.html") == 0
    assert titles(tmp_path / "one.html") == ["BẢNG KÊ THÔNG TIN"]
    with pytest.raises(CannotWork, match="D05-TS"):
        put(dossier, "--form", "D05-TS", "-o", tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_without_a_place_to_write_a_pdf_stands_beside_the_file(put: Print, dossier: Path, tmp_path: Path) -> None:
    assert put(dossier) == 0
    made = tmp_path / "hoso.pdf"
    with made.open("rb") as source:
        assert PdfFileReader(source).root["/Type"] == "/Catalog"
    drawn = sheets(made.read_bytes())
    assert "BẢNG KÊ HỒ SƠ ĐIỆN TỬ" in drawn[0]
    assert f"Trang {len(drawn)}/{len(drawn)}" in drawn[-1]


@pytest.mark.parametrize(("language", "word"), [("vi", "LỖI"), ("en", "ERROR")])
def test_findings_are_marked_only_when_asked_for(put: Print, tmp_path: Path, language: str, word: str) -> None:
    plain, marked = tmp_path / "plain.html", tmp_path / "marked.html"
    assert put(BAD, "-o", plain) == 0
    assert put(BAD, "-o", marked, "--with-findings", "--lang", language) == 0
    assert "complaints" not in html.fromstring(plain.read_bytes()).xpath("string(//main)")
    assert not html.fromstring(plain.read_bytes()).xpath("//sup")
    read = html.fromstring(marked.read_bytes())
    assert len(read.xpath("//sup")) == len(read.xpath("//ol[@class='complaints']/li")) == 6
    assert f"{word} [element-misspelt]" in read.text_content()


def test_what_is_wrong_with_the_envelope_stands_on_the_cover_sheet(put: Print, dossier: Path, tmp_path: Path) -> None:
    dossier.write_bytes(dossier.read_bytes().replace(b"<SoLuongFile>4<", b"<SoLuongFile>9<"))
    assert put(dossier, "-o", tmp_path / "all.html", "--with-findings") == 0
    cover = html.fromstring((tmp_path / "all.html").read_bytes()).xpath("//main[1]")[0]
    assert "[file-count-mismatch]" in cover.text_content()
    assert cover.xpath("//dd[contains(@class, 'error')]/text()") == ["9"]


@pytest.mark.parametrize("form", ["04_DK-IVAN", "05_SD-IVAN", "06_NG-IVAN"])
def test_forms_that_share_the_envelopes_root_are_told_apart(put: Print, tmp_path: Path, form: str) -> None:
    source = next((FORMS / form / "1/samples").glob("valid-*.xml"))
    assert put(source, "--form", form, "-o", tmp_path / "x.html") == 0
    assert "I-VAN" in titles(tmp_path / "x.html")[0] or "GIAO DỊCH ĐIỆN TỬ" in titles(tmp_path / "x.html")[0]


def test_what_cannot_be_printed_is_told_in_one_line(put: Print, dossier: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    for content, said in ((b"<a>", "a"), (b"<NoSuchForm/>", "NoSuchForm"), (b"", "rỗng")):
        broken.write_bytes(content)
        with pytest.raises(CannotWork, match=said) as refused:
            put(broken, "-o", tmp_path / "x.pdf")
        assert "\n" not in str(refused.value)
    with pytest.raises(CannotWork, match=r"\.pdf"):
        put(dossier, "-o", tmp_path / "x.doc")
    assert not list(tmp_path.glob("x.*"))


def test_a_form_in_a_dossier_that_cannot_be_read_is_said_aside(
    put: Print, dossier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = dossier.read_bytes()
    begins = content.index(b"<NoiDungFile>") + len(b"<NoiDungFile>")
    dossier.write_bytes(content[:begins] + b"PGJyb2tlbj4=" + content[content.index(b"</NoiDungFile>") :])
    assert put(dossier, "-o", tmp_path / "all.html") == 0
    assert "D02-TS-595.xml" in capsys.readouterr().err
    assert len(titles(tmp_path / "all.html")) == 3
