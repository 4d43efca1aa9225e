"""Changes that the standard does not see: the signature holds, so what is read has to be what was signed."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from tests.signing.attacks.bench import Bench, Target
from tests.signing.attacks.structure import replaced

_LEAF: Final = re.compile(rb"<(\w+)>([^<>]{2,})</\1>")
# Each puts a mark into the middle of a text; canonical forms know none of them (Canonical XML 1.0 §2.1).
SPLITS: Final[dict[str, Callable[[bytes, bytes], bytes]]] = {
    "a comment": lambda head, tail: head + b"<!---->" + tail,
    "a comment that says something else": lambda head, tail: head + b"<!-- 999 -->" + tail,
    "comments all over": lambda head, tail: b"<!--a-->" + head + b"<!--b-->" + tail + b"<!--c-->",
    "CDATA around the head": lambda head, tail: b"<![CDATA[" + head + b"]]>" + tail,
    "CDATA around the tail": lambda head, tail: head + b"<![CDATA[" + tail + b"]]>",
    "empty CDATA": lambda head, tail: head + b"<![CDATA[]]>" + tail,
    "a reference": lambda head, tail: head + b"&#%d;" % ord(tail.decode()[:1]) + tail.decode()[1:].encode(),
}


def leaves(content: bytes) -> Iterator[re.Match[bytes]]:
    """Every element of the payload that holds a text alone, up to its Signature."""
    return (found for found in _LEAF.finditer(content) if found.start() < content.index(b"<Signature "))


def split(content: bytes, leaf: re.Match[bytes], how: str) -> bytes:
    """The document with the text of one leaf split in its middle, at a whole letter."""
    text = leaf[2].decode()
    if "&" in text:
        raise ValueError("a text with a reference cannot be split blindly")
    half = len(text) // 2
    made = SPLITS[how](text[:half].encode(), text[half:].encode())
    return content[: leaf.start(2)] + made + content[leaf.end(2) :]


def around_the_signature(bench: Bench, target: Target) -> dict[str, bytes]:
    """Additions that no Reference covers and that nobody reads: the Signature is taken out before anything is."""
    signed = bench.signed(target)
    evil = target.evil(bench.unsigned(target)).partition(b"?>")[2].strip()
    return {
        "an Object with another document": replaced(
            signed, b"</Signature>", b'<Object xmlns="http://www.w3.org/2000/09/xmldsig#"><x xmlns="">'
            + evil + b"</x></Object></Signature>",
        ),
        "a comment before the root": replaced(signed, b"?>", b"?><!-- " + target.new.strip(b"<>") + b" -->"),
        "a comment behind the root": signed + b"<!-- x -->",
        "a comment between elements": replaced(signed, b"<NoiDung>", b"<NoiDung><!-- <KyKeKhai>04/2026</KyKeKhai> -->"),
        "a comment in X509Data": replaced(signed, b"<X509Data>", b"<X509Data><!---->"),
        "blanks in the SignatureValue": replaced(signed, b"<SignatureValue>", b"<SignatureValue>\n  "),
        "quotes of the other kind": replaced(signed, b'<Reference URI="">', b"<Reference URI=''>"),
    }  # fmt: skip


def everywhere(bench: Bench, target: Target, how: str) -> bytes:
    """The document with every text of its payload split."""
    content = bench.signed(target)
    for leaf in reversed([one for one in leaves(content) if b"&" not in one[2]]):
        content = split(content, leaf, how)
    return content
