"""A signature value that does not verify: what it was truly made over, and how, is proven by a verification."""

import hashlib
import re
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from lxml import etree

from signing import xmldsig
from signing.demo_pki import Holder
from signing.explain_value import explain_other_key, explain_value
from signing.indication import Refusal, SubIndication
from signing.trust import TrustStore
from tests.signing.faults import read, worded
from tests.signing.workshop import (
    DOCUMENT,
    DSIG,
    MORE,
    PATH,
    digest_of,
    forge,
    judge,
    key_info,
    reference,
    rsa_key_value,
    signed_info,
    unsigned,
)

ECDSA_SHA256 = f'Algorithm="{MORE}ecdsa-sha256"/>'
CONTEXT = ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
EXCLUSIVE_INFO = 'Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'

Sign = Callable[[bytes], bytes]


def rsa_by(holder: Holder, change: Callable[[bytes], bytes], name: str = "sha256") -> Sign:
    key = holder.key
    assert isinstance(key, rsa.RSAPrivateKey)
    algorithm = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1(), "sha512": hashes.SHA512()}[name]
    return lambda content: key.sign(change(content), padding.PKCS1v15(), algorithm)


def ecdsa_by(holder: Holder, change: Callable[[bytes], bytes], name: str = "sha256") -> Sign:
    key = holder.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    algorithm = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1(), "sha512": hashes.SHA512()}[name]

    def sign(content: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(change(content), ec.ECDSA(algorithm)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def made(holder: Holder, sign: Sign, *, info: str | None = None) -> bytes:
    method = {} if isinstance(holder.key, rsa.RSAPrivateKey) else {"method": ECDSA_SHA256}
    return forge(holder, sign=sign, info=signed_info(**method) if info is None else info)


def said(content: bytes, *, source: bool = True) -> Refusal | None:
    """What is said about a value that was refused; everything that always holds is checked on the way."""
    root, found = read(content, PATH)
    before = etree.tostring(root.getroottree())
    refusal = explain_value(found, "sha256", root=root, source=content if source else None)
    assert etree.tostring(root.getroottree()) == before
    if refusal is not None:
        worded(refusal, SubIndication.SIG_CRYPTO_FAILURE)
    return refusal


@pytest.fixture(params=["holder", "elliptic"])
def signer(request: pytest.FixtureRequest) -> Holder:
    found: Holder = request.getfixturevalue(request.param)
    return found


def by(signer: Holder, change: Callable[[bytes], bytes], name: str = "sha256") -> Sign:
    return (rsa_by if isinstance(signer.key, rsa.RSAPrivateKey) else ecdsa_by)(signer, change, name)


def without_context(content: bytes) -> bytes:
    assert CONTEXT.encode() in content
    return content.replace(CONTEXT.encode(), b"")


def test_signed_info_taken_out_of_its_document(signer: Holder, trust: TrustStore) -> None:
    content = made(signer, by(signer, without_context))
    assert judge(content, trust).sub_indication is SubIndication.SIG_CRYPTO_FAILURE
    assert said(content) == Refusal("signature-value-context")
    naked = made(signer, by(signer, lambda one: without_context(one).replace(f' xmlns="{DSIG}"'.encode(), b"")))
    assert said(naked) == Refusal("signature-value-context")


def test_signed_info_canonicalised_inclusively_where_it_says_exclusively(signer: Holder) -> None:
    method = {} if isinstance(signer.key, rsa.RSAPrivateKey) else {"method": ECDSA_SHA256}
    info = signed_info(c14n=EXCLUSIVE_INFO, **method)

    def change(content: bytes) -> bytes:
        # The workshop signs the inclusive form unless told: that is the fault.
        assert CONTEXT.encode() in content
        return content

    assert said(made(signer, by(signer, change), info=info)) == Refusal("signature-value-inclusive")


def test_signed_info_as_its_bytes_stand_in_the_file(signer: Holder) -> None:
    method = {} if isinstance(signer.key, rsa.RSAPrivateKey) else {"method": ECDSA_SHA256}
    info = signed_info(**method)
    content = made(signer, by(signer, lambda _: info.encode()), info=info)
    assert said(content) == Refusal("signature-value-raw")
    assert said(content, source=False) != Refusal("signature-value-raw")


@pytest.mark.parametrize("unit", ["  ", "\t"])
def test_a_signature_that_was_indented_afresh(unit: str, signer: Holder) -> None:
    content = made(signer, by(signer, lambda one: one))
    assert b"<SignedInfo><" in content
    indented = content.replace(b"><", f">\n{unit}<".encode())
    indented = re.sub(rb"(</KeyInfo>|</X509Data>)", rb"\1", indented)
    inner = re.search(rb"<SignedInfo>.*</SignedInfo>", indented, re.DOTALL)
    assert inner is not None
    again = re.sub(rb"<SignedInfo>.*</SignedInfo>", lambda _: inner[0], content, flags=re.DOTALL)
    assert said(again) == Refusal("signature-value-indentation")

    method = {} if isinstance(signer.key, rsa.RSAPrivateKey) else {"method": ECDSA_SHA256}
    root = etree.fromstring(signed_info(**method))
    etree.indent(root, space=unit)
    in_lines = etree.tostring(root).decode()
    signed = made(signer, by(signer, lambda one: one), info=in_lines)
    flat = re.sub(rb"<SignedInfo>.*</SignedInfo>", re.sub(r">\s+<", "><", in_lines).encode(), signed, flags=re.DOTALL)
    assert said(flat) == Refusal("signature-value-indentation")


def test_a_digest_value_that_was_broken_into_lines(signer: Holder) -> None:
    content = made(signer, by(signer, lambda one: one))
    broken = re.sub(rb"<DigestValue>(.{10})", rb"<DigestValue>\n\1\n", content)
    assert said(broken) == Refusal("signature-value-indentation")


def test_a_value_over_the_document_or_its_digest(signer: Holder) -> None:
    canonical = etree.tostring(etree.fromstring(unsigned()).getroottree(), method="c14n")
    assert said(made(signer, by(signer, lambda _: canonical))) == Refusal("signature-value-over-document")
    assert said(made(signer, by(signer, lambda _: digest_of()))) == Refusal("signature-value-over-digest")
    written = digest_of().hex().encode()
    assert said(made(signer, by(signer, lambda _: written))) == Refusal("signature-value-over-digest")


@pytest.mark.parametrize(("name", "called"), [("sha1", "SHA-1"), ("sha512", "SHA-512")])
def test_a_value_with_another_hash_than_it_says(name: str, called: str, signer: Holder) -> None:
    refusal = said(made(signer, by(signer, lambda one: one, name)))
    assert refusal == Refusal("signature-value-hash", {"found": called, "declared": "SHA-256"})


def test_spellings_of_ecdsa(elliptic: Holder) -> None:
    plain = ecdsa_by(elliptic, lambda one: one)
    key = elliptic.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    spelt: list[tuple[Sign, str]] = [
        (lambda one: plain(one)[32:] + plain(one)[:32], ""),
        (lambda one: key.sign(one, ec.ECDSA(hashes.SHA256())), "signature-value-der"),
    ]

    def both(change: Callable[[bytes, bytes], bytes]) -> Sign:
        def sign(content: bytes) -> bytes:
            value = plain(content)
            return change(value[:32], value[32:])

        return sign

    spelt[0] = (both(lambda r, s: s + r), "signature-value-order")
    spelt.append((both(lambda r, s: r[::-1] + s[::-1]), "signature-value-little-endian"))
    spelt.append((both(lambda r, s: s[::-1] + r[::-1]), "signature-value-little-endian"))
    for sign, code in spelt:
        refusal = said(made(elliptic, sign))
        assert refusal is not None
        assert (refusal.code, refusal.fields) == (code, {"octets": "32"})


def test_spellings_of_rsa(holder: Holder) -> None:
    plain = rsa_by(holder, lambda one: one)
    assert said(made(holder, lambda one: plain(one)[::-1])) == Refusal("signature-value-little-endian")
    key = holder.key
    assert isinstance(key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    assert said(made(holder, lambda one: key.sign(one, pss, hashes.SHA256()))) == Refusal(
        "signature-value-pss", {"found": "SHA-256"}
    )

    def without_digest_info(content: bytes) -> bytes:
        digest = hashlib.sha256(content).digest()
        numbers = key.private_numbers()
        padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
        return pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")

    assert said(made(holder, without_digest_info)) == Refusal("signature-value-no-digest-info")


def test_a_value_that_this_key_made_for_something_else(holder: Holder) -> None:
    other = forge(holder, document=DOCUMENT.replace("5310000", "9310000"))
    value = re.search(rb"<SignatureValue>([^<]*)<", other)
    assert value is not None
    copied = re.sub(rb"(<SignatureValue>)[^<]*", lambda m: m[1] + value[1], forge(holder))
    assert said(copied) == Refusal("signature-value-other-content")


def test_a_value_that_was_spoilt_or_made_by_a_stranger_has_no_cause(
    signer: Holder, stranger_key: rsa.RSAPrivateKey, trust: TrustStore
) -> None:
    content = made(signer, by(signer, lambda one: one))
    spoilt = re.sub(rb"(<SignatureValue>.{20})(.)", lambda m: m[1] + (b"A" if m[2] != b"A" else b"B"), content)
    assert said(spoilt) is None
    verdict = judge(spoilt, trust)
    assert verdict.sub_indication is SubIndication.SIG_CRYPTO_FAILURE
    if isinstance(signer.key, rsa.RSAPrivateKey):
        stranger = Holder(stranger_key, signer.certificate)
        assert said(made(signer, rsa_by(stranger, lambda one: one))) is None
        changed = made(signer, rsa_by(stranger, without_context))
        assert said(changed) is None


def test_another_tokens_certificate_is_told_by_the_key_value(
    holder: Holder, stranger_key: rsa.RSAPrivateKey, trust: TrustStore
) -> None:
    stranger = Holder(stranger_key, holder.certificate)
    keys = key_info(holder.certificate, key_value=rsa_key_value(stranger_key.public_key()))
    content = forge(holder, keys=keys, sign=rsa_by(stranger, lambda one: one))
    assert judge(content, trust).reason_code == "key-value-differs"
    assert other_key(content) == Refusal("signature-value-key-value")
    by_the_certificate = forge(holder, keys=keys)
    assert other_key(by_the_certificate) is None


def test_which_of_several_certificates_signed_is_told(holder: Holder, elliptic: Holder, trust: TrustStore) -> None:
    one, two = key_info(holder.certificate), key_info(elliptic.certificate)
    keys = one.replace("</X509Data>", two.partition("<X509Data>")[2].partition("</X509Data>")[0] + "</X509Data>")
    content = forge(holder, keys=keys)
    assert judge(content, trust).reason_code == "several-certificates"
    refusal = other_key(content)
    assert refusal is not None
    assert refusal.code == "signature-value-other-certificate"
    assert refusal.fields["certificate"]


def other_key(content: bytes) -> Refusal | None:
    signature = xmldsig.find_signature(etree.fromstring(content), PATH)
    assert not isinstance(signature, Refusal)
    refusal = explain_other_key(signature)
    if refusal is not None:
        worded(refusal, SubIndication.NO_SIGNING_CERTIFICATE_FOUND)
    return refusal


def test_a_digest_signed_beforehand_is_the_same_as_the_document_signed(elliptic: Holder) -> None:
    key = elliptic.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)

    def sign(_: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(digest_of(), ec.ECDSA(Prehashed(hashes.SHA256()))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    info = signed_info(reference(), method=ECDSA_SHA256)
    assert said(forge(elliptic, sign=sign, info=info)) == Refusal("signature-value-over-document")
