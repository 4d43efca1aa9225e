"""Public test vectors: the xmlsec suite for canonical SignedInfo and for refusals, Wycheproof for signature values."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree

from signing.signed_info import canonical_form, lift_out
from signing.trust import TrustStore
from signing.verify import Policy, check_value, verify
from signing.xmldsig import C14N_EXCLUSIVE_BY_URI, DSIG
from tests.signing.workshop import NOW

REPOSITORY = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("MOTCUA_VECTORS", REPOSITORY.parent / "shared" / "vectors"))
HASHES = {name: getattr(hashes, name.upper())() for name in ("sha1", "sha224", "sha256", "sha384", "sha512")}


def folder(name: str) -> Path:
    found = VECTORS / name
    if not found.is_dir():
        pytest.skip(f"not run: the public vectors {name} are not here (MOTCUA_VECTORS)")
    return found


def documents() -> Iterator[tuple[Path, etree._Element]]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for path in sorted(folder("xmlsec").rglob("*.xml")):
        content = path.read_bytes()
        if b"<!DOCTYPE" in content or b"SignatureValue" not in content:
            continue
        yield path, etree.fromstring(content, parser)


def key_of(signature: etree._Element, folder_of_keys: Path) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None:
    modulus, exponent = (signature.find(f".//{{{DSIG}}}{name}") for name in ("Modulus", "Exponent"))
    if modulus is not None and exponent is not None:
        n, e = (int.from_bytes(base64.b64decode(one.text or ""), "big") for one in (modulus, exponent))
        return rsa.RSAPublicNumbers(e, n).public_key()
    texts = [one.text or "" for one in signature.iter(f"{{{DSIG}}}X509Certificate")]
    if len(texts) == 1:
        key = x509.load_der_x509_certificate(base64.b64decode(texts[0])).public_key()
        return key if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None
    return None


def holds(signature: etree._Element, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bool | None:
    """Whether the value holds over our canonical SignedInfo; None when its algorithms are not ours to try."""
    info, value = signature[0], base64.b64decode(signature[1].text or "")
    c14n, method = (str(info[at].get("Algorithm")) for at in (0, 1))
    family, _, name = method.rpartition("#")[2].partition("-")
    if c14n not in C14N_EXCLUSIVE_BY_URI or len(info[0]) or name not in HASHES or family not in ("rsa", "ecdsa"):
        return None
    lifted = lift_out(info)
    assert lifted is not None
    canonical = canonical_form(*lifted, exclusive=C14N_EXCLUSIVE_BY_URI[c14n])
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, canonical, padding.PKCS1v15(), HASHES[name])
        else:
            half = len(value) // 2
            r, s = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(encode_dss_signature(r, s), canonical, ec.ECDSA(HASHES[name]))
    except Exception as error:
        return "InvalidSignature" not in type(error).__name__
    return True


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_the_canonical_signed_info_of_the_xmlsec_suite_is_what_others_signed() -> None:
    """Old algorithms are tried here for the sake of canonicalisation; the verifier would not accept them."""
    held, not_held = [], []
    for path, root in documents():
        for signature in root.iter(f"{{{DSIG}}}Signature"):
            key = key_of(signature, path.parent)
            verdict = None if key is None else holds(signature, key)
            if verdict is not None:
                (held if verdict else not_held).append(path.name)
    assert len(held) >= 20, held
    # Made to fail, as their names say.
    assert not_held == ["signature-rsa-enveloped-bad-digest-val.xml", "signature-rsa-enveloped-bad-sig.xml"]


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_signature_of_the_xmlsec_suite_passes_for_ours() -> None:
    """Put in our place, each gets a reason and none an exception: what others call valid is outside the profile."""
    anchors = [x509.load_pem_x509_certificate(path.read_bytes()) for path in folder("xmlsec").rglob("cacert.pem")]
    trust = TrustStore(anchors)
    codes: dict[str, int] = {}
    for _, document in documents():
        signature = next(document.iter(f"{{{DSIG}}}Signature"), None)
        if signature is None:
            continue
        root = etree.fromstring("<D02-TS><Cky/></D02-TS>")
        root[0].append(signature)
        verdict = verify(root, "/D02-TS/Cky", file="vector", policy=Policy(), trust=trust, now=NOW)
        assert not verdict.passed
        codes[verdict.reason_code] = codes.get(verdict.reason_code, 0) + 1
    assert sum(codes.values()) > 100, codes
    assert len(codes) > 6, codes


WYCHEPROOF = [
    "rsa_signature_2048_sha256_test.json",
    "rsa_signature_2048_sha512_test.json",
    "rsa_signature_3072_sha256_test.json",
    "ecdsa_secp256r1_sha256_p1363_test.json",
    "ecdsa_secp384r1_sha384_p1363_test.json",
]


@pytest.mark.parametrize("name", WYCHEPROOF)
def test_signature_values_are_judged_as_wycheproof_does(name: str) -> None:
    suite = json.loads((folder("wycheproof") / "testvectors_v1" / name).read_text())
    tried = 0
    for group in suite["testGroups"]:
        try:
            key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        except ValueError:
            continue
        assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        for case in group["tests"]:
            refusal = check_value(
                bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]), key, group["sha"].replace("-", "").lower()
            )
            tried += 1
            if case["result"] != "acceptable":
                assert (refusal is None) == (case["result"] == "valid"), (case["tcId"], case["comment"])
    assert tried >= 200
