"""A field that was edited after signing is named: where it stands, whose row it is, what was signed and what is now."""

import re

import pytest
from lxml import etree

from signing.demo_pki import Holder
from signing.indication import Refusal, SubIndication
from tests.signing.faults import (
    ENVELOPE,
    FORM,
    LEVELS,
    Change,
    around,
    explained,
    form_of,
    replaced,
    signed_at,
    styled,
    worded,
)


def edited(level: str, holder: Holder, element: str, new: str, old: str | None = None) -> tuple[Refusal, str]:
    """What is said when the first element of that name holds another text, and what it held when it was signed."""
    content = signed_at(level, holder, None if old is None else with_text(element, old))
    match = re.search(f"<{element}>([^<]*)<".encode(), content)
    assert match is not None
    assert match[1].decode() != new
    change = with_text(element, new)
    return explained(around(content, change), LEVELS[level]), match[1].decode()


def with_text(element: str, text: str) -> Change:
    def change(content: bytes) -> bytes:
        opened = f"<{element}>".encode()
        whole = f"<{element}>{text}</{element}>".encode()
        changed = re.sub(
            b"<" + element.encode() + b"/>|" + opened + b"[^<]*</" + element.encode() + b">",
            lambda _: whole if text else b"<" + element.encode() + b"/>",
            content,
            count=1,
        )
        assert changed != content
        return changed

    return change


@pytest.mark.parametrize(
    ("element", "old", "new"),
    [
        ("CoQuanQuanLy", None, "7906"),
        ("CoQuanQuanLy", "00903", "903"),
        ("CoQuanQuanLy", "903", "00903"),
        ("DienThoai", "0912345678", "912345678"),
        ("DienThoai", "0912345678", "+84912345678"),
        ("DienThoai", "0912345678", "0912 345 678"),
        ("DienThoai", "0912.345.678", "0912345678"),
        ("MaSoThue", None, " 9996048552"),
        ("NguoiKy", None, "Trịnh Tiến Giang "),
        ("NguoiKy", "Trịnh Tiến Giang ", "Trịnh Tiến Giang"),
        ("NguoiKy", None, "TRỊNH TIẾN GIANG"),
        ("TenIVAN", None, "vnpost"),
        ("MaSoBHXH", None, "ta1234a"),
        ("NgayLap", None, "2026-01-13"),
        ("NgayLap", None, "01/13/2026"),
        ("NgayLap", "05/03/2026", "03/05/2026"),
        ("NgayLap", "5/3/2026", "05/03/2026"),
        ("NgayLap", None, "13-01-2026"),
        ("NgayLap", None, "2026-01-13T00:00:00+07:00"),
        ("NgayLap", None, "46035"),
        ("NgayLap", "2026-01-13", "13/01/2026"),
        ("NgayLap", None, "13/01/202613/01/2026"),
        ("KyKeKhai", None, "1/2026"),
        ("KyKeKhai", None, "2026-01"),
        ("KyKeKhai", None, "01/01/2026"),
        ("LoaiDoiTuong", None, "01"),
        ("LoaiDoiTuong", None, "1.0"),
        ("MaIVAN", None, "80"),
        ("MaIVAN", None, "00800"),
        ("MaSoThue", "TA1234A", ""),  # what another field of the head still says
        ("NgayLap", "01/2026", ""),
        ("MaThuTuc", None, "606"),
    ],
)
def test_a_field_of_the_head_is_named_with_both_values(element: str, old: str | None, new: str, holder: Holder) -> None:
    refusal, signed = edited("envelope", holder, element, new, old)
    assert refusal.code == "digest-differs-field"
    assert refusal.fields["place_vi"].endswith(f"/{element}")
    vi, en = worded(refusal, SubIndication.HASH_FAILURE)
    for value in (signed, new):
        shown = value.replace(" ", "␣") if value != value.strip() else value
        assert f"“{shown}”" in vi or (not value and "(để trống)" in vi)
        assert f"“{shown}”" in en or (not value and "(empty)" in en)


@pytest.mark.parametrize(
    ("element", "old", "new"),
    [
        ("TienLuong", None, "20.450.000"),
        ("TienLuong", None, "20,450,000"),
        ("TienLuong", None, "20450000.0"),
        ("TienLuong", None, "20450000,00"),
        ("TienLuong", "20.450.000", "20450000"),
        ("TienLuong", "20,450,000", "20450000"),
        ("TienLuong", None, "2.045E+07"),
        ("TienLuong", None, "20450000 đ"),
        ("TienLuong", None, "29450000"),
        ("TienLuong", None, "2045000"),
        ("TienLuong", None, "204500000"),
        ("TienLuong", None, "24050000"),
        ("TyleDong", None, "32"),
        ("TyleDong", None, "32,0"),
        ("TyleDong", "32", "32.0"),
        ("TyleDong", "32.00", "32.0"),
        ("CMND", None, "1171937128"),
        ("NgaySinh", None, "1971-08-24"),
        ("NgaySinh", None, "25/08/1971"),
        ("TuThang", None, "2026-01"),
        ("HoTen", None, "TRỊNH MỸ PHƯỢNG"),
        ("HoTen", None, "Trịnh Mỹ Phượng "),
        ("PA", "TH", "TM"),  # the next row has what was signed
        ("GioiTinh", None, "1"),
        ("STT", None, "01"),
    ],
)
def test_a_field_of_a_row_is_named_with_the_row_and_its_name(
    element: str, old: str | None, new: str, holder: Holder
) -> None:
    refusal, signed = edited("form", holder, element, new, old)
    assert refusal.code == "digest-differs-field"
    name = "Trịnh Mỹ Phượng" if element != "HoTen" else " ".join(new.split())
    assert refusal.fields["place_vi"] == f"/D02-TS/NoiDung/LaoDong[1]/{element} (dòng 1, {name})"
    assert refusal.fields["place_en"] == f"/D02-TS/NoiDung/LaoDong[1]/{element} (row 1, {name})"
    vi, _ = worded(refusal, SubIndication.HASH_FAILURE)
    assert f"“{signed}”" in vi


def test_a_field_that_was_emptied_is_restored_from_what_the_document_still_says(holder: Holder) -> None:
    refusal, signed = edited("form", holder, "NoiLamViec", "")
    assert refusal.code == "digest-differs-field"
    assert refusal.fields["now_vi"] == "(để trống)"
    assert signed.replace("&amp;", "&")[:50] in refusal.fields["signed_vi"]


def test_two_fields_that_exchanged_their_values_are_both_named(holder: Holder) -> None:
    pair = re.compile(r"<Hdld_xdth_tungay>([^<]*)</Hdld_xdth_tungay>(\s*)<Hdld_xdth_denngay>([^<]*)<")
    content = around(
        signed_at("form", holder),
        lambda one: pair.sub(
            r"<Hdld_xdth_tungay>\3</Hdld_xdth_tungay>\2<Hdld_xdth_denngay>\1<", one.decode(), count=1
        ).encode(),
    )
    refusal = explained(content, FORM)
    assert refusal.code == "digest-differs-exchanged"
    assert refusal.fields["place_vi"].startswith("/D02-TS/NoiDung/LaoDong[1]/Hdld_xdth_tungay")
    assert refusal.fields["there_vi"].startswith("/D02-TS/NoiDung/LaoDong[1]/Hdld_xdth_denngay")
    assert (refusal.fields["one_vi"], refusal.fields["two_vi"]) == ("“04/01/2026”", "“31/12/2028”")


def test_two_rows_that_exchanged_one_value_are_named(holder: Holder) -> None:
    content = around(
        signed_at("form", holder),
        lambda one: one.replace(b"20450000", b"#").replace(b"6600000", b"20450000", 1).replace(b"#", b"6600000"),
    )
    refusal = explained(content, FORM)
    assert refusal.code == "digest-differs-exchanged"
    assert "LaoDong[2]/TienLuong (dòng 2" in refusal.fields["there_vi"]


def rows(content: bytes, change: Change) -> bytes:
    """Do something to the list of rows alone."""
    begin, end = content.index(b"<LaoDong>"), content.rindex(b"</LaoDong>") + len(b"</LaoDong>")
    return content[:begin] + change(content[begin:end]) + content[end:]


def test_a_row_that_was_added_is_named(holder: Holder) -> None:
    def repeat(inside: bytes) -> bytes:
        first = inside[: inside.index(b"</LaoDong>") + len(b"</LaoDong>")]
        return inside + b"\n" + first.replace("Phượng".encode(), "Thêm".encode())

    refusal = explained(around(signed_at("form", holder), lambda one: rows(one, repeat)), FORM)
    assert refusal.code == "digest-differs-row-added"
    assert refusal.fields["place_vi"] == "/D02-TS/NoiDung/LaoDong[4] (dòng 4, Trịnh Mỹ Thêm)"


def test_two_rows_that_changed_places_are_named(holder: Holder) -> None:
    def exchange(inside: bytes) -> bytes:
        one, two, three = inside.split(b"\n<LaoDong>")
        return b"\n<LaoDong>".join([b"<LaoDong>" + two, one.removeprefix(b"<LaoDong>"), three])

    refusal = explained(around(signed_at("form", holder), lambda one: rows(one, exchange)), FORM)
    assert refusal.code == "digest-differs-rows-exchanged"
    assert refusal.fields["place_vi"].startswith("/D02-TS/NoiDung/LaoDong[1] (dòng 1, Đỗ Duy Trung")


@pytest.mark.parametrize("gone", ["  <Vtvl_nql_tungay/>\n", "<Vtvl_nql_tungay/>", "  <Hdld_khac_denngay/>\n"])
def test_an_empty_element_that_one_row_lost_is_told(gone: str, holder: Holder) -> None:
    refusal = explained(around(signed_at("form", holder), replaced(gone, "")), FORM)
    assert refusal.code == "digest-differs-element-removed"
    assert refusal.fields["place_vi"] == "/D02-TS/NoiDung/LaoDong[1] (dòng 1, Trịnh Mỹ Phượng)"


@pytest.mark.parametrize("gone", ["      <QuyTrinhISO/>\n", "<QuyTrinhISO/>"])
def test_an_empty_element_that_the_envelope_lost_is_told(gone: str, holder: Holder) -> None:
    refusal = explained(around(signed_at("envelope", holder), replaced(gone, "")), ENVELOPE)
    assert refusal.code == "digest-differs-element-removed"
    assert refusal.fields["place_vi"] == "/Hoso/NoiDung/ThongTinHoSo"


def test_all_empty_elements_that_a_serialiser_dropped_are_told_where_the_layout_is_known(holder: Holder) -> None:
    signed = signed_at("form", holder)
    names = tuple(str(child.tag) for child in next(etree.fromstring(signed).iter("LaoDong")))

    def drop(content: bytes) -> bytes:
        return re.sub(rb"\n *<\w+/>(?=\n)", b"", content)

    content = around(signed, drop)
    assert explained(content, FORM).code == "digest-differs"
    refusal = explained(content, FORM, layout={"LaoDong": names})
    assert refusal.code == "digest-differs-elements-removed"
    assert int(refusal.fields["count"]) > 20


def test_added_empty_elements_are_told(holder: Holder) -> None:
    one = explained(around(signed_at("form", holder), replaced("<STT>", "<GhiChu/><STT>")), FORM)
    assert one.code == "digest-differs-element-added"
    assert one.fields["place_vi"] == "/D02-TS/NoiDung/LaoDong[1]/GhiChu (dòng 1, Trịnh Mỹ Phượng)"
    all_rows = explained(around(signed_at("form", holder), replaced("  <STT>", "  <GhiChu/>\n  <STT>", -1)), FORM)
    assert all_rows.code == "digest-differs-elements-added"
    assert all_rows.fields["count"] == "3"


def test_a_column_that_was_rewritten_is_named(holder: Holder) -> None:
    def iso(content: bytes) -> bytes:
        return re.sub(rb"<NgaySinh>(\d\d)/(\d\d)/(\d{4})<", rb"<NgaySinh>\3-\2-\1<", content)

    refusal = explained(around(signed_at("form", holder), iso), FORM)
    assert refusal.code == "digest-differs-column"
    assert (refusal.fields["column"], refusal.fields["count"]) == ("LaoDong/NgaySinh", "3")
    assert refusal.fields["signed_vi"] == "“24/08/1971”"


@pytest.mark.parametrize("numbers", [(0, 1, 2), (4, 5, 6), (3, 2, 1)])
def test_a_list_that_was_numbered_afresh_is_told(numbers: tuple[int, ...], holder: Holder) -> None:
    counted = iter(numbers)

    def number(content: bytes) -> bytes:
        return re.sub(rb"<STT>\d+<", lambda _: b"<STT>%d<" % next(counted), content)

    refusal = explained(around(signed_at("form", holder), number), FORM)
    assert refusal.code == "digest-differs-column" or (
        numbers == (3, 2, 1) and refusal.code == "digest-differs-exchanged"
    )


def test_all_dates_rewritten_at_once_are_told(holder: Holder) -> None:
    def iso(content: bytes) -> bytes:
        return re.sub(rb">(\d\d)/(\d\d)/(\d{4})<", rb">\3-\2-\1<", content)

    refusal = explained(around(signed_at("form", holder), iso), FORM)
    assert refusal.code == "digest-differs-fields"
    assert int(refusal.fields["count"]) > 3


@pytest.mark.parametrize("level", LEVELS)
def test_two_edits_are_not_guessed_and_nothing_is_blamed(level: str, holder: Holder) -> None:
    one, two = (
        (with_text("CoQuanQuanLy", "7906"), with_text("NgayLap", "2026-01-13"))
        if level == "envelope"
        else (with_text("TyleDong", "32"), with_text("NgaySinh", "1971-08-24"))
    )
    refusal = explained(around(signed_at(level, holder), lambda content: two(one(content))), LEVELS[level])
    assert refusal.code == "digest-differs"
    assert refusal.fields["search"] in ("complete", "cut-short")


@pytest.mark.parametrize("level", LEVELS)
def test_an_edit_in_a_new_indentation_is_not_blamed_on_either(level: str, holder: Holder) -> None:
    edit = with_text("CoQuanQuanLy", "7906") if level == "envelope" else with_text("TyleDong", "32")
    content = around(signed_at(level, holder), lambda one: styled("\n", "   ")(edit(one)))
    assert explained(content, LEVELS[level]).code == "digest-differs"


def test_a_new_value_that_is_no_rewriting_of_the_old_is_not_guessed(holder: Holder) -> None:
    refusal, _ = edited("form", holder, "Ghichu", "Nội dung khác hẳn")
    assert refusal.code == "digest-differs"
    refusal, _ = edited("envelope", holder, "TenIVAN", "Viettel")
    assert refusal.code == "digest-differs"


def test_the_second_form_of_a_dossier_is_explained_alike(holder: Holder) -> None:
    form = form_of(signed_at("envelope", holder), 1)
    content = around(form, with_text("Dienthoai_LH", "600203891"))
    refusal = explained(content, "/TK1-TS/Cky")
    assert refusal.fields["place_vi"] == "/TK1-TS/NoiDung/LaoDong[1]/Dienthoai_LH (dòng 1, Trịnh Mỹ Phượng)"
    assert refusal.fields["signed_vi"] == "“0600203891”"
