"""Other implementations of XML signatures, as found on this machine: each signs for us, and verifies what we sign."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version as version_of
from pathlib import Path

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from msgspec import Struct
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier

from signing.demo_pki import DemoPki, Holder
from tests.signing.interop import make_vectors
from tests.signing.interop.make_vectors import DOCUMENT, PATH, rsa_xml, template

DSIG = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
INTEROP = Path(make_vectors.__file__).parent
SANTUARIO_JAR = Path(os.environ.get("MOTCUA_SANTUARIO_JAR", "/usr/share/java/xmlsec.jar"))
WITHIN_S = 240


class Job(Struct, frozen=True):
    """One document to be signed: by whose key ("employer" has RSA, "branch" P-256), and how."""

    kind: str
    algorithm: str
    digest: str
    exclusive: bool
    attributes: str = ""

    @property
    def document(self) -> str:
        return DOCUMENT.format(attributes=self.attributes, signature="")


class Signed(Struct, frozen=True):
    """What we signed, or what was changed in it since; `good` says which."""

    content: bytes
    holder: Holder
    good: bool


class Keys:
    """The PKI's keys as files, in every form that a peer reads."""

    def __init__(self, pki: DemoPki, folder: Path) -> None:
        self.pki, self.folder = pki, folder
        for name, holder in pki.employers.items():
            make_vectors.keep(folder, name, holder)
            (folder / f"{name}.der").write_bytes(holder.certificate.public_bytes(Encoding.DER))
            if isinstance(holder.key, rsa.RSAPrivateKey):
                (folder / f"{name}.xml").write_text(rsa_xml(holder.key))

    def of(self, kind: str) -> Holder:
        return self.pki.employers[kind]


Signs = Callable[[Sequence[Job], Keys], list[bytes]]
Verifies = Callable[[Sequence[Signed], Keys], list[bool]]


class Peer(Struct, frozen=True):
    """Another implementation; `missing` says why it cannot be asked here, "" when it can."""

    name: str
    origin: str
    version: Callable[[], str]
    missing: Callable[[], str]
    verifies: Verifies
    signs: Signs | None = None
    can_sign: Callable[[Job], bool] = lambda _: True
    # Whether it knows which attributes are Ids, hence can look for XAdES SignedProperties.
    xades: bool = True


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def key_pem(holder: Holder) -> bytes:
    return holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def holds(check: Callable[[], object]) -> bool:
    """Whether a peer that raises for a bad signature is content."""
    try:
        check()
    except Exception:
        return False
    return True


def run(command: Sequence[str], lines: str = "", *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, input=lines, check=False, capture_output=True, text=True, encoding="utf-8", timeout=WITHIN_S
    )
    if check and done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done


# --- python-xmlsec and xmlsec1: libxmlsec, in the wheel's version and in the machine's ---


def _with_template(job: Job) -> bytes:
    signature = template(job.algorithm, job.digest, "exclusive" if job.exclusive else "inclusive", "")
    # This version leaves KeyValue empty.
    return DOCUMENT.format(attributes=job.attributes, signature=signature.replace("<KeyValue/>", "")).encode()


def xmlsec_signs(jobs: Sequence[Job], keys: Keys) -> list[bytes]:
    made = []
    for job in jobs:
        holder, root = keys.of(job.kind), etree.fromstring(_with_template(job))
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(key_pem(holder), xmlsec.constants.KeyDataFormatPem)
        context.key.load_cert_from_memory(pem(holder.certificate), xmlsec.constants.KeyDataFormatPem)
        context.sign(next(root.iter(f"{{{DSIG}}}Signature")))
        made.append(etree.tostring(root.getroottree()))
    return made


def xmlsec_verifies_one(content: bytes, holder: Holder) -> None:
    root = etree.fromstring(content)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem(holder.certificate), xmlsec.constants.KeyDataFormatCertPem)
    context.verify(next(root.iter(f"{{{DSIG}}}Signature")))


def xmlsec_verifies(all_signed: Sequence[Signed], _: Keys) -> list[bool]:
    return [holds(lambda one=one: xmlsec_verifies_one(one.content, one.holder)) for one in all_signed]


def xmlsec1_signs(jobs: Sequence[Job], keys: Keys) -> list[bytes]:
    made = []
    source, target = keys.folder / "source.xml", keys.folder / "target.xml"
    for job in jobs:
        source.write_bytes(_with_template(job))
        key = f"{keys.folder / job.kind}.key.pem,{keys.folder / job.kind}.pem"
        run(["xmlsec1", "--sign", "--privkey-pem", key, "--output", str(target), str(source)])
        made.append(target.read_bytes())
    return made


def xmlsec1_verifies(all_signed: Sequence[Signed], keys: Keys) -> list[bool]:
    answers = []
    for one in all_signed:
        (keys.folder / "c.pem").write_bytes(pem(one.holder.certificate))
        (keys.folder / "d.xml").write_bytes(one.content)
        ids = ["--id-attr:Id", f"{XADES}:SignedProperties"]
        # By names alone, of which there is none: else the key in the document would do.
        ids += ["--enabled-key-data", "key-name"]
        command = ["xmlsec1", "--verify", *ids, "--pubkey-cert-pem", str(keys.folder / "c.pem")]
        answers.append(run([*command, str(keys.folder / "d.xml")], check=False).returncode == 0)
    return answers


# --- signxml ----------------------------------------------------------------------------------------------------------


def signxml_signs(jobs: Sequence[Job], keys: Keys) -> list[bytes]:
    made = []
    for job in jobs:
        holder, root = keys.of(job.kind), etree.fromstring(job.document.encode())
        etree.SubElement(root[-1], f"{{{DSIG}}}Signature", {"Id": "placeholder"}, {"ds": DSIG})
        name = "EXCLUSIVE_XML_CANONICALIZATION_1_0" if job.exclusive else "CANONICAL_XML_1_0"
        signer = XMLSigner(
            signature_algorithm=SignatureMethod[job.algorithm.upper().replace("-", "_")],
            digest_algorithm=DigestAlgorithm[job.digest.upper()],
            c14n_algorithm=CanonicalizationMethod[name],
        )
        signed = signer.sign(
            root,
            key=key_pem(holder),
            cert=pem(holder.certificate).decode(),
            always_add_key_value="rsa" in job.algorithm,
        )
        made.append(etree.tostring(signed.getroottree()))
    return made


def signxml_verifies_one(content: bytes, holder: Holder) -> None:
    references = 2 if b"SignedProperties" in content else 1
    expected = SignatureConfiguration(require_x509=True, location=".//", expect_references=references)
    verifier = XMLVerifier()
    # lxml writes xmlns="" into the inclusive form of a part of a document; signxml takes it out again on request.
    verifier.excise_empty_xmlns_declarations = True
    verifier.verify(content, x509_cert=pem(holder.certificate).decode(), expect_config=expected)


def signxml_verifies(all_signed: Sequence[Signed], _: Keys) -> list[bool]:
    return [holds(lambda one=one: signxml_verifies_one(one.content, one.holder)) for one in all_signed]


# --- peers that are told a line for each document: the JDK, Santuario, .NET -------------------------------------------


class Told(Struct, frozen=True):
    """A program that signs and verifies by lines: one start for many documents. `key` is its form of a private key."""

    command: Callable[[], list[str]]
    key: Callable[[Path, str], list[str]]

    def signs(self, jobs: Sequence[Job], keys: Keys) -> list[bytes]:
        lines, targets = [], []
        for number, job in enumerate(jobs):
            source, target = keys.folder / f"{number}.source.xml", keys.folder / f"{number}.target.xml"
            source.write_bytes(job.document.encode())
            target.unlink(missing_ok=True)
            targets.append(target)
            how = [job.algorithm, job.digest, "exclusive" if job.exclusive else "inclusive"]
            lines.append(["sign", str(source), str(target), PATH, *self.key(keys.folder, job.kind), *how])
        if wrong := {answer for answer in self._told(lines) if answer != "done"}:
            raise RuntimeError(f"{self.command()[0]}: {sorted(wrong)[:3]}")
        return [target.read_bytes() for target in targets]

    def verifies(self, all_signed: Sequence[Signed], keys: Keys) -> list[bool]:
        lines = []
        for number, one in enumerate(all_signed):
            source, certificate = keys.folder / f"{number}.xml", keys.folder / f"{number}.der"
            source.write_bytes(one.content)
            certificate.write_bytes(one.holder.certificate.public_bytes(Encoding.DER))
            lines.append(["verify", str(source), str(certificate)])
        return [answer == "valid" for answer in self._told(lines)]

    def _told(self, lines: list[list[str]]) -> list[str]:
        answers = run(self.command(), "\n".join("\t".join(line) for line in lines)).stdout.splitlines()
        if len(answers) != len(lines):
            raise RuntimeError(f"{self.command()[0]} gave {len(answers)} answers to {len(lines)} lines")
        return answers


def _p12(folder: Path, kind: str) -> list[str]:
    return [str(folder / f"{kind}.p12"), make_vectors.PASSWORD]


def _xml_key(folder: Path, kind: str) -> list[str]:
    return [str(folder / f"{kind}.xml"), str(folder / f"{kind}.der")]


def _santuario() -> list[str]:
    jars = [SANTUARIO_JAR, *(SANTUARIO_JAR.with_name(f"{name}.jar") for name in ("slf4j-api", "commons-codec"))]
    jars.append(SANTUARIO_JAR.with_name("slf4j-nop.jar"))
    path = os.pathsep.join(str(jar) for jar in jars if jar.exists())
    return ["java", "-cp", path, str(INTEROP / "XmlPeer.java"), "santuario"]


@cache
def _net() -> list[str]:
    """Compile the .NET program once a run, outside the tree."""
    target = Path(tempfile.mkdtemp(prefix="motcua-net-")) / "NetPeer.exe"
    run(["mcs", f"-out:{target}", "-r:System.Security.dll", str(INTEROP / "NetPeer.cs")])
    return ["mono", str(target)]


JDK = Told(lambda: ["java", str(INTEROP / "XmlPeer.java")], _p12)
SANTUARIO = Told(_santuario, _p12)
NET = Told(_net, _xml_key)


def checksig_verifies(all_signed: Sequence[Signed], keys: Keys) -> list[bool]:
    """Santuario's C++ library goes by the key in KeyInfo: whose it is, is not asked."""
    answers = []
    for one in all_signed:
        (keys.folder / "d.xml").write_bytes(one.content)
        done = run(["xsec-checksig", "--id", "Id", str(keys.folder / "d.xml")], check=False)
        answers.append(done.returncode == 0)
    return answers


# --- what is here -----------------------------------------------------------------------------------------------------


def command_missing(*names: str) -> str:
    lacking = [name for name in names if not shutil.which(name)]
    return f"{', '.join(lacking)} is not on this machine" if lacking else ""


@cache
def jdk_missing() -> str:
    if why := command_missing("java"):
        return why
    listed = run(["java", "--list-modules"], check=False).stdout
    return "" if "jdk.compiler@" in listed else "java on this machine is no JDK of version 11 or later"


def _santuario_missing() -> str:
    if why := jdk_missing():
        return why
    return "" if SANTUARIO_JAR.is_file() else "Apache Santuario's jar is not on this machine"


@cache
def jdk_version() -> str:
    return run(["java", "-version"]).stderr.split('"')[1]


@cache
def _santuario_version() -> str:
    """Debian's jar does not say it; beside it stands one whose name does."""
    return next((jar.stem.removeprefix("xmlsec-") for jar in SANTUARIO_JAR.parent.glob("xmlsec-*.jar")), "?")


@cache
def _checksig_version() -> str:
    if not shutil.which("dpkg-query"):
        return "?"
    asked = run(["dpkg-query", "-W", "-f", "${Version}", "xml-security-c-utils"], check=False)
    return asked.stdout.partition("-")[0] or "?"


@cache
def _xmlsec1_version() -> str:
    return run(["xmlsec1", "--version"]).stdout.split()[1]


@cache
def _net_version() -> str:
    return run(["mono", "--version"]).stdout.split("version ")[1].split()[0]


def _rsa(job: Job) -> bool:
    return job.algorithm.startswith("rsa")


PEERS = (
    Peer(
        "python-xmlsec", "xmlsec on PyPI (libxmlsec), MIT", lambda: version_of("xmlsec"), str,
        xmlsec_verifies, xmlsec_signs,
    ),
    Peer("signxml", "signxml on PyPI, Apache-2.0", lambda: version_of("signxml"), str, signxml_verifies, signxml_signs),
    Peer(
        "xmlsec1", "Debian xmlsec1, MIT", _xmlsec1_version, lambda: command_missing("xmlsec1"),
        xmlsec1_verifies, xmlsec1_signs,
    ),
    Peer(
        "JDK javax.xml.crypto", "OpenJDK, GPL-2.0 with classpath exception", jdk_version, jdk_missing,
        JDK.verifies, JDK.signs,
    ),
    Peer(
        "Apache Santuario (Java)", "Debian libxml-security-java, Apache-2.0", _santuario_version, _santuario_missing,
        SANTUARIO.verifies, SANTUARIO.signs,
    ),
    Peer(
        "Apache Santuario (C++)", "Debian xml-security-c-utils, Apache-2.0", _checksig_version,
        lambda: command_missing("xsec-checksig"), checksig_verifies,
    ),
    Peer(
        ".NET SignedXml on Mono", "Debian mono-runtime, mono-mcs, MIT", _net_version,
        lambda: command_missing("mono", "mcs"), NET.verifies, NET.signs, _rsa,
    ),
)  # fmt: skip
