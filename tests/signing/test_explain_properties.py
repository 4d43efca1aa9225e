"""Whatever is done to a document, the explanation comes, leaves the tree alone, and is never a guess."""

import hashlib
import re
import unicodedata
from collections.abc import Callable

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.demo_pki import Holder
from signing.explain import explain_digest, why_digest_differs
from signing.explain_guesses import rewritten, shape, typos
from signing.explain_outline import Outline
from signing.explain_search import Search
from signing.explain_value import explain_value
from signing.indication import Refusal, SubIndication
from signing.signature import ReadSignature
from signing.signed_info import SignedInfo
from tests.signing.faults import REASONS, read, styled, worded
from tests.signing.workshop import PATH, forge

NAMES = ("HoTen", "NgaySinh", "TienLuong", "Ghichu", "LaoDong", "NoiDung", "FileToKhai", "NoiDungFile", "DoDaiFile")
LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
TEXTS = st.one_of(
    st.text(LETTERS, max_size=12),
    st.sampled_from(
        ["", " ", "13/01/2026", "2026-01-13", "00903", "1.000.000", "32.0", "0912345678", "Nguyễn Thị Mẫu", "A & <B>"]
    ),
    st.integers(0, 10**13).map(str),
    st.text("\t\n\r ", max_size=3),
)


def nodes(children: st.SearchStrategy[etree._Element]) -> st.SearchStrategy[etree._Element]:
    return st.builds(inside, st.sampled_from(NAMES), st.lists(st.tuples(children, TEXTS), max_size=5), TEXTS)


def leaf(name: str, text: str) -> etree._Element:
    element = etree.Element(name)
    element.text = text
    return element


def inside(name: str, children: list[tuple[etree._Element, str]], text: str) -> etree._Element:
    element = leaf(name, text)
    for child, tail in children:
        copied = etree.fromstring(etree.tostring(child, with_tail=False))
        copied.tail = tail
        element.append(copied)
    return element


LEAVES = st.builds(leaf, st.sampled_from(NAMES), TEXTS)
TREES = st.recursive(LEAVES, nodes, max_leaves=12)


def info_of(content: bytes, *, exclusive: bool = False) -> SignedInfo:
    tree = etree.fromstring(content).getroottree()
    canonical = etree.tostring(tree, method="c14n", exclusive=exclusive, with_comments=False)
    return SignedInfo(b"", "", "", "", hashlib.sha256(canonical).digest(), exclusive)


def explain(content: bytes, info: SignedInfo) -> Refusal:
    """Explain, and see that the tree is as it was and that the sentences have all their words."""
    root = etree.fromstring(content)
    before = etree.tostring(root.getroottree())
    search = Search(bytes_max=4 * 2**20, candidates_max=3_000)
    refusal = explain_digest(root, info, "sha256", source=content, search=search)
    assert etree.tostring(root.getroottree()) == before
    worded(refusal, SubIndication.HASH_FAILURE)
    return refusal


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(one=TREES, two=TREES, exclusive=st.booleans())
def test_any_two_documents(one: etree._Element, two: etree._Element, exclusive: bool) -> None:
    """One was signed, the other is there: nothing is raised, and what is named would be a proof."""
    refusal = explain(etree.tostring(two), info_of(etree.tostring(one), exclusive=exclusive))
    assert refusal.code in REASONS
    assert why_digest_differs(two, info_of(etree.tostring(one)), "sha256") in REASONS


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_an_outline_is_the_whole_document(tree: etree._Element) -> None:
    content = etree.tostring(tree.getroottree(), method="c14n", with_comments=False)
    outline = Outline(content)
    whole = b"".join(gap + item for gap, item in zip(outline.gaps, outline.items, strict=True)) + outline.last_gap
    assert whole == content
    assert len(outline.leaves) == sum(not len(node) for node in tree.iter("*"))
    assert len(outline.branches) == sum(len(node) > 0 for node in tree.iter("*"))
    texts = [node.text or "" for node in tree.iter("*") if not len(node)]
    assert [outline.text(leaf) for leaf in outline.leaves] == texts


@settings(max_examples=40, deadline=None)
@given(tree=TREES, before=st.sampled_from([None, "  ", "\t"]), after=st.sampled_from([None, "    ", " "]))
def test_any_document_indented_afresh_is_told(tree: etree._Element, before: str | None, after: str | None) -> None:
    plain = etree.tostring(tree)
    if any(len(node) and (node.text or "").strip() for node in tree.iter("*")) or any(
        (node.tail or "").strip() for node in tree.iter("*")
    ):
        return  # text beside elements: the rewriting below would drop it
    signed = styled(None if before is None else "\n", before or "")(plain)
    now = styled(None if after is None else "\n", after or "")(plain)
    assume(etree.canonicalize(signed.decode()) != etree.canonicalize(now.decode()))
    assert explain(now, info_of(signed)).code == "digest-differs-indentation"


def lines(text: str) -> str:
    return re.sub(r"\n", "&#13;\n", text)


REWRITINGS: list[tuple[Callable[[str], str], set[str]]] = [
    (lambda text: unicodedata.normalize("NFD", text), {"digest-differs-unicode", "digest-differs-field"}),
    (lambda text: text.replace("\n", "&#13;\n"), {"digest-differs-returns-added"}),
    (lambda text: text.replace("&#13;", ""), {"digest-differs-returns-lost"}),
    (lambda text: text.encode().decode("iso-8859-1"), {"digest-differs-charset", "digest-differs-unicode"}),
    (lambda text: text.replace("&amp;", "&amp;amp;"), {"digest-differs-entities-doubled"}),
]


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.sampled_from(["Nguyễn Thị Mẫu", "A &amp; B", "a\nb", "a&#13;\nb", "903", "Đỗ"]), min_size=1),
    number=st.integers(0, len(REWRITINGS) - 1),
)
def test_any_text_rewritten_as_a_whole_is_told(values: list[str], number: int) -> None:
    rewrite, codes = REWRITINGS[number]
    signed = f"<D><R>{''.join(f'<HoTen>{value}</HoTen>' for value in values)}</R><Cky/></D>"
    if "&#13;" in signed and "&#13;" in rewrite(signed):
        signed = signed.replace("&#13;", "")  # they are all with, or all without, carriage returns
    if number == 2 and re.search(r"(?<!&#13;)\n", signed):
        return  # some breaks never had one
    now = rewrite(signed)
    assume(now != signed)
    assert explain(now.encode(), info_of(signed.encode())).code in codes | {"digest-differs-field"}


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4),
    at=st.integers(0, 7),
    value=st.sampled_from(["13/01/2026", "00903", "1000000", "32.0", "Nguyễn Thị Mẫu", "0912345678", "01/2026"]),
    data=st.data(),
)
def test_any_field_that_was_written_otherwise_is_named(
    rows: list[tuple[str, str]], at: int, value: str, data: st.DataObject
) -> None:
    def document(one: str) -> bytes:
        root = etree.Element("D02-TS")
        for number, (name, note) in enumerate(rows):
            row = etree.SubElement(root, "LaoDong")
            texts = [name, note]
            if number == at // 2 % len(rows):
                texts[at % 2] = one
            row.append(leaf("HoTen", texts[0]))
            row.append(leaf("Ghichu", texts[1]))
        root.append(leaf("Cky", ""))
        return etree.tostring(root)

    others = sorted(other for other in set(rewritten(value).values()) if other and value in rewritten(other).values())
    other = data.draw(st.sampled_from(others))
    refusal = explain(document(other), info_of(document(value)))
    # Another harmless name for the same bytes is right too; none of them may be missed.
    assert refusal.code != "digest-differs"
    if refusal.code == "digest-differs-field":
        assert refusal.fields["place_en"].startswith("/D02-TS/LaoDong")


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(TEXTS, st.text(LETTERS, max_size=40)))
def test_guesses_are_other_texts_and_never_fail(text: str) -> None:
    assert text not in rewritten(text).values()
    found = list(typos(text))
    assert text not in found
    assert len(found) <= 200
    assert len(shape(text)) <= max(1, len(text))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.one_of(st.binary(min_size=1, max_size=300), st.binary(min_size=64, max_size=64)),
    canonical=st.binary(max_size=60),
    source=st.one_of(st.none(), st.binary(max_size=60), st.just(b"<SignedInfo >x</SignedInfo")),
    elliptical=st.booleans(),
)
def test_any_value_over_anything_is_no_proof(
    value: bytes, canonical: bytes, source: bytes | None, elliptical: bool, holder: Holder, elliptic: Holder
) -> None:
    signer = elliptic if elliptical else holder
    root, found = read(forge(holder), PATH)
    _, other = read(forge(signer, sign=lambda _: b"0" * 64), PATH)
    made = ReadSignature(
        found.signature,
        SignedInfo(canonical, "", "", "", b"\0" * 32, exclusive=False),
        value,
        other.certificate,
        "",
    )
    assert explain_value(made, "sha256", root=root, source=source) is None
