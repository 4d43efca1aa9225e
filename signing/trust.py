"""Whom we trust: configured anchors, the intermediates we know, and the chains between them and a certificate."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from msgspec import Struct

from signing.certificate import within_validity
from signing.crl import CRL_BYTES_MAX
from signing.indication import Proof, Refusal
from signing.name_constraints import fault_of_names

CHAINS_CACHED_MAX: Final = 2048
PATH_CERTIFICATES_MAX: Final = 8
PATHS_MAX: Final = 8
SEARCH_STEPS_MAX: Final = 64
AUTHORITY_RSA_BITS_MIN: Final = 2048

# The subfolder of the trust folder for time-stamp authorities: their anchors are not anchors for signers.
TSA_FOLDER: Final = "tsa"

_CERTIFICATE_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
_PEM_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_CHAIN_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)

_CRL_SUFFIX: Final = ".crl"
_PEM_CRL: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_ANY_POLICY: Final = bytes.fromhex("0604551d2000")

# Critical extensions that are understood here, or that say nothing about whether a path is good (RFC 5280 §4.2).
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.INHIBIT_ANY_POLICY,
    }
)


class TrustUnusable(Exception):
    """The folder of trusted certificates is missing, unreadable or without an anchor.

    Trying again changes nothing until an operator has mended the folder.
    """


class Chain(Struct, frozen=True):
    """A path from a certificate (first) to an anchor (last) whose signatures and constraints hold.

    `sha256` is of each certificate above the first (hex); the validity is theirs too. `proofs` are all of them.
    """

    certificates: tuple[x509.Certificate, ...]
    sha256: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    proofs: tuple[Proof, ...]


def load_revocation(folder: Path) -> list[tuple[str, bytes]]:
    """Read every .crl of the trust folder, as PEM or DER: (file name, DER), for whoever feeds a `RevocationStore`.

    An operator may lay lists there where the network is not to be asked. Whether they are right is not looked at here.
    Raises TrustUnusable when one cannot be read or is larger than any CRL may be.
    """
    found: list[tuple[str, bytes]] = []
    try:
        for path in sorted(path for path in folder.iterdir() if path.suffix.lower() == _CRL_SUFFIX):
            if path.stat().st_size > 2 * CRL_BYTES_MAX:
                raise TrustUnusable(f"trust file {path}: larger than any CRL may be")
            content = path.read_bytes()
            lists = _PEM_CRL.findall(content)
            ders = [x509.load_pem_x509_crl(one).public_bytes(Encoding.DER) for one in lists] or [content]
            found.extend((path.name, der) for der in ders)
    except (OSError, ValueError) as error:
        raise TrustUnusable(f"trust folder {folder}: {error}") from error
    return found


class _Paths(Struct, frozen=True):
    """All paths found for one certificate, or why there is none."""

    chains: tuple[Chain, ...]
    refusal: Refusal | None


class TrustStore:
    """Anchors and intermediates, fixed for as long as the store lives; load another when the folder changes.

    Chains are remembered by the certificate's bytes. Only what cannot change is remembered (names, signatures,
    constraints); validity is asked at each use.
    """

    def __init__(self, anchors: Iterable[x509.Certificate], intermediates: Iterable[x509.Certificate] = ()) -> None:
        """Trust `anchors`; use `intermediates` as links, trusting them no more than their signatures."""
        self._anchors = tuple(anchors)
        self._anchor_set = frozenset(self._anchors)
        self._by_subject: dict[x509.Name, list[x509.Certificate]] = {}
        for one in dict.fromkeys((*self._anchors, *intermediates)):
            self._by_subject.setdefault(one.subject, []).append(one)
        self._paths = lru_cache(maxsize=CHAINS_CACHED_MAX)(self._find_paths)

    @classmethod
    def load(cls, folder: Path) -> "TrustStore":
        """Read every .pem, .crt, .cer and .der of `folder`: self-signed are anchors, others intermediates.

        Raises TrustUnusable, naming the file, when one cannot be read or no anchor is among them: a gateway that
        starts without trust would refuse everybody.
        """
        anchors: list[x509.Certificate] = []
        intermediates: list[x509.Certificate] = []
        try:
            files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _CERTIFICATE_SUFFIXES)
        except OSError as error:
            raise TrustUnusable(f"trust folder {folder}: {error}") from error
        for path in files:
            try:
                content = path.read_bytes()
                if _PEM_BEGIN in content:
                    found = x509.load_pem_x509_certificates(content)
                else:
                    found = [x509.load_der_x509_certificate(content)]
            except (OSError, ValueError) as error:
                raise TrustUnusable(f"trust file {path}: {error}") from error
            for one in found:
                (anchors if _is_self_signed(one) else intermediates).append(one)
        if not anchors:
            raise TrustUnusable(f"trust folder {folder}: no self-signed certificate, hence no anchor")
        return cls(anchors, intermediates)

    @classmethod
    def load_tsa(cls, folder: Path) -> "TrustStore":
        """Read the subfolder `tsa` as `load` reads a folder: whose time stamps are believed; without it, nobody's."""
        own = folder / TSA_FOLDER
        return cls.load(own) if own.is_dir() else cls(())

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """All certificates of the store, anchors and intermediates: the issuers that revocation data may come from."""
        return tuple(one for named in self._by_subject.values() for one in named)

    @property
    def anchors(self) -> tuple[x509.Certificate, ...]:
        """The configured anchors."""
        return self._anchors

    def chain(self, certificate_der: bytes, now: datetime, *, also_at: datetime | None = None) -> Chain | Refusal:
        """Return a path that is valid at `now`, by RFC 5280 §6.1 without revocation and policies.

        With `also_at`, one that is valid at both instants.

        Every certificate's own validity is checked, the anchor's too: an operator who wants to go on trusting an
        expired root would have to say so, and cannot yet. A signing certificate outside its own validity is the
        caller's matter (EN 319 102-1 §5.2.6 tells it from a broken path), so the leaf's is not looked at here.
        """
        paths = self._paths(certificate_der)
        for one in paths.chains:
            if one.not_before <= now <= one.not_after and (
                also_at is None or one.not_before <= also_at <= one.not_after
            ):
                return one
        if not paths.chains:
            return paths.refusal or Refusal("no-chain", {"issuer": ""})
        nearest = paths.chains[0]
        instants = (now,) if also_at is None else (now, also_at)
        outside = next(one for at in instants for one in nearest.certificates[1:] if not within_validity(one, at))
        return Refusal("authority-out-of-validity", {"authority": _shown(outside.subject)})

    def _find_paths(self, certificate_der: bytes) -> _Paths:
        """Search from the leaf upwards, nearest issuer first, within SEARCH_STEPS_MAX."""
        leaf = x509.load_der_x509_certificate(certificate_der)
        if leaf in self._anchor_set:
            return _Paths((), Refusal("anchor-signs"))
        chains: list[Chain] = []
        refusals: list[Refusal] = []
        steps = 0
        waiting: list[tuple[x509.Certificate, ...]] = [(leaf,)]
        while waiting and steps < SEARCH_STEPS_MAX and len(chains) < PATHS_MAX:
            path = waiting.pop()
            steps += 1
            last = path[-1]
            if len(path) > 1 and last in self._anchor_set:
                refusal = _check_path(path)
                if refusal is None:
                    chains.append(_as_chain(path))
                else:
                    refusals.append(refusal)
            elif len(path) < PATH_CERTIFICATES_MAX:
                issuers = self._issuers(last, path)
                if not issuers:
                    refusals.append(Refusal("no-chain", {"issuer": _shown(last.issuer)}))
                waiting.extend((*path, issuer) for issuer in reversed(issuers))
        chains.sort(key=lambda chain: len(chain.certificates))
        # What stopped a whole path says more than that another way led nowhere.
        refusals.sort(key=lambda refusal: refusal.code == "no-chain")
        return _Paths(tuple(chains), refusals[0] if refusals and not chains else None)

    def _issuers(self, issued: x509.Certificate, path: tuple[x509.Certificate, ...]) -> list[x509.Certificate]:
        """Return the known certificates that carry the issuer's name, those with the right key identifier first."""
        wanted = _authority_key_identifier(issued)
        known = [one for one in self._by_subject.get(issued.issuer, ()) if one not in path]
        return sorted(known, key=lambda one: wanted is not None and _subject_key_identifier(one) != wanted)


def _check_path(path: tuple[x509.Certificate, ...]) -> Refusal | None:
    """Check a whole path but for its times (RFC 5280 §6.1.3 and §6.1.4), and return the first fault."""
    for depth, (issued, issuer) in enumerate(pairwise(path)):
        below = sum(1 for one in path[1 : depth + 1] if one.subject != one.issuer)
        fields = {"authority": _shown(issuer.subject), "certificate": _shown(issued.subject)}
        try:
            code = _fault_of_issuer(issuer, below) or _fault_of_link(issued, issuer)
            if not code and (extension := _fault_of_policies(issued)):
                return Refusal("policy-constraints", fields | {"extension": extension})
        except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            code = "chain-unreadable"
        if code:
            return Refusal(code, fields)
    try:
        return fault_of_names(path)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return Refusal("chain-unreadable", {"authority": _shown(path[-1].subject)})


def _fault_of_issuer(issuer: x509.Certificate, below: int) -> str:
    """Return why `issuer` may not issue with `below` authorities under it, or "" (RFC 5280 §6.1.4 (k) to (n))."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "issuer-not-authority"
    if not constraints.ca:
        return "issuer-not-authority"
    if constraints.path_length is not None and below > constraints.path_length:
        return "path-too-long"
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    return "" if usage.key_cert_sign else "issuer-not-authority"


def _fault_of_link(issued: x509.Certificate, issuer: x509.Certificate) -> str:
    """Return why `issued` is not soundly issued by `issuer`, or "".

    Nothing critical is left unprocessed (RFC 5280 §6.1.4 (o), §6.1.5 (f)), and the signature holds by algorithms that
    are still good (§6.1.3 (a)(1)). An anchor's own critical extensions and signature are not asked.
    """
    if any(one.critical and one.oid not in _UNDERSTOOD for one in issued.extensions):
        return "critical-extension"
    issuer_key = issuer.public_key()
    short = isinstance(issuer_key, rsa.RSAPublicKey) and issuer_key.key_size < AUTHORITY_RSA_BITS_MIN
    try:
        if short or not isinstance(issued.signature_hash_algorithm, _CHAIN_HASHES):
            return "chain-algorithm"
        issued.verify_directly_issued_by(issuer)
    except UnsupportedAlgorithm:
        return "chain-algorithm"
    except (InvalidSignature, ValueError, TypeError):
        return "chain-signature"
    return ""


def _fault_of_policies(issued: x509.Certificate) -> str:
    """Return the extension that would need certificate policies to be worked out, or "" (RFC 5280 §6.1).

    Nobody here asks for a policy. Then inhibitAnyPolicy, policy mappings and inhibitPolicyMapping can only thin out a
    tree of policies whose emptiness stops nothing; a path can fail for its policies only where a certificate demands
    one (requireExplicitPolicy, §6.1.3 (f)), or maps anyPolicy (§6.1.4 (a)).
    """
    for one in issued.extensions:
        value = one.value
        if isinstance(value, x509.PolicyConstraints) and value.require_explicit_policy is not None:
            return "requireExplicitPolicy"
        if (
            one.oid == ExtensionOID.POLICY_MAPPINGS
            and isinstance(value, x509.UnrecognizedExtension)
            and _ANY_POLICY in value.value
        ):
            return "policyMappings: anyPolicy"
    return ""


def _as_chain(path: tuple[x509.Certificate, ...]) -> Chain:
    above = path[1:]
    digests = tuple(one.fingerprint(hashes.SHA256()).hex() for one in path)
    return Chain(
        path,
        digests[1:],
        max(one.not_valid_before_utc for one in above),
        min(one.not_valid_after_utc for one in above),
        tuple(
            Proof(sha256, "certificate", one.public_bytes(Encoding.DER))
            for sha256, one in zip(digests, path, strict=True)
        ),
    )


def _is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate carries its own name and is signed by its own key, whatever the hash.

    An old root signed with SHA-1 is still an anchor: an anchor is trusted because it was configured.
    """
    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature:
        return False
    except (ValueError, TypeError):
        return True  # a signature that cannot be checked any more; it is named as its own issuer all the same
    return True


def _authority_key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError):
        return None


def _subject_key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return None


def _shown(name: x509.Name) -> str:
    return name.rfc4514_string()[:200]
