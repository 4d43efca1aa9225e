"""Verification of a signature that stands beside what it covers: ASiC-E's META-INF/*signatures*.xml."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from lxml import etree
from msgspec import Struct

from signing import xmldsig
from signing.indication import Refusal, Verdict
from signing.judging import (
    Case,
    Context,
    accepted_algorithms,
    check_level,
    check_revocation,
    check_value,
    judge_certificate,
    judge_properties,
    legacy_cautions,
    missing_data,
    verdict_of,
)
from signing.policy import LEVELS, Policy
from signing.revocation import RevocationStore
from signing.signature import ReadSignature
from signing.signed_info import SignedInfo
from signing.trust import TrustStore
from signing.xades_read import ReadXades, read_xades, refers_to_signed_properties
from signing.zip_names import read_name, shown

SIGNATURES: Final = "{http://uri.etsi.org/02918/v1.2.1#}XAdESSignatures"
SIGNATURE_PATH: Final = "/XAdESSignatures"

# A query, a fragment, or a percent sign that codes nothing.
_NOT_A_NAME: Final = re.compile(r"[?#]|%(?![0-9A-Fa-f]{2})")

# Returns the digest of one entry's bytes under the hash of that name ("sha256", "sha384", "sha512").
DigestOf = Callable[[str], bytes]


class Detached(Struct, frozen=True):
    """The verdict of one detached signature, and the entries that it covers.

    `covered` are the entries that the signature names, once all their digests and the signature's value have been found
    right; else it is empty. Whether the signer may be believed is the verdict's to say: with a verdict that did not
    pass (or waits for revocation data) `covered` tells only what the bytes fit.
    """

    verdict: Verdict
    covered: frozenset[str]


def verify_detached(
    signatures: etree._Element,
    entries: Mapping[str, DigestOf],
    *,
    file: str,
    policy: Policy,
    trust: TrustStore,
    now: datetime,
    revocation: RevocationStore | None = None,
    tsa: TrustStore | None = None,
    level: str = LEVELS[1],
) -> Detached:
    """Judge the one ds:Signature in `signatures`, the root asic:XAdESSignatures (EN 319 162-1 v1.1.1 §4.4, Annex A).

    `entries` are the container's files that may be covered, by their names in the archive ("hoso.xml",
    "dinhkem/bản vẽ.pdf"), each with a function that gives its digest; it is called at most once for each hash that a
    Reference names and the policy accepts. `file` is the signature file's name, for the verdict. `tsa` are the anchors
    of time-stamp authorities; without them no time-stamp is used. `level` is the least level asked for.

    Each Reference names an entry by a relative URI (percent-decoded as UTF-8) without Transforms; a Reference to an
    entry that is not there is SIGNED_DATA_NOT_FOUND. Whether all entries are covered is the caller's to ask.

    Never raises for a bad signature; judging again gives the same verdict for the same `now`. The tree stays as it is.
    """
    context = Context(policy=policy, trust=trust, now=now, revocation=revocation, tsa=tsa, level=level)
    case = Case(file, SIGNATURE_PATH, now)
    covered: set[str] = set()
    refusal = _read(case, signatures) or _judge(case, entries, context, covered)
    return Detached(verdict_of(case, refusal, context), frozenset(covered))


def _read(case: Case, signatures: etree._Element) -> Refusal | None:
    """Steps (1) format checking (EN 319 102-1 §5.2.2) and (2) identification of the signing certificate (§5.2.3)."""
    children = list(signatures)
    if (
        signatures.tag != SIGNATURES
        or [child.tag for child in children] != [xmldsig.SIGNATURE]
        or len(list(signatures.iter(xmldsig.SIGNATURE))) != 1
        or not refers_to_signed_properties(children[0])
    ):
        return Refusal("signatures-file")
    xades = read_xades(children[0])
    if isinstance(xades, Refusal):
        return xades
    if not xades.references:
        return Refusal("signatures-file")
    case.xades = xades
    first = xades.references[0]
    info = SignedInfo(
        canonical=xades.canonical,
        c14n_algorithm=xades.c14n_algorithm,
        signature_algorithm=xades.signature_algorithm,
        digest_algorithm=first.digest_algorithm,
        # The content's digest is one entry's; that of several has no name.
        digest_value=first.digest_value if len(xades.references) == 1 else b"",
        exclusive=False,
    )
    case.read = ReadSignature(xades.signature, info, xades.value, xades.certificate, xades.properties.signing_time)
    return None


def _judge(case: Case, entries: Mapping[str, DigestOf], context: Context, covered: set[str]) -> Refusal | None:
    read, xades = case.read, case.xades
    if read is None or xades is None:
        raise AssertionError("a signature is read before it is judged")
    # (3) What it names (EN 319 162-1 §4.4.4.2), and the cryptographic constraints (EN 319 102-1 §5.2.8).
    names = _names(xades, entries)
    if isinstance(names, Refusal):
        return names
    algorithms = accepted_algorithms(read.info, read.certificate, context.policy, context.now)
    if isinstance(algorithms, Refusal):
        return algorithms
    by, _ = algorithms
    case.cautions = legacy_cautions(read, xades, algorithms, context)
    # (4) Time-stamps, then the certificate as of the best signature time (§5.5.4, §5.2.6).
    judged = judge_properties(case, context)
    certified = judge_certificate(case, context)
    # (5) Cryptographic verification (§5.2.7): the digests of all entries, then the value. (6) Acceptance (§5.2.8).
    refusal = (
        _check_digests(xades, names, entries, context)
        or (judged.own_parts if judged else None)
        or check_value(read.info.canonical, read.value, read.certificate.key, by.hash_name)
    )
    if refusal is None:
        covered.update(names)
    return (
        refusal
        or (judged.acceptance if judged else None)
        or certified
        or check_revocation(case, context)
        or check_level(case, context)
        or missing_data(case)
    )


def _names(xades: ReadXades, entries: Mapping[str, DigestOf]) -> list[str] | Refusal:
    """Return the entry that each Reference names, every one known and named once."""
    names: dict[str, None] = {}  # in their order
    for one in xades.references:
        name = None if one.uri is None or _NOT_A_NAME.search(one.uri) else _decoded(one.uri)
        if name is None:
            return Refusal("entry-uri", {"uri": shown(one.uri or "")})
        if one.transforms:
            return Refusal("transform-not-accepted", {"transforms": ", ".join(one.transforms[:4])})
        if name in names:
            return Refusal("entry-repeated", {"entry": shown(name)})
        if name not in entries:
            return Refusal("entry-missing", {"entry": shown(name)})
        names[name] = None
    return list(names)


def _decoded(uri: str) -> str | None:
    """Return the name that a relative URI stands for, or None when no entry may have it (RFC 3986 §2.1, §4.2)."""
    try:
        name = read_name(unquote(uri, errors="strict").encode(), utf8=True)
    except UnicodeError:
        return None
    return None if isinstance(name, Refusal) else name


def _check_digests(
    xades: ReadXades, names: list[str], entries: Mapping[str, DigestOf], context: Context
) -> Refusal | None:
    for one, name in zip(xades.references, names, strict=True):
        algorithm = context.policy.accepted_digest(one.digest_algorithm, context.now)
        if algorithm is None:
            return Refusal("digest-algorithm", {"algorithm": one.digest_algorithm[:100]})
        if entries[name](algorithm.hash_name) != one.digest_value:
            return Refusal("entry-digest", {"entry": shown(name)})
    return None
