"""Makes whole dossiers signed on both levels by xmlsec1 and the JDK, under a throw-away CA whose keys are not kept."""

import base64
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct
from msgspec.structs import replace

from schemas.catalogue import Catalogue
from schemas.sample import make_dossier, tax_code, unit_code
from signing.demo_pki import DemoPki, Employer, load_recipe, make_pki
from signing.dossier import ENVELOPE_SIGNATURE_PATH
from tests.signing.interop import make_vectors

HERE = Path(__file__).parent
SIGN_XML = Path(make_vectors.__file__).with_name("SignXml.java")
CERTIFIED_AT = datetime(2026, 1, 1, tzinfo=UTC)
VALID_DAYS = 30 * 365 + 8
# Within the life of the certificates, and of the forms' versions: the day on which a test's clock starts.
MADE_ON = date(2026, 3, 2)
UNIT, TAX_CODE, OFFICE = unit_code(600), tax_code(600), "07906"
FORMS = ("D02-TS", "TK1-TS", "D01-TS")
SIGNED_WITHIN_S = 120

_FILE = re.compile(
    rb"(<MaToKhai>([^<]*)</MaToKhai>.*?<DoDaiFile>)[^<]*(</DoDaiFile>\s*<NoiDungFile>)([^<]*)", re.DOTALL
)


class Shape(Struct, frozen=True):
    """How a document is signed: whose key ("rsa" or "ecdsa" on P-256), which canonical form, which prefix."""

    key: str
    c14n: str
    prefix: str

    @property
    def algorithm(self) -> str:
        return f"{self.key}-sha256"


SHAPES = {
    "rsa-inclusive": Shape("rsa", "inclusive", ""),
    "rsa-exclusive": Shape("rsa", "exclusive", "ds"),
    "ecdsa-inclusive": Shape("ecdsa", "inclusive", "ds"),
    "ecdsa-exclusive": Shape("ecdsa", "exclusive", ""),
}
CHANGED = "form-changed-before-the-envelope-was-signed"


class Job(Struct, frozen=True):
    """One document to sign, and the empty element that takes the signature."""

    content: bytes
    path: str
    shape: Shape


Tool = Callable[[Sequence[Job], Path], list[bytes]]


def by_xmlsec1(jobs: Sequence[Job], folder: Path) -> list[bytes]:
    """Sign with the command xmlsec1, which fills in a template; the keys are in `folder`."""
    return [_by_xmlsec1(job, folder) for job in jobs]


def _by_xmlsec1(job: Job, folder: Path) -> bytes:
    shape, name = job.shape, job.path.rpartition("/")[2]
    source, target = folder / "source.xml", folder / "target.xml"
    template = make_vectors.template(shape.algorithm, "sha256", shape.c14n, shape.prefix)
    empty, filled = f"<{name}/>".encode(), f"<{name}>{template}</{name}>".encode()
    source.write_bytes(_replaced_once(job.content, empty, filled))
    keys = f"{folder / shape.key}.key.pem,{folder / shape.key}.pem"
    _run(["xmlsec1", "--sign", "--privkey-pem", keys, "--output", str(target), str(source)])
    return target.read_bytes()


def by_the_jdk(jobs: Sequence[Job], folder: Path) -> list[bytes]:
    """Sign with javax.xml.crypto.dsig, all documents in one start of the JVM; the keys are in `folder`."""
    lines, targets = [], []
    for number, job in enumerate(jobs):
        source, target = folder / f"{number}.source.xml", folder / f"{number}.target.xml"
        source.write_bytes(job.content)
        targets.append(target)
        shape = job.shape
        line = [str(source), str(target), job.path, f"{folder / shape.key}.p12", make_vectors.PASSWORD]
        line += [shape.algorithm, "sha256", shape.c14n, *([shape.prefix] if shape.prefix else [])]
        lines.append("\t".join(line))
    _run(["java", str(HERE / "SignMany.java"), str(SIGN_XML), str(folder)], "\n".join(lines))
    return [target.read_bytes() for target in targets]


def by_net(jobs: Sequence[Job], folder: Path) -> list[bytes]:
    """Sign with .NET's SignedXml, run by Mono, which has no ECDSA there; it writes a byte order mark and no prefix."""
    program = folder / "NetPeer.exe"
    if not program.exists():
        _run(["mcs", f"-out:{program}", "-r:System.Security.dll", str(SIGN_XML.with_name("NetPeer.cs"))])
    lines, targets = [], []
    for number, job in enumerate(jobs):
        source, target = folder / f"{number}.source.xml", folder / f"{number}.target.xml"
        source.write_bytes(job.content)
        targets.append(target)
        keys = [f"{folder / job.shape.key}.xml", f"{folder / job.shape.key}.der"]
        how = [job.shape.algorithm, "sha256", job.shape.c14n]
        lines.append("\t".join(["sign", str(source), str(target), job.path, *keys, *how]))
    told = _run(["mono", str(program)], "\n".join(lines)).splitlines()
    if told != ["done"] * len(jobs):
        raise RuntimeError(f".NET: {told[:3]}")
    return [target.read_bytes() for target in targets]


# What those two signed is kept; a third, which knows RSA alone, only signs afresh.
TOOLS: dict[str, Tool] = {"xmlsec1": by_xmlsec1, "jdk": by_the_jdk}
AFRESH: dict[str, Tool] = {**TOOLS, "net": by_net}


def missing(tool: str) -> str:
    """Say why a tool cannot be used on this machine; "" when it can."""
    if tool == "xmlsec1":
        return "" if shutil.which("xmlsec1") else "the command xmlsec1 is not on this machine"
    if tool == "net":
        return "" if shutil.which("mono") and shutil.which("mcs") else "Mono and its compiler are not on this machine"
    if not shutil.which("java"):
        return "the command java is not on this machine"
    listed = subprocess.run(["java", "--list-modules"], check=False, capture_output=True, text=True)
    return "" if "jdk.compiler@" in listed.stdout else "java on this machine is no JDK of version 11 or later"


def make_signers() -> DemoPki:
    """A fresh CA and two certificates of one employer, "rsa" and "ecdsa", all valid for 30 years."""
    recipe = load_recipe()
    return make_pki(
        CERTIFIED_AT,
        replace(
            recipe,
            root=replace(recipe.root, common_name="INTEROP DOSSIERS ROOT", valid_days=VALID_DAYS),
            intermediate=replace(recipe.intermediate, common_name="INTEROP DOSSIERS CA", valid_days=VALID_DAYS),
            employers=tuple(
                Employer(
                    name=name,
                    common_name="CÔNG TY MẪU LIÊN THÔNG",
                    identifiers=(f"MST:{TAX_CODE}",),
                    key=key,
                    valid_days=VALID_DAYS,
                )
                for name, key in (("rsa", "rsa-2048"), ("ecdsa", "ec-p256"))
            ),
        ),
    )


def keep_keys(pki: DemoPki, folder: Path) -> None:
    """Write both keys as the tools read them; `folder` does not outlive the signing."""
    for name, holder in pki.employers.items():
        make_vectors.keep(folder, name, holder)
        (folder / f"{name}.der").write_bytes(holder.certificate.public_bytes(Encoding.DER))
        if isinstance(holder.key, rsa.RSAPrivateKey):
            (folder / f"{name}.xml").write_text(make_vectors.rsa_xml(holder.key))


def authorities_pem(pki: DemoPki) -> bytes:
    return b"".join(one.certificate.public_bytes(Encoding.PEM) for one in (pki.root, pki.intermediate))


def unsigned(seed: int) -> bytes:
    """A dossier of procedure 600 with three forms and a PDF; another seed, other people."""
    return make_dossier(
        "600",
        employees=2,
        seed=seed,
        unit=UNIT,
        tax_code=TAX_CODE,
        office=OFFICE,
        period=f"{MADE_ON:%m/%Y}",
        made_on=MADE_ON,
        attachments=1,
        attachment_bytes=2048,
        forms=FORMS,
    )


def files_of(dossier: bytes) -> dict[str, bytes]:
    """The decoded files of an envelope, by their form's code."""
    return {found[2].decode(): base64.b64decode(found[4], validate=True) for found in _FILE.finditer(dossier)}


def with_files(dossier: bytes, files: Mapping[str, bytes]) -> bytes:
    """The envelope with other files in the places of those named; every other byte stays."""

    def put(found: re.Match[bytes]) -> bytes:
        text = base64.b64encode(files[form]) if (form := found[2].decode()) in files else found[4]
        return b"%b%d%b%b" % (found[1], len(text), found[3], text)

    return _FILE.sub(put, dossier)


def sign_forms(dossiers: Sequence[tuple[bytes, Shape]], tool: Tool, folder: Path) -> list[bytes]:
    """Sign every form inside every dossier; the envelopes stay unsigned."""
    catalogue = Catalogue.load()
    paths = {code: form.signature_path for code in FORMS if (form := catalogue.form(code, MADE_ON))}
    opened = [files_of(dossier) for dossier, _ in dossiers]
    jobs = [
        Job(files[code], path, shape)
        for files, (_, shape) in zip(opened, dossiers, strict=True)
        for code, path in paths.items()
    ]
    signed = iter(tool(jobs, folder))
    return [with_files(dossier, {code: next(signed) for code in paths}) for dossier, _ in dossiers]


def sign_envelopes(dossiers: Sequence[tuple[bytes, Shape]], tool: Tool, folder: Path) -> list[bytes]:
    """Sign every envelope as it is, whatever its forms are."""
    return tool([Job(dossier, ENVELOPE_SIGNATURE_PATH, shape) for dossier, shape in dossiers], folder)


def one_digit_changed(content: bytes) -> bytes:
    """The document with the first digit that starts an element's text changed to another."""
    found = re.search(rb">([0-9])", content)
    if found is None:
        raise ValueError("no element's text starts with a digit")
    return content[: found.start(1)] + (b"2" if found[1] == b"1" else b"1") + content[found.end(1) :]


def _replaced_once(content: bytes, old: bytes, new: bytes) -> bytes:
    if content.count(old) != 1:
        raise ValueError(f"{old!r} stands {content.count(old)} times in the document")
    return content.replace(old, new)


def _run(command: Sequence[str], lines: str = "") -> str:
    done = subprocess.run(
        command, input=lines, check=False, capture_output=True, text=True, encoding="utf-8", timeout=SIGNED_WITHIN_S
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def main() -> None:
    """Make afresh everything that is kept beside this module."""
    pki = make_signers()
    (HERE / "ca.pem").write_bytes(authorities_pem(pki))
    for name, holder in pki.employers.items():
        (HERE / f"{name}.pem").write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keep_keys(pki, folder)
        for seed, (tool_name, tool) in enumerate(TOOLS.items(), start=1):
            shapes = list(SHAPES.values())
            drafts = sign_forms([(unsigned(seed), shape) for shape in shapes], tool, folder)
            changed = with_files(drafts[0], {"D02-TS": one_digit_changed(files_of(drafts[0])["D02-TS"])})
            envelopes = [*zip(drafts, shapes, strict=True), (changed, shapes[0])]
            signed = sign_envelopes(envelopes, tool, folder)
            for kept, content in zip((*SHAPES, CHANGED), signed, strict=True):
                (HERE / f"{tool_name}-{kept}.xml").write_bytes(content)


if __name__ == "__main__":
    main()
