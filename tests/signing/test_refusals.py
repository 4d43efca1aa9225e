"""A forged sample for every refusal of the profile; each is signed by a real key of a trusted employer."""

import hmac
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.demo_pki import DemoPki, Holder
from signing.indication import SubIndication
from signing.policy import Algorithm, Policy
from signing.sign import sign
from signing.trust import TrustStore
from tests.signing.workshop import (
    DOCUMENT,
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    MORE,
    NOW,
    PATH,
    RSA_SHA256,
    digest_of,
    employer,
    forge,
    judge,
    reference,
    refused,
    signed_info,
    unsigned,
)

C14N_TRANSFORM = f'<Transform Algorithm="{INCLUSIVE}"/>'
XPATH = (
    '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
    "<XPath>not(ancestor::NoiDung)</XPath></Transform>"
)
XSLT = (
    '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet version="1.0" '
    'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">x</xsl:template>'
    "</xsl:stylesheet></Transform>"
)
PREFIX_LIST = f'<InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="xsi"/>'


# --- where the signature stands -------------------------------------------------------------------------------------


def test_no_signature(trust: TrustStore) -> None:
    refused(judge(unsigned(), trust), SubIndication.FORMAT_FAILURE, "no-signature")


def cut(signed: bytes) -> tuple[bytes, bytes, bytes]:
    """Split a signed document into what stands before its Signature, the Signature, and what stands after."""
    begin, end = signed.index(b"<Signature "), signed.index(b"</Signature>") + len(b"</Signature>")
    return signed[:begin], signed[begin:end], signed[end:]


@pytest.mark.parametrize(
    "place", [b"</Cky>", b"</NoiDung>", b"</D02-TS>", b"</SignatureProperties>", b"</KeyInfo>", b"</SignedInfo>"]
)
def test_a_second_signature_anywhere(place: bytes, signed: bytes, trust: TrustStore) -> None:
    _, signature, _ = cut(signed)
    twice = signed.replace(place, signature + place)
    refused(judge(twice, trust), SubIndication.SIG_CONSTRAINTS_FAILURE, "several-signatures")


@pytest.mark.parametrize("place", [b"<NoiDung>", b"<HoTen>", b"</D02-TS>"])
def test_a_moved_signature(place: bytes, signed: bytes, trust: TrustStore) -> None:
    before, signature, after = cut(signed)
    at = place + signature if not place.startswith(b"</") else signature + place
    refused(
        judge((before + after).replace(place, at), trust), SubIndication.SIG_CONSTRAINTS_FAILURE, "signature-misplaced"
    )


def test_a_signed_form_wrapped_into_another(signed: bytes, trust: TrustStore) -> None:
    """The classic: the genuine signed tree is carried along, and the reader would read the tree round it."""
    genuine = signed.partition(b"?>")[2].strip()
    wrapped = b"<D02-TS><NoiDung><Luong>99999999</Luong></NoiDung><Cky>" + genuine + b"</Cky></D02-TS>"
    refused(judge(wrapped, trust), SubIndication.SIG_CONSTRAINTS_FAILURE, "signature-misplaced")
    before, signature, after = cut(genuine)
    inside = signature.replace(b"</Signature>", b"<Object>" + before + after + b"</Object></Signature>")
    hidden = b"<D02-TS><NoiDung><Luong>99999999</Luong></NoiDung><Cky>" + inside + b"</Cky></D02-TS>"
    refused(judge(hidden, trust), SubIndication.HASH_FAILURE, "digest-differs")


@pytest.mark.parametrize("path", ["/D02-TS", "/D02-TS/NoiDung", "/Hoso/Cky", "/Hoso/D02-TS/Cky", "/Cky", "Cky"])
def test_another_place_than_the_declared(path: str, signed: bytes, trust: TrustStore) -> None:
    refused(judge(signed, trust, path=path), SubIndication.SIG_CONSTRAINTS_FAILURE, "signature-misplaced")


def test_the_declared_place_twice(holder: Holder, trust: TrustStore) -> None:
    document = DOCUMENT.replace("<Cky>", "<Cky><X/></Cky><Cky>")
    refused(
        judge(forge(holder, document=document), trust),
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "signature-place-repeated",
    )


def test_company_in_the_declared_place(holder: Holder, trust: TrustStore) -> None:
    content = forge(holder, document=DOCUMENT.replace("@", "@<KhongKy/>"))
    refused(judge(content, trust), SubIndication.SIG_CONSTRAINTS_FAILURE, "signature-not-alone")


# --- how it is built ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<SignedInfo>", b"lam<SignedInfo>"),
        (b"<SignedInfo>", b"<!--c--><SignedInfo>"),
        (b"<SignedInfo>", b"<SignedInfo>x"),
        (b"<SignedInfo>", b"<SignedInfo><!--c-->"),
        (b"<DigestValue>", b"<DigestValue><!--c-->"),
        (b"<DigestValue>", b"<DigestValue><?p i?>"),
        (b"<DigestValue>", b"<DigestValue>AAAA<!--c-->"),
        (b"<SignatureValue>", b"<SignatureValue><!--c-->"),
        (b"<SignatureValue>", b"<SignatureValue>AAAA<!--c-->"),
        (b"<X509Certificate>", b"<X509Certificate><!--c-->"),
        (b"</SignatureValue>", b"\xc3\xa9</SignatureValue>"),
        (b"<SignatureValue>", b"<KhongCo/><SignatureValue>"),
        (b"</Object></Signature>", b"</Object><KhongCo/></Signature>"),
        (b"<KeyInfo>", b'<KeyInfo><RetrievalMethod URI="http://127.0.0.1/k"/>'),
        (b"<KeyInfo>", b"<KeyInfo><KeyValue/>"),
        (b"<Modulus>", b"<Modulus>!"),
        (b"RSAKeyValue>", b"DSAKeyValue>"),
    ],
)
def test_a_crooked_signature(old: bytes, new: bytes, signed: bytes, trust: TrustStore) -> None:
    assert old in signed
    refused(judge(signed.replace(old, new), trust), SubIndication.FORMAT_FAILURE, "signature-structure")


def test_a_signature_without_key_info_or_out_of_order(holder: Holder, trust: TrustStore) -> None:
    refused(judge(forge(holder, keys=""), trust), SubIndication.FORMAT_FAILURE, "signature-structure")
    swapped = forge(holder).replace(b"SignatureValue>", b"Tam>").replace(b"KeyInfo>", b"SignatureValue>")
    refused(judge(swapped.replace(b"Tam>", b"KeyInfo>"), trust), SubIndication.FORMAT_FAILURE, "signature-structure")


def test_unused_bits_in_the_value(signed: bytes, trust: TrustStore) -> None:
    """256 bytes leave four unused bits before "==": another letter there would be a second spelling."""
    at = signed.index(b"==</SignatureValue>") - 1
    spelt = signed[:at] + bytes([signed[at] + 1]) + signed[at + 1 :]
    refused(judge(spelt, trust), SubIndication.FORMAT_FAILURE, "signature-structure")


def test_an_endless_signed_info(holder: Holder, trust: TrustStore) -> None:
    long = signed_info(reference(uri=f' Id="{"x" * 20_000}" URI=""'))
    refused(judge(forge(holder, info=long), trust), SubIndication.FORMAT_FAILURE, "signature-structure")


def test_a_document_without_a_canonical_form(signed: bytes, holder: Holder, trust: TrustStore) -> None:
    inside = signed.replace(b"<HoTen>", b'<HoTen xmlns:r="tuong-doi">')
    refused(judge(inside, trust), SubIndication.FORMAT_FAILURE, "not-canonical")
    in_scope = signed.replace(b"<D02-TS ", b'<D02-TS xmlns:r="tuong-doi" ')
    refused(judge(in_scope, trust), SubIndication.FORMAT_FAILURE, "not-canonical")
    exclusive = sign(unsigned(), PATH, holder.key, holder.certificate, now=NOW, exclusive=True)
    unused = exclusive.replace(b"<HoTen>", b'<HoTen xmlns:r="tuong-doi">')
    refused(judge(unused, trust), SubIndication.FORMAT_FAILURE, "not-canonical")


# --- what it refers to ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "code"),
    [
        (signed_info(reference() * 3), "several-references"),
        (signed_info(reference() * 2), "reference-not-whole"),
        (signed_info(reference(uri=' URI="#noidung"')), "reference-not-whole"),
        (signed_info(reference(uri=' URI="#xpointer(/)"')), "reference-not-whole"),
        (signed_info(reference(uri=' URI="http://127.0.0.1/x.xml"')), "reference-not-whole"),
        (signed_info(reference(uri=' URI="file:///etc/hostname"')), "reference-not-whole"),
        (signed_info(reference(uri="")), "reference-not-whole"),
        (signed_info(reference(transforms=XPATH)), "transform-not-accepted"),
        (signed_info(reference(transforms=ENVELOPED + XPATH)), "transform-not-accepted"),
        (signed_info(reference(transforms=ENVELOPED + XSLT)), "transform-not-accepted"),
        (signed_info(reference(transforms=C14N_TRANSFORM + ENVELOPED)), "transform-not-accepted"),
        (signed_info(reference(transforms=C14N_TRANSFORM)), "transform-not-accepted"),
        (signed_info(reference(transforms="")), "transform-not-accepted"),
        (signed_info(reference(transforms=ENVELOPED * 2)), "transform-not-accepted"),
        (signed_info(reference(transforms=ENVELOPED + C14N_TRANSFORM * 2)), "transform-not-accepted"),
        (
            signed_info(reference(transforms=f'{ENVELOPED}<Transform Algorithm="{INCLUSIVE}#WithComments"/>')),
            "transform-not-accepted",
        ),
        (
            signed_info(reference(transforms=f'{ENVELOPED}<Transform Algorithm="{DSIG}base64"/>')),
            "transform-not-accepted",
        ),
        (
            signed_info(
                reference(transforms=f'{ENVELOPED}<Transform Algorithm="{EXCLUSIVE}">{PREFIX_LIST}</Transform>')
            ),
            "transform-not-accepted",
        ),
        (signed_info(c14n=f'Algorithm="{INCLUSIVE}#WithComments"'), "c14n-not-accepted"),
        (signed_info(c14n='Algorithm="http://www.w3.org/2006/12/xml-c14n11"'), "c14n-not-accepted"),
        (signed_info(c14n='Algorithm=""'), "c14n-not-accepted"),
        (
            signed_info(c14n=f'Algorithm="{EXCLUSIVE}">{PREFIX_LIST}</CanonicalizationMethod>'),
            "c14n-with-prefix-list",
        ),
    ],
)
def test_a_reference_outside_the_profile(info: str, code: str, holder: Holder, trust: TrustStore) -> None:
    refused(judge(forge(holder, info=info), trust), SubIndication.SIG_CONSTRAINTS_FAILURE, code)


def test_no_reference_at_all(holder: Holder, trust: TrustStore) -> None:
    refused(judge(forge(holder, info=signed_info("")), trust), SubIndication.FORMAT_FAILURE, "signature-structure")


# --- by which algorithms and keys -----------------------------------------------------------------------------------


def hmac_by(name: str) -> Callable[[Holder], Callable[[bytes], bytes]]:
    """The key confusion: what everybody knows, the public key, taken as the secret of an HMAC."""
    return lambda holder: (
        lambda content: hmac.digest(
            holder.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), content, name
        )
    )


def rsa_by(algorithm: hashes.HashAlgorithm, pss: bool = False) -> Callable[[Holder], Callable[[bytes], bytes]]:
    scheme = padding.PSS(padding.MGF1(algorithm), 32) if pss else padding.PKCS1v15()
    return lambda holder: lambda content: holder.key.sign(content, scheme, algorithm)


@pytest.mark.parametrize(
    ("method", "signer"),
    [
        (f'Algorithm="{DSIG}hmac-sha1"/>', hmac_by("sha1")),
        (f'Algorithm="{DSIG}hmac-sha1"><HMACOutputLength>8</HMACOutputLength></SignatureMethod>', hmac_by("sha1")),
        (f'Algorithm="{MORE}hmac-sha256"/>', hmac_by("sha256")),
        (f'Algorithm="{DSIG}rsa-sha1"/>', rsa_by(hashes.SHA1())),
        (f'Algorithm="{MORE}rsa-md5"/>', rsa_by(hashes.SHA256())),
        (f'Algorithm="{DSIG}dsa-sha1"/>', rsa_by(hashes.SHA256())),
        ('Algorithm="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"/>', rsa_by(hashes.SHA256(), True)),
        (f'Algorithm="{RSA_SHA256} "/>', rsa_by(hashes.SHA256())),
        ("/>", rsa_by(hashes.SHA256())),
    ],
)
def test_a_signature_algorithm_that_is_not_accepted(
    method: str, signer: Callable[[Holder], Callable[[bytes], bytes]], holder: Holder, trust: TrustStore
) -> None:
    content = forge(holder, info=signed_info(method=method), sign=signer(holder))
    refused(judge(content, trust), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "signature-algorithm")


@pytest.mark.parametrize("method", [f"{DSIG}sha1", f"{MORE}md5", f"{MORE}sha224", ""])
def test_a_digest_algorithm_that_is_not_accepted(method: str, holder: Holder, trust: TrustStore) -> None:
    info = signed_info(reference(digest_of(name="sha1"), method=method))
    refused(judge(forge(holder, info=info), trust), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "digest-algorithm")


def test_an_algorithm_ends_with_the_day_that_the_policy_says(signed: bytes, trust: TrustStore) -> None:
    last = NOW + timedelta(days=1)
    policy = Policy(id="ends", signature_algorithms=(Algorithm(RSA_SHA256, "sha256", "rsa", last),))
    assert judge(signed, trust, policy=policy, now=last).passed
    late = judge(signed, trust, policy=policy, now=last + timedelta(seconds=1))
    refused(late, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "signature-algorithm")


def test_a_policy_cannot_accept_what_is_not_built(signed: bytes, holder: Holder, trust: TrustStore) -> None:
    policy = Policy(signature_algorithms=(Algorithm(f"{DSIG}rsa-sha1", "sha1", "rsa"),))
    content = forge(
        holder, info=signed_info(method=f'Algorithm="{DSIG}rsa-sha1"/>'), sign=rsa_by(hashes.SHA1())(holder)
    )
    refused(judge(content, trust, policy=policy), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "signature-algorithm")


def test_a_short_rsa_key(pki: DemoPki, trust: TrustStore) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    one = pki.issue(employer(), NOW, key=short)
    refused(judge(forge(one), trust), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "key-size")


def test_a_curve_that_is_not_accepted(pki: DemoPki, trust: TrustStore) -> None:
    one = pki.issue(employer(), NOW, key=ec.generate_private_key(ec.SECP256K1()))
    info = signed_info(method=f'Algorithm="{MORE}ecdsa-sha256"/>')
    content = forge(one, info=info, sign=lambda signed: bytes(64))
    refused(judge(content, trust), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "curve-not-accepted")


def test_an_algorithm_that_does_not_go_with_the_key(holder: Holder, elliptic: Holder, trust: TrustStore) -> None:
    info = signed_info(method=f'Algorithm="{MORE}ecdsa-sha256"/>')
    refused(judge(forge(holder, info=info), trust), SubIndication.SIG_CRYPTO_FAILURE, "algorithm-and-key")
    content = forge(elliptic, sign=lambda signed: bytes(256))
    refused(judge(content, trust), SubIndication.SIG_CRYPTO_FAILURE, "algorithm-and-key")
