"""The attachments of sample dossiers open: each is walked as a reader of its format walks it."""

import re
import struct
import zipfile
import zlib
from io import BytesIO

import pytest
from lxml import etree

from schemas.sample_words import words
from tests.schemas.test_sample import dossier, files


def attached(kind, **given):
    return next(held for _, name, held in files(dossier(attachments=4, **given)) if name.endswith(kind))


def assert_pdf_opens(content):
    """Walk the file as a reader does: header, end, cross-references, objects, streams (ISO 32000-1 §7.5)."""
    assert content.startswith(b"%PDF-1.4\n")
    begins = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", content)[1])
    table = re.match(rb"xref\n0 (\d+)\n((?:\d{10} \d{5} [fn] \n)+)trailer\n<< (.*?)>>\n", content[begins:])
    entries = table[2].splitlines(keepends=True)
    assert len(entries) == int(table[1]) == int(re.search(rb"/Size (\d+)", table[3])[1])
    objects = {}
    for number, entry in enumerate(entries[1:], 1):
        at = int(entry[:10])
        head = b"%d 0 obj\n" % number
        assert content[at : at + len(head)] == head
        body = content[at + len(head) :]
        if length := re.match(rb"<< /Length (\d+) >>\nstream\n", body):
            after = body[length.end() + int(length[1]) :]
            assert after.startswith(b"\nendstream\nendobj\n")
        objects[number] = body[: body.index(b"endobj")]
    root = int(re.search(rb"/Root (\d+) 0 R", table[3])[1])
    pages = int(re.search(rb"/Type /Catalog /Pages (\d+) 0 R", objects[root])[1])
    page = int(re.search(rb"/Type /Pages /Kids \[(\d+) 0 R\] /Count 1", objects[pages])[1])
    shown = int(re.search(rb"/Type /Page .*/Contents (\d+) 0 R", objects[page])[1])
    assert b"HOP DONG LAO DONG" in objects[shown]
    title = int(re.search(rb"/Info (\d+) 0 R", table[3])[1])
    written = bytes.fromhex(re.search(rb"/Title <([0-9A-F]+)>", objects[title])[1].decode())
    assert written.decode("utf-16") == words().texts.contract_title


def test_the_pdf_opens():
    assert_pdf_opens(attached(".pdf"))


@pytest.mark.parametrize(
    ("kind", "main", "text"),
    [(".docx", "word/document.xml", "HỢP ĐỒNG"), (".xlsx", "xl/worksheets/sheet1.xml", "Bảng lương")],
)
def test_office_documents_are_sound_packages_whose_relations_lead_to_their_parts(kind, main, text):
    with zipfile.ZipFile(BytesIO(attached(kind))) as archive:
        assert archive.testzip() is None
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert text in etree.tostring(etree.fromstring(parts[main]), encoding="unicode")
    for name, content in parts.items():
        for relation in etree.fromstring(content).iter("{*}Relationship"):
            folder = name.partition("_rels/")[0]
            assert folder + relation.get("Target") in parts
    declared = {part.get("PartName") for part in etree.fromstring(parts["[Content_Types].xml"]).iter("{*}Override")}
    assert f"/{main}" in declared
    assert {name.removeprefix("/") for name in declared} <= parts.keys()


def test_the_picture_has_sound_chunks_and_as_many_pixels_as_it_says():
    content = attached(".png")
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[0][1])
    assert (depth, colour) == (8, 0)
    assert len(zlib.decompress(chunks[1][1])) == height * (width + 1)


@pytest.mark.parametrize("size_bytes", [2_000, 9_999, 10_000, 65_536, 100_003, 2_000_000])
def test_a_padded_pdf_has_exactly_the_size_asked_for_and_still_opens(size_bytes):
    content = attached(".pdf", attachment_bytes=size_bytes)
    assert len(content) == size_bytes
    assert_pdf_opens(content)


def test_every_size_from_the_smallest_upwards_can_be_made():
    smallest = len(attached(".pdf"))
    for size_bytes in range(smallest, smallest + 150):
        content = attached(".pdf", attachment_bytes=size_bytes)
        assert len(content) == size_bytes
        assert_pdf_opens(content)
