"""The steps of ETSI EN 319 102-1 that every signature goes through, however it is packed, and the verdict they give."""

from collections import ChainMap
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from msgspec import Struct, structs

from signing import reasons, reasons_digest, reasons_revocation, reasons_xades
from signing.certificate import PublicKey, SigningCertificate
from signing.explain_search import Search
from signing.indication import WAITING_REASONS, Caution, Indication, Refusal, Verdict, indication_of
from signing.policy import LEVELS, Algorithm, Policy
from signing.revocation import RevocationStore, Status
from signing.signature import ReadSignature
from signing.trust import Chain, TrustStore
from signing.xades import Judged, judge_xades
from signing.xades_read import ReadXades

_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_LEGACY_HASHES: Final = {"sha1": hashes.SHA1()}  # noqa: S303 - only for what a policy's legacy switch lets pass
_ECDSA: Final = {name: ec.ECDSA(algorithm) for name, algorithm in _HASHES.items()}
_RSA: Final = _HASHES | _LEGACY_HASHES
_PKCS1: Final = padding.PKCS1v15()
_DER_SEQUENCE: Final = b"\x30"
_NOTHING_KNOWN: Final = RevocationStore()
_REASONS: Final = ChainMap(reasons.REASONS, reasons_xades.REASONS, reasons_revocation.REASONS, reasons_digest.REASONS)


class Context(Struct, frozen=True, kw_only=True):
    """What a signature is judged by (EN 319 102-1 v1.3.1 §5.2.4): nothing else has a say.

    `tsa` are the anchors of time-stamp authorities; `level` is the least level asked for, of `policy.LEVELS`.
    `explain`, `source` and `search` change no indication, only how much is found out about why a signature does not
    hold.
    """

    policy: Policy
    trust: TrustStore
    now: datetime
    revocation: RevocationStore | None = None
    tsa: TrustStore | None = None
    level: str = LEVELS[0]
    explain: bool = True
    source: bytes | None = None
    search: Search | None = None


class Case:
    """One signature under judgement: what the steps have learnt so far."""

    __slots__ = ("at", "cautions", "chain", "file", "judged", "path", "read", "revocation", "xades")

    def __init__(self, file: str, path: str, now: datetime) -> None:
        self.file = file
        self.path = path
        self.at = now
        self.read: ReadSignature | None = None
        self.xades: ReadXades | None = None
        self.judged: Judged | None = None
        self.chain: Chain | None = None
        self.cautions: tuple[Caution, ...] = ()
        self.revocation: Status | None = None


class Algorithms(Protocol):
    """Whatever says by which algorithms it was signed and digested, by their identifiers."""

    @property
    def signature_algorithm(self) -> str:
        """The value's."""

    @property
    def digest_algorithm(self) -> str:
        """The content's."""


def accepted_algorithms(
    info: Algorithms, certificate: SigningCertificate, policy: Policy, now: datetime
) -> tuple[Algorithm, Algorithm] | Refusal:
    """Return the algorithms of value and digest if the policy accepts both, and the key's size (§5.2.8)."""
    now = _in_utc(now)
    signature_algorithm = policy.accepted_signature(info.signature_algorithm, now)
    if signature_algorithm is None or not _is_built(signature_algorithm):
        return Refusal("signature-algorithm", {"algorithm": info.signature_algorithm[:100]})
    digest_algorithm = policy.accepted_digest(info.digest_algorithm, now)
    if digest_algorithm is None or not _is_built(digest_algorithm):
        return Refusal("digest-algorithm", {"algorithm": info.digest_algorithm[:100]})
    is_rsa = certificate.rsa_numbers is not None
    if signature_algorithm.family != ("rsa" if is_rsa else "ecdsa"):
        return Refusal("algorithm-and-key", {"algorithm": info.signature_algorithm[:100]})
    if is_rsa and not policy.rsa_bits_least(now) <= certificate.key_bits <= policy.rsa_bits_max:
        bits = {"bits": certificate.key_bits, "least": policy.rsa_bits_least(now), "most": policy.rsa_bits_max}
        return Refusal("key-size", {name: str(value) for name, value in bits.items()})
    if not is_rsa and certificate.curve not in policy.curves:
        return Refusal("curve-not-accepted", {"curve": certificate.curve})
    return signature_algorithm, digest_algorithm


def _is_built(algorithm: Algorithm) -> bool:
    return algorithm.hash_name in _HASHES or (algorithm.legacy and algorithm.hash_name in _LEGACY_HASHES)


def legacy_cautions(
    read: ReadSignature, xades: ReadXades | None, algorithms: tuple[Algorithm, Algorithm], context: Context
) -> tuple[Caution, ...]:
    """Name what only the policy's legacy switch lets pass, if anything: in any Reference, and in the properties."""
    policy, now = context.policy, context.now
    if policy.legacy_until is None:
        return ()
    certificate, named = read.certificate, list[str]()
    if xades is not None:
        named += [one.digest_algorithm for one in xades.references]
        named += [one.digest_algorithm for one in xades.properties.certificates]
        named += [one.reference.digest_algorithm for one in xades.own_parts]
    more = [found for uri in named if (found := policy.accepted_digest(uri, now)) is not None]
    rsa_bits = certificate.key_bits if certificate.rsa_numbers else 0
    caution = policy.legacy_caution(*algorithms, *more, rsa_bits=rsa_bits, now=now)
    return () if caution is None else (caution,)


def judge_properties(case: Case, context: Context) -> Judged | None:
    """Judge what XAdES adds, if it is XAdES, and note the best signature time (§5.5.4).

    While the Signature stands in its document: its parts are canonicalised in that context.
    """
    if case.xades is None:
        return None
    case.judged = judge_xades(
        case.xades, policy=context.policy, now=context.now, tsa=context.tsa, revocation=context.revocation
    )
    case.at = case.judged.best_time or context.now
    return case.judged


def judge_certificate(case: Case, context: Context) -> Refusal | None:
    """Step (4), X.509 certificate validation (§5.2.6), at the best signature time (§5.5.4), and revocation (§5.2.5).

    A certificate that only a time-stamp could save, while revocation data about the time-stamp's authority is not at
    hand, waits for that data.
    """
    read = case.read
    if read is None:
        raise AssertionError("a signature is read before it is judged")
    chain = validate_certificate(read.certificate, context.trust, case.at, context.policy)
    if not isinstance(chain, Chain):
        return _waits(case, context) or chain
    case.chain = chain
    if context.policy.revocation.required:
        case.revocation = _revocation_of(chain, case.at, context)
    return None


def _revocation_of(chain: Chain, at: datetime, context: Context) -> Status:
    """What is known at the judgement about revocations before `at` (§5.2.5: data has to be fresh when it is used)."""
    known = context.revocation or _NOTHING_KNOWN
    return known.status(chain, context.policy, _in_utc(at), _in_utc(context.now))


def _waits(case: Case, context: Context) -> Refusal | None:
    """The refusal of a time-stamp that waits for data, if all else would pass as of its time (§5.5.4).

    That is: the chain holds then, and nothing that is decided stands against it; what is missing about the signer is
    wanted too.
    """
    read, judged = case.read, case.judged
    if read is None or judged is None or judged.waiting is None or judged.waiting_at is None:
        return None
    chain = validate_certificate(read.certificate, context.trust, judged.waiting_at, context.policy)
    if isinstance(chain, Refusal):
        return None
    known = _revocation_of(chain, judged.waiting_at, context)
    if known.refusal is not None and known.refusal.code not in WAITING_REASONS:
        return None
    case.chain, case.revocation = chain, known
    return judged.waiting.refusal


def check_revocation(case: Case, context: Context) -> Refusal | None:
    """Refuse what is decided about revocation (§5.2.6.4); what is only missing comes after all else, `missing_data`.

    A certificate revoked since a time-stamp that waits for data may turn out good.
    """
    refusal = case.revocation.refusal if case.revocation else None
    if refusal is None or refusal.code in WAITING_REASONS:
        return None
    return _waits(case, context) or refusal


def missing_data(case: Case) -> Refusal | None:
    """The refusal for data about revocation that is not at hand: asked last, for only it may wait."""
    return case.revocation.refusal if case.revocation else None


@lru_cache(maxsize=64)
def _in_utc(at: datetime) -> datetime:
    """Turn an instant to the zone of certificates and policies: those of two zones are compared ten times slower."""
    return at.astimezone(UTC)


def validate_certificate(
    certificate: SigningCertificate, trust: TrustStore, at: datetime, policy: Policy
) -> Chain | Refusal:
    """Build and check the chain, then the signer's own validity and purpose (RFC 5280 §6.1, EN 319 102-1 §5.2.6).

    An extended key usage is not asked for: those that licensed authorities write follow no pattern. An expired
    certificate is INDETERMINATE, for the signature may be older than its end and nothing proves it; one that is not
    yet valid is TOTAL_FAILED, for the signature does exist now.
    """
    if certificate.is_authority:
        return Refusal("authority-signs")
    at = _in_utc(at)
    chain = trust.chain(certificate.der, at)
    if not isinstance(chain, Chain):
        return chain
    if not certificate.may_sign:
        return Refusal("key-usage")
    signer = certificate.signer
    if at < signer.not_before and at + timedelta(seconds=policy.clock_skew_s_max) < signer.not_before:
        return Refusal("not-yet-valid", {"date": f"{signer.not_before:%d/%m/%Y %H:%M} (UTC)"})
    if at > signer.not_after:
        return Refusal("expired", {"date": f"{signer.not_after:%d/%m/%Y %H:%M} (UTC)"})
    return chain


def check_value(signed: bytes, value: bytes, key: PublicKey, hash_name: str) -> Refusal | None:
    """Check a signature value over the canonical SignedInfo (XMLDSig 1.1 §3.2.2, §6.4)."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            # RSASSA-PKCS1-v1_5 (§6.4.2)
            key.verify(value, signed, _PKCS1, _RSA[hash_name])
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


def check_level(case: Case, context: Context) -> Refusal | None:
    """Compare the level found with the level asked for (signature acceptance, §5.2.8)."""
    found = level_of(case)
    if LEVELS.index(found) >= LEVELS.index(context.level):
        return None
    # With the time-stamp that waits it would be of the highest level there is.
    return _waits(case, context) or Refusal("level-too-low", {"found": found, "needed": context.level})


def level_of(case: Case) -> str:
    """The level of the signature that was found, of `policy.LEVELS`: a time-stamp that does not hold gives none."""
    if case.xades is None:
        return LEVELS[0]
    return LEVELS[2] if case.judged is not None and case.judged.timestamps else LEVELS[1]


def verdict_of(case: Case, refusal: Refusal | None, context: Context) -> Verdict:
    """Put together what the steps have learnt."""
    read, known, judged = case.read, case.revocation, case.judged
    reason = _REASONS[refusal.code] if refusal else None
    proofs = case.chain.proofs if case.chain else ()
    wanted = known.wanted if known else ()
    if known:
        proofs += known.proofs
    if judged:
        proofs += judged.proofs
        if refusal and judged.waiting and refusal is judged.waiting.refusal:
            wanted += judged.waiting.wanted
    return Verdict(
        file=case.file,
        path=case.path,
        indication=indication_of(reason.sub_indication) if reason else Indication.TOTAL_PASSED,
        sub_indication=reason.sub_indication if reason else None,
        reason_code=refusal.code if refusal else "passed",
        reason_vi=reason.vi.format(**refusal.fields) if reason and refusal else reasons.PASSED_VI,
        reason_en=reason.en.format(**refusal.fields) if reason and refusal else reasons.PASSED_EN,
        signer=read.certificate.signer if read else None,
        chain=case.chain.sha256 if case.chain else (),
        signature_algorithm=read.info.signature_algorithm[:200] if read else "",
        digest_algorithm=read.info.digest_algorithm[:200] if read else "",
        content_digest=read.info.digest_value.hex() if read else "",
        signature_value=read.value if read else b"",
        signing_time_claimed=read.signing_time_claimed if read else "",
        format=level_of(case) if read else "",
        best_signature_time=case.at if read else None,
        revocation=known.used if known else (),
        timestamps=judged.timestamps if judged else (),
        proofs=proofs,
        wanted=wanted,
        cautions=case.cautions + judged.cautions if judged else case.cautions,
        policy=context.policy.id,
        judged_at=context.now,
    )


def refused_instead(verdict: Verdict, refusal: Refusal) -> Verdict:
    """Return the verdict with another, more telling reason of its refusal."""
    reason = _REASONS[refusal.code]
    return structs.replace(
        verdict,
        indication=indication_of(reason.sub_indication),
        sub_indication=reason.sub_indication,
        reason_code=refusal.code,
        reason_vi=reason.vi.format(**refusal.fields),
        reason_en=reason.en.format(**refusal.fields),
    )
