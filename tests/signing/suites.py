"""Suites of vectors that others published or signed, each counted: how often our answer is the one expected."""

import base64
import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree
from msgspec import Struct, field

from signing import xmldsig
from signing.certificate import CURVE_URIS
from signing.policy import DIGEST_ALGORITHMS, SIGNATURE_ALGORITHMS, Policy
from signing.signed_info import canonical_form, lift_out
from signing.trust import TrustStore
from signing.verify import check_value, verify
from signing.xades_read import canonical_in_context
from signing.xmldsig import C14N_EXCLUSIVE_BY_URI, DSIG, DSIG11, ENVELOPED
from tests.signing.workshop import NOW, PATH

REPOSITORY = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("MOTCUA_VECTORS", REPOSITORY.parent / "shared" / "vectors"))
INTEROP = Path(__file__).with_name("interop")
HASHES = {name: getattr(hashes, name.upper())() for name in ("sha1", "sha224", "sha256", "sha384", "sha512")}
CURVES = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1(), "secp521r1": ec.SECP521R1()}
XMLSEC_ORIGIN = "lsh123/xmlsec tests, MIT"
WYCHEPROOF_ORIGIN = "C2SP/wycheproof, Apache-2.0"
# What the suites' own READMEs and names say must fail; all others are valid to whoever accepts their algorithms.
MADE_TO_FAIL = ("-bad-", "expired-cert", "missing-cert", "-crl")
DER_WHY = "an ECDSA value in DER and not r and s side by side (XMLDSig 1.1 §6.4.3): refused as signature-value-der"

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class Row(Struct):
    """One suite's count. `why` counts each class of difference, `notes` tell what the cases were."""

    suite: str
    origin: str
    cases: int = 0
    agree: int = 0
    why: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    version: str = ""

    @property
    def differ(self) -> int:
        return self.cases - self.agree

    def count(self, *, agrees: bool, why: str, note: str = "") -> None:
        self.cases += 1
        self.agree += agrees
        if not agrees:
            self.why[why] += 1
        if note:
            self.notes[note] += 1


def folder(name: str) -> Path | None:
    found = VECTORS / name
    return found if found.is_dir() else None


# --- xmlsec's tests: Merlin Hughes', Phaos', Aleksey Sanin's, the XMLDSig 1.1 and second edition interop --------------


def parsed(path: Path) -> etree._Element | None:
    """The document, nothing fetched, nothing expanded; None with a DTD or without a Signature."""
    content = path.read_bytes()
    if b"SignatureValue" not in content or b"<!DOCTYPE" in content:
        return None
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))


def xmlsec_folders() -> Iterator[Path]:
    tests = folder("xmlsec")
    for each in sorted((tests / "tests").iterdir()) if tests else ():
        if any(b"SignatureValue" in path.read_bytes() for path in each.glob("*.xml")):
            yield each


def xmlsec_rows() -> list[Row]:
    rows = []
    for each in xmlsec_folders():
        rows += [row for row in (whole_signatures(each), parts_of_signatures(each)) if row.cases]
    return rows


def whole_signatures(each: Path) -> Row:
    """Each Signature put in our place and judged: what others call valid is outside the profile, and refused for it."""
    row = Row(f"xmlsec {each.name}: whole signatures", XMLSEC_ORIGIN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anchors = [x509.load_pem_x509_certificate(path.read_bytes()) for path in each.parent.rglob("cacert.pem")]
    trust = TrustStore(anchors)
    for path in sorted(each.glob("*.xml")):
        content = path.read_bytes()
        if b"SignatureValue" not in content:
            continue
        valid = not any(mark in path.name for mark in MADE_TO_FAIL)
        root = parsed(path)
        if root is None:
            row.count(agrees=not valid, why="outside the profile, refused as xml-dtd")
            continue
        place = etree.fromstring("<D02-TS><Cky/></D02-TS>")
        place[0].append(next(root.iter(f"{{{DSIG}}}Signature")))
        verdict = verify(place, PATH, file="vector", policy=Policy(), trust=trust, now=NOW)
        row.count(agrees=verdict.passed == valid, why=f"outside the profile, refused as {verdict.reason_code}")
    return row


def parts_of_signatures(each: Path) -> Row:
    """Our canonical SignedInfo against the value, our canonical content against the digests, old algorithms and all."""
    row = Row(f"xmlsec {each.name}: values and digests over our canonical forms", XMLSEC_ORIGIN)
    for path in sorted(each.glob("*.xml")):
        root = parsed(path)
        if root is None:
            continue
        signature = next(root.iter(f"{{{DSIG}}}Signature"))
        answer = value_holds(signature)
        # In this one a Reference was added behind the signer's back; the other has a digest changed, so its value too.
        broken = "bad-sig" in path.name or "bad-digest-val" in path.name
        if answer is not None:
            der = base64.b64decode(signature[1].text or "")[:1] == b"\x30"
            row.count(agrees=answer != broken, why=DER_WHY if der else f"the value of {path.name}", note="values")
        for number, holds in enumerate(digests_hold(signature)):
            wrong = "bad-digest-val" in path.name or ("bad-sig" in path.name and number)
            row.count(agrees=holds != wrong, why=f"a digest of {path.name}", note="digests")
    return row


def keys_of(signature: etree._Element) -> list[PublicKey]:
    """The keys that KeyInfo itself carries, in whatever form XMLDSig 1.1 §4.5 knows."""
    keys: list[object] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in signature.iter(f"{{{DSIG}}}RSAKeyValue"):
            texts = (one.findtext(f"{{{DSIG}}}{name}", "") for name in ("Exponent", "Modulus"))
            e, n = (int.from_bytes(base64.b64decode(text)) for text in texts)
            keys.append(rsa.RSAPublicNumbers(e, n).public_key())
        for one in signature.iter(f"{{{DSIG11}}}ECKeyValue"):
            curve, point = one.find(f"{{{DSIG11}}}NamedCurve"), one.findtext(f"{{{DSIG11}}}PublicKey", "")
            name = "" if curve is None else CURVE_URIS.get(curve.get("URI", ""), "")
            if name in CURVES:
                keys.append(ec.EllipticCurvePublicKey.from_encoded_point(CURVES[name], base64.b64decode(point)))
        ders = [(one.text or "", load_der_public_key) for one in signature.iter(f"{{{DSIG11}}}DEREncodedKeyValue")]
        ders += [(one.text or "", certified_key) for one in signature.iter(f"{{{DSIG}}}X509Certificate")]
        for text, load in ders:
            try:
                keys.append(load(base64.b64decode(text)))
            except (ValueError, UnsupportedAlgorithm):
                continue
    return [key for key in keys if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)]


def certified_key(der: bytes) -> object:
    return x509.load_der_x509_certificate(der).public_key()


def value_holds(signature: etree._Element) -> bool | None:
    """Whether the value holds over our canonical SignedInfo; None when its algorithms or its key cannot be tried."""
    info, value = signature[0], base64.b64decode(signature[1].text or "")
    if signature[0].tag != f"{{{DSIG}}}SignedInfo":
        return None
    c14n, method = (str(info[at].get("Algorithm")) for at in (0, 1))
    family, _, name = method.rpartition("#")[2].partition("-")
    if c14n not in C14N_EXCLUSIVE_BY_URI or len(info[0]) or name not in HASHES or family not in ("rsa", "ecdsa"):
        return None
    kind = rsa.RSAPublicKey if family == "rsa" else ec.EllipticCurvePublicKey
    keys = [key for key in keys_of(signature) if isinstance(key, kind)]
    lifted = lift_out(info)
    if not keys or lifted is None:
        return None
    canonical = canonical_form(*lifted, exclusive=C14N_EXCLUSIVE_BY_URI[c14n])
    return any(_holds(canonical, value, key, name) for key in keys)


def _holds(canonical: bytes, value: bytes, key: PublicKey, name: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(value, canonical, padding.PKCS1v15(), HASHES[name])
            else:
                half = len(value) // 2
                r, s = int.from_bytes(value[:half]), int.from_bytes(value[half:])
                key.verify(encode_dss_signature(r, s), canonical, ec.ECDSA(HASHES[name]))
    except InvalidSignature:
        return False
    return True


def digests_hold(signature: etree._Element) -> Iterator[bool]:
    """For each Reference whose canonical form our mechanics can make: whether its digest is that of the form."""
    root = signature.getroottree().getroot()
    for reference in signature[0].iterfind(f"{{{DSIG}}}Reference"):
        steps = reference.findall(f"{{{DSIG}}}Transforms/{{{DSIG}}}Transform")
        name = reference.find(f"{{{DSIG}}}DigestMethod").get("Algorithm", "").rpartition("#")[2]  # type: ignore[union-attr]
        uri, transforms = reference.get("URI"), [step.get("Algorithm", "") for step in steps]
        if name not in HASHES or uri is None or any(len(step) for step in steps):
            continue
        wanted = base64.b64decode(reference.findtext(f"{{{DSIG}}}DigestValue", ""))
        form = None
        if uri == "" and transforms[:1] == [ENVELOPED] and signature is not root:
            if (exclusive := _exclusive(transforms[1:])) is not None:
                place = xmldsig.place_of(signature)
                xmldsig.detach(signature)
                yield xmldsig.content_digest(root, name, exclusive=exclusive) == wanted
                xmldsig.put_back(signature, place)
        elif uri.startswith("#") and (exclusive := _exclusive(transforms)) is not None:
            identity = uri[1:].removeprefix("xpointer(id('").removesuffix("'))")
            found = [one for one in root.iter("*") if identity in (one.get("Id"), one.get("ID"), one.get("id"))]
            form = canonical_in_context(found[0], exclusive=exclusive) if len(found) == 1 else None
            if form is not None:
                yield hashlib.new(name, form).digest() == wanted


def _exclusive(transforms: list[str]) -> bool | None:
    if not transforms:
        return False
    return C14N_EXCLUSIVE_BY_URI.get(transforms[0]) if len(transforms) == 1 else None


# --- Wycheproof -------------------------------------------------------------------------------------------------------


def wycheproof_rows() -> list[Row]:
    found = folder("wycheproof")
    return [wycheproof(path) for path in sorted(found.rglob("*_test.json"))] if found else []


def wycheproof(path: Path) -> Row:
    """Each value judged as the verifier judges one. An algorithm outside the policy is not run: refused as a class."""
    suite = json.loads(path.read_text())
    row = Row(f"Wycheproof {path.stem.removesuffix('_test')}", WYCHEPROOF_ORIGIN)
    for group in suite["testGroups"]:
        name = group["sha"].replace("-", "").lower()
        try:
            key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        except (ValueError, UnsupportedAlgorithm):
            key = None
        outside = _outside(suite["schema"], key, name)
        for case in group["tests"]:
            refused = outside
            if not refused and isinstance(key, PublicKey):
                refusal = check_value(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]), key, name)
                refused = refusal.code if refusal else ""
            elif not outside:
                refused = "certificate-unreadable"
            agrees = case["result"] == "acceptable" or (not refused) == (case["result"] == "valid")
            row.count(agrees=agrees, why=f"outside the profile, refused as {refused}" if refused else case["comment"])
            if case["result"] == "acceptable":
                row.notes[f"“acceptable” either way ({', '.join(case['flags'])}): {refused or 'accepted'}"] += 1
    return row


def _outside(schema: str, key: object, name: str) -> str:
    """The reason for which a policy refuses the algorithm before any value is looked at, or ""."""
    accepted = {(one.family, one.hash_name) for one in SIGNATURE_ALGORITHMS}
    family = {"rsassa_pkcs1": "rsa", "ecdsa_p1363": "ecdsa"}.get(schema.partition("_verify")[0], schema)
    if (family, name) not in accepted or name not in {one.hash_name for one in DIGEST_ALGORITHMS}:
        return "signature-algorithm"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in Policy().curves:
        return "curve-not-accepted"
    if isinstance(key, rsa.RSAPublicKey) and not Policy().rsa_bits_min <= key.key_size <= Policy().rsa_bits_max:
        return "key-size"
    return ""
