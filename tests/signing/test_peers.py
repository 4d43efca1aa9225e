"""Others verify what we sign, and we verify what others sign: xmlsec, signxml, and xmlsec1 and the JDK by vectors."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier

from signing.demo_pki import DemoPki, Holder
from signing.policy import Policy
from signing.sign import sign
from signing.trust import TrustStore
from signing.verify import verify
from tests.signing.interop.make_vectors import DOCUMENT, template
from tests.signing.workshop import DSIG, NOW, PATH, judge, unsigned

INTEROP = Path(__file__).with_name("interop")
VECTORS = sorted(INTEROP.glob("*.xml"))
SHAPES = [
    (kind, algorithm, digest, exclusive)
    for kind, algorithms in (("employer", ("rsa-sha256", "rsa-sha512")), ("branch", ("ecdsa-sha256", "ecdsa-sha384")))
    for algorithm in algorithms
    for digest in ("sha256", "sha384")
    for exclusive in (False, True)
]


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def key_pem(holder: Holder) -> bytes:
    return holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def by_xmlsec(content: bytes, holder: Holder, _: Path) -> None:
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem(holder.certificate), xmlsec.constants.KeyDataFormatCertPem)
    context.verify(next(etree.fromstring(content).iter(f"{{{DSIG}}}Signature")))


def by_signxml(content: bytes, holder: Holder, _: Path) -> None:
    expected = SignatureConfiguration(require_x509=True, location=".//", expect_references=1)
    verifier = XMLVerifier()
    # lxml writes xmlns="" into the inclusive form of a part of a document; signxml takes it out again on request.
    verifier.excise_empty_xmlns_declarations = True
    verifier.verify(content, x509_cert=pem(holder.certificate).decode(), expect_config=expected)


def by_xmlsec1(content: bytes, holder: Holder, folder: Path) -> None:
    (folder / "c.pem").write_bytes(pem(holder.certificate))
    (folder / "d.xml").write_bytes(content)
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(folder / "c.pem"), str(folder / "d.xml")]
    subprocess.run(command, check=True, capture_output=True)


Peer = Callable[[bytes, Holder, Path], None]
# The wheel is always there; the command line tool of the same library, another version, where the machine has it.
PEERS: list[Peer] = [by_xmlsec, by_signxml, *([by_xmlsec1] if shutil.which("xmlsec1") else [])]


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_others_verify_what_we_sign(
    peer: Peer, shape: tuple[str, str, str, bool], pki: DemoPki, tmp_path: Path
) -> None:
    kind, algorithm, digest, exclusive = shape
    holder = pki.employers[kind]
    content = sign(
        unsigned(),
        PATH,
        holder.key,
        holder.certificate,
        now=NOW,
        algorithm=algorithm,
        digest=digest,
        exclusive=exclusive,
    )
    peer(content, holder, tmp_path)
    with pytest.raises(Exception):  # noqa: B017, PT011
        peer(content.replace(b"5310000", b"9310000"), holder, tmp_path)


def test_others_verify_what_we_sign_under_xml_lang(holder: Holder, tmp_path: Path) -> None:
    document = unsigned().replace(b"<D02-TS ", b'<D02-TS xml:lang="vi" ')
    content = sign(document, PATH, holder.key, holder.certificate, now=NOW)
    for peer in PEERS:
        if peer is not by_signxml:  # it leaves xml:* attributes of ancestors out of SignedInfo
            peer(content, holder, tmp_path)


@pytest.mark.parametrize("attributes", ["", ' xml:lang="vi" xml:space="preserve"'])
@pytest.mark.parametrize("prefix", ["", "ds"])
@pytest.mark.parametrize("shape", SHAPES)
def test_we_verify_what_xmlsec_signs(
    shape: tuple[str, str, str, bool], prefix: str, attributes: str, pki: DemoPki, trust: TrustStore
) -> None:
    kind, algorithm, digest, exclusive = shape
    holder = pki.employers[kind]
    c14n = "exclusive" if exclusive else "inclusive"
    p = f"{prefix}:" if prefix else ""
    signature = template(algorithm, digest, c14n, prefix).replace(f"<{p}KeyValue/>", "")  # this version leaves it empty
    text = DOCUMENT.format(signature=signature, attributes=attributes)
    root = etree.fromstring(text.encode())
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_pem(holder), xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(pem(holder.certificate), xmlsec.constants.KeyDataFormatPem)
    context.sign(next(root.iter(f"{{{DSIG}}}Signature")))
    content = etree.tostring(root.getroottree())
    assert judge(content, trust).passed
    assert not judge(content.replace(b"1 &lt; 2", b"1 &lt; 3"), trust).passed


@pytest.mark.parametrize(
    "c14n", [CanonicalizationMethod.CANONICAL_XML_1_0, CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0]
)
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("employer", SignatureMethod.RSA_SHA256),
        ("employer", SignatureMethod.RSA_SHA512),
        ("branch", SignatureMethod.ECDSA_SHA256),
    ],
)
def test_we_verify_what_signxml_signs(
    kind: str, method: SignatureMethod, c14n: CanonicalizationMethod, pki: DemoPki, trust: TrustStore
) -> None:
    holder = pki.employers[kind]
    root = etree.fromstring(unsigned())
    etree.SubElement(root[-1], f"{{{DSIG}}}Signature", {"Id": "placeholder"}, {"ds": DSIG})
    signer = XMLSigner(signature_algorithm=method, digest_algorithm=DigestAlgorithm.SHA256, c14n_algorithm=c14n)
    made = signer.sign(
        root, key=key_pem(holder), cert=pem(holder.certificate).decode(), always_add_key_value=kind == "employer"
    )
    content = etree.tostring(made)
    verdict = judge(content, trust)
    assert verdict.passed, verdict.reason_en
    assert not judge(content.replace(b"5310000", b"9310000"), trust).passed


@pytest.fixture(scope="module")
def vectors_trust() -> TrustStore:
    root, intermediate = x509.load_pem_x509_certificates((INTEROP / "ca.pem").read_bytes())
    return TrustStore([root], [intermediate])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.stem)
def test_we_verify_what_xmlsec1_and_the_jdk_signed(vector: Path, vectors_trust: TrustStore) -> None:
    assert judge(vector.read_bytes(), vectors_trust).passed


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS) == 12
    assert {path.name.partition("-")[0] for path in VECTORS} == {"jdk", "xmlsec1"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.stem)
def test_a_vector_with_one_byte_changed_is_refused(vector: Path, vectors_trust: TrustStore) -> None:
    content = vector.read_bytes()
    places = {
        "content": content.index("Mẫu".encode()),
        "attribute": content.index(b'a="1"') + 3,
        "SignedInfo": content.index(b"DigestValue>") + len(b"DigestValue>") + 3,
        "value": content.index(b"SignatureValue>") + len(b"SignatureValue>") + 10,
        "certificate": content.index(b"X509Certificate>") + len(b"X509Certificate>") + 200,
    }
    for name, at in places.items():
        letter = b"B" if content[at : at + 1] == b"A" else b"A"
        changed = content[:at] + letter + content[at + 1 :]
        verdict = verify(etree.fromstring(changed), PATH, file=name, policy=Policy(), trust=vectors_trust, now=NOW)
        assert not verdict.passed, name
