"""A digest that differs for a harmless-looking reason is refused all the same, and the signer is told the reason."""

import hashlib
import unicodedata

import pytest
from lxml import etree

from signing.demo_pki import Holder
from signing.explain import EXPLAINED_BYTES_MAX
from signing.indication import SubIndication
from signing.policy import Policy
from signing.trust import TrustStore
from signing.verify import verify
from tests.signing.workshop import (
    DOCUMENT,
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    NOW,
    PATH,
    digest_of,
    explained,
    forge,
    reference,
    signed_info,
)


def reindented(content: bytes, space: str) -> bytes:
    """Change blanks of the content alone, and leave the Signature as it is."""
    root = etree.fromstring(content)
    signature = next(root.iter(f"{{{DSIG}}}Signature"))
    kept = etree.tostring(signature)
    place = signature.getparent()
    assert place is not None
    place.remove(signature)
    for node in root.iter():
        if node.text is not None and not node.text.strip():
            node.text = None
        if node.tail is not None and not node.tail.strip():
            node.tail = None
    if space:
        etree.indent(root, space=space)
    place.append(etree.fromstring(kept))
    return etree.tostring(root)


@pytest.mark.parametrize("space", ["", "    ", "\t"])
def test_a_document_that_was_indented_afresh(space: str, signed: bytes, trust: TrustStore) -> None:
    verdict = explained(reindented(signed, space), trust)
    assert verdict.sub_indication is SubIndication.HASH_FAILURE
    assert verdict.reason_code == "digest-differs-indentation"


def test_a_digest_with_comments(holder: Holder, trust: TrustStore) -> None:
    document = DOCUMENT.replace("<NoiDung>", "<!-- x --><NoiDung>")
    tree = etree.fromstring(document.replace("@", "").encode()).getroottree()
    digest = hashlib.sha256(etree.tostring(tree, method="c14n", with_comments=True)).digest()
    content = forge(holder, document=document, info=signed_info(reference(digest)))
    assert explained(content, trust).reason_code == "digest-differs-comments"


def test_inclusive_and_exclusive_mixed_up(holder: Holder, trust: TrustStore) -> None:
    content = forge(holder, info=signed_info(reference(digest_of(exclusive=True))))
    assert explained(content, trust).reason_code == "digest-differs-method"
    transforms = f'{ENVELOPED}<Transform Algorithm="{EXCLUSIVE}"/>'
    content = forge(holder, info=signed_info(reference(digest_of(), transforms=transforms)))
    assert explained(content, trust).reason_code == "digest-differs-method"


def test_namespaces_that_were_dropped_or_added(holder: Holder, signed: bytes, trust: TrustStore) -> None:
    declared = b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    assert explained(signed.replace(declared, b""), trust).reason_code == "digest-differs-namespaces-removed"
    plain = DOCUMENT.replace(declared.decode(), "")
    content = forge(holder, document=plain).replace(b"<D02-TS", b"<D02-TS" + declared)
    # Added to a document that had none, they cannot be told from the wrong method; the reason names both.
    verdict = explained(content, trust)
    assert verdict.reason_code == "digest-differs-method"
    assert "xmlns" in verdict.reason_vi


def test_letters_that_were_recoded(signed: bytes, holder: Holder, trust: TrustStore) -> None:
    name = "Nguyễn Thị Mẫu"
    content = signed.replace(name.encode(), unicodedata.normalize("NFD", name).encode())
    assert explained(content, trust).reason_code == "digest-differs-unicode"
    decomposed = forge(holder, document=unicodedata.normalize("NFD", DOCUMENT))
    back = decomposed.replace(unicodedata.normalize("NFD", name).encode(), name.encode())
    assert explained(back, trust).reason_code == "digest-differs-unicode"


def test_a_changed_value_has_no_excuse_and_a_huge_document_gets_none(signed: bytes, trust: TrustStore) -> None:
    changed = reindented(signed.replace(b"5310000", b"9310000"), "    ")
    assert explained(changed, trust).reason_code == "digest-differs"
    root = etree.fromstring(reindented(signed, "    "))
    size = EXPLAINED_BYTES_MAX + 1
    verdict = verify(root, PATH, file="x", policy=Policy(), trust=trust, now=NOW, size_bytes=size)
    assert verdict.reason_code == "digest-differs"
