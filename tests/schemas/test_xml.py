"""Bytes become a tree only when they are plain XML; otherwise the very place is named."""

import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas import xml
from schemas.findings import Finding, Place
from tests.schemas.judging import GOOD, changed

NAME = "Nguyễn"


def refused(content):
    found = xml.parse(content.encode() if isinstance(content, str) else content, file="D02-TS.xml", form="D02-TS")
    assert isinstance(found, Finding), found
    assert found.file == "D02-TS.xml"
    return found


ALPHABET = [
    b"<a>",
    b"</a>",
    b"<",
    b"&",
    b"&amp;",
    b"<!DOCTYPE a>",
    b"\xff",
    b"\0",
    b"<?x y?>",
    b"<!--",
    b"-->",
    b"x",
    b" ",
    b"\n",
    b"<STT>1</STT>",
    b"<HoTen>",
    b"</HoTen>",
    b"<![CDATA[",
    b"]]>",
    b'b="c"',
    b"/>",
    NAME.encode(),
    b"\xef\xbb\xbf",
]


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.lists(st.sampled_from(ALPHABET), max_size=25).map(b"".join))
@example(b"<a>&#xD800;</a>")
@example(b"<?xml version='1.0' encoding='x' ?><a/>")
def test_any_bytes_become_a_tree_of_utf8_or_a_finding(content):
    found = xml.parse(content, file="x.xml")
    if isinstance(found, Finding):
        assert found.message_vi
        assert found.message_en
    else:
        content.decode("utf-8")
        assert found.getroottree().docinfo.internalDTD is None


DECLARED = b'<?xml version="1.0" encoding="utf-8"?>'


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf", DECLARED, DECLARED.replace(b"utf", b"UTF"), DECLARED.replace(b"0", b"1")]),
    st.lists(st.sampled_from(ALPHABET), max_size=25).map(b"".join),
)
def test_what_looks_plain_at_once_has_nothing_that_a_closer_look_refuses(declaration, rest):
    content = declaration + rest
    assert not xml._are_plain(content) or xml._refuse_bytes(content, Place()) is None


@given(st.lists(st.sampled_from([b"=", b"==", b"-", b"x" * 9, b"\xe1"]), max_size=60).map(b"".join))
def test_equals_signs_are_counted_by_leaps(content):
    assert xml._may_be_crowded(content) == (content.count(b"=") > xml._CROWDED_FROM_EQUALS_SIGNS)


@settings(max_examples=150)
@given(st.integers(0, len(GOOD.encode()) - 1), st.binary(min_size=1, max_size=3))
def test_a_good_form_with_bytes_put_in_anywhere_never_raises(at, extra):
    content = GOOD.encode()
    found = xml.parse(content[:at] + extra + content[at:], file="x.xml")
    assert found is not None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "xml-empty"),
        (b"\xef\xbb\xbf \r\n", "xml-empty"),
        (b"PK\x03\x04", "xml-not-xml"),
        (b"abc", "xml-not-xml"),
        ("<a>x</a>".encode("utf-16"), "xml-encoding-other"),
        ("<a>x</a>".encode("utf-16-le"), "xml-encoding-other"),
        ("<a>x</a>".encode("utf-16-be"), "xml-encoding-other"),
        ("<a>x</a>".encode("utf-32"), "xml-encoding-other"),
        (b"<?xml version='1.0' encoding='windows-1258'?><a/>", "xml-encoding-other"),
        (b'<?xml version="1.0" encoding="UTF-16"?><a/>', "xml-encoding-other"),
        (b"<?xml version='1.1'?><a/>", "xml-version"),
        (b"<a>x\0</a>", "xml-nul"),
        (b"<a>\xc0\xaf</a>", "xml-encoding-bytes"),
        (b"<a>\xed\xa0\x80</a>", "xml-encoding-bytes"),
        (b"<!DOCTYPE a><a/>", "xml-dtd"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "xml-dtd"),
        (b'<!-- c --><!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "xml-dtd"),
        (b"<a>\x01</a>", "xml-control-character"),
        (b"<a><b></a></b>", "xml-tag-mismatch"),
        (b"<a><b>", "xml-truncated"),
        (b"<a><b", "xml-truncated"),
        (b"<a>&nbsp;</a>", "xml-unknown-entity"),
        (b"<a>&#0;</a>", "xml-control-character"),
        (b"<a/><b/>", "xml-malformed"),
        (b"<c:a/>", "xml-malformed"),
        (b"<a b='1' b='2'/>", "xml-malformed"),
        (b"<a>" * 300 + b"</a>" * 300, "xml-too-deep"),
    ],
)
def test_each_kind_of_bad_bytes_has_its_own_finding(content, code):
    assert refused(content).code == code


def test_a_bare_less_than_names_row_employee_element_line_column_and_neighbourhood():
    source = changed("Phòng Kế toán &amp; Tài chính", "Lương < 5 triệu")
    found = refused(source)
    line = 1 + source[: source.index("Lương <")].count("\n")
    column = source.splitlines()[line - 1].index("<", 20) + 1
    assert found.code == "xml-unescaped-less-than"
    assert (found.row, found.row_name, found.column, found.line) == (1, "Nguyễn Văn Mẫu", "NoiLamViec", line)
    assert found.pointer == "/D02-TS[1]/NoiDung[1]/LaoDong[1]/NoiLamViec[1]"
    assert f"dòng {line}, ký tự {column}" in found.message_vi
    assert "Lương < 5 triệu" in found.message_vi
    assert "&lt;" in found.fix_vi


@pytest.mark.parametrize("text", ["A <B", "A <18 tuổi", "A<", "A < B", "A <b> C", "<= 5", "a<b c"])
def test_every_form_of_stray_less_than_in_the_second_row_is_found(text):
    found = refused(GOOD.replace("Trưởng phòng", text))
    assert found.code == "xml-unescaped-less-than"
    assert (found.row, found.row_name, found.column) == (2, "Trần Thị Thử", "ChucVu")


@pytest.mark.parametrize("text", ["Kho & Vận", "A&B", "R&D;", "Một &", "&#x;"])
def test_a_bare_ampersand_names_where_it_stands_and_how_to_write_it(text):
    found = refused(GOOD.replace("Trưởng phòng", text))
    assert found.code in {"xml-unescaped-ampersand", "xml-unknown-entity"}
    assert (found.row, found.row_name, found.column) == (2, "Trần Thị Thử", "ChucVu")


def test_invalid_utf8_is_named_with_its_offset_and_its_row():
    content = GOOD.encode().replace("Trưởng".encode(), "Trưởng".encode("cp1258", "replace"), 1)
    bad = b"\x9f".join(GOOD.encode().split("Trưởng".encode(), 1))
    found = refused(bad)
    at = GOOD.encode().index("Trưởng".encode())
    assert f"byte 9F ở vị trí {at}" in found.message_vi
    assert (found.row, found.column) == (2, "ChucVu")
    assert content != GOOD.encode()


def test_comments_instructions_byte_order_mark_and_crlf_are_let_through():
    content = b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\r\n<?p q?><!-- c --><a>x</a><!-- d -->"
    root = xml.parse(content, file="x.xml")
    assert isinstance(root, etree._Element)
    assert etree.tostring(root.getroottree(), method="c14n", with_comments=False) == b"<?p q?>\n<a>x</a>"


def test_nothing_is_fetched_and_nothing_included(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    content = f"<a xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='{secret}' parse='text'/></a>".encode()
    root = xml.parse(content, file="x.xml")
    assert isinstance(root, etree._Element)
    assert b"s3cret" not in etree.tostring(root)


def test_size_tags_and_attributes_are_bounded():
    assert refused(b"x" * (xml.SIZE_BYTES_MAX + 1)).code == "xml-too-large"
    assert refused(b"<a>" + b"<b/>" * xml.TAGS_MAX + b"</a>").code == "xml-too-many-tags"
    many = b" ".join(b'a%d=""' % number for number in range(xml.EQUALS_SIGNS_MAX + 1))
    assert refused(b"<a " + many + b"/>" + b" " * xml.COUNTED_FROM_BYTES).code == "xml-too-many-attributes"


def test_a_large_text_is_read_but_a_deep_large_document_is_not():
    text = b"x" * 10_500_000
    root = xml.parse(b"<a><b>" + text + b"</b></a>", file="x.xml")
    assert isinstance(root, etree._Element)
    assert len(root[0].text) == len(text)
    assert refused(b"<a>" * 257 + text + b"</a>" * 257).code == "xml-too-deep"


def test_threads_do_not_share_a_parser():
    seen = []

    def work():
        seen.append((id(xml._parsers.small), xml.parse(GOOD.encode(), file="x.xml").tag))

    threads = [threading.Thread(target=work) for _ in range(3)]
    work()
    for thread in threads:
        thread.start()
        thread.join()
    assert {tag for _, tag in seen} == {"D02-TS"}
    assert seen[0][0] not in {number for number, _ in seen[1:]}


def test_hostile_bytes_are_explained_in_linear_time():
    for content in (
        b"<a><" + b"a" * 2_000_000 + b"<",
        b"<a>" + b"<?b " * 400_000,
        b"<a>" + b"<![CDATA[" * 200_000,
        b"<a>" + b"<b " * 500_000,
    ):
        assert refused(content).severity == "error"
