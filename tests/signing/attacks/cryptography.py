"""Keys, algorithms, digests and certificates that are not what they are taken for."""

import hmac
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.demo_pki import Holder, employer_subject, make_key
from signing.indication import SubIndication
from signing.policy import Policy
from tests.signing.attacks.bench import Attack, Bench, Forge, Target, on_both
from tests.signing.attacks.structure import changed, replaced
from tests.signing.workshop import (
    CA,
    DSIG,
    MORE,
    NOW,
    RSA_SHA256,
    b64,
    certificate,
    digest_of,
    employer,
    forge,
    key_info,
    reference,
    rsa_key_value,
    rsa_sha256,
    signed_info,
)
from tests.signing.xades_workshop import TIME, cert_digest, forge_xades, signed_properties, signing_certificate

CONSTRAINTS: Final = SubIndication.CRYPTO_CONSTRAINTS_FAILURE
CRYPTO, HASH = SubIndication.SIG_CRYPTO_FAILURE, SubIndication.HASH_FAILURE
FORMAT, SIGNER = SubIndication.FORMAT_FAILURE, SubIndication.NO_SIGNING_CERTIFICATE_FOUND
DER, PEM = Encoding.DER, Encoding.PEM
ENC: Final = "http://www.w3.org/2001/04/xmlenc#"
NEWER: Final = "http://www.w3.org/2007/05/xmldsig-more#"
CUT: Final = (1, 10, 16, 20, 31)
By = Callable[[Holder], Callable[[bytes], bytes]]


def signed_by(method: str, by: By, of: Callable[[Bench], Holder] | None = None) -> Forge:
    """A document signed under that SignatureMethod."""

    def make(bench: Bench, target: Target) -> bytes:
        holder, document = of(bench) if of else bench.holder, bench.template(target)
        info = signed_info(reference(digest_of(document)), method=method)
        return forge(holder, document=document, info=info, sign=by(holder))

    return make


# --- HMAC with a public key ------------------------------------------------------------------------------------------

SECRETS: Final[dict[str, Callable[[Holder], bytes]]] = {
    "SubjectPublicKeyInfo": lambda one: one.key.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo),
    "SubjectPublicKeyInfo in PEM": lambda one: one.key.public_key().public_bytes(
        PEM, PublicFormat.SubjectPublicKeyInfo
    ),
    "PKCS #1 public key": lambda one: one.key.public_key().public_bytes(DER, PublicFormat.PKCS1),
    "modulus": lambda one: one.key.public_key().public_numbers().n.to_bytes(256, "big"),  # type: ignore[union-attr]
    "certificate": lambda one: one.certificate.public_bytes(DER),
    "empty secret": lambda _: b"",
}


def hmacs() -> list[Attack]:
    kind, source, made = "HMAC with a public key", "McLean 2015 (key confusion, RS256 to HS256); XMLDSig 1.1 §6.3.1", []

    def by(name: str, secret: Callable[[Holder], bytes]) -> By:
        return lambda holder: lambda content: hmac.digest(secret(holder), content, name)

    for name, secret in SECRETS.items():
        for uri, digest in ((f"{MORE}hmac-sha256", "sha256"), (f"{DSIG}hmac-sha1", "sha1")):
            made += on_both(
                f"{uri.rpartition('#')[2]} with the {name}", kind, source,
                signed_by(f'Algorithm="{uri}"/>', by(digest, secret)), "signature-algorithm", CONSTRAINTS,
            )  # fmt: skip
    for bits in (0, 1, 8, 40):
        method = f'Algorithm="{DSIG}hmac-sha1"><HMACOutputLength>{bits}</HMACOutputLength></SignatureMethod>'
        made += on_both(
            f"HMACOutputLength {bits}", kind, "CVE-2009-0217 (HMAC truncation)",
            signed_by(method, by("sha1", SECRETS["SubjectPublicKeyInfo"])), "signature-algorithm", CONSTRAINTS,
        )  # fmt: skip
    return made


# --- algorithm downgrade ---------------------------------------------------------------------------------------------


def rsa_by(algorithm: hashes.HashAlgorithm) -> By:
    def by(holder: Holder) -> Callable[[bytes], bytes]:
        assert isinstance(holder.key, rsa.RSAPrivateKey)
        return lambda content: holder.key.sign(content, padding.PKCS1v15(), algorithm)

    return by


def pss(holder: Holder) -> Callable[[bytes], bytes]:
    return lambda content: holder.key.sign(content, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def nothing(_: Holder) -> Callable[[bytes], bytes]:
    return lambda _: bytes(256)


METHODS: Final[dict[str, tuple[str, By]]] = {
    "rsa-sha1": (f"{DSIG}rsa-sha1", rsa_by(hashes.SHA1())),
    "rsa-md5": (f"{MORE}rsa-md5", rsa_sha256),
    "rsa-sha224": (f"{MORE}rsa-sha224", rsa_by(hashes.SHA224())),
    "rsa-ripemd160": (f"{MORE}rsa-ripemd160", rsa_sha256),
    "RSA-PSS": (f"{NEWER}sha256-rsa-MGF1", pss),
    "RSA-PSS with parameters": (f"{NEWER}rsa-pss", pss),
    "dsa-sha1": (f"{DSIG}dsa-sha1", rsa_sha256),
    "ecdsa-sha1": (f"{MORE}ecdsa-sha1", rsa_sha256),
    "ecdsa-ripemd160": (f"{NEWER}ecdsa-ripemd160", rsa_sha256),
    "EdDSA": ("http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519", rsa_sha256),
    "none": ("", nothing),
    "nobody's": ("urn:khong-co", nothing),
    "a blank behind": (f"{RSA_SHA256} ", rsa_sha256),
    "capitals": (RSA_SHA256.upper(), rsa_sha256),
    "a digest's name": (f"{ENC}sha256", rsa_sha256),
}
DIGESTS: Final = {
    "SHA-1": (f"{DSIG}sha1", "sha1"),
    "MD5": (f"{MORE}md5", "md5"),
    "SHA-224": (f"{MORE}sha224", "sha224"),
    "RIPEMD-160": (f"{ENC}ripemd160", "sha1"),
    "none": ("", "sha256"),
    "a signature's name": (RSA_SHA256, "sha256"),
}


@cache
def short_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


@cache
def odd_curve() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256K1())


def downgrades() -> list[Attack]:
    kind, source, made = "algorithm downgrade", "W3C XML Signature Best Practices; RFC 9231; RFC 6194 (SHA-1)", []
    for name, (uri, by) in METHODS.items():
        made += on_both(
            f"SignatureMethod {name}", kind, source, signed_by(f'Algorithm="{uri}"/>', by), "signature-algorithm",
            CONSTRAINTS,
        )  # fmt: skip
    for name, (uri, digest) in DIGESTS.items():

        def weak(bench: Bench, target: Target, uri: str = uri, digest: str = digest) -> bytes:
            document = bench.template(target)
            info = signed_info(reference(digest_of(document, name=digest), method=uri))
            return forge(bench.holder, document=document, info=info)

        made += on_both(f"DigestMethod {name}", kind, source, weak, "digest-algorithm", CONSTRAINTS)
    made += on_both(
        "the SignatureMethod changed after signing", kind, source,
        changed(b"#rsa-sha256", b"#rsa-sha512"), "signature-value*", CRYPTO,
    )  # fmt: skip
    made += on_both(
        "RSA of 1024 bits", kind, "NIST SP 800-131A",
        signed_by(
            f'Algorithm="{RSA_SHA256}"/>', rsa_sha256,
            lambda bench: bench.pki.issue(employer(), NOW, key=short_key()),
        ),
        "key-size", CONSTRAINTS,
    )  # fmt: skip
    made += on_both(
        "a curve that is not accepted", kind, source,
        signed_by(
            f'Algorithm="{MORE}ecdsa-sha256"/>', lambda _: lambda _: bytes(64),
            lambda bench: bench.pki.issue(employer(), NOW, key=odd_curve()),
        ),
        "curve-not-accepted", CONSTRAINTS,
    )  # fmt: skip
    made += on_both(
        "an elliptic algorithm over an RSA key", kind, source,
        signed_by(f'Algorithm="{MORE}ecdsa-sha256"/>', rsa_sha256), "algorithm-and-key", CRYPTO,
    )  # fmt: skip
    ended = Policy(id="legacy-ended", legacy_until=NOW - timedelta(seconds=1))
    return made + on_both(
        "rsa-sha1 after the end of the legacy switch", kind, source,
        signed_by(f'Algorithm="{DSIG}rsa-sha1"/>', rsa_by(hashes.SHA1())), "signature-algorithm", CONSTRAINTS, ended,
    )  # fmt: skip


# --- truncated digests -----------------------------------------------------------------------------------------------


def truncated() -> list[Attack]:
    kind, source, made = "truncated digests", "CVE-2009-0217 (truncation); XMLDSig 1.1 §4.4.3.6", []
    for octets in CUT:

        def content(bench: Bench, target: Target, octets: int = octets) -> bytes:
            document = bench.template(target)
            return forge(bench.holder, document=document, info=signed_info(reference(digest_of(document)[:octets])))

        def of_certificate(bench: Bench, target: Target, octets: int = octets) -> bytes:
            whole = bench.holder.certificate.fingerprint(hashes.SHA256())
            cut = cert_digest(bench.holder, digest=whole[:octets])
            properties = signed_properties(bench.holder, TIME + signing_certificate(bench.holder, digest=cut))
            return forge_xades(bench.holder, document=bench.template(target), properties=properties)

        def of_properties(bench: Bench, target: Target, octets: int = octets) -> bytes:
            return forge_xades(bench.holder, document=bench.template(target), digest_of_properties=bytes(octets))

        made += on_both(f"the content's, {octets} octets", kind, source, content, "digest-differs*", HASH)
        made += on_both(
            f"XAdES: the certificate's, {octets} octets", kind, source, of_certificate, "signing-certificate-differs",
            SIGNER,
        )  # fmt: skip
        made += on_both(
            f"XAdES: the properties', {octets} octets", kind, source, of_properties, "own-part-digest", HASH
        )
    for name, text in {"empty": b"", "blanks": b"   ", "no base64": b"%%%%", "hexadecimal": b"ab" * 32 + b"="}.items():

        def empty(bench: Bench, target: Target, text: bytes = text) -> bytes:
            signed = bench.signed(target)
            begin = signed.index(b"<DigestValue>") + len(b"<DigestValue>")
            return signed[:begin] + text + signed[signed.index(b"</DigestValue>") :]

        made += on_both(f"a DigestValue of {name}", kind, source, empty, "signature-structure", FORMAT)
    for name, text in {"empty": b"", "one octet": b"AA=="}.items():

        def value(bench: Bench, target: Target, text: bytes = text) -> bytes:
            signed = bench.signed(target)
            begin = signed.index(b"<SignatureValue>") + len(b"<SignatureValue>")
            return signed[:begin] + text + signed[signed.index(b"</SignatureValue>") :]

        answer = ("signature-structure", FORMAT) if not text else ("signature-value*", CRYPTO)
        made += on_both(f"a SignatureValue of {name}", kind, source, value, *answer)
    return made


# --- KeyInfo against certificate -------------------------------------------------------------------------------------


@cache
def stranger() -> rsa.RSAPrivateKey:
    key = make_key("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def keyed(keys: Callable[[Bench], str], by: Callable[[Bench], Holder] | None = None) -> Forge:
    """A document with that KeyInfo; signed by the holder, or by whom `by` says."""
    return lambda bench, target: forge(
        by(bench) if by else bench.holder,
        document=bench.template(target),
        info=signed_info(reference(digest_of(bench.template(target)))),
        keys=keys(bench),
    )


def key_infos() -> list[Attack]:
    kind, source, made = "KeyInfo/certificate mismatch", "W3C XML Signature Best Practices (KeyInfo)", []

    def add(name: str, keys: Callable[[Bench], str], code: str, sub: SubIndication = SIGNER) -> None:
        made.extend(on_both(name, kind, source, keyed(keys), code, sub))

    foreign, ambiguous = "key-value-differs", "signature-value-other-certificate"
    made += on_both(
        "the stranger's key as KeyValue beside the holder's certificate", kind, source,
        keyed(
            lambda bench: key_info(bench.holder.certificate, key_value=rsa_key_value(stranger().public_key())),
            lambda bench: Holder(stranger(), bench.holder.certificate),
        ),
        "signature-value-key-value", SIGNER,
    )  # fmt: skip
    add("another's KeyValue", lambda bench: key_info(
        bench.holder.certificate, key_value=rsa_key_value(bench.other.key.public_key())  # type: ignore[arg-type]
    ), foreign)  # fmt: skip
    add("a key without a certificate", lambda bench: f"<KeyInfo>{_value(bench)}</KeyInfo>", "no-certificate")
    add("a name alone", lambda _: "<KeyInfo><KeyName>0101234565</KeyName></KeyInfo>", "no-certificate")
    add("an empty KeyInfo", lambda _: "<KeyInfo/>", "no-certificate")
    add("no KeyInfo", lambda _: "", "signature-structure", FORMAT)
    for inside in ("X509SKI", "X509SubjectName", "X509IssuerSerial"):
        text = f"<KeyInfo><X509Data><{inside}>AA==</{inside}></X509Data></KeyInfo>"
        add(f"{inside} alone", lambda _, text=text: text, "no-certificate")
    add("two end users", lambda bench: _two(bench.holder, bench.other), ambiguous)
    add("the other end user first", lambda bench: _two(bench.other, bench.holder), ambiguous)
    add(
        "two X509Data", lambda bench: key_info(bench.holder.certificate).replace("</KeyInfo>", "")
        + key_info(bench.other.certificate).replace("<KeyInfo>", ""), "signature-structure", FORMAT,
    )  # fmt: skip
    add("two KeyValues", lambda bench: key_info(bench.holder.certificate, key_value=_value(bench) * 2),
        "signature-structure", FORMAT)  # fmt: skip
    add("no certificate's bytes", lambda _: key_info(b"\x30\x03\x02\x01\x00"), "certificate-unreadable")
    add("bytes behind the certificate", lambda bench: key_info(
        bench.holder.certificate.public_bytes(DER) + b"\0"), "certificate-unreadable")  # fmt: skip
    return made


def _value(bench: Bench) -> str:
    key = bench.holder.key.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return rsa_key_value(key)


def _two(first: Holder, second: Holder) -> str:
    head = key_info(first.certificate).partition("</X509Data>")[0]
    return head + key_info(second.certificate).partition("<X509Data>")[2]


# --- certificate substitution ----------------------------------------------------------------------------------------


def substituted(of: Callable[[Bench], x509.Certificate | bytes]) -> Forge:
    """The holder's right signature, and another certificate beside it."""
    return keyed(lambda bench: key_info(of(bench)))


def by_nobody(bench: Bench) -> Holder:
    return certificate(employer_subject("TỰ KÝ", ["MST:0101234565"]), stranger(), None)


def by_an_employer(bench: Bench) -> Holder:
    """An employer plays the authority."""
    return certificate(employer_subject("GIẢ", ["MST:0101234565"]), stranger(), bench.other)


def by_a_namesake(bench: Bench) -> Holder:
    """In the authority's name, by a stranger's key."""
    return certificate(
        employer_subject("GIẢ", ["MST:0101234565"]), stranger(), bench.pki.intermediate, signed_by=make_key("rsa-2048")
    )


def by_its_own_authority(bench: Bench) -> Holder:
    """A certificate with CA true signs a dossier itself."""
    return certificate(employer_subject("GIẢ", ["MST:0101234565"]), stranger(), bench.pki.intermediate, extensions=CA)


def certificates() -> list[Attack]:
    kind, made = "certificate substitution", []
    source = "ETSI EN 319 132-1 §5.2.2 (signing-certificate); RFC 5280 §6.1"
    chain = SubIndication.NO_CERTIFICATE_CHAIN_FOUND
    made += on_both(
        "another's certificate", kind, source, substituted(lambda bench: bench.other.certificate),
        "signature-value*", CRYPTO,
    )  # fmt: skip
    made += on_both(
        "the authority's certificate", kind, source, substituted(lambda bench: bench.pki.intermediate.certificate),
        "signature-value*", CRYPTO,
    )  # fmt: skip
    for name, of, code, sub in (
        ("a certificate that the signer made", by_nobody, "no-chain", chain),
        ("a certificate that an employer issued", by_an_employer, "no-chain", chain),
        (
            "a certificate in the authority's name",
            by_a_namesake,
            "chain-signature",
            SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
        ),
        ("an authority signs", by_its_own_authority, "authority-signs", SubIndication.CHAIN_CONSTRAINTS_FAILURE),
    ):
        made += on_both(
            name, kind, source,
            lambda bench, target, of=of: forge(
                of(bench), document=bench.template(target),
                info=signed_info(reference(digest_of(bench.template(target)))),
            ),
            code, sub,
        )  # fmt: skip

    def twin(bench: Bench, target: Target) -> bytes:
        """Somebody else had the same key certified; the digest in the properties tells them apart."""
        other = bench.pki.issue(employer("CÔNG TY KHÁC", "MST:0309876547"), NOW, key=bench.holder.key)
        keys = key_info(other.certificate)
        return forge_xades(bench.holder, document=bench.template(target), keys=keys)

    made += on_both(
        "XAdES: another certificate of the same key", kind, source, twin, "signing-certificate-differs", SIGNER
    )

    def swapped(bench: Bench, target: Target) -> bytes:
        signed = bench.signed(target, "XAdES")
        old, new = (b64(one.certificate.public_bytes(DER)).encode() for one in (bench.holder, bench.other))
        return replaced(signed, old, new)

    return made + on_both("XAdES: another's certificate", kind, source, swapped, "signature-value*", CRYPTO)


def attacks() -> list[Attack]:
    return [*hmacs(), *downgrades(), *truncated(), *key_infos(), *certificates()]
