# ruff: noqa: E501 - one case a line, with the words as they are read
"""Each finding code, brought about by a real document, with the very words that a clerk reads."""

import pytest

from schemas import active_content, xml
from schemas.checkdigits import agency_code_finding
from schemas.findings import MESSAGES, Finding, Place
from schemas.references import kind_differs, not_looked_for, unknown
from schemas.validate import _complaints, _others_say
from schemas.withdrawal import unnamed
from tests.schemas.judging import (
    CATALOGUE,
    GOOD,
    ON,
    PDF,
    changed,
    dossier,
    file,
    form_findings,
    judge,
    opened,
    reference,
    sample,
    tree,
)
from tests.schemas.test_attachments import DOCX, package

HERE = "Tệp D02-TS.xml, dòng 1 (Nguyễn Văn Mẫu, 7900000001), cột "


def unworded(source, form):
    """What is said of a form that our own reading finds no fault with, and libxml2 does."""
    root = tree(source)
    return _others_say(_complaints(root, form), root, form, f"{form.code}.xml", [])


def parsed(content):
    found = xml.parse(content, file="D02-TS.xml")
    assert isinstance(found, Finding)
    return [found]


def of_sample(code):
    return form_findings(sample(f"invalid-{code}"))


def attached(content, name="a.pdf", kind=".pdf"):
    return judge(dossier(file(), file("CT-DK", name, kind, content)))


def referring(name="a.pdf"):
    """A file that is a reference."""
    return opened(dossier(file(), reference(name)))[0].files[1]


LAUNCH = b"%PDF-1.7\n7 0 obj<</S/Launch>>endobj\n%%EOF"
LOCKED = b"%PDF-1.7\ntrailer<</Encrypt 3 0 R>>\n%%EOF"
MACRO = package("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")
TK1 = sample("valid-newcomer", "TK1-TS")
NO_NUMBER = changed("<MasoBHXH>7900000001</MasoBHXH>", "<MasoBHXH/>")
TWICE = (
    GOOD.replace("7900000002", "7900000001").replace("<PA>TS", "<PA>TM").replace("<TuThang>12/2025", "<TuThang>01/2026")
)
CASES = {
    "xml-empty": (lambda: parsed(b""), "Tệp D02-TS.xml: tệp rỗng, không có nội dung XML."),
    "xml-too-large": (lambda: parsed(b"x" * (64 * 1024 * 1024 + 1)), "tệp XML lớn hơn 64 MiB."),
    "xml-too-many-tags": (lambda: parsed(b"<a/>" * 1_000_001), "có quá nhiều thẻ (hơn 1000000)."),
    "xml-crowded": (
        lambda: parsed(b"<a " + b" ".join(b'a%d=""' % n for n in range(257)) + b"/>"),
        "quá 256 thuộc tính",
    ),
    "xml-too-many-attributes": (lambda: parsed(b"<a" + b"=" * 100_001 + b" " * 1024**2), "(hơn 100000 dấu “=”)."),
    "xml-too-deep": (lambda: parsed(b"<a>" * 300), "các thẻ lồng nhau quá sâu (hơn 256 cấp)"),
    "xml-nul": (lambda: parsed(b"<a>\0</a>"), "có ký tự NUL (byte 00) ở byte thứ 3"),
    "xml-dtd": (lambda: parsed(b"\n<!DOCTYPE a><a/>"), "tệp chứa khai báo DTD"),
    "xml-encoding-other": (lambda: parsed(b"<?xml version='1.0' encoding='windows-1258'?><a/>"), "dùng bảng mã “windows-1258”; chỉ nhận UTF-8."),
    "xml-encoding-bytes": (lambda: parsed(b"<a>x\xff</a>"), "byte FF ở vị trí 4 (dòng 1 của tệp) không phải UTF-8, gần “<a>x</a>”."),
    "xml-version": (lambda: parsed(b"<?xml version='1.1'?><a/>"), "khai báo XML phiên bản “1.1”"),
    "xml-not-xml": (lambda: parsed(b"%PDF-1.4"), "nội dung không phải XML: dòng 1, ký tự 1, gần “%PDF-1.4”."),
    "xml-unescaped-less-than": (lambda: parsed(changed("Kế toán viên", "Bậc < 3").encode()), "cột ChucVu: dấu “<” viết thẳng trong văn bản ở dòng 13, ký tự 19, thẻ ChucVu: “      <ChucVu>Bậc < 3</ChucVu>”."),
    "xml-unescaped-ampersand": (lambda: parsed(changed("Kế toán viên", "Thu & chi").encode()), "dấu “&” viết thẳng trong văn bản ở dòng 13, ký tự 19, thẻ ChucVu: “      <ChucVu>Thu & chi</ChucVu>”."),
    "xml-unknown-entity": (lambda: parsed(changed("Kế toán viên", "Thu&nbsp;chi").encode()), "ký hiệu “&nbsp;” ở dòng 13"),
    "xml-truncated": (lambda: parsed(GOOD.encode()[:900]), "tệp bị cắt ngang ở dòng"),
    "xml-tag-mismatch": (lambda: parsed(b"<a><b></a></b>"), "thẻ mở và thẻ đóng không khớp ở dòng 1"),
    "xml-control-character": (lambda: parsed(b"<a>x\x0by</a>"), "có ký tự điều khiển không được phép ở dòng 1, ký tự 5, thẻ a: “<a>x�y</a>”."),
    "xml-malformed": (lambda: parsed(b"<a b='1' b='2'/>"), "XML viết sai ở dòng 1"),
    "envelope-root-unknown": (lambda: judge(GOOD), "Tệp Hoso: thẻ gốc là “D02-TS”; hồ sơ điện tử phải có thẻ gốc “Hoso”."),
    "file-base64-broken": (lambda: judge(dossier(file(text="QUJD*"))), "nội dung tệp thứ 1 “D02-TS-595.xml” không phải base64 đúng: ký tự lạ “*” ở vị trí 5."),
    "file-empty": (lambda: judge(dossier(file(text=""))), "tệp thứ 1 “D02-TS-595.xml” không có nội dung."),
    "files-too-many": (lambda: judge(dossier(*(file("CT-DK", f"tep-{n}.pdf", ".pdf", "%PDF-1.4") for n in range(101)))), "hơn 100 tệp"),
    "file-count-mismatch": (lambda: judge(dossier(file(), SoLuongFile=2)), "SoLuongFile ghi 2 tệp nhưng hồ sơ có 1 tệp."),
    "file-length-decoded": (lambda: judge(dossier(file(length=len(GOOD.encode())))), "tức độ dài sau khi giải mã; đúng ra là độ dài chuỗi base64"),
    "file-length-mismatch": (lambda: judge(dossier(file(length=7))), "DoDaiFile của “D02-TS-595.xml” là 7 nhưng chuỗi base64 dài"),
    "file-name-repeated": (lambda: judge(dossier(file(), file())), "tên tệp “D02-TS-595.xml” được dùng cho tệp thứ 1 và tệp thứ 2."),
    "file-name-unsafe": (lambda: judge(dossier(file(name="../a.xml"))), "tên tệp “../a.xml” chứa đường dẫn hoặc ký tự không được phép."),
    "file-kind-mismatch": (lambda: judge(dossier(file(kind=".pdf"))), "tên tệp “D02-TS-595.xml” và LoaiFile “.pdf” không khớp nhau."),
    "form-code-junk": (lambda: judge(dossier(file(code=".xml"))), "MaToKhai của “D02-TS-595.xml” là “.xml”, không phải mã tờ khai. Theo nội dung, đây là D02-TS."),
    "form-not-xml": (lambda: judge(dossier(file(name="a.pdf", kind=".pdf"))), "tờ khai D02-TS phải là tệp XML nhưng “a.pdf” là loại “.pdf”."),
    "attachment-code-unexpected": (lambda: judge(dossier(file("HD", "a.pdf", ".pdf", PDF))), "chứng từ “a.pdf” mang MaToKhai “HD”; được nhận như chứng từ đi kèm (CT-DK)."),
    "unit-code-shape": (lambda: judge(dossier(MaSoBHXH="TS123")), "cột “Mã đơn vị BHXH” (MaSoBHXH): mã đơn vị “TS123” không có 7 ký tự"),
    "tax-code-check-digit": (lambda: judge(dossier(MaSoThue="0101234567")), "mã số thuế “0101234567” sai số kiểm tra"),
    "made-on-in-future": (lambda: judge(dossier(NgayLap="01/02/2026")), "ngày lập 01/02/2026 ở sau ngày nhận hồ sơ"),
    "agency-code-mangled": (lambda: [agency_code_finding("903", ["00903"])], "mã cơ quan quản lý “903” không đủ 5 chữ số; được hiểu là 00903."),
    "agency-code-ambiguous": (lambda: [agency_code_finding("903", ["00903", "01903"])], "có thể là nhiều cơ quan: 00903, 01903."),
    "agency-code-unknown": (lambda: [agency_code_finding("903", [])], "không có cơ quan BHXH nào mang mã “903”."),
    "procedure-unknown": (lambda: judge(dossier(file(), MaThuTuc="699")), "thủ tục “699” không có trong danh mục. Có lẽ là: 609."),
    "mandatory-form-missing": (lambda: judge(dossier()), "thủ tục 600 phải có tờ khai D02-TS (Danh sách lao động tham gia BHXH"),
    "dossier-empty": (lambda: judge(dossier()), "Tệp Hoso: hồ sơ không có tờ khai hay chứng từ nào."),
    "supplement-empty": (lambda: judge(dossier(), is_supplement=True), "Tệp Hoso: bản bổ sung không có tờ khai hay chứng từ nào."),
    "withdrawal-unnamed": (lambda: [unnamed(tree("<RUT-HS><NoiDung><SoBienNhan>7/2026</SoBienNhan></NoiDung></RUT-HS>"), file="r.xml")], "đơn đề nghị rút không cho biết rút hồ sơ nào: “7/2026” không phải là số biên nhận."),
    "reference-malformed": (lambda: judge(dossier(file(), reference("a.pdf", b"x" * 31))), "Tệp a.pdf: “a.pdf” dẫn chiếu tài liệu đã nộp (LoaiFile “urn:sha256”) nhưng NoiDungFile không phải mã băm SHA-256: cần 32 byte, có 31."),
    "reference-not-a-paper": (lambda: judge(dossier(reference("D02-TS.xml", code="D02-TS"))), "tờ khai D02-TS (“D02-TS.xml”) không được nộp bằng cách dẫn chiếu"),
    "reference-unknown": (lambda: [unknown(referring().place, referring().sha256)], "cổng không giữ tài liệu mà “a.pdf” dẫn chiếu (SHA-256 0707"),
    "reference-not-looked-for": (lambda: [not_looked_for(referring())], "chưa kiểm tra được cổng có giữ tài liệu mà “a.pdf” dẫn chiếu hay không (SHA-256 0707"),
    "reference-kind-differs": (lambda: kind_differs(referring(), [".png"]), "“a.pdf” dẫn chiếu một tài liệu loại .png, không phải .pdf."),
    "form-not-allowed": (lambda: judge(dossier(file(), file("TK3-TS", "b.xml", ".xml", "<TK3-TS/>"))), "tờ khai TK3-TS (“b.xml”) không thuộc thủ tục 600; được phép: CT-DK"),
    "attachment-kind-not-allowed": (lambda: attached(b"words", "a.txt", ".txt"), "chứng từ “a.txt” là loại “.txt”; chỉ nhận .pdf, .docx"),
    "attachment-too-large": (lambda: attached(PDF + b" " * 20_971_520 + b"%%EOF"), "chứng từ “a.pdf” nặng 20.0 MiB, quá mức 20 MiB."),
    "attachment-content-mismatch": (lambda: attached(DOCX), "chứng từ “a.pdf” mang đuôi .pdf nhưng nội dung là tệp DOCX."),
    "attachment-content-unknown": (lambda: attached(b"words"), "mang đuôi .pdf nhưng nội dung không phải loại tệp đó"),
    "attachment-executable": (lambda: attached(b"MZ"), "chứng từ “a.pdf” là chương trình chạy được (chương trình Windows), không được phép."),
    "attachment-macro": (lambda: attached(MACRO, "a.docx", ".docx"), "chứng từ “a.docx” chứa macro, không được phép."),
    "attachment-damaged": (lambda: attached(PDF[:20]), "chứng từ “a.pdf” bị hỏng hoặc bị cắt (PDF không có phần cuối hoặc phần đầu hợp lệ)."),
    "attachment-active-content": (lambda: active_content.judge(active_content.look(LAUNCH), Place(file="a.pdf"), name="a.pdf"), "Tệp a.pdf: chứng từ “a.pdf” có nội dung tự chạy hoặc tự tải: lệnh chạy chương trình (7)."),
    "attachment-unreadable": (lambda: active_content.judge(active_content.look(LOCKED), Place(file="a.pdf"), name="a.pdf"), "không kiểm tra hết được nội dung tự chạy: tệp được mã hóa."),
    "root-unexpected": (lambda: of_sample("root-unexpected"), "thẻ gốc là “D02-LT” nhưng tờ khai D02-TS phải có thẻ gốc “D02-TS”."),
    "element-misspelt": (lambda: of_sample("element-misspelt"), "Tệp D02-TS.xml, dòng 1 (Nguyễn Văn Mẫu), cột “Mã số BHXH” (MasoBHXH): thẻ “MaSoBHXH” trong D02-TS phải viết là “MasoBHXH”."),
    "element-unexpected": (lambda: of_sample("element-unexpected"), "thẻ “TruongLa” không có trong mẫu D02-TS ở chỗ này (LaoDong)."),
    "element-foreign-namespace": (lambda: of_sample("element-foreign-namespace"), "thẻ “PA” nằm trong không gian tên lạ “urn:la”"),
    "element-missing": (lambda: of_sample("element-missing"), "thiếu thẻ “ChucVu” trong LaoDong."),
    "element-repeated": (lambda: of_sample("element-repeated"), "thẻ “PA” xuất hiện nhiều lần trong LaoDong; chỉ được có một."),
    "element-out-of-order": (lambda: of_sample("element-out-of-order"), "thẻ “PA” đứng sai thứ tự trong LaoDong."),
    "text-not-allowed": (lambda: of_sample("text-not-allowed"), "có chữ “chữ thừa” nằm ngoài các cột, trong LaoDong."),
    "attribute-not-allowed": (lambda: of_sample("attribute-not-allowed"), "thẻ PA có thuộc tính “loai” không có trong mẫu."),
    "schema-other": (lambda: unworded("<D02-TS/>", CATALOGUE.form("D02-TS", ON)), "Tệp D02-TS.xml: không đúng mẫu D02-TS: "),
    "value-missing": (lambda: of_sample("value-missing"), HERE + "“Cấp bậc, chức vụ, chức danh nghề” (ChucVu): ô bắt buộc đang để trống."),
    "value-too-long": (lambda: of_sample("value-too-long"), "dài 139 ký tự, quá 100 ký tự cho phép"),
    "value-malformed": (lambda: of_sample("value-malformed"), "giá trị “05” không đúng: cần mã vùng sinh sống"),
    "value-not-listed": (lambda: of_sample("value-not-listed"), HERE + "“Phương án” (PA): giá trị “tm” không có trong danh mục các mã được nhận."),
    "social-number-malformed": (lambda: of_sample("social-number-malformed"), "mã số BHXH “79 0000 0001” không đúng: cần đúng 10 chữ số"),
    "date-malformed": (lambda: of_sample("date-malformed"), "ngày “1992-02-29” viết không đúng: cần ngày/tháng/năm (dd/MM/yyyy)"),
    "date-impossible": (lambda: of_sample("date-impossible"), HERE + "“Ngày sinh” (NgaySinh): ngày “31/02/1992” không có trong lịch"),
    "month-malformed": (lambda: of_sample("month-malformed"), "tháng “012026” viết không đúng: cần tháng/năm (MM/yyyy)"),
    "amount-malformed": (lambda: of_sample("amount-malformed"), "số “7.500.000” viết không đúng: cần số lớn hơn 0."),
    "amount-not-positive": (lambda: of_sample("amount-not-positive"), "số tiền “0” phải lớn hơn 0."),
    "d02-fixed-term-reversed": (lambda: of_sample("d02-fixed-term-reversed"), HERE + "“HĐLĐ xác định thời hạn: đến ngày” (Hdld_xdth_denngay): ngày cuối 31/12/2025 ở trước ngày đầu 01/01/2026 (HĐLĐ xác định thời hạn)."),
    "row-number-repeated": (lambda: form_findings(GOOD.replace("<STT>2", "<STT>1")), "dòng 2 (Trần Thị Thử, 7900000002), cột STT: số thứ tự 1 đã dùng ở dòng 1."),
    "row-number-gap": (lambda: form_findings(GOOD.replace("<STT>2", "<STT>5")), "số thứ tự là 5, lẽ ra là 2."),
    "rows-too-many": (lambda: form_findings(f"<D02-TS><NoiDung>{'<LaoDong/>' * 10_001}</NoiDung></D02-TS>"), "tờ khai có 10001 dòng, nhiều hơn 10000 dòng"),
    "row-repeated": (lambda: form_findings(TWICE.replace("<DenThang>12/2025", "<DenThang>")), "dòng này trùng với dòng 1 (Mã số BHXH, Phương án, Từ tháng, năm)."),
    "d02-declaration-missing": (lambda: judge(dossier(file(content=NO_NUMBER))), "người này chưa có mã số BHXH mà hồ sơ không có tờ khai TK1-TS."),
    "d02-declaration-of-others": (lambda: judge(dossier(file(content=NO_NUMBER), file("TK1-TS", "TK1-TS.xml", ".xml", TK1))), "(Nguyễn Văn Mẫu), cột “Mã số BHXH” (MasoBHXH): người này chưa có mã số BHXH và không có trong tờ khai TK1-TS kèm theo"),
    "d02-wage-below-region": (lambda: form_findings(changed("7500000", "5000000")), "lương 5000000 đồng thấp hơn lương tối thiểu vùng 01 (5310000 đồng/tháng)."),
    "tk1-birth-date-precision": (lambda: form_findings(changed("<CCNS>2", "<CCNS>0", TK1), "TK1-TS"), "ngày sinh “1998” không khớp với độ chính xác CCNS = 0 (0: dd/MM/yyyy; 1: MM/yyyy; 2: yyyy)."),
    "hoso-ivan-unknown": (lambda: judge(dossier(file(), MaIVAN="00099")), "cột “Mã I-VAN” (MaIVAN): mã I-VAN “00099” không có trong danh sách tổ chức I-VAN."),
    "more-findings": (lambda: form_findings(f"<D02-TS><NoiDung><LaoDong>{'<x/>' * 600}</LaoDong></NoiDung></D02-TS>"), "Tệp D02-TS.xml: còn 107 phát hiện nữa không liệt kê ở đây."),
}  # fmt: skip


def test_no_code_is_left_out():
    # The words of rules stand in each form.sch; test_rule_samples.py brings about every one of them.
    of_rules = {rule.id for form in CATALOGUE.forms(ON) for rule in form.rules.rules}
    assert set(MESSAGES) <= set(CASES) <= set(MESSAGES) | of_rules


@pytest.mark.parametrize("code", CASES)
def test_the_message_is_readable_and_says_what_to_do(code):
    bring_about, words = CASES[code]
    (found, *_) = [item for item in bring_about() if item.code == code]
    assert words in found.message_vi
    assert found.severity
    for text in (found.message_vi, found.message_en, found.fix_vi, found.fix_en):
        assert text.strip()
        assert "{" not in text
        assert "  " not in text.replace("      <", "<")
