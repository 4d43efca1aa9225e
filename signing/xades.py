"""What XAdES adds to the judgement of a signature: its signed properties, and time-stamps on its value."""

import hashlib
import re
from collections import ChainMap
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from msgspec import Struct

from signing import reasons_timestamp, reasons_xades
from signing.asn1 import issuer_serial_fits
from signing.certificate import SigningCertificate
from signing.indication import WAITING_REASONS, Caution, Proof, Refusal, TimestampUsed
from signing.policy import Policy
from signing.revocation import RevocationStore, Status
from signing.timestamp import Token, open_token
from signing.trust import TrustStore
from signing.xades_properties import CertificateReference
from signing.xades_read import FoundTimestamp, ReadXades

_NOTHING_KNOWN: Final = RevocationStore()
# Blanks between a name's parts, as RFC 2253 let stand and many programs still write.
_AFTER_COMMA: Final = re.compile(r"(?<=[^\\],)\s+")
_REASONS: Final = ChainMap(reasons_xades.REASONS, reasons_timestamp.REASONS)
# A good token of an impossible time is no reason to look past it: the signature's times contradict one another.
_ORDER: Final = frozenset({"timestamp-order", "timestamp-before-certificate"})


class Judged(Struct, frozen=True, kw_only=True):
    """What became of the properties and time-stamps of one signature.

    `own_parts` is the refusal of SignedProperties or KeyInfo by their digests, `acceptance` that of what the properties
    say. `best_time` is the earliest instant that a time-stamp proves. `waiting` is the revocation status of a
    time-stamp that would hold but for data not at hand, `waiting_at` its instant.
    """

    own_parts: Refusal | None = None
    acceptance: Refusal | None = None
    timestamps: tuple[TimestampUsed, ...] = ()
    best_time: datetime | None = None
    proofs: tuple[Proof, ...] = ()
    cautions: tuple[Caution, ...] = ()
    waiting: Status | None = None
    waiting_at: datetime | None = None


def judge_xades(
    xades: ReadXades,
    *,
    policy: Policy,
    now: datetime,
    tsa: TrustStore | None,
    revocation: RevocationStore | None,
) -> Judged:
    """Judge what is particular to XAdES (EN 319 102-1 v1.3.1 §5.2.3, §5.2.4, §5.2.7, §5.2.8; §5.5.4 for time-stamps).

    The References to the content, the value and the certificate are judged elsewhere, as those of any signature.
    """
    own_parts = _check_own_parts(xades, policy, now)
    # What properties say counts only once they are known to be the signer's; the caller keeps that order.
    acceptance = (
        _check_signing_certificate(xades.properties.certificates, xades.certificate, policy, now)
        or _check_policy(xades.properties.policy, policy)
        or _check_formats(xades)
    )
    cautions = [_passed_over(name) for name in xades.not_used]
    cautions += _doubted_names(xades.properties.certificates, xades.certificate)
    stamps = _Stamps(policy, now, tsa, revocation)
    for found in xades.timestamps:
        stamps.judge(found, xades.certificate)
    return Judged(
        own_parts=own_parts,
        acceptance=acceptance or stamps.out_of_order,
        timestamps=tuple(stamps.used),
        best_time=min((one.generated_at for one in stamps.used), default=None),
        proofs=tuple(stamps.proofs),
        cautions=(*cautions, *stamps.cautions),
        waiting=stamps.waiting,
        waiting_at=stamps.waiting_at,
    )


def _check_own_parts(xades: ReadXades, policy: Policy, now: datetime) -> Refusal | None:
    """Compare the digests of SignedProperties, and of KeyInfo if it is signed too (XMLDSig 1.1 §3.2.1)."""
    for part in xades.own_parts:
        algorithm = policy.accepted_digest(part.reference.digest_algorithm, now)
        if algorithm is None:
            return Refusal("digest-algorithm", {"algorithm": part.reference.digest_algorithm[:100]})
        if hashlib.new(algorithm.hash_name, part.canonical).digest() != part.reference.digest_value:
            return Refusal("own-part-digest", {"part": part.name})
    return None


def _check_signing_certificate(
    references: tuple[CertificateReference, ...], certificate: SigningCertificate, policy: Policy, now: datetime
) -> Refusal | None:
    """See that the signed properties name the certificate of KeyInfo (EN 319 102-1 v1.3.1 §5.2.3.4).

    Without that, a certificate could be put in another's place: of the same key, or of a key made to fit.
    """
    for one in references:
        algorithm = policy.accepted_digest(one.digest_algorithm, now)
        if algorithm is None:
            return Refusal("digest-algorithm", {"algorithm": one.digest_algorithm[:100]})
        if (
            hashlib.new(algorithm.hash_name, certificate.der).digest() != one.digest_value
            or (one.issuer_serial and not issuer_serial_fits(one.issuer_serial, certificate.der))
            or (one.serial is not None and one.serial != certificate.certificate.serial_number)
        ):
            return Refusal("signing-certificate-differs")
    return None


def _doubted_names(references: tuple[CertificateReference, ...], certificate: SigningCertificate) -> list[Caution]:
    """Say where the older form's issuer name is not the certificate's (XMLDSig 1.1 §4.5.4.1).

    The digest names the certificate, and programs write names in many ways (order, E or emailAddress): no refusal.
    """
    issuer = certificate.certificate.issuer
    return [
        _other_issuer(one.issuer_name, issuer)
        for one in references
        if one.serial is not None and not _is_named(issuer, one.issuer_name)
    ]


def _is_named(name: x509.Name, text: str) -> bool:
    try:
        read = x509.Name.from_rfc4514_string(_AFTER_COMMA.sub("", text))
    except ValueError:
        return False
    return _loosely(read) == _loosely(name)


def _loosely(name: x509.Name) -> list[tuple[str, str]]:
    """A name's parts whatever their order, case and blanks (RFC 4518 §2.6.1)."""
    return sorted((one.oid.dotted_string, " ".join(str(one.value).casefold().split())) for one in name)


def _other_issuer(found: str, issuer: x509.Name) -> Caution:
    named, right = found[:200], issuer.rfc4514_string()[:200]
    return Caution(
        "issuer-name-differs",
        f"Thuộc tính SigningCertificate ghi nơi cấp chứng thư số là “{named}”, không khớp với “{right}”; giá trị băm "
        "và số sê-ri thì khớp.",
        f"SigningCertificate names the issuer “{named}”, which is not read as “{right}”; digest and serial number fit.",
    )


def _check_policy(named: str, policy: Policy) -> Refusal | None:
    """Accept no explicit policy but the one that is in force here (EN 319 102-1 v1.3.1 §5.2.4)."""
    return None if named in ("", policy.id) else Refusal("signature-policy", {"policy": named[:100]})


def _check_formats(xades: ReadXades) -> Refusal | None:
    """See that each signed object has its MimeType (EN 319 132-1 v1.2.1 §6.3, DataObjectFormat)."""
    named = {one.identity for one in xades.references}
    if xades.properties.formats >= named and "" not in named and len(named) == len(xades.references):
        return None
    return Refusal("signed-property-missing", {"property": "DataObjectFormat/MimeType"})


class _Stamps:
    """The time-stamps of one signature, judged one after the other."""

    def __init__(
        self, policy: Policy, now: datetime, tsa: TrustStore | None, revocation: RevocationStore | None
    ) -> None:
        self.policy, self.now, self.tsa = policy, now, tsa
        self.revocation = revocation or _NOTHING_KNOWN
        self.used: list[TimestampUsed] = []
        self.proofs: list[Proof] = []
        self.cautions: list[Caution] = []
        self.out_of_order: Refusal | None = None
        self.waiting: Status | None = None
        self.waiting_at: datetime | None = None

    def judge(self, found: FoundTimestamp, certificate: SigningCertificate) -> None:
        """Judge one token (EN 319 102-1 v1.3.1 §5.4): used, refused for its time, waiting, or passed over by name."""
        token = self._open(found, certificate)
        if isinstance(token, Refusal):
            if token.code in _ORDER:
                self.out_of_order = self.out_of_order or token
            else:
                self.cautions.append(_not_used(token))
            return
        status = self.revocation.status(token.chain, self.policy, self.now) if self.policy.revocation.required else None
        if status is not None and status.refusal is not None:
            if status.refusal.code in WAITING_REASONS:
                self.waiting, self.waiting_at = status, token.used.generated_at
                self.cautions.append(_undecided(token))
            else:
                self.cautions.append(_not_used(Refusal("timestamp-revoked", {"authority": token.used.authority[:200]})))
            return
        self.used.append(token.used)
        self.proofs += [token.proof, *token.chain.proofs, *(status.proofs if status else ())]

    def _open(self, found: FoundTimestamp, certificate: SigningCertificate) -> Token | Refusal:
        if self.tsa is None:
            return Refusal("timestamp-no-anchors")
        skew_s = self.policy.clock_skew_s_max
        token = open_token(
            found.token_der, found.covered, self.tsa, self.now, clock_skew_s=skew_s, curves=self.policy.curves
        )
        if isinstance(token, Refusal):
            return token
        # A signature is not older than its certificate (§5.5.4, the order of times).
        at, begins = token.used.generated_at, certificate.signer.not_before
        if at + timedelta(seconds=skew_s) < begins:
            fields = {"time": f"{at:%d/%m/%Y %H:%M:%S} (UTC)", "date": f"{begins:%d/%m/%Y %H:%M:%S} (UTC)"}
            return Refusal("timestamp-before-certificate", fields)
        return token


def _not_used(refusal: Refusal) -> Caution:
    reason = _REASONS[refusal.code]
    vi, en = reason.vi.format(**refusal.fields), reason.en.format(**refusal.fields)
    return Caution(
        refusal.code, f"Dấu thời gian của chữ ký không được dùng: {vi}", f"The signature's time-stamp is not used: {en}"
    )


def _undecided(token: Token) -> Caution:
    return Caution(
        "timestamp-undecided",
        f"Chưa biết chứng thư số của nơi cấp dấu thời gian “{token.used.authority[:200]}” có bị thu hồi không, nên "
        "dấu thời gian chưa được dùng.",
        f"It is not known whether the certificate of “{token.used.authority[:200]}” was revoked, so that its "
        "time-stamp is not used yet.",
    )


def _passed_over(name: str) -> Caution:
    return Caution(
        "property-not-used",
        f"Thuộc tính XAdES {name} được bỏ qua, không được kiểm tra.",
        f"The XAdES property {name} is passed over and was not checked.",
    )
