"""Makes the signed vectors beside it with xmlsec1, the JDK and .NET, under throw-away CAs whose keys are not kept."""

import base64
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates
from msgspec.structs import replace

from signing.demo_pki import DemoPki, Employer, Holder, load_recipe, make_pki

HERE = Path(__file__).parent
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
VALID_DAYS = 36_000
PASSWORD = "vector"
PATH = "/D02-TS/Cky"

DSIG = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
DIGESTS = {
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": MORE + "sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
C14N = {
    "inclusive": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "exclusive": "http://www.w3.org/2001/10/xml-exc-c14n#",
}
DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<D02-TS xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"{attributes}>
  <!-- chú thích -->
  <NoiDung>
    <HoTen>Nguyễn Thị Mẫu &amp; Cộng sự</HoTen>
    <GhiChu xsi:nil="true" b="2" a="1"/>
    <Luong>1 &lt; 2</Luong>
  </NoiDung>
  <Cky>{signature}</Cky>
</D02-TS>
"""
# name: (algorithm, digest, canonicalisation, prefix, attributes of the root)
SHAPES = {
    "rsa-sha256-inclusive": ("rsa-sha256", "sha256", "inclusive", "", ""),
    "rsa-sha512-exclusive": ("rsa-sha512", "sha512", "exclusive", "ds", ""),
    "rsa-sha384-xml-lang": ("rsa-sha384", "sha384", "inclusive", "ds", ' xml:lang="vi" xml:space="preserve"'),
    "rsa-sha256-xml-lang-exclusive": ("rsa-sha256", "sha256", "exclusive", "", ' xml:lang="vi"'),
    "ecdsa-sha256-inclusive": ("ecdsa-sha256", "sha256", "inclusive", "", ""),
    "ecdsa-sha384-exclusive": ("ecdsa-sha384", "sha512", "exclusive", "ds", ""),
}
# name: (algorithm, digest, canonicalisation, attributes of the root)
NET_SHAPES = {
    "rsa-sha256-inclusive": ("rsa-sha256", "sha256", "inclusive", ""),
    "rsa-sha256-exclusive": ("rsa-sha256", "sha256", "exclusive", ""),
    "rsa-sha384-inclusive": ("rsa-sha384", "sha384", "inclusive", ""),
    "rsa-sha512-exclusive": ("rsa-sha512", "sha512", "exclusive", ""),
    "rsa-sha256-xml-lang": ("rsa-sha256", "sha256", "inclusive", ' xml:lang="vi" xml:space="preserve"'),
    # Wrong by Exclusive C14N §3, and kept for that: see README.md.
    "wrong-xml-lang-exclusive": ("rsa-sha256", "sha256", "exclusive", ' xml:lang="vi"'),
}


def template(algorithm: str, digest: str, c14n: str, prefix: str) -> str:
    p = f"{prefix}:" if prefix else ""
    declared = f"xmlns:{prefix}" if prefix else "xmlns"
    second = f'<{p}Transform Algorithm="{C14N[c14n]}"/>' if c14n == "exclusive" else ""
    key_value = f"<{p}KeyValue/>" if algorithm.startswith("rsa") else ""
    return (
        f'<{p}Signature {declared}="{DSIG}" Id="sigid">\n<{p}SignedInfo>\n'
        f'<{p}CanonicalizationMethod Algorithm="{C14N[c14n]}"/>\n<{p}SignatureMethod Algorithm="{MORE}{algorithm}"/>\n'
        f'<{p}Reference URI=""><{p}Transforms><{p}Transform Algorithm="{DSIG}enveloped-signature"/>{second}'
        f'</{p}Transforms><{p}DigestMethod Algorithm="{DIGESTS[digest]}"/><{p}DigestValue/></{p}Reference>'
        f"</{p}SignedInfo><{p}SignatureValue/><{p}KeyInfo>{key_value}"
        f"<{p}X509Data><{p}X509Certificate/></{p}X509Data></{p}KeyInfo></{p}Signature>"
    )


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


def keep(folder: Path, name: str, holder: Holder) -> None:
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(PASSWORD.encode())
    )
    folder.joinpath(f"{name}.p12").write_bytes(
        serialize_key_and_certificates(name.encode(), holder.key, holder.certificate, None, encryption)
    )
    folder.joinpath(f"{name}.key.pem").write_bytes(
        holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    folder.joinpath(f"{name}.pem").write_bytes(holder.certificate.public_bytes(Encoding.PEM))


def rsa_xml(key: rsa.RSAPrivateKey) -> str:
    """The private key as .NET reads it (RSA.FromXmlString)."""
    numbers, octets = key.private_numbers(), key.key_size // 8
    parts = {
        "Modulus": (numbers.public_numbers.n, octets),
        "Exponent": (numbers.public_numbers.e, 3),
        "P": (numbers.p, octets // 2),
        "Q": (numbers.q, octets // 2),
        "DP": (numbers.dmp1, octets // 2),
        "DQ": (numbers.dmq1, octets // 2),
        "InverseQ": (numbers.iqmp, octets // 2),
        "D": (numbers.d, octets),
    }
    texts = {name: base64.b64encode(value.to_bytes(size, "big")).decode() for name, (value, size) in parts.items()}
    return f"<RSAKeyValue>{''.join(f'<{name}>{text}</{name}>' for name, text in texts.items())}</RSAKeyValue>"


def make_signers(ca: str) -> DemoPki:
    """A fresh CA, and two certificates of one employer, "rsa" and "ecdsa"."""
    recipe = load_recipe()
    recipe = replace(
        recipe,
        root=replace(recipe.root, common_name=f"{ca} ROOT", valid_days=VALID_DAYS),
        intermediate=replace(recipe.intermediate, common_name=f"{ca} CA", valid_days=VALID_DAYS),
        employers=tuple(
            Employer(
                name=name,
                common_name="CÔNG TY MẪU LIÊN THÔNG",
                identifiers=("MST:0101234567",),
                key=key,
                valid_days=VALID_DAYS,
            )
            for name, key in (("rsa", "rsa-2048"), ("ecdsa", "ec-p256"))
        ),
    )
    return make_pki(MADE_AT, recipe)


def keep_authorities(pki: DemoPki, name: str) -> None:
    authorities = (pki.root, pki.intermediate)
    (HERE / name).write_bytes(b"".join(one.certificate.public_bytes(Encoding.PEM) for one in authorities))


def make_net() -> None:
    """What .NET's SignedXml signs, which has no ECDSA on Mono; run by Mono, compiled by mcs."""
    pki = make_signers("INTEROP VECTORS NET")
    keep_authorities(pki, "ca-net.pem")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        holder, lines = pki.employers["rsa"], []
        if not isinstance(holder.key, rsa.RSAPrivateKey):
            raise TypeError("an RSA key is needed")
        (folder / "rsa.xml").write_text(rsa_xml(holder.key))
        (folder / "rsa.der").write_bytes(holder.certificate.public_bytes(Encoding.DER))
        for shape, (algorithm, digest, c14n, attributes) in NET_SHAPES.items():
            source = folder / f"{shape}.xml"
            source.write_text(DOCUMENT.format(signature="", attributes=attributes), encoding="utf-8")
            keys = (folder / "rsa.xml", folder / "rsa.der")
            line = ("sign", source, HERE / f"net-{shape}.xml", PATH, *keys, algorithm, digest, c14n)
            lines.append("\t".join(map(str, line)))
        program = folder / "NetPeer.exe"
        run("mcs", f"-out:{program}", "-r:System.Security.dll", HERE / "NetPeer.cs")
        done = subprocess.run(
            ["mono", str(program)], input="\n".join(lines), capture_output=True, text=True, check=True
        )
        if set(done.stdout.splitlines()) != {"done"}:
            raise RuntimeError(done.stdout)


def make_xmlsec1_and_jdk() -> None:
    pki = make_signers("INTEROP VECTORS")
    keep_authorities(pki, "ca.pem")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, holder in pki.employers.items():
            keep(folder, kind, holder)
        for shape, (algorithm, digest, c14n, prefix, attributes) in SHAPES.items():
            kind = algorithm.partition("-")[0]
            source = folder / "source.xml"
            signature = template(algorithm, digest, c14n, prefix)
            source.write_text(DOCUMENT.format(signature=signature, attributes=attributes), encoding="utf-8")
            key = f"{folder / kind}.key.pem,{folder / kind}.pem"
            run("xmlsec1", "--sign", "--privkey-pem", key, "--output", HERE / f"xmlsec1-{shape}.xml", source)
            source.write_text(DOCUMENT.format(signature="", attributes=attributes), encoding="utf-8")
            settings = [algorithm, digest, c14n, *([prefix] if prefix else [])]
            target = HERE / f"jdk-{shape}.xml"
            run("java", HERE / "SignXml.java", source, target, PATH, folder / f"{kind}.p12", PASSWORD, *settings)


def main() -> None:
    for each in sys.argv[1:] or MAKERS:
        MAKERS[each]()


MAKERS = {"xmlsec1-and-jdk": make_xmlsec1_and_jdk, "net": make_net}

if __name__ == "__main__":
    main()
