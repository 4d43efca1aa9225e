"""Blanks, line ends, namespaces and instructions: what a program did to the file after signing is named exactly."""

import re
import unicodedata

import pytest
from lxml import etree

from signing.demo_pki import Holder
from signing.dossier import ENVELOPE_SIGNATURE_PATH
from signing.indication import Refusal
from signing.trust import TrustStore
from tests.signing.faults import LEVELS, Change, around, explained, replaced, signed_at, styled
from tests.signing.workshop import judge

SCHEMAS = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
XSD = ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'

pytestmark = pytest.mark.parametrize("level", LEVELS)


def after(level: str, holder: Holder, change: Change, prepare: Change | None = None) -> Refusal:
    """What is said about a document that was changed after signing, round its Signature."""
    return explained(around(signed_at(level, holder, prepare), change), LEVELS[level])


@pytest.mark.parametrize(
    ("line", "unit"),
    [(None, ""), ("\n", "  "), ("\n", "    "), ("\n", "\t"), ("\n", " "), ("\r\n", "  "), ("\n", ""), ("\n\n", "  ")],
)
def test_a_new_indentation_is_told_whatever_the_signed_one_was(
    level: str, line: str | None, unit: str, holder: Holder
) -> None:
    refusal = after(level, holder, styled("\n", "       "), prepare=styled(line, unit))
    assert refusal == Refusal("digest-differs-indentation")


def test_a_minified_document_is_told(level: str, holder: Holder) -> None:
    assert after(level, holder, styled(None), prepare=styled("\n", "  ")).code == "digest-differs-indentation"


def test_an_editor_that_indents_the_signature_too_is_told(level: str, holder: Holder) -> None:
    root = etree.fromstring(signed_at(level, holder, styled("\n", "  ")))
    etree.indent(root, space="\t")
    assert explained(etree.tostring(root), LEVELS[level]).code == "digest-differs-indentation"


def test_the_layout_of_hand_written_templates_is_known(level: str, holder: Holder) -> None:
    def template(content: bytes) -> bytes:
        """Containers at the margin, fields below them indented once."""
        lines = styled("\n", "")(content).split(b"\n")
        top = re.compile(rb"<(?:Cky|CKy_Dvi)/>")
        return b"\n".join(
            b"  " + line if re.fullmatch(rb"<[^/].*(?:</.*>|/>)", line) and not top.fullmatch(line) else line
            for line in lines
        )

    assert after(level, holder, styled("\n", "    "), prepare=template).code == "digest-differs-indentation"


def test_blank_lines_that_were_put_in_are_told(level: str, holder: Holder) -> None:
    def spread(content: bytes) -> bytes:
        return re.sub(rb">\n( *)<", rb">\n\n\1<", content)

    assert after(level, holder, spread, prepare=styled("\n", "  ")).code == "digest-differs-indentation"


@pytest.mark.parametrize("blank", ["\n", " ", "\n\n    "])
def test_a_blank_before_the_end_of_the_root_is_told(level: str, blank: str, holder: Holder) -> None:
    def change(content: bytes) -> bytes:
        at = content.rindex(b"</")
        return content[:at].rstrip() + blank.encode() + content[at:]

    refusal = after(level, holder, change, prepare=styled(None))
    assert refusal.code == "digest-differs-indentation"


def test_blanks_inside_empty_elements_are_told(level: str, holder: Holder) -> None:
    def fill(content: bytes) -> bytes:
        return re.sub(rb"<(\w+)/>", rb"<\1> </\1>", content)

    # The envelope has one such element only: it is named as a field.
    codes = {"digest-differs-indentation"} if level == "form" else {"digest-differs-field"}
    assert after(level, holder, fill).code in codes
    filled = around(signed_at(level, holder, fill), lambda content: re.sub(rb"<(\w+)> </\1>", rb"<\1/>", content))
    assert explained(filled, LEVELS[level]).code == "digest-differs-indentation"


def test_one_part_indented_afresh_is_told_and_named(level: str, holder: Holder) -> None:
    inside, odd = ("ThongTinDonVi", "<ThongTinIVAN>") if level == "envelope" else ("ThongTinKhac", "<LaoDong>")

    def change(content: bytes) -> bytes:
        root = etree.fromstring(content)
        part = next(root.iter(inside))
        tail = part.tail
        etree.indent(part, space="   ")
        part.tail = tail
        return etree.tostring(root)

    # An odd blank elsewhere: the document as a whole follows no style.
    refusal = after(level, holder, change, prepare=lambda one: replaced(odd, odd + "\n \n")(styled("\n", "  ")(one)))
    assert refusal.code == "digest-differs-indentation-part"
    assert refusal.fields["place_vi"].endswith("/" + inside)


def with_returns(content: bytes) -> bytes:
    """A carriage return before each line break of the root's inside, as a program with its own tree writes them."""
    head, tag, rest = re.split(rb"(<(?:Hoso|D02-TS)[^>]*>)", content, maxsplit=1)
    return head + tag + re.sub(rb"\n( *<)", rb"&#13;\n\1", rest)


def test_carriage_returns_lost_on_the_way_are_told(level: str, holder: Holder) -> None:
    lost = around(signed_at(level, holder, with_returns), replaced("&#13;", "", -1))
    assert explained(lost, LEVELS[level]).code == "digest-differs-returns-lost"
    added = after(level, holder, with_returns)
    assert added.code == "digest-differs-returns-added"


def test_carriage_returns_in_texts_alone_are_told(level: str, holder: Holder) -> None:
    old, name = ("VNPOST<", "TenIVAN") if level == "envelope" else ("TM<", "PA")

    def two_lines(content: bytes) -> bytes:
        return replaced(f"<{name}>{old}", f"<{name}>{old[:-1]}&#13;\nB<")(content)

    lost = around(signed_at(level, holder, two_lines), replaced("&#13;", ""))
    assert explained(lost, LEVELS[level]).code == "digest-differs-returns-lost"


def test_a_byte_order_mark_comments_and_ways_to_write_change_nothing(
    level: str, holder: Holder, trust: TrustStore
) -> None:
    content = signed_at(level, holder)
    declaration = b'<?xml version="1.0" encoding="utf-8"?>\n'
    for harmless in (
        b"\xef\xbb\xbf" + content,
        content.replace(declaration, b""),
        content.replace(declaration, b"<?xml version='1.0'?>\r\n<!-- x -->"),
        around(content, lambda one: one.replace(b"\n", b"\r\n")),
        around(content, lambda one: one.replace(b"<NoiDung>", b"<NoiDung><!-- x -->", 1)),
        around(content, replaced("<NoiDung>", "<NoiDung >")),
        around(content, lambda one: re.sub(r"ễ|ữ|ạ".encode(), lambda m: f"&#{ord(m[0].decode())};".encode(), one)),
        around(content, lambda one: re.sub(rb"<(TenIVAN|PA)>([^<]*)<", rb"<\1><![CDATA[\2]]><", one)),
        around(content, lambda one: re.sub(rb"<(\w+)/>", rb"<\1></\1>", one)),
    ):
        assert harmless != content
        assert judge(harmless, trust, path=LEVELS[level]).passed


@pytest.mark.parametrize(("gone", "names"), [(SCHEMAS, "xmlns:xsd, xmlns:xsi"), (XSI, "xmlns:xsi"), (XSD, "xmlns:xsd")])
def test_dropped_declarations_are_named(level: str, gone: str, names: str, holder: Holder) -> None:
    refusal = after(level, holder, replaced(gone, ""))
    assert refusal == Refusal("digest-differs-namespaces-removed", {"names": names})


def test_added_declarations_are_named(level: str, holder: Holder) -> None:
    refusal = after(level, holder, replaced(XSD, XSD + ' xmlns:ns2="urn:x"'))
    assert refusal == Refusal("digest-differs-namespaces-added", {"names": "xmlns:ns2"})
    # Of a document with none, they cannot be told from the wrong method; that reason names both.
    refusal = after(level, holder, replaced("<NoiDung>", f"<NoiDung{XSI}>"), prepare=replaced(SCHEMAS, ""))
    assert refusal.code == "digest-differs-method"


def test_declarations_that_were_exchanged_or_moved_are_named(level: str, holder: Holder) -> None:
    refusal = after(level, holder, replaced(SCHEMAS, ' xmlns:a="urn:x"'))
    assert refusal == Refusal("digest-differs-namespaces-changed", {"names": "xmlns:a, xmlns:xsd, xmlns:xsi"})

    def down(content: bytes) -> bytes:
        return replaced("<NoiDung>", f"<NoiDung{XSI}>")(replaced(XSI, "")(content))

    assert after(level, holder, down).code == "digest-differs-namespaces-moved"
    up = around(signed_at(level, holder, down), lambda one: replaced(XSD, XSD + XSI)(one.replace(XSI.encode(), b"")))
    assert explained(up, LEVELS[level]).code == "digest-differs-namespaces-moved"


def test_reading_and_writing_with_a_serialiser_is_told(level: str, holder: Holder) -> None:
    plain = signed_at(level, holder, lambda content: styled("\n", "    ")(replaced(SCHEMAS, "")(content)))
    name = b"Hoso" if level == "envelope" else b"D02-TS"
    written = around(plain, lambda one: styled("\n", "  ")(one.replace(b"<" + name, b"<" + name + XSI.encode(), 1)))
    assert explained(written, LEVELS[level]).code == "digest-differs-namespaces-and-indentation"


def test_added_instructions_are_named_beside_the_root_and_in_it(level: str, holder: Holder) -> None:
    style = '<?xml-stylesheet type="text/xsl" href="a.xsl"?>'
    root = "<Hoso" if level == "envelope" else "<D02-TS"
    refusal = after(level, holder, replaced(root, f"{style}\n{root}"))
    assert refusal == Refusal("digest-differs-instruction", {"name": "xml-stylesheet"})
    for inside in (f"<NoiDung>{style}", f"<NoiDung>\n  {style}"):
        assert after(level, holder, replaced("<NoiDung>", inside)).code == "digest-differs-instruction"
    end = around(signed_at(level, holder), lambda content: content + b"<?duoi?>")
    assert explained(end, LEVELS[level]).fields == {"name": "duoi"}


def test_added_and_dropped_attributes_are_named(level: str, holder: Holder) -> None:
    preserved = replaced("<NoiDung>", '<NoiDung xml:space="preserve">')
    assert after(level, holder, preserved).fields == {"name": "xml:space"}
    located = replaced(XSD, XSD + ' xsi:noNamespaceSchemaLocation="a.xsd"')
    assert after(level, holder, located).fields == {"name": "xsi:noNamespaceSchemaLocation"}
    only_xsd = replaced(XSI, "")
    both = around(signed_at(level, holder, only_xsd), replaced(XSD, f'{XSD}{XSI} xsi:schemaLocation="a b"'))
    assert explained(both, LEVELS[level]).code == "digest-differs-attribute-added"
    space = replaced(XSD, XSD + ' xml:space="preserve"')
    dropped = around(signed_at(level, holder, space), replaced(' xml:space="preserve"', ""))
    assert explained(dropped, LEVELS[level]) == Refusal("digest-differs-attribute-removed", {"name": "xml:space"})


@pytest.mark.parametrize("form", ["NFD", "NFC"])
def test_recoded_letters_are_told(level: str, form: str, holder: Holder) -> None:
    def recode(content: bytes) -> bytes:
        return unicodedata.normalize(form, content.decode()).encode()

    def other(content: bytes) -> bytes:
        return unicodedata.normalize({"NFC": "NFD", "NFD": "NFC"}[form], content.decode()).encode()

    assert after(level, holder, recode, prepare=other).code == "digest-differs-unicode"


def test_letters_recoded_as_windows_1258_writes_them_are_told(level: str, holder: Holder) -> None:
    def apart(content: bytes) -> bytes:
        text = content.decode()
        for letter in sorted(set(text)):
            marks = unicodedata.normalize("NFD", letter)
            tone = [mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323"]
            rest = unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tone))
            text = text.replace(letter, rest + "".join(tone)) if tone else text
        return text.encode()

    assert after(level, holder, apart).code == "digest-differs-unicode"
    back = around(
        signed_at(level, holder, apart), lambda content: unicodedata.normalize("NFC", content.decode()).encode()
    )
    assert explained(back, LEVELS[level]).code == "digest-differs-unicode"


@pytest.mark.parametrize("charset", ["windows-1252", "windows-1258", "iso-8859-1"])
def test_a_misread_charset_is_named(level: str, charset: str, holder: Holder) -> None:
    def misread(content: bytes) -> bytes:
        return "".join(
            bytes([byte]).decode(charset, "ignore") or chr(byte)  # Windows reads holes as control characters
            for byte in content
        ).encode()

    refusal = after(level, holder, misread)
    assert refusal == Refusal("digest-differs-charset", {"charset": charset})


def test_escapes_that_were_doubled_or_undone_are_told(level: str, holder: Holder) -> None:
    place = "<TenIVAN>" if level == "envelope" else "<ChucVu>"
    plain = replaced(place, place + "A &amp; B &lt;C&gt; 'D' ")

    def doubled(content: bytes) -> bytes:
        return content.replace(b"&", b"&amp;").replace(b"'", b"&amp;apos;")

    assert after(level, holder, doubled, prepare=plain).code == "digest-differs-entities-doubled"

    def twice(content: bytes) -> bytes:
        return replaced("&amp;", "&amp;amp;", -1)(replaced(place, place + "A &amp; &lt;")(content))

    undone = around(signed_at(level, holder, twice), replaced("&amp;amp;", "&amp;", -1))
    assert explained(undone, LEVELS[level]).code == "digest-differs-entities-undone"
    quoted = around(signed_at(level, holder, replaced(place, place + "&amp;quot;A")), replaced("&amp;quot;", '"'))
    assert explained(quoted, LEVELS[level]).code == "digest-differs-entities-undone"


def test_a_changed_value_is_not_blamed_on_the_way_of_writing(level: str, holder: Holder) -> None:
    """Each harmless-looking change together with another value: nothing is proven, nothing is blamed."""
    old, new = ("VNPOST", "Bưu điện") if level == "envelope" else ("<PA>TM", "<PA>GHI CHÚ")
    changes: list[Change] = [
        styled("\n", "    "),
        styled(None),
        replaced(SCHEMAS, ""),
        replaced(XSI, ""),
        replaced("<NoiDung>", '<NoiDung xml:space="preserve">'),
        replaced("<NoiDung>", "<NoiDung><?x y?>"),
        lambda content: unicodedata.normalize("NFD", content.decode()).encode(),
        with_returns,
        lambda content: content.decode("iso-8859-1").encode(),
    ]
    prepared = styled("\n", "  ")
    for change in changes:
        content = around(signed_at(level, holder, prepared), lambda one, change=change: change(replaced(old, new)(one)))
        assert explained(content, LEVELS[level]).code == "digest-differs"


def test_the_verdict_of_the_whole_stays_a_refusal(level: str, holder: Holder, trust: TrustStore) -> None:
    content = around(signed_at(level, holder, styled(None)), styled("\n", "  "))
    verdict = judge(content, trust, path=LEVELS[level], explain=True)
    assert not verdict.passed
    assert verdict.reason_code == "digest-differs-indentation"
    assert ENVELOPE_SIGNATURE_PATH in LEVELS.values()
