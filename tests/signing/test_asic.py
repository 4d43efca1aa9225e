"""A container is ASiC-E with XAdES and nothing besides: whatever no signature would protect is refused by its name."""

import io
import unicodedata
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.asic import (
    ENVELOPE,
    AsicContainer,
    DossierEntries,
    dossier_entries,
    match_files,
    open_container,
    refused_verdict,
)
from signing.asic_manifest import MANIFEST, MEDIA_TYPE, check_manifest, make_manifest, read_xml
from signing.indication import Indication, Refusal
from signing.policy import Policy
from signing.reasons_asic import REASONS
from signing.zip_container import Limits
from tests.signing.workshop import NOW
from tests.signing.zip_forging import UTF8, Member, build, extra_field, is_explained
from tests.signing.zip_vectors import INFO_ZIP, JDK

MIMETYPE = Member("mimetype", MEDIA_TYPE.encode())
HOSO = Member(ENVELOPE, b"<Hoso><NoiDung/></Hoso>", method=8)
PDF = Member("phu-luc.pdf", b"%PDF-1.7")
SIGNATURES = Member("META-INF/signatures001.xml", b"<XAdESSignatures/>")
GOOD = (MIMETYPE, HOSO, PDF, SIGNATURES)


def manifest(*names: str) -> Member:
    return Member(MANIFEST, make_manifest(names))


def forged_manifest(*entries: str, root: str = "manifest") -> Member:
    namespace = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    return Member(MANIFEST, f'<m:{root} xmlns:m="{namespace}">{"".join(entries)}</m:{root}>'.encode())


def opened(*members: Member) -> AsicContainer:
    container = open_container(build(*members))
    assert isinstance(container, AsicContainer), container
    return container


def signature(name: str) -> Member:
    return Member(f"META-INF/{name}", b"<XAdESSignatures/>")


ENTRY = '<m:file-entry m:full-path="{}" m:media-type="{}"/>'
HOSO_LISTED = ENTRY.format(ENVELOPE, "text/xml")

ACCEPTED = {
    "the least": (MIMETYPE, HOSO, SIGNATURES),
    "signatures before data": (MIMETYPE, SIGNATURES, HOSO, PDF),
    "a manifest": (*GOOD, manifest(ENVELOPE, PDF.written.decode())),
    "a manifest that does not list the container": (MIMETYPE, HOSO, SIGNATURES, forged_manifest(HOSO_LISTED)),
    "a folder's entry for META-INF": (MIMETYPE, HOSO, Member("META-INF/", b""), SIGNATURES),
    "eight signatures": (MIMETYPE, HOSO, *(signature(f"signatures{number}.xml") for number in range(8))),
    "other names of signature files": (MIMETYPE, HOSO, signature("ivan-signatures.xml"), signature("signatures.xml")),
    "data in a folder": (MIMETYPE, HOSO, Member("dinh-kem/a.pdf"), SIGNATURES),
    "a media type that says its name is UTF-8": (Member("mimetype", MEDIA_TYPE.encode(), flags=UTF8), *GOOD[1:]),
}

FORGED: dict[str, tuple[str, tuple[Member, ...]]] = {
    "nothing": ("container-mimetype", ()),
    "no mimetype": ("container-mimetype", (HOSO, SIGNATURES)),
    "mimetype second": ("container-mimetype", (HOSO, MIMETYPE, SIGNATURES)),
    "mimetype deflated": ("container-mimetype", (Member("mimetype", MEDIA_TYPE.encode(), method=8), *GOOD[1:])),
    "mimetype with an extra field": (
        "container-mimetype",
        (Member("mimetype", MEDIA_TYPE.encode(), local_extra=extra_field(0xCAFE, b"")), *GOOD[1:]),
    ),
    "mimetype with an extra field in the directory": (
        "container-mimetype",
        (Member("mimetype", MEDIA_TYPE.encode(), central_extra=extra_field(0xCAFE, b"")), *GOOD[1:]),
    ),
    "mimetype with a line end": ("container-mimetype", (Member("mimetype", MEDIA_TYPE.encode() + b"\n"), *GOOD[1:])),
    "another media type": (
        "container-mimetype",
        (Member("mimetype", b"application/vnd.etsi.asic-s+zip"), *GOOD[1:]),
    ),
    "mimetype with a wrong checksum": (
        "container-checksum",
        (Member("mimetype", MEDIA_TYPE.encode(), local={"crc32": 1}, central={"crc32": 1}), *GOOD[1:]),
    ),
    "no signature": ("container-no-signature", (MIMETYPE, HOSO)),
    "no data": ("container-no-data", (MIMETYPE, SIGNATURES)),
    "nine signatures": (
        "container-too-many-signatures",
        (MIMETYPE, HOSO, *(signature(f"signatures{number}.xml") for number in range(9))),
    ),
    "a signature file without end": (
        "container-too-large",
        (MIMETYPE, HOSO, Member("META-INF/signatures1.xml", b" " * (2 * 1024**2 + 1))),
    ),
    "a signature file with a wrong checksum": (
        "container-checksum",
        (MIMETYPE, HOSO, Member("META-INF/signatures1.xml", local={"crc32": 1}, central={"crc32": 1})),
    ),
    "a CAdES signature": ("container-not-judged", (*GOOD, Member("META-INF/signature001.p7s"))),
    "an ASiCManifest": ("container-not-judged", (*GOOD, Member("META-INF/ASiCManifest001.xml"))),
    "an archive manifest": ("container-not-judged", (*GOOD, Member("META-INF/ASiCArchiveManifest.xml"))),
    "a time-stamp": ("container-not-judged", (*GOOD, Member("META-INF/timestamp001.tst"))),
    "an evidence record": ("container-not-judged", (*GOOD, Member("META-INF/evidencerecord1.xml"))),
    "something else in META-INF": ("container-foreign-metadata", (*GOOD, Member("META-INF/ghi-chu.txt"))),
    "META-INF in other letters": ("container-foreign-metadata", (*GOOD, Member("meta-inf/signatures002.xml"))),
    "a file META-INF": ("container-foreign-metadata", (MIMETYPE, HOSO, Member("META-INF"))),
    "a folder below META-INF": ("container-foreign-metadata", (*GOOD, Member("META-INF/a/signatures002.xml"))),
    "signatures of another ending": ("container-foreign-metadata", (*GOOD, Member("META-INF/signatures002.xml.bak"))),
    "another folder's entry": ("container-folder", (*GOOD, Member("trong/", b""))),
    "a data object with a wrong checksum": (
        "container-checksum",
        (MIMETYPE, HOSO, Member("a.pdf", local={"crc32": 1}, central={"crc32": 1}), SIGNATURES),
    ),
    "a manifest with one too many": ("container-manifest-differs", (*GOOD, manifest(ENVELOPE, "phu-luc.pdf", "x"))),
    "a manifest with one too few": ("container-manifest-differs", (*GOOD, manifest(ENVELOPE))),
    "a manifest with one twice": ("container-manifest-differs", (*GOOD, manifest(ENVELOPE, ENVELOPE, "phu-luc.pdf"))),
    "a manifest of another kind of container": (
        "container-manifest-differs",
        (MIMETYPE, HOSO, SIGNATURES, forged_manifest(ENTRY.format("/", "application/zip"), HOSO_LISTED)),
    ),
    "a manifest without paths": (
        "container-manifest-unreadable",
        (MIMETYPE, HOSO, SIGNATURES, forged_manifest("<m:file-entry/>")),
    ),
    "a manifest of encrypted files": (
        "container-manifest-unreadable",
        (
            MIMETYPE,
            HOSO,
            SIGNATURES,
            forged_manifest(f'<m:file-entry m:full-path="{ENVELOPE}"><m:encryption-data/></m:file-entry>'),
        ),
    ),
    "a manifest of another root": (
        "container-manifest-unreadable",
        (MIMETYPE, HOSO, SIGNATURES, forged_manifest(HOSO_LISTED, root="list")),
    ),
    "a manifest that is no XML": ("container-manifest-unreadable", (*GOOD, Member(MANIFEST, b"<a"))),
    "a manifest with a DTD": (
        "container-manifest-unreadable",
        (*GOOD, Member(MANIFEST, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')),
    ),
    "a way out": ("container-name-unsafe", (*GOOD, Member("../x"))),
}


@pytest.mark.parametrize("members", ACCEPTED.values(), ids=ACCEPTED)
def test_a_container_of_the_standard_is_opened(members: tuple[Member, ...]) -> None:
    container = opened(*members)
    assert [entry.name for entry in container.data_objects] == [
        name for name in (member.written.decode() for member in members[1:]) if not name.startswith("META-INF/")
    ]
    assert list(container.signature_files) == [
        name for name in (member.written.decode() for member in members) if "signatures" in name
    ]


@pytest.mark.parametrize(("code", "members"), FORGED.values(), ids=FORGED)
def test_what_is_no_such_container_is_refused_by_its_reason(code: str, members: tuple[Member, ...]) -> None:
    refusal = open_container(build(*members))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    is_explained(refusal)


@pytest.mark.parametrize("content", [INFO_ZIP, JDK], ids=["zip", "java.util.zip"])
def test_containers_of_other_software_are_opened(content: bytes) -> None:
    container = open_container(content)
    assert isinstance(container, AsicContainer)
    assert list(container.signature_files.values()) == [b"<XAdESSignatures/>"]
    assert {entry.name for entry in container.data_objects} > {ENVELOPE}


def test_a_container_that_python_wrote_in_the_right_order_is_opened() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", MEDIA_TYPE, zipfile.ZIP_STORED)
        archive.writestr(ENVELOPE, "<Hoso/>")
        archive.writestr("phụ lục.pdf", "%PDF")
        archive.writestr("META-INF/signatures0.xml", "<XAdESSignatures/>")
    for source in (file.getvalue(), file):
        container = open_container(source)
        assert isinstance(container, AsicContainer)
        entries = dossier_entries(container)
        assert isinstance(entries, DossierEntries)
        assert entries.envelope == b"<Hoso/>"
        assert [container.zip.read(entry, 9) for entry in entries.files.values()] == [b"%PDF"]


def test_the_media_type_stands_at_byte_38_as_other_programs_look_for_it() -> None:
    assert build(*GOOD)[30:69] == b"mimetype" + MEDIA_TYPE.encode()


def test_a_dossier_is_the_envelope_and_the_files_that_it_names() -> None:
    composed, decomposed = (unicodedata.normalize(form, "phụ lục.pdf") for form in ("NFC", "NFD"))
    assert composed != decomposed
    container = opened(MIMETYPE, Member(decomposed, b"%PDF"), HOSO, SIGNATURES)
    entries = dossier_entries(container)
    assert isinstance(entries, DossierEntries)
    assert entries.envelope == HOSO.content
    assert container.zip.read(entries.files[composed], 4) == b"%PDF"
    for name in (composed, decomposed):
        assert match_files(entries, [name]) is None


@pytest.mark.parametrize(
    ("named", "code", "entry"),
    [
        ([], "container-foreign-entry", "phu-luc.pdf"),
        (["phu-luc.pdf", "khac.pdf"], "container-file-missing", "khac.pdf"),
        (["PHU-LUC.pdf"], "container-file-missing", "PHU-LUC.pdf"),
        (["phu-luc.pdf", "phu-luc.pdf"], "container-file-named-twice", "phu-luc.pdf"),
        ([ENVELOPE, "phu-luc.pdf"], "container-file-missing", ENVELOPE),
    ],
)
def test_files_and_envelope_have_to_agree(named: list[str], code: str, entry: str) -> None:
    entries = dossier_entries(opened(*GOOD))
    assert isinstance(entries, DossierEntries)
    refusal = match_files(entries, named)
    assert refusal == Refusal(code, {"entry": entry})
    is_explained(refusal)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ((MIMETYPE, PDF, SIGNATURES), "container-no-envelope"),
        ((MIMETYPE, Member("bhxhdientu.xml"), SIGNATURES), "container-no-envelope"),
        ((MIMETYPE, Member("a/BHXHDienTu.xml"), SIGNATURES), "container-no-envelope"),
        ((MIMETYPE, HOSO, Member("a/phu-luc.pdf"), SIGNATURES), "container-foreign-entry"),
    ],
)
def test_what_is_no_dossier_is_refused(members: tuple[Member, ...], code: str) -> None:
    refusal = dossier_entries(opened(*members))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    is_explained(refusal)


def test_an_envelope_beyond_the_callers_limit_is_refused() -> None:
    size_bytes = len(HOSO.content)
    assert isinstance(dossier_entries(opened(*GOOD), envelope_bytes_max=size_bytes), DossierEntries)
    refusal = dossier_entries(opened(*GOOD), envelope_bytes_max=size_bytes - 1)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "container-too-large"


def test_a_refused_container_is_said_in_the_words_of_a_verdict() -> None:
    refusal = open_container(build(MIMETYPE, HOSO))
    assert isinstance(refusal, Refusal)
    verdict = refused_verdict(refusal, file="hoso.asice", policy=Policy(), now=NOW)
    assert (verdict.indication, verdict.reason_code) == (Indication.TOTAL_FAILED, "container-no-signature")
    assert verdict.reason_vi == REASONS["container-no-signature"].vi
    assert not verdict.passed
    assert not verdict.waits


def test_limits_hold_for_the_whole_container() -> None:
    refusal = open_container(build(*GOOD), limits=Limits(entries_max=3))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "container-too-many-entries"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a>",
        b"<a/><b/>",
        b"<a>\0</a>",
        "<a>é</a>".encode("latin-1"),
        "<a/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        b'\xef\xbb\xbf<?xml version="1.0" encoding="iso-8859-1"?><a/>',
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><a/>',
        b"<a>" * 300 + b"</a>" * 300,
        b"<a>&b;</a>",
    ],
)
def test_xml_that_two_readers_might_read_apart_is_not_read(content: bytes) -> None:
    assert read_xml(content) is None


@pytest.mark.parametrize(
    "content", [b"<a/>", b"\xef\xbb\xbf<a/>", b'<?xml version="1.0" encoding="UTF-8"?>\n<a/>', b"<a><!-- b --></a>"]
)
def test_plain_xml_is_read(content: bytes) -> None:
    root = read_xml(content)
    assert root is not None
    assert root.tag == "a"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1), unique=True))
def test_a_manifest_that_we_make_agrees_with_its_names_whatever_they_are(names: list[str]) -> None:
    names = [name for name in names if name != "/"]
    assert check_manifest(make_manifest(names), names) is None
    assert check_manifest(make_manifest(names), [*names, "them.pdf" * 9]) is not None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_small_readers_raise(content: bytes) -> None:
    read_xml(content)
    refusal = check_manifest(content, ["a"])
    assert refusal is not None
    is_explained(refusal)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([MIMETYPE, HOSO, PDF, SIGNATURES, manifest(ENVELOPE), Member("../x"), Member("META-INF/", b"")])
    ),
    st.integers(0, 600),
    st.integers(0, 255),
)
def test_no_order_of_entries_and_no_byte_makes_the_opener_raise(members: list[Member], at: int, byte: int) -> None:
    content = bytearray(build(*members))
    content[at % len(content)] = byte
    container = open_container(bytes(content))
    if isinstance(container, Refusal):
        is_explained(container)
    else:
        assert container.data_objects
        assert container.signature_files
