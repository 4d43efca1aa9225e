"""Verification of one enveloped signature, in the numbered steps of ETSI EN 319 102-1."""

from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from signing import reasons, xmldsig
from signing.certificate import PublicKey, SigningCertificate
from signing.explain import why_digest_differs
from signing.indication import Caution, Indication, Refusal, Verdict, indication_of
from signing.policy import LEVELS, Algorithm, Policy, accepted
from signing.revocation import RevocationStore, Status
from signing.second_reference import judge_second_reference
from signing.signature import ReadSignature, read_signature
from signing.signed_info import SignedInfo
from signing.trust import Chain, TrustStore

__all__ = ["Policy", "check_value", "verify"]

_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_ECDSA: Final = {name: ec.ECDSA(algorithm) for name, algorithm in _HASHES.items()}
_PKCS1: Final = padding.PKCS1v15()
_DER_SEQUENCE: Final = b"\x30"
_NOTHING_KNOWN: Final = RevocationStore()


class _Case:
    """One signature under judgement: what the steps have learnt so far."""

    __slots__ = ("cautions", "chain", "path", "read", "revocation", "root")

    def __init__(self, root: etree._Element, path: str) -> None:
        self.root = root
        self.path = path
        self.read: ReadSignature | None = None
        self.chain: Chain | None = None
        self.cautions: tuple[Caution, ...] = ()
        self.revocation: Status | None = None


def verify(
    root: etree._Element,
    path: str,
    *,
    file: str,
    policy: Policy,
    trust: TrustStore,
    now: datetime,
    size_bytes: int = 0,
    revocation: RevocationStore | None = None,
) -> Verdict:
    """Judge the one ds:Signature of the document, which must stand at `path` (like "/Hoso/CKy_Dvi").

    `root` is the root of a document that was parsed without a DTD. On TOTAL_PASSED the Signature has been taken out of
    the tree, the text behind it kept: what remains is exactly what was signed. Otherwise the tree is as it was. `now`
    is the instant at which the signature is known to exist; `size_bytes`, the document's length if known, lets a large
    one be hashed in a stream. `revocation` is what is known about revocation; asked only when the policy demands it.

    Order: EN 319 102-1 v1.3.1 §5.3.4, except that accepted algorithms (§5.2.8) come before they are used, and that a
    refused certificate does not keep content from being checked: changed content is TOTAL_FAILED whoever signed it.
    Never raises for a bad document or signature; judging again gives the same verdict for the same `now`.
    """
    case = _Case(root, path)
    refusal = _find_and_read(case) or _judge(
        case, policy, trust=trust, now=now, size_bytes=size_bytes, revocation=revocation
    )
    read = case.read
    signer = read.certificate.signer if read else None
    signature_algorithm = read.info.signature_algorithm[:200] if read else ""
    digest_algorithm = read.info.digest_algorithm[:200] if read else ""
    claimed = read.signing_time_claimed if read else ""
    reason = reasons.REASONS[refusal.code] if refusal else None
    known = case.revocation
    chain_proofs = case.chain.proofs if case.chain else ()
    return Verdict(
        file=file,
        path=path,
        indication=indication_of(reason.sub_indication) if reason else Indication.TOTAL_PASSED,
        sub_indication=reason.sub_indication if reason else None,
        reason_code=refusal.code if refusal else "passed",
        reason_vi=reason.vi.format(**refusal.fields) if reason and refusal else reasons.PASSED_VI,
        reason_en=reason.en.format(**refusal.fields) if reason and refusal else reasons.PASSED_EN,
        signer=signer,
        chain=case.chain.sha256 if case.chain else (),
        signature_algorithm=signature_algorithm,
        digest_algorithm=digest_algorithm,
        content_digest=read.info.digest_value.hex() if read else "",
        signing_time_claimed=claimed,
        format=LEVELS[0] if read else "",
        best_signature_time=now if read else None,
        revocation=known.used if known else (),
        proofs=chain_proofs + known.proofs if known else chain_proofs,
        wanted=known.wanted if known else (),
        cautions=case.cautions,
        policy=policy.id,
        judged_at=now,
    )


def _find_and_read(case: _Case) -> Refusal | None:
    """Steps (1) format checking (§5.2.2) and (2) identification of the signing certificate (§5.2.3)."""
    signature = xmldsig.find_signature(case.root, case.path)
    if isinstance(signature, Refusal):
        return signature
    read = read_signature(signature)
    if isinstance(read, Refusal):
        return read
    case.read = read
    return None


def _judge(
    case: _Case,
    policy: Policy,
    *,
    trust: TrustStore,
    now: datetime,
    size_bytes: int,
    revocation: RevocationStore | None,
) -> Refusal | None:
    read = case.read
    if read is None:
        raise AssertionError("a signature is read before it is judged")
    info, certificate, signature = read.info, read.certificate, read.signature

    # (3) The validation context (§5.2.4) is policy, trust and now. Its cryptographic constraints (§5.2.8) come first:
    #     an algorithm that is not accepted is not run.
    algorithms = _accepted_algorithms(info, certificate, policy, now)
    if isinstance(algorithms, Refusal):
        return algorithms

    # (4) X.509 certificate validation (§5.2.6); a refusal waits until the content has been checked.
    chain = _validate_certificate(certificate, trust, now)
    if isinstance(chain, Chain):
        case.chain = chain
        if policy.revocation.required:
            case.revocation = (revocation or _NOTHING_KNOWN).status(chain, policy, now)

    # (5) Cryptographic verification (§5.2.7; XMLDSig 1.1 §3.2): first the digest of the content, then the value.
    # (6) Signature acceptance (§5.2.8): the profile has one Reference. It is read while the Signature has its context.
    references = _accept_references(read, policy, now)
    place = xmldsig.place_of(signature)
    xmldsig.detach(signature)
    refusal = (
        _check_digest(case.root, case.path, info, algorithms[1], size_bytes)
        or check_value(info.canonical, read.value, certificate.key, algorithms[0].hash_name)
        or (chain if isinstance(chain, Refusal) else None)
        or (references if isinstance(references, Refusal) else None)
        or (case.revocation.refusal if case.revocation else None)
    )
    case.cautions = (references,) if isinstance(references, Caution) else ()
    if refusal is not None:
        xmldsig.put_back(signature, place)
    return refusal


def _accepted_algorithms(
    info: SignedInfo, certificate: SigningCertificate, policy: Policy, now: datetime
) -> tuple[Algorithm, Algorithm] | Refusal:
    signature_algorithm = accepted(policy.signature_algorithms, info.signature_algorithm, now)
    if signature_algorithm is None or signature_algorithm.hash_name not in _HASHES:
        return Refusal("signature-algorithm", {"algorithm": info.signature_algorithm[:100]})
    digest_algorithm = accepted(policy.digest_algorithms, info.digest_algorithm, now)
    if digest_algorithm is None or digest_algorithm.hash_name not in _HASHES:
        return Refusal("digest-algorithm", {"algorithm": info.digest_algorithm[:100]})
    is_rsa = certificate.rsa_numbers is not None
    if signature_algorithm.family != ("rsa" if is_rsa else "ecdsa"):
        return Refusal("algorithm-and-key", {"algorithm": info.signature_algorithm[:100]})
    if is_rsa and not policy.rsa_bits_min <= certificate.key_bits <= policy.rsa_bits_max:
        bits = {"bits": certificate.key_bits, "least": policy.rsa_bits_min, "most": policy.rsa_bits_max}
        return Refusal("key-size", {name: str(value) for name, value in bits.items()})
    if not is_rsa and certificate.curve not in policy.curves:
        return Refusal("curve-not-accepted", {"curve": certificate.curve})
    return signature_algorithm, digest_algorithm


def _accept_references(read: ReadSignature, policy: Policy, now: datetime) -> Caution | Refusal | None:
    second = read.info.second
    return None if second is None else judge_second_reference(second, read.signature, policy=policy, now=now)


def _validate_certificate(certificate: SigningCertificate, trust: TrustStore, now: datetime) -> Chain | Refusal:
    """Build and check the chain, then the signer's own validity and purpose (RFC 5280 §6.1, EN 319 102-1 §5.2.6).

    An extended key usage is not asked for: those that licensed authorities write follow no pattern. An expired
    certificate is INDETERMINATE, for the signature may be older than its end and nothing proves it; one that is not
    yet valid is TOTAL_FAILED, for the signature does exist now.
    """
    if certificate.is_authority:
        return Refusal("authority-signs")
    chain = trust.chain(certificate.der, now)
    if isinstance(chain, Refusal):
        return chain
    if not certificate.may_sign:
        return Refusal("key-usage")
    signer = certificate.signer
    if now < signer.not_before:
        return Refusal("not-yet-valid", {"date": f"{signer.not_before:%d/%m/%Y %H:%M} (UTC)"})
    if now > signer.not_after:
        return Refusal("expired", {"date": f"{signer.not_after:%d/%m/%Y %H:%M} (UTC)"})
    return chain


def _check_digest(
    root: etree._Element, path: str, info: SignedInfo, algorithm: Algorithm, size_bytes: int
) -> Refusal | None:
    """Compare the content's digest with the Reference's (XMLDSig 1.1 §3.2.1), and see that no Signature is left."""
    name = algorithm.hash_name
    try:
        digest, others = xmldsig.digest_of_rest(root, name, exclusive=info.exclusive, size_bytes=size_bytes)
    except etree.C14NError:
        return Refusal("not-canonical")
    if others:
        return Refusal("several-signatures", {"count": str(others + 1), "path": path})
    if digest == info.digest_value:
        return None
    return Refusal(why_digest_differs(root, info, name, size_bytes))


def check_value(signed: bytes, value: bytes, key: PublicKey, hash_name: str) -> Refusal | None:
    """Check a signature value over the canonical SignedInfo (XMLDSig 1.1 §3.2.2, §6.4)."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            # RSASSA-PKCS1-v1_5 (§6.4.2)
            key.verify(value, signed, _PKCS1, _HASHES[hash_name])
            return None
        # ECDSA (§6.4.3): r and s, each as long as the curve's order, side by side
        octets = (key.key_size + 7) // 8
        if len(value) != 2 * octets:
            if value[:1] == _DER_SEQUENCE and abs(len(value) - 2 * octets - 7) <= 3:  # noqa: PLR2004
                return Refusal("signature-value-der", {"octets": str(octets)})
            return Refusal("signature-value-length", {"found": str(len(value)), "octets": str(2 * octets)})
        r, s = int.from_bytes(value[:octets], "big"), int.from_bytes(value[octets:], "big")
        key.verify(encode_dss_signature(r, s), signed, _ECDSA[hash_name])
    except (InvalidSignature, ValueError):
        return Refusal("signature-value")
    return None
