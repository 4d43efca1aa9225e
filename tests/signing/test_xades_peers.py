"""Others verify the XAdES that we sign, and we verify what they sign: signxml and xmlsec, by documents and by parts."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from rfc3161_client import VerifierBuilder, decode_timestamp_response
from signxml import DigestAlgorithm, SignatureMethod
from signxml.algorithms import CanonicalizationMethod
from signxml.xades import XAdESDataObjectFormat, XAdESSignatureConfiguration, XAdESSigner, XAdESVerifier

from signing.asn1 import as_response
from signing.demo_pki import DemoPki, Holder
from signing.sign_xades import add_timestamp, sign_detached, sign_xades, timestamp_covers
from signing.trust import TrustStore
from tests.signing.tsa_workshop import Tsa
from tests.signing.workshop import DSIG, NOW, PATH, unsigned
from tests.signing.xades_workshop import TYPE, XADES, judge_xades

SHAPES = [
    (kind, algorithm, digest, exclusive)
    for kind, algorithm in (("employer", "rsa-sha256"), ("employer", "rsa-sha512"), ("branch", "ecdsa-sha256"))
    for digest in ("sha256", "sha512")
    for exclusive in (False, True)
]
BARE = "<TK1-TS><NoiDung><Ten>Nguyễn Thị Mẫu</Ten><Luong>5310000</Luong></NoiDung><Cky/></TK1-TS>".encode()
BLANKS = re.compile(rb"(<ds:(DigestValue|SignatureValue)>)[^<]*(?=</ds:\2></ds:Reference>|</ds:\2><ds:KeyInfo>)")
DIGESTS = re.compile(rb"<ds:DigestValue>([^<]*)</ds:DigestValue></ds:Reference>")


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def key_pem(holder: Holder) -> bytes:
    return holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def by_signxml(content: bytes, holder: Holder, folder: Path) -> None:
    assert folder.is_dir()
    verifier = XAdESVerifier()
    verifier.excise_empty_xmlns_declarations = True
    expected = XAdESSignatureConfiguration(require_x509=True, location=".//", expect_references=2)
    results = verifier.verify(content, x509_cert=pem(holder.certificate).decode(), expect_config=expected)
    assert {one.signed_xml.tag for one in results if one.signed_xml is not None} >= {f"{{{XADES}}}SignedProperties"}


def by_xmlsec(content: bytes, holder: Holder, folder: Path) -> None:
    assert folder.is_dir()
    root = etree.fromstring(content)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem(holder.certificate), xmlsec.constants.KeyDataFormatCertPem)
    context.verify(next(root.iter(f"{{{DSIG}}}Signature")))


def by_xmlsec1(content: bytes, holder: Holder, folder: Path) -> None:
    (folder / "c.pem").write_bytes(pem(holder.certificate))
    (folder / "d.xml").write_bytes(content)
    ids = ["--id-attr:Id", f"{XADES}:SignedProperties"]
    command = ["xmlsec1", "--verify", *ids, "--pubkey-cert-pem", str(folder / "c.pem"), str(folder / "d.xml")]
    subprocess.run(command, check=True, capture_output=True)


PEERS = [by_signxml, by_xmlsec, *([by_xmlsec1] if shutil.which("xmlsec1") else [])]


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_others_verify_what_we_sign(
    peer: object, shape: tuple[str, str, str, bool], pki: DemoPki, tmp_path: Path
) -> None:
    assert callable(peer)
    kind, algorithm, digest, exclusive = shape
    one = pki.employers[kind]
    content = sign_xades(
        unsigned(), PATH, one.key, one.certificate, now=NOW, algorithm=algorithm, digest=digest, exclusive=exclusive
    )
    peer(content, one, tmp_path)
    for old, new in ((b"5310000", b"9310000"), (b"2026-03-02T01:30:00Z", b"2026-03-02T01:30:01Z")):
        assert old in content
        with pytest.raises(Exception):  # noqa: B017, PT011
            peer(content.replace(old, new), one, tmp_path)


@pytest.mark.parametrize("peer", PEERS)
def test_others_verify_it_with_a_time_stamp_too(peer: object, holder: Holder, tmp_path: Path) -> None:
    assert callable(peer)
    tsa = Tsa()
    content = sign_xades(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
    peer(add_timestamp(content, PATH, tsa.token(timestamp_covers(content, PATH))), holder, tmp_path)


def by_signxml_signed(
    holder: Holder, document: bytes, c14n: CanonicalizationMethod, method: SignatureMethod, digest: DigestAlgorithm
) -> bytes:
    root = etree.fromstring(document)
    etree.SubElement(root[-1], f"{{{DSIG}}}Signature", {"Id": "placeholder"}, {"ds": DSIG})
    signer = XAdESSigner(
        signature_algorithm=method,
        digest_algorithm=digest,
        c14n_algorithm=c14n,
        data_object_format=XAdESDataObjectFormat("dossier", "text/xml"),
    )
    rsa = method is not SignatureMethod.ECDSA_SHA256
    made = signer.sign(root, key=key_pem(holder), cert=pem(holder.certificate).decode(), always_add_key_value=rsa)
    return etree.tostring(made)


@pytest.mark.parametrize("document", [BARE, unsigned()])
@pytest.mark.parametrize(
    ("kind", "method", "digest"),
    [
        ("employer", SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256),
        ("employer", SignatureMethod.RSA_SHA512, DigestAlgorithm.SHA512),
        ("branch", SignatureMethod.ECDSA_SHA256, DigestAlgorithm.SHA384),
    ],
)
def test_we_verify_what_signxml_signs(
    kind: str, method: SignatureMethod, digest: DigestAlgorithm, document: bytes, pki: DemoPki, trust: TrustStore
) -> None:
    """It refers to its KeyInfo besides, and to SignedProperties without a Transform, hence in inclusive form."""
    path = f"/{etree.fromstring(document).tag}/Cky"
    content = by_signxml_signed(pki.employers[kind], document, CanonicalizationMethod.CANONICAL_XML_1_0, method, digest)
    verdict = judge_xades(content, trust, path=path)
    assert verdict.passed, verdict.reason_en
    assert verdict.format == "XAdES-B-B"
    assert not judge_xades(content.replace(b"5310000", b"9310000"), trust, path=path).passed
    time = verdict.signing_time_claimed.encode()
    assert content.count(time) == 1
    changed = judge_xades(content.replace(time, b"1999" + time[4:]), trust, path=path)
    assert changed.reason_code == "own-part-digest"


def test_where_signxml_leaves_out_a_transform_xmlsec_and_we_refuse_alike(holder: Holder, trust: TrustStore) -> None:
    """With exclusive C14N it digests SignedProperties exclusively and does not say so: without a Transform the form is
    the inclusive one (XMLDSig 1.1 §4.4.3.2)."""
    content = by_signxml_signed(
        holder,
        BARE,
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        SignatureMethod.RSA_SHA256,
        DigestAlgorithm.SHA256,
    )
    assert judge_xades(content, trust, path="/TK1-TS/Cky").reason_code == "own-part-digest"
    with pytest.raises(xmlsec.Error):
        by_xmlsec(content, holder, Path())


@pytest.mark.parametrize("attributes", ["", ' xml:lang="vi"'])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("kind", ["employer", "branch"])
def test_we_verify_what_xmlsec_signs(
    kind: str, exclusive: bool, attributes: str, pki: DemoPki, trust: TrustStore
) -> None:
    """xmlsec works out both digests and the value; only the properties' words are ours."""
    one = pki.employers[kind]
    ours = sign_xades(
        unsigned().replace(b"<D02-TS ", f"<D02-TS{attributes} ".encode()),
        PATH,
        one.key,
        one.certificate,
        now=NOW,
        exclusive=exclusive,
    )
    emptied = re.sub(
        rb"(<ds:(DigestValue|SignatureValue)>)[^<]*(?=</ds:\2></ds:Reference>|</ds:\2><ds:KeyInfo>)", rb"\1", ours
    )
    assert emptied.count(b"<ds:DigestValue></ds:DigestValue>") == 2
    assert b"<ds:SignatureValue></ds:SignatureValue>" in emptied
    root = etree.fromstring(emptied)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_pem(one), xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(pem(one.certificate), xmlsec.constants.KeyDataFormatPem)
    context.sign(next(root.iter(f"{{{DSIG}}}Signature")))
    content = etree.tostring(root.getroottree())
    verdict = judge_xades(content, trust)
    assert verdict.passed, verdict.reason_en
    assert [b"".join(one.split()) for one in DIGESTS.findall(content)] == DIGESTS.findall(ours)
    assert not judge_xades(content.replace(b"5310000", b"9310000"), trust).passed


def test_signxml_verifies_a_detached_signature(holder: Holder) -> None:
    entries = {"hoso.xml": b"<Hoso/>", "dinhkem/a.pdf": b"%PDF"}
    content = sign_detached(entries, holder.key, holder.certificate, NOW)
    root = etree.fromstring(content)

    def verify(given: dict[str, bytes]) -> None:
        expected = XAdESSignatureConfiguration(require_x509=True, location="./", expect_references=3)
        XAdESVerifier().verify(
            root, x509_cert=pem(holder.certificate).decode(), expect_config=expected, uri_resolver=given.__getitem__
        )

    verify(entries)
    with pytest.raises(Exception):  # noqa: B017, PT011
        verify(entries | {"hoso.xml": b"<Hoso> </Hoso>"})
    assert root[0][0][-1].get("Type") == TYPE


def test_the_tokens_of_these_tests_hold_for_openssl_too(tmp_path: Path) -> None:
    tsa = Tsa()
    (tmp_path / "ca.pem").write_bytes(pem(tsa.root.certificate))
    (tmp_path / "m").write_bytes(b"covered")
    token = tsa.token(b"covered")
    (tmp_path / "t.tsr").write_bytes(as_response(token))
    if shutil.which("openssl"):
        command = ["openssl", "ts", "-verify", "-data", "m", "-in", "t.tsr", "-CAfile", "ca.pem"]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    verifier = VerifierBuilder(roots=[tsa.root.certificate]).build()
    assert verifier.verify_message(decode_timestamp_response(as_response(token)), b"covered")
