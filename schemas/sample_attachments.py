"""Small real attachments (PDF, DOCX, XLSX, PNG), the same bytes on every machine: nothing is compressed."""

import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import Final

from schemas.sample_people import plain
from schemas.sample_words import words

_PNG_SIDE_PIXELS: Final = 96
# A stored deflate block holds at most this many bytes (RFC 1951 §3.2.4).
_STORED_BLOCK_BYTES_MAX: Final = 0xFFFF
# How much the lengths and offsets written in decimal can grow when the padding grows.
_PDF_DIGITS_BYTES_MAX: Final = 32
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)

_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006"
_MEDIA: Final = "application/vnd.openxmlformats-officedocument"
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def pdf(chance: random.Random, size_bytes: int | None = None) -> bytes:
    """One A4 page of text; with `size_bytes`, exactly so many bytes, filled up by a stream (ISO 32000-1 §7.3.8, §7.5).

    Raises ValueError when that is less than the page itself needs.
    """
    smallest = _pdf(b"", 0)
    if size_bytes is None:
        return smallest
    if size_bytes < len(smallest):
        raise ValueError(f"a PDF page needs {len(smallest)} bytes, {size_bytes} were asked for")
    padding = chance.randbytes(max(0, size_bytes - len(smallest) - _PDF_DIGITS_BYTES_MAX))
    # Blanks in the trailer move no offset, so they make up exactly what is still missing.
    return _pdf(padding, size_bytes - len(_pdf(padding, 0)))


def _pdf(padding: bytes, blanks: int) -> bytes:
    texts = words().texts
    lines = [texts.contract_title, *texts.contract_lines]
    shown = "".join(f"({_pdf_text(line)}) Tj T*\n" for line in lines)
    page = f"BT /F1 12 Tf 16 TL 60 780 Td\n{shown}ET".encode("ascii")
    title = (b"\xfe\xff" + texts.contract_title.encode("utf-16-be")).hex().upper().encode("ascii")
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>>>> >>",
        _pdf_stream(page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title <" + title + b"> /Producer (motcua sample) >>",
        _pdf_stream(padding),
    )
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    table = bytearray(f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode("ascii"))
    for number, body in enumerate(bodies, 1):
        table += f"{len(out):010d} 00000 n \n".encode("ascii")
        out += f"{number} 0 obj\n".encode("ascii") + body + b"\nendobj\n"
    begins = len(out)
    out += table
    out += f"trailer\n<< /Size {len(bodies) + 1} /Root 1 0 R /Info 6 0 R{' ' * blanks} >>\n".encode("ascii")
    out += f"startxref\n{begins}\n%%EOF\n".encode("ascii")
    return bytes(out)


def _pdf_stream(content: bytes) -> bytes:
    return f"<< /Length {len(content)} >>\nstream\n".encode("ascii") + content + b"\nendstream"


def _pdf_text(line: str) -> str:
    """The standard fonts have no Vietnamese letters, so the page shows the text without diacritics."""
    return plain(line).replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def docx(chance: random.Random) -> bytes:
    """A text document of a few paragraphs (ECMA-376 Part 1 §11.3.10, Part 2)."""
    texts = words().texts
    lines = (texts.contract_title, *texts.contract_lines, f"Số: {chance.randrange(1, 2000)}/HĐLĐ")
    paragraphs = "".join(f"<w:p><w:r><w:t>{escape(line, quote=False)}</w:t></w:r></w:p>" for line in lines)
    document = (
        f'{_XML}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{paragraphs}<w:sectPr/></w:body></w:document>"
    )
    return _zip(
        {
            "[Content_Types].xml": _content_types({"/word/document.xml": "wordprocessingml.document.main"}),
            "_rels/.rels": _relations("officeDocument", "word/document.xml"),
            "word/document.xml": document,
        }
    )


def xlsx(chance: random.Random) -> bytes:
    """A workbook of one sheet with a row of text and some of numbers (ECMA-376 Part 1 §12.3.23, §12.3.24)."""
    title = escape(words().texts.payroll_title, quote=False)
    rows = [f'<row r="1"><c r="A1" t="inlineStr"><is><t>{title}</t></is></c></row>']
    rows += [f'<row r="{row}"><c r="A{row}"><v>{chance.randrange(50, 300)}00000</v></c></row>' for row in range(2, 8)]
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    workbook = (
        f'{_XML}<workbook {main} xmlns:r="{_OFFICE}/relationships">'
        '<sheets><sheet name="Mau" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    kinds = {"/xl/workbook.xml": "spreadsheetml.sheet.main", "/xl/worksheets/sheet1.xml": "spreadsheetml.worksheet"}
    return _zip(
        {
            "[Content_Types].xml": _content_types(kinds),
            "_rels/.rels": _relations("officeDocument", "xl/workbook.xml"),
            "xl/workbook.xml": workbook,
            "xl/_rels/workbook.xml.rels": _relations("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f"{_XML}<worksheet {main}><sheetData>{''.join(rows)}</sheetData></worksheet>",
        }
    )


def png(chance: random.Random) -> bytes:
    """A small grey picture with a frame, as if a stamp had been scanned (ISO/IEC 15948 §5, §11.2.2)."""
    side = _PNG_SIDE_PIXELS
    shade, frame = chance.randrange(160, 240), chance.randrange(4, 12)
    dark = bytes(side)
    inside = bytes(frame) + bytes([shade]) * (side - 2 * frame) + bytes(frame)
    lines = [dark if line < frame or line >= side - frame else inside for line in range(side)]
    pixels = b"".join(b"\0" + line for line in lines)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", _stored(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


KINDS: Final[tuple[tuple[str, str, Callable[[random.Random], bytes]], ...]] = (
    (".pdf", "HopDongLaoDong", pdf),
    (".docx", "QuyetDinh", docx),
    (".xlsx", "BangLuong", xlsx),
    (".png", "AnhChungTu", png),
)


def _stored(content: bytes) -> bytes:
    """A zlib stream of stored blocks (RFC 1950 §2.2): compressors differ between machines, these bytes do not."""
    step = _STORED_BLOCK_BYTES_MAX
    blocks = [content[begin : begin + step] for begin in range(0, len(content), step)]
    stored = b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block for block in blocks
    )
    return b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(content))


def _zip(members: dict[str, str]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, text in members.items():
            member = zipfile.ZipInfo(name, _ZIP_EPOCH)
            member.create_system = 0  # else it would say on which system it was made
            archive.writestr(member, text.encode())
    return out.getvalue()


def _content_types(parts: dict[str, str]) -> str:
    overrides = "".join(
        f'<Override PartName="{name}" ContentType="{_MEDIA}.{kind}+xml"/>' for name, kind in parts.items()
    )
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="{relations}"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _relations(kind: str, target: str) -> str:
    return (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/{kind}" Target="{target}"/></Relationships>'
    )
