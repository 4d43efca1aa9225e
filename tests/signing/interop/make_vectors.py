"""Makes the signed vectors beside it with xmlsec1 and the JDK, under a throw-away CA whose keys are not kept."""

import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates
from msgspec.structs import replace

from signing.demo_pki import Employer, Holder, load_recipe, make_pki

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


def main() -> None:
    recipe = load_recipe()
    recipe = replace(
        recipe,
        root=replace(recipe.root, common_name="INTEROP VECTORS ROOT", valid_days=VALID_DAYS),
        intermediate=replace(recipe.intermediate, common_name="INTEROP VECTORS CA", valid_days=VALID_DAYS),
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
    pki = make_pki(MADE_AT, recipe)
    authorities = (pki.root, pki.intermediate)
    (HERE / "ca.pem").write_bytes(b"".join(one.certificate.public_bytes(Encoding.PEM) for one in authorities))
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


if __name__ == "__main__":
    main()
