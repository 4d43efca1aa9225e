"""A signed Office file is said to be signed and not verified: its signer's name is a claim, and never more."""

import io
import random
import zipfile

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from signing.demo_pki import DemoPki, Holder
from signing.ooxml_signatures import ENTRIES_MAX, PART_BYTES_MAX
from signing.trust import TrustStore
from tests.signing.pdf_workshop import judged
from tests.signing.workshop import DSIG, b64


def part(*holders: Holder) -> str:
    """A signature part as Office writes it, but for the digests, which nobody looks at here."""
    certificates = "".join(
        f"<X509Certificate>{b64(one.certificate.public_bytes(Encoding.DER))}</X509Certificate>" for one in holders
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Signature xmlns="{DSIG}" Id="idPackageSignature"><SignedInfo/>'
        f"<SignatureValue>AAAA</SignatureValue><KeyInfo><X509Data>{certificates}</X509Data></KeyInfo></Signature>"
    )


def document(**parts: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", "<Types/>")
        made.writestr("word/document.xml", "<document/>")
        for name, content in parts.items():
            made.writestr(f"_xmlsignatures/{name}", content)
    return out.getvalue()


def test_a_signed_document_is_not_judged_and_names_who_claims_to_have_signed(
    trust: TrustStore, holder: Holder, pki: DemoPki
) -> None:
    content = document(**{"origin.sigs": b"", "sig1.xml": part(holder, pki.intermediate)})
    for kind in (".docx", ".xlsx", ""):
        found = judged(content, trust, kind=kind)
        assert (found.format, found.state, found.verdicts) == ("OOXML", "not-judged", ())
        (signer,) = found.claimed
        assert signer.certificate_der == holder.certificate.public_bytes(Encoding.DER)
        assert signer.common_name in found.note_vi
        assert signer.common_name in found.note_en
        assert "chưa xác thực" in found.note_vi
        assert "not verified" in found.note_en


def test_two_signers_are_both_named_and_each_once(trust: TrustStore, holder: Holder, elliptic: Holder) -> None:
    content = document(**{"sig1.xml": part(holder), "sig2.xml": part(elliptic), "sig3.xml": part(holder)})
    assert [one.certificate_der for one in judged(content, trust).claimed] == [
        one.certificate.public_bytes(Encoding.DER) for one in (holder, elliptic)
    ]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"<broken",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        part().encode(),
        part().replace("</X509Data>", "<X509Certificate>AAAA</X509Certificate></X509Data>").encode(),
        b"<a>" + b" " * PART_BYTES_MAX + b"</a>",
        b"\0" * 30_000_000,
    ],
    ids=["empty", "broken", "DTD", "no certificate", "no certificate in it", "too large", "bomb"],
)
def test_a_signature_part_that_says_nothing_is_still_a_signature_not_judged(trust: TrustStore, broken: bytes) -> None:
    found = judged(document(**{"sig1.xml": broken}), trust)
    assert (found.format, found.state, found.claimed) == ("OOXML", "not-judged", ())
    assert found.note_vi
    assert found.note_en


def test_a_broken_or_endless_directory_claims_nothing(trust: TrustStore, holder: Holder) -> None:
    content = document(**{"sig1.xml": part(holder)})
    for damaged in (content[:-30], content.replace(b"PK\x05\x06", b"PKxx"), content + b"PK\x01\x02" * ENTRIES_MAX):
        found = judged(damaged, trust)
        assert (found.state, found.claimed) == ("not-judged", ())


@given(st.integers(0, 2**32))
def test_no_damage_raises(trust: TrustStore, holder: Holder, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(document(**{"sig1.xml": part(holder)}))
    for _ in range(6):
        content[chance.randrange(4, len(content))] = chance.randrange(256)
    assert judged(bytes(content), trust).state in ("not-judged", "none")
