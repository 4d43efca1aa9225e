"""A folder as a clerk would lay over the catalogue: one new procedure with one new form, its rules and its samples."""

import base64
from pathlib import Path

from schemas.procedure import FACTS

PROCEDURE, FORM = "690", "N01-TS"
# One that refuses as it is; one that rests on a fact nobody has confirmed.
SURE_RULE, UNSURE_RULE = "n01-days-reversed", "n01-count-large"

_PROCEDURE = """
code = "690"
valid_from = 2026-01-01
title_vi = "Báo số suất ăn ca"
title_en = "Report of meals at work"
decision = "QĐ 1/QĐ-THU (2026)"
channels = ["electronic", "public-post"]
time_limit_working_days = 3
inspection = "none"
result_vi = "Thông báo"
result_en = "Notice"
result_kinds = ["notice"]
result_returned_by = ["electronic"]

[[forms]]
code = "N01-TS"
mandatory = true
kind = "1"
certainty = "verified"

[[forms]]
code = "CT-DK"
mandatory = false
kind = "3"
certainty = "verified"

[[papers]]
title_vi = "Hợp đồng cung cấp suất ăn"
title_en = "Contract of the caterer"
mandatory = false
original = false
certainty = "unconfirmed"

[attachments]
code = "CT-DK"
title_vi = "Chứng từ đi kèm"
title_en = "Supporting papers"
kinds = [".pdf"]
size_bytes_max = 1_000_000

[certainty]
"""

_FORM = """
form = "N01-TS"
version = "1"
title_vi = "Bảng kê suất ăn ca"
title_en = "List of meals at work"
decision = "QĐ 1/QĐ-THU (2026)"
valid_from = 2026-01-01
root = "N01-TS"
signature_path = "/N01-TS/Cky"

[certainty]
root = "verified"
signature_path = "verified"
columns = "verified"
title_vi = "verified"
decision = "verified"
valid_from = "verified"
labels = "verified"

[rows]
path = "/N01-TS/NoiDung/Suat"
number = "STT"
name = "HoTen"
key = "MasoBHXH"

[labels]
NoiDung = "Nội dung"
Suat = "Suất ăn"
Cky = "Chữ ký số"
STT = "STT"
HoTen = "Họ và tên"
MasoBHXH = "Mã số BHXH"
TuNgay = "Từ ngày"
DenNgay = "Đến ngày"
SoSuat = "Số suất"
"""

SCHEMA = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="N01-TS">
    <xs:complexType><xs:sequence>
      <xs:element name="NoiDung">
        <xs:complexType><xs:sequence>
          <xs:element name="Suat" maxOccurs="unbounded">
            <xs:complexType><xs:sequence>
              <xs:element name="STT" type="SoThuTu"/>
              <xs:element name="HoTen" type="HoTen"/>
              <xs:element name="MasoBHXH" type="MaSoBhxh" minOccurs="0"/>
              <xs:element name="TuNgay" type="Ngay"/>
              <xs:element name="DenNgay" type="Ngay"/>
              <xs:element name="SoSuat" type="SoThuTu"/>
            </xs:sequence></xs:complexType>
          </xs:element>
        </xs:sequence></xs:complexType>
      </xs:element>
      <xs:element name="Cky" minOccurs="0">
        <xs:complexType><xs:sequence>
          <xs:any namespace="##any" processContents="skip" minOccurs="0" maxOccurs="unbounded"/>
        </xs:sequence></xs:complexType>
      </xs:element>
    </xs:sequence></xs:complexType>
  </xs:element>
  <xs:simpleType name="SoThuTu"><xs:restriction base="xs:string">
    <xs:pattern value="[1-9][0-9]{0,5}"/>
  </xs:restriction></xs:simpleType>
  <xs:simpleType name="HoTen"><xs:restriction base="xs:token">
    <xs:minLength value="1"/><xs:maxLength value="100"/>
  </xs:restriction></xs:simpleType>
  <xs:simpleType name="MaSoBhxh"><xs:restriction base="xs:string">
    <xs:pattern value="([0-9]{10})?"/>
  </xs:restriction></xs:simpleType>
  <xs:simpleType name="Ngay"><xs:restriction base="xs:string">
    <xs:pattern value="([0-9]{2}/[0-9]{2}/[0-9]{4})?"/>
  </xs:restriction></xs:simpleType>
</xs:schema>
"""

RULES = """<?xml version="1.0" encoding="UTF-8"?>
<sch:schema xmlns:sch="http://purl.oclc.org/dsdl/schematron" xmlns:m="urn:motcua:rule" queryBinding="xslt"
    xml:lang="en">
  <sch:title>N01-TS: what its schema cannot say</sch:title>
  <sch:ns prefix="m" uri="urn:motcua:rule"/>
  <sch:pattern id="n01-rows">
    <sch:rule context="/N01-TS/NoiDung/Suat">
      <sch:assert id="n01-days-reversed" role="error" subject="DenNgay" m:certainty="verified" m:source="QĐ 1, mục 2"
          test="not(m:day(TuNgay) &gt; m:day(DenNgay))"
          diagnostics="n01-days-reversed.vi n01-days-reversed.en n01-days-reversed.fix.vi n01-days-reversed.fix.en"
          >The first day is not after the last.</sch:assert>
      <sch:assert id="n01-count-large" role="error" subject="SoSuat" m:certainty="unconfirmed" m:source="thông lệ"
          test="not(SoSuat &gt; 31)"
          diagnostics="n01-count-large.vi n01-count-large.en n01-count-large.fix.vi n01-count-large.fix.en"
          >There is at most one meal a day.</sch:assert>
    </sch:rule>
  </sch:pattern>
  <sch:diagnostics>
    <sch:diagnostic id="n01-days-reversed.vi" xml:lang="vi"
        >ngày cuối (<sch:value-of select="DenNgay"/>) đứng trước ngày đầu.</sch:diagnostic>
    <sch:diagnostic id="n01-days-reversed.en" xml:lang="en"
        >the last day (<sch:value-of select="DenNgay"/>) is before the first.</sch:diagnostic>
    <sch:diagnostic id="n01-days-reversed.fix.vi" xml:lang="vi">Sửa lại một trong hai ngày.</sch:diagnostic>
    <sch:diagnostic id="n01-days-reversed.fix.en" xml:lang="en">Correct one of the two days.</sch:diagnostic>
    <sch:diagnostic id="n01-count-large.vi" xml:lang="vi"
        >có <sch:value-of select="SoSuat"/> suất trong một tháng.</sch:diagnostic>
    <sch:diagnostic id="n01-count-large.en" xml:lang="en"
        >there are <sch:value-of select="SoSuat"/> meals in a month.</sch:diagnostic>
    <sch:diagnostic id="n01-count-large.fix.vi" xml:lang="vi">Ghi nhiều nhất 31 suất.</sch:diagnostic>
    <sch:diagnostic id="n01-count-large.fix.en" xml:lang="en">Write 31 meals at most.</sch:diagnostic>
  </sch:diagnostics>
</sch:schema>
"""

SAMPLE = """<?xml version="1.0" encoding="utf-8"?>
<N01-TS>
  <NoiDung>
    <Suat>
      <STT>1</STT>
      <HoTen>Nguyễn Văn Mẫu</HoTen>
      <MasoBHXH>9900000001</MasoBHXH>
      <TuNgay>01/02/2026</TuNgay>
      <DenNgay>28/02/2026</DenNgay>
      <SoSuat>20</SoSuat>
    </Suat>
  </NoiDung>
  <Cky/>
</N01-TS>
"""

_RULE_SAMPLES = """
base = "valid-one-meal"

[n01-days-reversed]
passes = { TuNgay = "01/02/2026", DenNgay = "01/02/2026" }
fails = { TuNgay = "02/02/2026", DenNgay = "01/02/2026" }

[n01-count-large]
passes = { SoSuat = "31" }
fails = { SoSuat = "32" }
"""

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<Hoso>
  <NoiDung>
    <ThongTinIVAN><MaIVAN>00080</MaIVAN><TenIVAN>VNPOST</TenIVAN></ThongTinIVAN>
    <ThongTinDonVi>
      <TenDoiTuong>Công ty TNHH Ví Dụ</TenDoiTuong>
      <MaSoBHXH>{unit}</MaSoBHXH>
      <MaSoThue>{tax_code}</MaSoThue>
      <NguoiKy>Trần Thị Mẫu</NguoiKy>
      <CoQuanQuanLy>{office}</CoQuanQuanLy>
    </ThongTinDonVi>
    <ThongTinHoSo>
      <TenThuTuc>Báo số suất ăn ca</TenThuTuc>
      <MaThuTuc>690</MaThuTuc>
      <KyKeKhai>02/2026</KyKeKhai>
      <NgayLap>02/03/2026</NgayLap>
      <SoLuongFile>1</SoLuongFile>
      <ToKhais>
        <FileToKhai>
          <MaToKhai>N01-TS</MaToKhai>
          <TenFile>N01-TS.xml</TenFile>
          <LoaiFile>.xml</LoaiFile>
          <DoDaiFile>{length}</DoDaiFile>
          <NoiDungFile>{content}</NoiDungFile>
        </FileToKhai>
      </ToKhais>
    </ThongTinHoSo>
  </NoiDung>
  <CKy_Dvi/>
</Hoso>
"""


def lay_over(folder: Path, *, unconfirmed: tuple[str, ...] = ("must",)) -> Path:
    """The folder, written; these facts of the procedure are marked unconfirmed."""
    marks = {name: "unconfirmed" if name in unconfirmed else "verified" for name in sorted(FACTS)}
    certainty = "".join(f'"{name}" = "{mark}"\n' for name, mark in marks.items())
    files = {
        "procedures/690/2026-01-01/procedure.toml": _PROCEDURE + certainty,
        "forms/N01-TS/1/form.toml": _FORM,
        "forms/N01-TS/1/form.xsd": SCHEMA,
        "forms/N01-TS/1/form.sch": RULES,
        "forms/N01-TS/1/samples/valid-one-meal.xml": SAMPLE,
        "forms/N01-TS/1/samples/rules.toml": _RULE_SAMPLES,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def envelope(unit: str, tax_code: str, office: str, form: str = SAMPLE) -> bytes:
    """A dossier of the new procedure, unsigned."""
    content = base64.b64encode(form.encode()).decode()
    return _ENVELOPE.format(unit=unit, tax_code=tax_code, office=office, content=content, length=len(content)).encode()
