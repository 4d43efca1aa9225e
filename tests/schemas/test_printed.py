"""Forms as their paper looks: all that is signed is seen, in HTML and in PDF alike, with its mistakes marked."""

import base64
import hashlib
import re
import shutil
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from lxml import etree, html

from schemas import printed, printed_html, sample
from schemas.envelope import open_envelope
from schemas.form import read_form
from schemas.printed_cells import amount
from schemas.printed_layout import LayoutUnusableError, read_layout
from schemas.printed_page import Break, Complaints, Fields, Grid, Page, Signing, Words, seen
from schemas.tree import text_of
from tests.schemas.judging import CATALOGUE, GOOD, ON, changed, form_findings, tree
from tests.schemas.judging import sample as sample_text
from tests.schemas.pdf_text import sheets

AT = datetime(2026, 1, 20, 2, 29, tzinfo=UTC)
SAMPLES = sorted(
    (form.code, path.stem) for form in CATALOGUE.forms(ON) for path in form.folder.glob("samples/valid-*.xml")
)
HEADER = {"TenDoiTuong": "Công ty TNHH Ví Dụ", "MaSoBHXH": "TS12345", "KyKeKhai": "01/2026", "NgayLap": "13/01/2026"}


def rendered(content=GOOD, code="D02-TS", *, form=None, findings=(), **beside) -> Page:
    return printed.render(
        form or CATALOGUE.form(code, ON),
        tree(content),
        lists=CATALOGUE.lists,
        on=ON,
        findings=findings,
        beside=printed.Beside(**beside),
    )


def texts(page: Page) -> list[str]:
    """Every text of a page."""
    found = [page.title, *page.left, *page.right, *page.under_title]
    for block in page.blocks:
        if isinstance(block, Grid):
            found += [block.caption, *block.signs, block.empty, *(cell.text for row in block.heads for cell in row)]
            for section in block.sections:
                found += [section.title, section.total]
                found += [line for row in section.rows for cell in row for line in cell.lines]
        elif isinstance(block, Fields):
            found += [block.title, *(one.label for one in block.fields)]
            found += [line for one in block.fields for line in one.value.lines]
        elif isinstance(block, Words):
            found += block.lines
        elif isinstance(block, Complaints):
            found += [block.title]
            found += [word for one in block.items for word in (one.head, one.message, one.value, one.fix, one.place)]
        elif isinstance(block, Signing):
            found += [
                block.place_date,
                *block.stamps,
                *(word for one in block.signers for word in (one.title, one.note)),
            ]
        else:
            assert isinstance(block, Break)
    return [text for text in found if text]


def grid(page: Page) -> Grid:
    return next(block for block in page.blocks if isinstance(block, Grid))


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]+", "", text)


def leaves(root):
    """Every column that holds text, with its path; not what stands in a signature."""
    for element in root.iter(etree.Element):
        path = re.sub(r"\[\d+\]", "", root.getroottree().getpath(element)).partition("/")[2].partition("/")[2]
        if len(element) == 0 and text_of(element).strip() and not re.match(r"C[Kk]y", path):
            yield path, text_of(element)


@pytest.mark.parametrize(("code", "name"), SAMPLES)
def test_all_that_is_signed_is_seen(code, name):
    form = CATALOGUE.form(code, ON)
    root = tree(sample_text(name, code, form.folder.name))
    said = "\n".join(texts(rendered(etree.tostring(root), code)))
    left_out = read_layout(form).left_out
    told = [(path, text) for path, text in leaves(root) if path not in left_out]
    assert told
    for path, text in told:
        day = re.sub(r"^(\d{4})(\d\d)(\d\d)$", r"\3/\2/\1", text)
        flag = {"0": "Không", "1": "Có"}.get(text, text)
        assert any(word in said for word in (seen(text), amount(text), day, flag)), path


@pytest.mark.parametrize(("code", "name"), SAMPLES)
def test_html_and_pdf_say_the_same(code, name):
    form = CATALOGUE.form(code, ON)
    page = rendered(sample_text(name, code, form.folder.name), code, header=HEADER, stamps=("Ký số bởi: Ví Dụ",))
    drawn = squeezed("".join(sheets(printed.pdf([page], AT))))
    read = squeezed(html.fromstring(printed_html.html([page])).text_content())
    assert "\ufffd" not in drawn
    for text in texts(page):
        assert squeezed(text) in drawn, text
        assert squeezed(text) in read, text


def test_every_form_has_a_layout_that_reads():
    for form in CATALOGUE.forms(ON):
        layout = read_layout(form)
        assert layout.title
        assert set(layout.certainty.values()) <= {"verified", "inferred", "unconfirmed"}
        blocks = [one for block in layout.blocks for one in getattr(block, "blocks", (block,))]
        for part in (part for block in blocks for one in columns_of(block) for part in one.parts):
            assert (part.write == "code") == bool(part.codes)
            assert not part.codes or part.codes in CATALOGUE.lists.names
        for table in (block for block in blocks if getattr(block, "codes", "")):
            version = CATALOGUE.lists.get(table.codes).at(ON)
            assert {section.group for section in table.sections} <= set(version.groups)


def columns_of(block):
    """The columns of a table or the labels of a list; lines have none."""
    return getattr(block, "columns", getattr(block, "fields", ()))


def with_folder(tmp_path: Path, code: str, **changes: tuple[str, str] | None):
    """The form again, from a copy of its folder with some files changed or taken away."""
    form = CATALOGUE.form(code, ON)
    folder = tmp_path / form.code / form.folder.name
    shutil.copytree(form.folder, folder)
    for name, change in changes.items():
        path = folder / name.replace("_", ".")
        if change is None:
            path.unlink()
        else:
            assert change[0] in path.read_text("utf-8")
            path.write_text(path.read_text("utf-8").replace(*change, 1), "utf-8")
    return read_form(folder / "form.toml")


def test_a_column_that_the_layout_says_nothing_about_is_seen_all_the_same(tmp_path):
    new = '<xs:element name="CMND" type="SoGiayToTuyThan" minOccurs="0"/>'
    column = '<xs:element name="Moi" type="TenNgan" minOccurs="0"/>'
    form = with_folder(tmp_path, "D02-TS", form_xsd=(new, new + column))
    page = rendered(changed("</CMND>", "</CMND><Moi>giá trị mới</Moi>"), form=form)
    assert "giá trị mới" in texts(page)
    assert "Moi" in {cell.text for row in grid(page).heads for cell in row}


def test_a_form_without_a_layout_is_printed_by_its_labels(tmp_path):
    form = with_folder(tmp_path, "TK1-TS", paper_toml=None)
    page = rendered(sample_text("valid-household", "TK1-TS"), form=form)
    said = texts(page)
    assert {"Họ và tên", "Lê Thị Ví Dụ", "Họ tên chủ hộ", "Lê Văn Ví Dụ", "Thành viên"} <= set(said)
    assert printed.pdf([page], AT).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("old", "new"),
    [('column = "HoTen"', 'column = "HoVaTen"'), ("width = 7", 'width = "7"'), ('kind = "grid"', 'kind = "gird"')],
)
def test_a_layout_at_odds_with_its_form_is_refused(tmp_path, old, new):
    form = with_folder(tmp_path, "D02-TS", paper_toml=(old, new))
    with pytest.raises(LayoutUnusableError, match=r"paper\.toml"):
        read_layout(form)


def test_another_document_is_not_printed_as_this_form():
    with pytest.raises(printed.NotThisFormError, match="TK1-TS"):
        rendered(sample_text("valid-newcomer", "TK1-TS"), "D02-TS")


def test_rows_stand_under_their_kind_of_change_and_are_counted():
    page = rendered(changed("<PA>TM</PA>", "<PA>DC</PA>"))
    sections = grid(page).sections
    assert [section.title for section in sections] == ["I. Tăng", "II. Giảm", "III. Điều chỉnh"]
    assert [len(section.rows) for section in sections] == [0, 1, 1]
    assert [section.total for section in sections] == [
        "Cộng tăng: 0 dòng",
        "Cộng giảm: 1 dòng",
        "Cộng điều chỉnh: 1 dòng",
    ]


def test_a_row_of_no_known_kind_is_not_lost():
    sections = grid(rendered(changed("<PA>TM</PA>", "<PA>ZZ</PA>"))).sections
    assert sections[-1].title == "IV. Phương án ngoài danh mục"
    assert sections[-1].rows[0][1].lines == ("Nguyễn Văn Mẫu",)


def test_values_are_written_as_people_write_them():
    said = texts(rendered())
    assert "7.500.000" in said
    assert "3,66" in said
    assert "TM Tăng mới" in said
    assert any("HĐLĐ xác định thời hạn: 01/01/2026 – 31/12/2026" in text for text in said)
    assert any("Nhà quản lý: từ 01/03/2020" in text for text in said)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("7500000", "7.500.000"),
        ("0.4", "0,4"),
        ("1234567.50", "1.234.567,50"),
        ("007", "7"),
        ("7,5", "7,5"),
        ("-3", "-3"),
        ("٣", "٣"),
    ],
)
def test_an_amount_that_is_none_stays_as_it_stands(written, shown):
    assert amount(written) == shown


def test_what_cannot_be_seen_is_written_out():
    page = rendered(changed("Nguyễn Văn Mẫu", "Nguyễn\u202eVăn\u200b Mẫu"))
    assert "Nguyễn[U+202E]Văn[U+200B] Mẫu" in texts(page)


def test_columns_that_are_empty_in_every_row_are_left_out_where_the_layout_lets_them():
    heads = {cell.text for row in grid(rendered(sample_text("valid-few-columns"))).heads for cell in row}
    assert "Họ và tên" in heads
    assert "Vị trí việc làm / Ngành nghề nặng nhọc, độc hại / HĐLĐ" not in heads
    assert "Thông tin khác" not in heads


def test_the_head_of_the_table_stands_in_as_many_levels_as_on_paper():
    first, second, third = grid(rendered()).heads
    assert [(cell.text, cell.columns, cell.rows) for cell in first if cell.columns > 1] == [("Tiền lương", 6, 1)]
    assert [(cell.text, cell.columns, cell.rows) for cell in second] == [("Hệ số/ Mức lương", 1, 2), ("Phụ cấp", 5, 1)]
    assert len(third) == 5


def test_the_unit_and_the_day_are_filled_in_or_dotted():
    with_header, without = rendered(header=HEADER), rendered()
    assert "Tên đơn vị: Công ty TNHH Ví Dụ" in with_header.left
    assert "Ngày 13 tháng 01 năm 2026" in texts(with_header)
    assert all("…" in line for line in without.left)
    assert "Ngày …… tháng …… năm ………" in texts(without)


def test_each_person_has_a_sheet_and_a_place_to_sign_it():
    content = sample_text("valid-newcomer", "TK1-TS")
    one = content[content.index("<LaoDong>") : content.index("</LaoDong>") + len("</LaoDong>")]
    page = rendered(content.replace(one, one + one.replace("<STT>1<", "<STT>2<")), "TK1-TS")
    drawn = sheets(printed.pdf([page], AT))
    assert len(drawn) == 2
    assert all("Người kê khai" in sheet for sheet in drawn)
    assert "Trang 2/2" in drawn[1]


def marked(page: Page) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Which cell carries which finding: its printed head's last word and its lines."""
    found = {}
    for section in grid(page).sections:
        for row in section.rows:
            for number, cell in enumerate(row):
                for mark in cell.marks:
                    found[mark.number] = (number, cell.lines)
    return found


def test_findings_stand_beside_their_values_and_are_told_below():
    content = sample_text("invalid-many-in-one-row")
    findings = form_findings(content)
    page = rendered(content, findings=findings)
    at = marked(page)
    told = next(block for block in page.blocks if isinstance(block, Complaints))
    assert sorted(at) == list(range(1, len(findings) + 1))
    assert [(one.message, one.value, one.fix) for one in told.items] == [
        (seen(one.message_vi), one.value, seen(one.fix_vi)) for one in findings
    ]
    by_code = {one.code: at[number] for number, one in enumerate(findings, 1)}
    assert by_code["value-not-listed"][1] == ("ZZ",)
    assert "31/02/1992" in by_code["date-impossible"][1]
    # The column is misspelt: the mark stands where its right name has its place.
    assert by_code["element-misspelt"][0] == 2
    made = printed_html.html([page])
    assert 'href="#p0f1"' in made
    assert 'id="p0f1"' in made
    assert f"[{len(findings)}]" in "".join(sheets(printed.pdf([page], AT)))


def test_a_finding_about_a_column_that_is_not_printed_stands_in_the_rows_first_cell():
    content = changed("<Loai/>", "<Loai>" + "x" * 101 + "</Loai>")
    findings = form_findings(content)
    assert [one.column for one in findings] == ["Loai"]
    assert marked(rendered(content, findings=findings)) == {1: (0, ("1",))}


def test_a_finding_in_one_of_several_lists_stands_in_its_own():
    content = sample_text("valid-two-lists", "M01B-HSB", "166")
    third = content.index("<HoTen>", content.index("<CheDoThaiSan>"))
    content = content[:third] + re.sub(r"<TuNgay>[^<]*<", "<TuNgay>31/02/2026<", content[third:], count=1)
    findings = form_findings(content, "M01B-HSB")
    page = rendered(content, "M01B-HSB", findings=findings)
    number = next(n for n, one in enumerate(findings, 1) if one.code == "date-impossible")
    with_mark = [
        section.title
        for section in grid(page).sections
        for row in section.rows
        for cell in row
        if any(mark.number == number for mark in cell.marks)
    ]
    assert with_mark == ["PHẦN 1: MỚI PHÁT SINH – B. Chế độ thai sản"]


def test_a_form_that_does_not_keep_its_schema_says_so():
    assert any("chưa đúng cấu trúc" in text for text in texts(rendered(changed("<PA>TM</PA>", "<PA>ZZ</PA>"))))
    assert not any("chưa đúng cấu trúc" in text for text in texts(rendered()))


def test_the_html_needs_nothing_and_lets_nothing_run():
    evil = "&lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror=y&gt; &lt;/td&gt;\" '"
    made = printed_html.html([rendered(changed("Nguyễn Văn Mẫu", evil))])
    style = made[made.index("<style>") + 7 : made.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', made)[1])
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    read = html.fromstring(made)
    assert not read.xpath("//script | //img | //link | //iframe | //*[@style] | //@*[starts-with(name(), 'on')]")
    assert not read.xpath("//*[@href[not(starts-with(., '#'))] or @src]")
    assert read.xpath("//th[@scope='row'][contains(., '<script>alert(1)</script>')]")
    assert "url(" not in style


def test_the_html_can_be_read_by_those_who_hear_it():
    read = html.fromstring(printed_html.html([rendered()]))
    assert read.get("lang") == "vi"
    table = read.xpath("//table")[0]
    assert table.xpath("caption")[0].text_content()
    assert all(head.get("scope") in ("col", "colgroup") for head in table.xpath("thead/tr[not(@class)]/th"))
    assert [head.text for head in table.xpath("tbody//th[@scope='row']")] == ["Nguyễn Văn Mẫu", "Trần Thị Thử"]
    assert "landscape" in read.xpath("string(//style)")


def test_a_long_list_repeats_its_head_on_every_sheet_and_loses_nobody():
    content = sample.make_dossier(
        "600", employees=120, seed=5, unit="AK4549H", tax_code=sample.tax_code(5), office="09993",
        period="01/2026", made_on=ON, attachments=0,
    )  # fmt: skip
    envelope, _ = open_envelope(tree(content), catalogue=CATALOGUE, on=ON)
    file = next(file for file in envelope.files if file.form == "D02-TS")
    page = rendered(file.content)
    drawn = sheets(printed.pdf([page], AT))
    assert len(drawn) > 3
    lists = [sheet for sheet in drawn if "CCCD" in sheet]
    assert len(lists) >= len(drawn) - 1
    assert all(f"Trang {number}/{len(drawn)}" in sheet for number, sheet in enumerate(drawn, 1))
    whole = squeezed("".join(drawn))
    names = [squeezed(text_of(name)) for name in tree(file.content).iter("HoTen")]
    assert len(names) == 120
    assert all(name in whole for name in names)


def test_a_word_wider_than_its_column_may_break_there_and_only_there():
    wide = "NGUYỄNVĂNMẪU" * 6
    content = changed("Nguyễn Văn Mẫu", wide)
    told = rendered(
        changed("7900000001", "79000", content), findings=form_findings(changed("7900000001", "79000", content))
    )
    broken = printed._with_breaks(told)
    named = [row[1].lines for section in grid(broken).sections for row in section.rows]
    assert named == [("\u200b".join(wide),), ("Trần Thị Thử",)]
    assert not any("\u200b" in text for text in texts(told))
    assert wide in squeezed("".join(sheets(printed.pdf([told], AT))))
