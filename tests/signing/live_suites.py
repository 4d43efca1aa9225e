"""Suites made afresh: others sign and we judge, we sign and others verify; and what they once signed, kept."""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from importlib.metadata import version as version_of
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from signing.asn1 import as_response
from signing.attachments import judge_attachment
from signing.demo_pki import DemoPki, make_key, make_pki
from signing.indication import Refusal
from signing.policy import LEVELS, Policy
from signing.sign import sign
from signing.sign_xades import sign_xades
from signing.timestamp import verify_token
from signing.trust import TrustStore
from signing.verify import verify
from tests.signing import pdf_workshop, test_xades_peers
from tests.signing.interop.make_vectors import DOCUMENT
from tests.signing.peers import PEERS, Job, Keys, Peer, Signed, command_missing, pem, run
from tests.signing.suites import INTEROP, Row
from tests.signing.tsa_workshop import POLICY_OID, Tsa
from tests.signing.workshop import CA, NOW, PATH, authority_name, certificate
from tests.signing.xades_workshop import judge_xades

XML_LANG = ' xml:lang="vi" xml:space="preserve"'
JOBS = [
    Job(kind, algorithm, digest, exclusive, attributes)
    for kind, algorithms in (("employer", ("rsa-sha256", "rsa-sha512")), ("branch", ("ecdsa-sha256", "ecdsa-sha384")))
    for algorithm in algorithms
    for digest in ("sha256", "sha384")
    for exclusive in (False, True)
    for attributes in ("", XML_LANG)
]
KEPT_ORIGIN = "kept in tests/signing/interop, made by make_vectors.py"
DOSSIERS_ORIGIN = "kept in tests/lines/interop, made by make_dossiers.py"
SIGNXML_WHY = "signxml leaves xml:* attributes of ancestors out of an inclusive SignedInfo (Canonical XML 1.0 §2.4)"
NET_WHY = ".NET takes xml:* attributes of ancestors into an exclusive SignedInfo (Exclusive C14N §3 does not)"
OTHER_WHY = "not known why"
# Each of our own spelling stands for the others: "1 < 2" is in the content, and once.
OLD, NEW = b"1 &lt; 2", b"1 &lt; 3"


@cache
def pki() -> DemoPki:
    return make_pki(NOW)


@contextmanager
def keys() -> Iterator[Keys]:
    with tempfile.TemporaryDirectory() as name:
        yield Keys(pki(), Path(name))


def why(peer: Peer, job: Job) -> str:
    """The one difference of this peer that is known for such a document, if it has one."""
    if peer.name == "signxml" and job.attributes and not job.exclusive:
        return SIGNXML_WHY
    if peer.name.startswith(".NET") and job.attributes and job.exclusive:
        return NET_WHY
    return OTHER_WHY


def passes(content: bytes, trust: TrustStore) -> bool:
    root = etree.fromstring(content)
    return verify(root, PATH, file="peer", policy=Policy(), trust=trust, now=NOW).passed


def they_sign(peer: Peer) -> Row:
    """What the peer signs passes here, and does not once its content is changed."""
    row = Row(f"{peer.name} signs, we judge", peer.origin, version=peer.version())
    jobs = [job for job in JOBS if peer.can_sign(job)]
    if peer.signs is None:
        raise ValueError(f"{peer.name} does not sign")
    with keys() as held:
        made = peer.signs(jobs, held)
    for job, content in zip(jobs, made, strict=True):
        row.count(agrees=passes(content, pki().trust()), why=why(peer, job))
        if content.count(OLD) != 1:
            raise ValueError(f"{peer.name} wrote the content otherwise")
        row.count(agrees=not passes(content.replace(OLD, NEW), pki().trust()), why="a change is not seen")
    return row


def we_sign(peer: Peer, profile: str) -> Row:
    """What we sign passes there, and does not once its content is changed."""
    row = Row(f"we sign {profile}, {peer.name} verifies", peer.origin, version=peer.version())
    signing = sign if profile == "XMLDSig" else sign_xades
    jobs, made = [job for job in JOBS if peer.can_sign(job)], []
    with keys() as held:
        for job in jobs:
            one = held.of(job.kind)
            how = {"algorithm": job.algorithm, "digest": job.digest, "exclusive": job.exclusive}
            content = signing(job.document.encode(), PATH, one.key, one.certificate, now=NOW, **how)
            made += [Signed(content, one, good=True), Signed(content.replace(OLD, NEW), one, good=False)]
        answers = peer.verifies(made, held)
    for number, (signed, answer) in enumerate(zip(made, answers, strict=True)):
        job = jobs[number // 2]
        row.count(agrees=answer == signed.good, why=why(peer, job) if signed.good else "a change is not seen")
    return row


def xml_rows(peer: Peer) -> list[Row]:
    rows = [they_sign(peer)] if peer.signs else []
    return [*rows, we_sign(peer, "XMLDSig"), we_sign(peer, "XAdES-B-B")]


def signxml_xades_row() -> Row:
    """signxml signs XAdES with a Reference to its KeyInfo besides."""
    row = Row("signxml signs XAdES, we judge", "signxml on PyPI, Apache-2.0", version=version_of("signxml"))
    documents = (test_xades_peers.BARE, DOCUMENT.format(attributes="", signature="").encode())
    method, digest = test_xades_peers.SignatureMethod, test_xades_peers.DigestAlgorithm
    c14n = test_xades_peers.CanonicalizationMethod
    for document in documents:
        path = f"/{etree.fromstring(document).tag}/Cky"
        for exclusive in (False, True):
            for kind, signed_by in (("employer", method.RSA_SHA256), ("branch", method.ECDSA_SHA256)):
                named = c14n.EXCLUSIVE_XML_CANONICALIZATION_1_0 if exclusive else c14n.CANONICAL_XML_1_0
                content = test_xades_peers.by_signxml_signed(
                    pki().employers[kind], document, named, signed_by, digest.SHA256
                )
                verdict = judge_xades(content, pki().trust(), path=path)
                row.count(
                    agrees=verdict.passed and verdict.format == LEVELS[1],
                    why="with exclusive C14N signxml digests SignedProperties exclusively and declares no Transform "
                    f"(XMLDSig 1.1 §4.4.3.2); xmlsec refuses it too; refused as {verdict.reason_code}",
                )
                wrong = content.replace(OLD, NEW) if OLD in content else content.replace(b"5310000", b"9310000")
                row.count(agrees=not judge_xades(wrong, pki().trust(), path=path).passed, why="a change is not seen")
    return row


def pdf_row() -> Row:
    row = Row("pyHanko signs a PDF, we judge", "pyHanko on PyPI, MIT", version=version_of("pyHanko"))
    page = pdf_workshop.page()
    for kind in ("employer", "branch"):
        for sub_filter in (pdf_workshop.PADES, pdf_workshop.PKCS7):
            for md in ("sha256", "sha384", "sha512"):
                content = pdf_workshop.sign(page, pki().employers[kind], sub_filter=sub_filter, md=md)
                for good, each in ((True, content), (False, content.replace(b"Hop dong", b"Hap dong"))):
                    found = judge_attachment(
                        each, name="a.pdf", kind=".pdf", policy=Policy(), trust=pki().trust(), now=NOW
                    )
                    verdicts = found.verdicts
                    row.count(agrees=len(verdicts) == 1 and verdicts[0].passed == good, why=OTHER_WHY)
    return row


def timestamp_rows() -> list[Row]:
    """OpenSSL makes tokens that we judge, and judges the tokens of the tests' own authority."""
    version = run(["openssl", "version"]).stdout.split()[1]
    theirs = Row("OpenSSL makes time-stamps, we judge", "openssl ts, Apache-2.0", version=version)
    ours = Row("the tests' time-stamps, OpenSSL verifies", "openssl ts, Apache-2.0", version=version)
    # OpenSSL stamps with the wall clock's time: whatever it is, the authority is valid.
    lasting = NOW + timedelta(days=36_000)
    name, key = authority_name("TSA ROOT"), make_key("rsa-2048")
    root = certificate(name, key, None, extensions=CA, not_before=NOW - timedelta(days=1000), not_after=lasting)
    tsa = Tsa(root, not_after=lasting)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "unit.pem").write_bytes(pem(tsa.unit.certificate))
        (folder / "root.pem").write_bytes(pem(tsa.root.certificate))
        private = tsa.unit.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "unit.key").write_bytes(private)
        (folder / "serial").write_text("01")
        (folder / "ts.cnf").write_text(
            "[t]\nserial=serial\ncrypto_device=builtin\nsigner_cert=unit.pem\nsigner_key=unit.key\n"
            f"signer_digest=sha256\ndefault_policy={POLICY_OID}\ndigests=sha256,sha384,sha512\naccuracy=secs:1\n"
            "ess_cert_id_alg=sha256\n"
        )
        for imprint in ("sha256", "sha384", "sha512"):
            for chain in (False, True):
                token = _openssl_token(folder, imprint, chain=chain)
                for covered in (b"covered", b"coverec"):
                    found = verify_token(token, covered, tsa.trust(), lasting)
                    agrees = isinstance(found, Refusal) == (covered != b"covered")
                    theirs.count(agrees=agrees, why=found.code if isinstance(found, Refusal) else OTHER_WHY)
            (folder / "t.tsr").write_bytes(as_response(tsa.token(b"covered", imprint=imprint)))
            for covered in (b"covered", b"coverec"):
                (folder / "m").write_bytes(covered)
                command = ["openssl", "ts", "-verify", "-data", "m", "-in", "t.tsr", "-CAfile", "root.pem"]
                at = ["-attime", str(int(NOW.timestamp()))]
                done = subprocess.run([*command, *at], check=False, capture_output=True, cwd=folder)
                ours.count(agrees=(done.returncode == 0) == (covered == b"covered"), why=OTHER_WHY)
    return [theirs, ours]


def _openssl_token(folder: Path, imprint: str, *, chain: bool) -> bytes:
    digest = hashlib.new(imprint, b"covered").hexdigest()
    for command in (
        ["-query", "-digest", digest, f"-{imprint}", "-cert", "-out", "q.tsq"],
        ["-reply", "-queryfile", "q.tsq", "-config", "ts.cnf", "-section", "t", "-token_out", "-out", "t.der"]
        + (["-chain", "root.pem"] if chain else []),
    ):
        subprocess.run(["openssl", "ts", *command], check=True, capture_output=True, cwd=folder)
    return (folder / "t.der").read_bytes()


# --- what was signed by others once, and kept: the proof on machines that have none of them ---------------------------


def kept_trust() -> TrustStore:
    roots, intermediates = [], []
    for name in ("ca.pem", "ca-net.pem"):
        root, intermediate = x509.load_pem_x509_certificates((INTEROP / name).read_bytes())
        roots.append(root)
        intermediates.append(intermediate)
    return TrustStore(roots, intermediates)


def one_byte_changed(content: bytes) -> dict[str, bytes]:
    """The document with one letter changed, by turns in each part of it that matters."""
    places = {
        "content": content.index("Mẫu".encode()),
        "attribute": content.index(b'a="1"') + 3,
        "SignedInfo": content.index(b"DigestValue>") + len(b"DigestValue>") + 3,
        "value": content.index(b"SignatureValue>") + len(b"SignatureValue>") + 10,
        "certificate": content.index(b"X509Certificate>") + len(b"X509Certificate>") + 200,
    }
    made = {}
    for name, at in places.items():
        letter = b"B" if content[at : at + 1] == b"A" else b"A"
        made[name] = content[:at] + letter + content[at + 1 :]
    return made


def kept_rows() -> list[Row]:
    """As they are they pass, but for the one that is wrong by the standard; with one byte changed none does."""
    made_by = {"xmlsec1": "xmlsec1 1.2.37", "jdk": "JDK 17", "net": ".NET SignedXml (Mono 6.8)"}
    trust, rows = kept_trust(), []
    for tool, name in made_by.items():
        row = Row(f"kept signatures of {name}", KEPT_ORIGIN)
        for path in sorted(INTEROP.glob(f"{tool}-*.xml")):
            content = path.read_bytes()
            row.count(agrees=passes(content, trust), why=NET_WHY if "wrong" in path.name else path.name)
            for part, changed in one_byte_changed(content).items():
                row.count(agrees=not passes(changed, trust), why=f"{path.name}: a changed {part} is not seen")
        rows.append(row)
    return rows


def live_rows() -> list[Row]:
    """Everything that this machine can run; `absent` names the rest."""
    rows = [row for peer in PEERS if not peer.missing() for row in xml_rows(peer)]
    rows += [signxml_xades_row(), pdf_row()]
    return rows if command_missing("openssl") else [*rows, *timestamp_rows()]


def absent() -> list[str]:
    found = [f"{peer.name}: {why_missing}" for peer in PEERS if (why_missing := peer.missing())]
    return found + [f"OpenSSL: {lacking}" for lacking in [command_missing("openssl")] if lacking]
