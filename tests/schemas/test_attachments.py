"""An attachment is what its bytes say, not what its name says."""

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.attachments import check, sniff
from schemas.findings import Place
from schemas.zip_directory import ENTRIES_MAX
from tests.schemas.judging import CATALOGUE, ON, PDF

ALLOWED = CATALOGUE.procedure("600", ON).attachments
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 17 + b"\0\0\0\0IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20 + b"\xff\xd9"
TIFF = b"II*\0\x08\0\0\0" + b"\0" * 10


def package(*names, size=10):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, b"\0" * size)
    return out.getvalue()


DOCX = package("[Content_Types].xml", "word/document.xml")
XLSX = package("[Content_Types].xml", "xl/workbook.xml")
GOOD = {
    ".pdf": PDF,
    ".docx": DOCX,
    ".xlsx": XLSX,
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".tif": TIFF,
    ".tiff": TIFF,
}


def found(content, kind):
    return check(content, Place(file=f"a{kind}"), name=f"a{kind}", kind=kind, allowed=ALLOWED)


@pytest.mark.parametrize("kind", GOOD)
def test_each_allowed_kind_is_recognised_and_passes(kind):
    assert kind in ALLOWED.kinds
    assert found(GOOD[kind], kind) == []


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("other", GOOD)
def test_a_kind_under_anothers_name_is_refused_and_both_are_named(kind, other):
    same = GOOD[kind] is GOOD[other]
    seen = found(GOOD[other], kind)
    assert [item.code for item in seen] == ([] if same else ["attachment-content-mismatch"])
    if not same:
        assert kind in seen[0].message_vi
        assert sniff(GOOD[other]).name_vi in seen[0].message_vi
        assert sniff(GOOD[other]).name_en in seen[0].message_en


@pytest.mark.parametrize(
    "content",
    [b"MZ\x90\0" + b"\0" * 100, b"\x7fELF\x02", b"#!/bin/sh\n", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe",
     b"L\0\0\0\x01\x14\x02\0", package("[Content_Types].xml", "word/document.xml", "word/evil.EXE")],
)  # fmt: skip
def test_a_program_is_refused_whatever_it_is_called(content):
    assert [item.code for item in found(content, ".pdf")] == ["attachment-executable"]


def test_a_program_is_refused_under_its_own_name_too():
    codes = [item.code for item in found(b"MZ" + b"\0" * 100, ".exe")]
    assert codes == ["attachment-kind-not-allowed", "attachment-executable"]


def test_a_document_with_macros_is_refused():
    content = package("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")
    assert [item.code for item in found(content, ".docx")] == ["attachment-macro"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF[:30], ".pdf"),
        (PNG[:20], ".png"),
        (JPEG[:-2], ".jpg"),
        (b"II*\0\xff\xff\xff\x7f", ".tif"),
        (b"II*\0", ".tif"),
    ],
)
def test_a_file_cut_off_is_damaged(content, kind):
    assert [item.code for item in found(content, kind)] == ["attachment-damaged"]


@pytest.mark.parametrize(
    "content", [DOCX[:-30], DOCX[:40], DOCX.replace(b"PK\x01\x02", b"PK\x09\x09")], ids=["tail", "head", "signature"]
)
def test_a_package_without_its_directory_is_damaged(content):
    assert "attachment-damaged" in [item.code for item in found(content, ".docx")]


def test_a_zip_bomb_is_refused_without_being_unpacked():
    whole = bytearray(DOCX)
    at = whole.rfind(b"PK\x01\x02")
    struct.pack_into("<L", whole, at + 24, 0xFFFFFFF0)
    assert [item.code for item in found(bytes(whole), ".docx")] == ["attachment-damaged"]


def test_a_directory_of_too_many_entries_is_refused():
    content = package(
        "[Content_Types].xml", "word/document.xml", *(f"{number}" for number in range(ENTRIES_MAX)), size=0
    )
    assert "attachment-damaged" in [item.code for item in found(content, ".docx")]


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"just words", ".pdf", "attachment-content-unknown"),
        (package("a.txt"), ".docx", "attachment-content-mismatch"),
        (package("word/document.xml"), ".docx", "attachment-content-mismatch"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, ".docx", "attachment-content-mismatch"),
        (b"<html><script>", ".pdf", "attachment-content-mismatch"),
        (b"\n<?xml version='1.0'?><a/>", ".png", "attachment-content-mismatch"),
        (b"hello %PDF-1.4 %%EOF", ".pdf", "attachment-content-unknown"),
        (b"words", ".txt", "attachment-kind-not-allowed"),
        (PDF, "", "attachment-kind-not-allowed"),
    ],
)
def test_what_cannot_be_a_paper_is_refused(content, kind, code):
    assert [item.code for item in found(content, kind)] == [code]


def test_too_large_an_attachment_is_refused():
    content = PDF[:-6] + b"x" * ALLOWED.size_bytes_max + PDF[-6:]
    assert [item.code for item in found(content, ".pdf")] == ["attachment-too-large"]


@given(
    st.binary(max_size=300)
    | st.sampled_from([*GOOD.values()]).flatmap(lambda good: st.integers(0, len(good)).map(lambda at: good[:at]))
)
def test_any_bytes_are_something_or_nothing(content):
    seen = sniff(content)
    assert seen is None or seen.name_vi


@given(st.integers(0, len(DOCX) - 1), st.binary(min_size=1, max_size=8))
def test_a_package_with_bytes_overwritten_never_raises(at, junk):
    assert sniff(b"PK\x03\x04" + (DOCX[:at] + junk + DOCX[at + len(junk) :])[4:]) is not None
