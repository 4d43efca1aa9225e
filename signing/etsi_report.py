"""The validation report as XML, as ETSI TS 119 102-2 V1.4.1 defines it, made from the kept report and its proofs."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from lxml import etree
from msgspec import Struct

from signing.etsi_constraints import Evaluated, constraints_of
from signing.indication import RevocationUsed
from signing.validation_report import (
    ANCHOR,
    AUTHORITY,
    FROM_TIMESTAMP,
    SIGNER,
    ProofNamed,
    SignatureReported,
    ValidationReport,
)

VR: Final = "http://uri.etsi.org/19102/v1.4.1#"
XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
TSL: Final = "http://uri.etsi.org/02231/v2#"
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_NAMESPACES: Final = {"vr": VR, "ds": DSIG, "XAdES": XADES, "tsl": TSL}
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"

# TS 119 102-2 V1.4.1 §4.3.4.2, §4.3.4.3, §4.3.5.4.2, §4.3.11.1, §4.4.4, §4.4.6.2, §4.3.12.6.2
_MAIN: Final = "urn:etsi:019102:mainindication:"
_SUB: Final = "urn:etsi:019102:subindication:"
_CONSTRAINT_STATUS: Final = "urn:etsi:019102:constraintStatus:"
_PROCESS: Final = "urn:etsi:019102:validationprocess:"
_OBJECT: Final = "urn:etsi:019102:validationObject:"
_PROOF_DERIVED: Final = "urn:etsi:019102:poetype:validation"
_PROOF_PROVIDED: Final = "urn:etsi:019102:poetype:provided"
_REVOCATION_REASON: Final = "urn:etsi:019102:revocationReason:"

# Names of our own, where the standard leaves them to the implementation.
_OURS: Final = "urn:motcua:"

_OBJECT_KINDS: Final = {"certificate": "certificate", "crl": "CRL", "ocsp": "OCSPResponse", "timestamp": "timestamp"}
_CRL_REASONS: Final = {
    "unspecified": "unspecified",
    "key_compromise": "keyCompromise",
    "ca_compromise": "cACompromise",
    "affiliation_changed": "affiliationChanged",
    "superseded": "superseded",
    "cessation_of_operation": "cessationOfOperation",
    "certificate_hold": "certificateHold",
    "remove_from_crl": "removeFromCRL",
    "privilege_withdrawn": "privilegeWithdrawn",
    "aa_compromise": "aACompromise",
}
_CRL_REASON_URIS: Final = {
    **{ours: _REVOCATION_REASON + theirs for ours, theirs in _CRL_REASONS.items()},
    **{theirs: _REVOCATION_REASON + theirs for theirs in _CRL_REASONS.values()},  # as RFC 5280 §5.3.1 writes them
}
_CRYPTO_FAILURES: Final = ("CRYPTO_CONSTRAINTS_FAILURE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")

# What XML 1.0 §2.2 has no place for; certificates and file names are outsiders' words.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Algorithm identifiers that are addresses beyond doubt. Others are told in words, for xs:anyURI has no place for them.
_PLAIN_URI: Final = re.compile(r"http://[a-z0-9.]+(?:/[A-Za-z0-9._-]+)*/?(?:#[A-Za-z0-9._-]*)?")
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
)
_HEX_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Validator(Struct, frozen=True, kw_only=True):
    """Who validated: the gateway by its name (RFC 4514), and by its seal's certificate (DER) if it has one."""

    subject: str
    certificate_der: bytes = b""


def etsi_report(report: ValidationReport, proofs: Mapping[str, bytes], validator: Validator | None = None) -> bytes:
    """Return the report as a ValidationReport document (TS 119 102-2 V1.4.1 §4.2), UTF-8, unsigned.

    `proofs` are bytes (DER) by SHA-256 (hex); what is not among them is named by its digest alone. The same arguments
    give the same bytes. Never raises for what a report says: characters without a place in XML become U+FFFD.
    """
    root = etree.Element(f"{{{VR}}}ValidationReport", nsmap=_NAMESPACES)
    for number, signature in enumerate(report.signatures, 1):
        _signature_report(root, report, signature, f"S-{number}")
    _objects(root, report, proofs)
    if validator is not None:
        identity = _add(_add(root, "SignatureValidator"), "DigitalId")
        if validator.certificate_der:
            _base64(etree.SubElement(identity, f"{{{TSL}}}X509Certificate"), validator.certificate_der)
        else:
            etree.SubElement(identity, f"{{{TSL}}}X509SubjectName").text = _text(validator.subject)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _signature_report(
    root: etree._Element, report: ValidationReport, signature: SignatureReported, identifier: str
) -> None:
    """Write one SignatureValidationReport, its parts in the schema's order (§4.3)."""
    into = _add(root, "SignatureValidationReport")
    _identifier(into, signature, identifier)
    _constraints(into, report, signature)
    times = _add(into, "ValidationTimeInfo")
    _add(times, "ValidationTime", _instant(signature.judged_at))
    best = signature.best_signature_time
    if best is not None and best.proven_by == FROM_TIMESTAMP:
        _poe(times, "BestSignatureTime", best.at, _PROOF_DERIVED, best.sha256)
    else:
        _poe(times, "BestSignatureTime", best.at if best else signature.judged_at, _PROOF_PROVIDED)
    _signers_document(into, report, signature)
    _attributes(into, signature)
    if signature.signer:
        signer = _add(into, "SignerInformation")
        _reference(signer, "SignerCertificate", signature.signer)
        named = {one.sha256: one.subject for one in report.certificates}.get(signature.signer)
        if named:
            _add(signer, "Signer", named)
    process = _add(into, "SignatureValidationProcess")
    _add(process, "SignatureValidationProcessID", _PROCESS + ("LTVM" if signature.timestamps else "Basic"))
    _status(into, signature)


def _identifier(into: etree._Element, signature: SignatureReported, identifier: str) -> None:
    """Write which signature it is (§4.3.3): by its value where that was at hand, and by file and place."""
    element = _add(into, "SignatureIdentifier", id=identifier)
    if signature.signature_value:
        etree.SubElement(element, f"{{{DSIG}}}SignatureValue").text = signature.signature_value
    _add(element, "HashOnly", "false")
    _add(element, "DocHashOnly", "false")
    _add(element, "DAIdentifier", f"{signature.file}#{signature.path}")


def _constraints(into: etree._Element, report: ValidationReport, signature: SignatureReported) -> None:
    """Write the policy, and what is known of each constraint (§4.3.5)."""
    evaluation = _add(into, "ValidationConstraintsEvaluationReport")
    policy = _add(evaluation, "SignatureValidationPolicy")
    identifier = _add(policy, "SignaturePolicyIdentifier")
    if _HEX_SHA256.fullmatch(report.policy.sha256):
        described = etree.SubElement(identifier, f"{{{XADES}}}SignaturePolicyId")
        of_policy = etree.SubElement(described, f"{{{XADES}}}SigPolicyId")
        etree.SubElement(of_policy, f"{{{XADES}}}Identifier").text = f"{_OURS}policy:{report.policy.id}"
        _digest(etree.SubElement(described, f"{{{XADES}}}SigPolicyHash"), _SHA256, report.policy.sha256)
    else:
        etree.SubElement(identifier, f"{{{XADES}}}SignaturePolicyImplied")
    _add(policy, "PolicyName", f"{report.policy.id} ({report.policy.edition}): {report.policy.title_en}")
    for one in constraints_of(signature, revocation_required=report.policy.revocation_required):
        _constraint(evaluation, one)


def _constraint(into: etree._Element, evaluated: Evaluated) -> None:
    element = _add(into, "ValidationConstraint")
    _add(element, "ValidationConstraintIdentifier", f"{_OURS}constraint:{evaluated.name}")
    _typed(element, "ValidationConstraintParameter", "clause", f"ETSI EN 319 102-1 {evaluated.clause}")
    status = _add(element, "ConstraintStatus")
    _add(status, "Status", _CONSTRAINT_STATUS + ("applied" if evaluated.applied else "disabled"))
    if evaluated.indication:
        result = _add(element, "ValidationStatus")
        _add(result, "MainIndication", _MAIN + evaluated.indication)
        if evaluated.sub_indication:
            _add(result, "SubIndication", _SUB + evaluated.sub_indication)


def _signers_document(into: etree._Element, report: ValidationReport, signature: SignatureReported) -> None:
    """Write what was signed (§4.3.7): the digest that the signature states, else what was received."""
    document = _add(into, "SignersDocument")
    if signature.content_digest and _PLAIN_URI.fullmatch(signature.digest_algorithm):
        _digest(_add(document, "DigestAlgAndValue"), signature.digest_algorithm, signature.content_digest)
    else:
        _digest(_add(document, "DigestAlgAndValue"), _SHA256, report.subject.sha256)
    _reference(document, "SignersDocumentRef", report.subject.sha256)


def _attributes(into: etree._Element, signature: SignatureReported) -> None:
    """Write the signature's attributes (§A.2, §A.12); the signing time only where it says one instant beyond doubt."""
    claimed = _claimed_instant(signature.signing_time_claimed)
    if claimed is None and not signature.timestamps:
        return
    attributes = _add(into, "SignatureAttributes")
    if claimed is not None:
        covered = "true" if signature.signing_time_covered else "false"
        _add(_add(attributes, "SigningTime", Signed=covered), "Time", _instant(claimed))
    for token in signature.timestamps:
        stamped = _add(attributes, "SignatureTimeStamp", Signed="false")
        _reference(stamped, "AttributeObject", token.sha256)
        _add(stamped, "TimeStampValue", _instant(token.generated_at))


def _status(into: etree._Element, signature: SignatureReported) -> None:
    """Write the verdict and what it rests on (§4.3.4, §4.3.12)."""
    status = _add(into, "SignatureValidationStatus")
    _add(status, "MainIndication", _MAIN + signature.indication.lower())
    if signature.sub_indication:
        _add(status, "SubIndication", _SUB + signature.sub_indication)
    rests = _add(status, "AssociatedValidationReportData")
    by_role = {
        role: [one.sha256 for one in signature.chain if one.role == role] for role in (SIGNER, AUTHORITY, ANCHOR)
    }
    for sha256 in by_role[ANCHOR]:
        _reference(rests, "TrustAnchor", sha256)
    if signature.chain:
        chain = _add(rests, "CertificateChain")
        for role, name in (
            (SIGNER, "SigningCertificate"),
            (AUTHORITY, "IntermediateCertificate"),
            (ANCHOR, "TrustAnchor"),
        ):
            for sha256 in by_role[role]:
                _reference(chain, name, sha256)
    related = [one.sha256 for one in signature.revocation] + [one.sha256 for one in signature.timestamps]
    for sha256 in dict.fromkeys(related):
        _reference(rests, "RelatedValidationObject", sha256)
    revoked = next((one for one in signature.revocation if one.status != "good" and one.revoked_at), None)
    if revoked is not None and revoked.revoked_at is not None:
        _revoked(rests, revoked, revoked.revoked_at)
    algorithm = signature.signature_algorithm
    if signature.sub_indication in _CRYPTO_FAILURES and signature.signer and _PLAIN_URI.fullmatch(algorithm):
        crypto = _add(rests, "CryptoInformation")
        _reference(crypto, "ValidationObjectId", signature.signer)
        _add(crypto, "Algorithm", algorithm)
        _add(crypto, "SecureAlgorithm", "false")
    _in_words(_add(rests, "AdditionalValidationReportData"), signature)


def _revoked(into: etree._Element, revoked: RevocationUsed, at: datetime) -> None:
    element = _add(into, "RevocationStatusInformation")
    _reference(element, "ValidationObjectId", revoked.certificate_sha256)
    _add(element, "RevocationTime", _instant(at))
    if reason := _CRL_REASON_URIS.get(revoked.reason):
        _add(element, "RevocationReason", reason)
    _reference(element, "RevocationObject", revoked.sha256)


def _in_words(into: etree._Element, signature: SignatureReported) -> None:
    """Write what the standard has no element for, each under a name of ours."""
    said = [
        ("format", signature.format),
        ("reason", signature.reason),
        ("reason:vi", signature.reason_vi),
        ("reason:en", signature.reason_en),
        ("clause", f"ETSI EN 319 102-1 {signature.clause}"),
        ("signature-algorithm", signature.signature_algorithm),
        ("digest-algorithm", signature.digest_algorithm),
        ("signing-time-claimed", signature.signing_time_claimed),
        ("waits-for-revocation-data", "true" if signature.waits else ""),
        ("try-again-at", _instant(signature.try_again_at) if signature.try_again_at else ""),
        *((f"caution:{one.code}:vi", one.message_vi) for one in signature.cautions),
        *((f"caution:{one.code}:en", one.message_en) for one in signature.cautions),
    ]
    for name, value in said:
        if value:
            _typed(into, "ReportData", name, value)


def _objects(root: etree._Element, report: ValidationReport, proofs: Mapping[str, bytes]) -> None:
    """Write what was received and every proof (§4.4): its bytes where they are at hand, else its digest.

    Everything that a signature's report refers to is here, for an IDREF has to lead somewhere.
    """
    objects = _add(root, "SignatureValidationObjects")
    received = _add(objects, "ValidationObject", id=_id(report.subject.sha256))
    _add(received, "ObjectType", _OBJECT + "signedData")
    as_digest = _add(_add(received, "ValidationObjectRepresentation"), "DigestAlgAndValue")
    _digest(as_digest, _SHA256, report.subject.sha256)
    _poe(received, "POE", report.subject.received_at, _PROOF_PROVIDED)
    fetched = {one.sha256: one.fetched_at for each in report.signatures for one in each.revocation}
    judged_at = min(signature.judged_at for signature in report.signatures)
    for named in _named(report):
        element = _add(objects, "ValidationObject", id=_id(named.sha256))
        _add(element, "ObjectType", _OBJECT + _OBJECT_KINDS.get(named.kind, "other"))
        representation = _add(element, "ValidationObjectRepresentation")
        if named.sha256 in proofs:
            _base64(_add(representation, "base64"), proofs[named.sha256])
        else:
            _digest(_add(representation, "DigestAlgAndValue"), _SHA256, named.sha256)
        if named.sha256 in fetched:
            _poe(element, "POE", fetched[named.sha256], _PROOF_PROVIDED)
        else:
            _poe(element, "POE", judged_at, _PROOF_DERIVED)


def _named(report: ValidationReport) -> list[ProofNamed]:
    """Return every object that the report refers to, each once."""
    found = {one.sha256: one for one in report.proofs}
    for certificate in report.certificates:
        found.setdefault(certificate.sha256, ProofNamed("certificate", certificate.sha256))
    for signature in report.signatures:
        for link in signature.chain:
            found.setdefault(link.sha256, ProofNamed("certificate", link.sha256))
        for used in signature.revocation:
            found.setdefault(used.certificate_sha256, ProofNamed("certificate", used.certificate_sha256))
            found.setdefault(used.sha256, ProofNamed(used.kind, used.sha256))
        for token in signature.timestamps:
            found.setdefault(token.sha256, ProofNamed("timestamp", token.sha256))
    found.pop(report.subject.sha256, None)
    return list(found.values())


def _claimed_instant(claimed: str) -> datetime | None:
    """Return the instant that a claim names, or None where it names none or leaves its zone open."""
    if not _DATE_TIME.fullmatch(claimed):
        return None
    try:
        return datetime.fromisoformat(claimed).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _add(into: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(into, f"{{{VR}}}{name}", attributes)
    if text is not None:
        element.text = _text(text)
    return element


def _typed(into: etree._Element, element: str, name: str, value: str) -> None:
    typed = _add(into, element)
    _add(typed, "Type", f"{_OURS}report:{name}")
    _add(typed, "Value", value)


def _reference(into: etree._Element, name: str, sha256: str) -> None:
    _add(into, name, VOReference=_id(sha256))


def _poe(into: etree._Element, name: str, at: datetime, proof: str, sha256: str = "") -> None:
    element = _add(into, name)
    _add(element, "POETime", _instant(at))
    _add(element, "TypeOfProof", proof)
    if sha256:
        _reference(element, "POEObject", sha256)


def _digest(into: etree._Element, algorithm: str, value_hex: str) -> None:
    etree.SubElement(into, f"{{{DSIG}}}DigestMethod", Algorithm=algorithm)
    _base64(etree.SubElement(into, f"{{{DSIG}}}DigestValue"), bytes.fromhex(value_hex))


def _base64(element: etree._Element, content: bytes) -> None:
    element.text = base64.b64encode(content).decode()


def _id(sha256: str) -> str:
    return f"V-{sha256}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(value: str) -> str:
    return _NOT_XML.sub("\ufffd", value)
