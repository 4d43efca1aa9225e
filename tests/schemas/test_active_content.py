"""What runs or loads by itself in an attachment is named, wherever it hides; plain files are left in peace."""

import io
import random
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from schemas import sample_attachments
from schemas.active_content import KINDS, PLACES_MAX, ActiveContent, Looked, judge, look
from schemas.findings import Place, Severity

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def kinds(content):
    looked = look(content)
    assert looked.unread == ""
    return {one.kind for one in looked.found}


# ---- PDF ----


def pdf(*objects, trailer=b"<</Root 1 0 R>>", head=b"%PDF-1.7\n"):
    return (
        head
        + b"".join(b"%d 0 obj\n%b\nendobj\n" % one for one in enumerate(objects, 1))
        + b"trailer\n"
        + trailer
        + b"\n%%EOF\n"
    )


def stream(content, dictionary=b""):
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (dictionary, len(content), content)


def object_stream(*objects, dictionary=b"/Filter/FlateDecode", pack=zlib.compress):
    header, body = b"", b""
    for number, one in enumerate(objects, 20):
        header += b"%d %d " % (number, len(body))
        body += one + b" "
    return stream(pack(header + body), b"/Type/ObjStm/N %d/First %d%b" % (len(objects), len(header), dictionary))


HARMFUL = {
    "javascript": b"<</S/JavaScript/JS(app.alert)>>",
    "launch": b"<</S/Launch/F(cmd.exe)>>",
    "open-action": b"<</Type/Catalog/OpenAction<</S/URI/URI(https://example.invalid)>>>>",
    "additional-action": b"<</Type/Page/AA<</O 3 0 R>>>>",
    "embedded-file": b"<</Type/EmbeddedFile>>",
    "rich-media": b"<</Subtype/RichMedia>>",
    "xfa-form": b"<</XFA 4 0 R>>",
    "submit-form": b"<</S/SubmitForm/F(https://example.invalid)>>",
    "import-data": b"<</S /ImportData /F (a.fdf)>>",
    "remote-go-to": b"<</S/GoToR/F(b.pdf)>>",
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_an_action_in_plain_sight_is_named_with_its_object(kind):
    assert look(pdf(b"<<>>", b"<<>>", HARMFUL[kind])) == Looked((ActiveContent(kind, "3"),))


@pytest.mark.parametrize("kind", HARMFUL)
def test_an_action_in_an_object_stream_is_named(kind):
    for packed in (object_stream(HARMFUL[kind]), object_stream(HARMFUL[kind], dictionary=b"", pack=bytes)):
        assert kinds(pdf(b"<<>>", packed)) == {kind}


@pytest.mark.parametrize("kind", HARMFUL)
def test_an_action_whose_letters_are_escaped_is_named(kind):
    plain = HARMFUL[kind]
    names = [
        b"JavaScript",
        b"JS",
        b"Launch",
        b"OpenAction",
        b"AA",
        b"EmbeddedFile",
        b"RichMedia",
        b"XFA",
        b"SubmitForm",
    ]
    for name in (*names, b"ImportData", b"GoToR"):
        escaped = b"".join(b"#%02x" % letter if at % 2 == 0 else bytes([letter]) for at, letter in enumerate(name))
        plain = plain.replace(b"/" + name, b"/" + escaped)
    assert plain != HARMFUL[kind]
    assert kinds(pdf(plain)) == {kind}
    assert kinds(pdf(object_stream(plain).replace(b"/ObjStm", b"/Obj#53tm"))) == {kind}


@pytest.mark.parametrize("kind", sorted(set(HARMFUL) - {"xfa-form", "additional-action"}))
def test_an_action_inside_a_feigned_stream_is_named(kind):
    """A comment with the word `stream` makes a naive reader skip what stands behind it."""
    assert kind in kinds(pdf(b"<<>> % stream\n" + HARMFUL[kind]))


def test_an_action_that_a_later_revision_removed_is_still_named():
    assert kinds(pdf(HARMFUL["launch"]) + pdf(b"<<>>", head=b"")) == {"launch"}


@pytest.mark.parametrize(
    "opened",
    [b"[3 0 R /Fit]", b"<</S/GoTo/D[3 0 R/Fit]>>", b"<< /Type /Action /S /GoTo /D (a) >>", b"2 0 R", b"20 0 R"],
)
def test_opening_at_a_page_is_no_action(opened):
    content = pdf(
        b"<</Type/Catalog/OpenAction %b>>" % opened,
        b"<</S/GoTo/D[3 0 R/XYZ 0 0 0]>>",
        object_stream(b"<</S/GoTo/D(a)>>"),
    )
    assert kinds(content) == set()


@pytest.mark.parametrize(
    "opened",
    [
        b"<</S/GoTo/D(a)/Next 9 0 R>>",
        b"<</Next 9 0 R/S/GoTo/D(a)>>",
        b"7 0 R",
        b"2 0 R",
        b"<</S/Named/N/Print>>",
    ],
)
def test_opening_with_more_than_a_page_is_an_action(opened):
    twice = b"<</S/GoTo/D(a)>>\nendobj\n2 0 obj\n<</S/Named/N/Print>>"
    assert kinds(pdf(b"<</Type/Catalog/OpenAction %b>>" % opened, twice)) == {"open-action"}


@pytest.mark.parametrize("size_bytes", [None, 300_000])
def test_a_plain_page_holds_nothing(size_bytes):
    for seed in range(5):
        assert look(sample_attachments.pdf(random.Random(seed), size_bytes)) == Looked()


def test_links_to_click_and_words_in_a_text_are_no_actions():
    assert kinds(pdf(b"<</A<</S/URI/URI(https://example.invalid)>>>>", stream(b"BT (JavaScript /JS ) Tj ET"))) == set()


def test_a_document_written_by_another_library_is_read_alike():
    """The same harmful document with and without object streams, as a library of its own writes them."""
    for packed in (False, True):
        writer = PdfFileWriter(stream_xrefs=packed)
        page = PageObject(contents=writer.add_object(generic.StreamObject(stream_data=b"")), media_box=(0, 0, 200, 200))
        writer.insert_page(page)
        action = generic.DictionaryObject({generic.pdf_name("/S"): generic.pdf_name("/JavaScript")})
        action[generic.pdf_name("/JS")] = generic.pdf_string("app.alert(1)")
        objects = writer.prepare_object_stream() if packed else None
        writer.root["/OpenAction"] = writer.add_object(action, obj_stream=objects)
        out = io.BytesIO()
        writer.write(out)
        assert (b"JavaScript" in out.getvalue()) is not packed
        assert kinds(out.getvalue()) == {"javascript", "open-action"}
        update = IncrementalPdfFileWriter(io.BytesIO(out.getvalue()))
        del update.root["/OpenAction"]
        update.update_root()
        out = io.BytesIO()
        update.write(out)
        assert kinds(out.getvalue()) == {"javascript", "open-action"}


@pytest.mark.parametrize(
    "content",
    [
        pdf(object_stream(b"<<>>", pack=lambda packed: zlib.compress(packed)[:-9])),
        pdf(object_stream(b"<<>>", dictionary=b"/Filter/LZWDecode")),
        pdf(object_stream(b"<<>>", dictionary=b"/Filter[/ASCIIHexDecode/FlateDecode]")),
        pdf(object_stream(b"<<>>", dictionary=b"/Filter 9 0 R")),
        pdf(object_stream(b"<<>>", dictionary=b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>")),
        pdf(object_stream(b" " * 40_000_000)),
        pdf(*[object_stream(b" " * 9_000_000)] * 4),
    ],
    ids=["cut", "lzw", "chain", "indirect", "predictor", "bomb", "bombs"],
)
def test_an_object_stream_that_cannot_be_read_is_said_to_be(content):
    assert look(content).unread == "an object stream cannot be read"


def test_an_encrypted_document_is_said_to_be():
    assert look(pdf(b"<<>>", trailer=b"<</Root 1 0 R/Encrypt 2 0 R>>")).unread == "encrypted"
    assert look(pdf(stream(b"x", b"/Type/XRef/Encrypt<</V 5>>"))).unread == "encrypted"


# ---- DOCX and XLSX ----


def package(parts, main="word/document.xml"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, part in {"[Content_Types].xml": "<Types/>", main: f'<w:document xmlns:w="{WORD}"/>', **parts}.items():
            made.writestr(name, part)
    return out.getvalue()


def relation(kind, target, mode="", base=OFFICE):
    mode = f' TargetMode="{mode}"' if mode else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="{RELATIONS}">'
        f'<Relationship Id="rId1" Type="{base}/{kind}" Target="{target}"{mode}/></Relationships>'
    )


OUTSIDE = "https://example.invalid/a"
IN_PACKAGES = {
    "macro by its name": ("macro", {"word/vbaProject.bin": b"x"}),
    "macro by its relation": ("macro", {"word/_rels/document.xml.rels": relation("vbaProject", "a.bin")}),
    "old macro sheet": ("macro", {"xl/macrosheets/sheet1.xml": "<x/>"}),
    "old macro sheet by its relation": ("macro", {"xl/_rels/workbook.xml.rels": relation("xlMacrosheet", "a.xml")}),
    "ActiveX": ("activex", {"word/activeX/activeX1.xml": "<x/>"}),
    "ActiveX by its relation": ("activex", {"word/_rels/document.xml.rels": relation("control", "a.xml", base=STRICT)}),
    "OLE object": ("embedded-object", {"xl/embeddings/oleObject1.bin": b"x"}),
    "OLE object by its relation": ("embedded-object", {"xl/worksheets/_rels/s.xml.rels": relation("oleObject", "a.b")}),
    "a chunk of another format": ("embedded-object", {"word/_rels/document.xml.rels": relation("aFChunk", "a.html")}),
    "external workbook": ("external-link", {"xl/externalLinks/externalLink1.xml": "<x/>"}),
    "picture from outside": ("external-link", {"word/_rels/document.xml.rels": relation("image", OUTSIDE, "External")}),
    "in another case": ("external-link", {"WORD/_RELS/DOCUMENT.XML.RELS": relation("image", OUTSIDE, "external")}),
    "template": (
        "attached-template",
        {"word/_rels/settings.xml.rels": relation("attachedTemplate", OUTSIDE, "External")},
    ),
    "ribbon": ("custom-ui", {"customUI/customUI14.xml": "<x/>"}),
    "ribbon by its relation": ("custom-ui", {"_rels/.rels": relation("ui/extensibility", "a.xml")}),
}


@pytest.mark.parametrize("case", IN_PACKAGES)
def test_active_parts_and_relations_are_named(case):
    kind, parts = IN_PACKAGES[case]
    assert kinds(package(parts)) == {kind}


def field(*runs, tag="instrText"):
    inside = "".join(
        f"<w:r><w:{tag}>{run}</w:{tag}></w:r>" if run else '<w:r><w:fldChar w:x="b"/></w:r>' for run in runs
    )
    return f'<w:document xmlns:w="{WORD}"><w:body><w:p>{inside}</w:p></w:body></w:document>'


@pytest.mark.parametrize(
    "document",
    [
        field(" DDEAUTO c:\\\\windows\\\\cmd.exe "),
        field('"', "D", "D", "E", "AUTO", ' x"'),
        field("", "PAGE", "", "dde x"),
        field("&#68;DE x"),
        field("<![CDATA[D]]>DE x"),
        field("D<!-- -->DE x"),
        f'<w:document xmlns:w="{WORD}"><w:fldSimple w:instr=" DDE x"/></w:document>',
        f'<q:document xmlns:q="{WORD}"><q:instrText>DDE x</q:instrText></q:document>',
    ],
)
@pytest.mark.parametrize("part", ["word/document.xml", "word/header1.xml", "Word/Footnotes.xml"])
def test_a_dde_field_is_named_however_it_is_spread(document, part):
    looked = look(package({part: document}))
    assert looked == Looked((ActiveContent("dde", part),))


@pytest.mark.parametrize("instruction", [" PAGE ", ' HYPERLINK "https://example.invalid/addendum" ', "REF dder"])
def test_other_fields_are_left_in_peace(instruction):
    assert kinds(package({"word/document.xml": field(instruction)})) == set()


def test_plain_office_files_and_links_to_click_hold_nothing():
    for made in (sample_attachments.docx, sample_attachments.xlsx, sample_attachments.png):
        assert look(made(random.Random(1))) == Looked()
    assert kinds(package({"word/_rels/document.xml.rels": relation("hyperlink", OUTSIDE, "External")})) == set()
    assert kinds(package({"word/_rels/document.xml.rels": relation("image", "media/image1.png")})) == set()


@pytest.mark.parametrize(
    "part", ["<broken", "<!DOCTYPE a><a/>", "<Relationships/>".encode("utf-16"), b"", b"<a>\0</a>"], ids=str
)
def test_a_part_that_cannot_be_read_is_said_to_be(part):
    looked = look(package({"word/_rels/document.xml.rels": part}))
    assert looked.unread.startswith("word/_rels/document.xml.rels: ")


def test_a_field_in_another_coding_is_not_passed_over():
    assert look(package({"word/document.xml": field("DDE x").encode("utf-16")})).unread


def test_of_two_entries_with_one_name_both_are_looked_at():
    bad, good = relation("image", OUTSIDE, "External"), relation("image", "a.png")
    for first, second in ((bad, good), (good, bad)):
        content = package({"word/_rels/document.xml.relA": first, "word/_rels/document.xml.relB": second})
        assert kinds(content.replace(b".relA", b".rels").replace(b".relB", b".rels")) == {"external-link"}


def test_a_part_that_unpacks_without_end_stops_at_the_bound():
    looked = look(package({"word/document.xml": b" " * 60_000_000}))
    assert looked.unread == "word/document.xml: member too large"


@pytest.mark.parametrize("cut", [30, 200, -30])
def test_a_package_cut_off_is_said_to_be_unread(cut):
    assert look(package({"word/vbaProject.bin": b"x"})[:cut]).unread


# ---- DOC and XLS ----


def compound_file(*names, sector=512, far=0):
    """A compound file whose directory holds these names; its table may lie `far` sectors off."""
    entries = b""
    for name in ("Root Entry", *names):
        coded = name.encode("utf-16-le") + b"\0\0"
        entries += coded.ljust(64, b"\0") + struct.pack("<HB", len(coded), 1) + bytes(61)
    entries += bytes(-len(entries) % sector)
    directory = len(entries) // sector
    follows = [0xFFFFFFFD] + [0xFFFFFFFF] * far
    follows += [len(follows) + n + 1 for n in range(directory - 1)] + [0xFFFFFFFE]
    table = struct.pack(f"<{len(follows)}L", *follows).ljust(sector, b"\xff")
    assert len(table) == sector
    shift = {512: 9, 4096: 12}[sector]
    header = struct.pack(
        "<8s16s5H6x9L",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"",
        62,
        3,
        0xFFFE,
        shift,
        6,
        0,
        1,
        1 + far,
        0,
        4096,
        0xFFFFFFFE,
        0,
        0xFFFFFFFE,
        0,
    )
    header += struct.pack("<109L", 0, *[0xFFFFFFFF] * 108)
    return header.ljust(sector, b"\0") + table + bytes(sector * far) + entries


@pytest.mark.parametrize(("sector", "far"), [(512, 0), (512, 60), (4096, 3)])
def test_old_macros_and_objects_are_named_by_the_directory(sector, far):
    content = compound_file("WordDocument", "Macros", "VBA", "_VBA_PROJECT", "ObjectPool", sector=sector, far=far)
    looked = look(content)
    assert looked == Looked(
        (
            *(ActiveContent("macro", name) for name in ("Macros", "VBA", "_VBA_PROJECT")),
            ActiveContent("embedded-object", "ObjectPool"),
        )
    )
    assert kinds(compound_file("Workbook", "_VBA_PROJECT_CUR", "\x01Ole10Native")) == {"macro", "embedded-object"}


def test_an_old_document_without_macros_holds_nothing():
    assert look(compound_file("WordDocument", "1Table", "\x05SummaryInformation")) == Looked()


def test_an_encrypted_office_file_is_said_to_be():
    assert look(compound_file("EncryptionInfo", "EncryptedPackage")).unread == "encrypted"


def test_a_directory_that_goes_in_circles_is_said_to_be_broken():
    content = bytearray(compound_file("Macros"))
    content[512 + 4 : 512 + 8] = struct.pack("<L", 1)
    assert look(bytes(content)).unread == "its directory is broken"
    assert look(compound_file("Macros")[:700]).unread == "its directory is broken"


# ---- all ----


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"%PDF-1.7\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
)
def test_no_bytes_raise(tail, head):
    assert isinstance(look(head + tail), Looked)


SEEDS = [
    pdf(b"<</OpenAction 20 0 R>>", object_stream(*HARMFUL.values()), *HARMFUL.values()),
    package({name: part for _, parts in IN_PACKAGES.values() for name, part in parts.items()}),
    compound_file("Macros", "ObjectPool"),
]


@given(st.sampled_from(SEEDS), st.data())
def test_no_file_with_bytes_overwritten_raises(seed, data):
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    assert isinstance(look(bytes(content)), Looked)


def test_many_places_are_bounded():
    looked = look(package({f"word/activeX/activeX{n}.xml": "<x/>" for n in range(500)}))
    assert len(looked.found) == PLACES_MAX


def test_what_is_told_names_the_file_the_kinds_and_the_places_in_both_languages():
    looked = look(pdf(HARMFUL["launch"], HARMFUL["javascript"], b"<<>>", trailer=b"<</Encrypt 3 0 R>>"))
    active, unreadable = judge(looked, Place(file="a.pdf"), name="a.pdf", kind=".pdf")
    assert (active.code, active.severity, active.value) == ("attachment-active-content", Severity.WARNING, ".pdf")
    assert "lệnh chạy chương trình (1)" in active.message_vi
    assert "a command that starts a program (1)" in active.message_en
    assert unreadable.code == "attachment-unreadable"
    assert "tệp được mã hóa" in unreadable.message_vi
    assert "encrypted" in unreadable.message_en


def test_the_operator_decides_how_severe_it_is_and_what_is_passed_over():
    looked = look(pdf(HARMFUL["launch"]))
    (active,) = judge(looked, Place(file="a.pdf"), name="a.pdf", severity=Severity.ERROR)
    assert active.severity is Severity.ERROR
    assert judge(looked, Place(file="a.pdf"), name="a.pdf", passed_over={"launch"}) == []
    assert judge(Looked(), Place(file="a.pdf"), name="a.pdf") == []


def test_every_kind_that_is_told_has_its_words():
    told = {one.kind for seed in SEEDS for one in look(seed).found} | {"dde", "attached-template"}
    assert told == set(KINDS)
