"""A certificate's holder, whatever the certificate: the tax codes it carries, and whether one renews another.

Certificates live for one to three years and come back with a new serial; what stays is the holder. Nothing here asks
whether a certificate is trusted: that is judged with the signature.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from msgspec import Struct

from gateway.clock import VIETNAM, from_us, to_us
from signing.certificate import uids
from storage.bindings import Binding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signing.indication import Signer

RULES_FILE: Final = Path(__file__).with_name("belonging.toml")
CERTIFICATES_CACHED_MAX: Final = 2048
_BRANCH_DIGITS: Final = 3
_OFFICE_DIGITS: Final = 10
_TAX_CODE: Final = re.compile(r"([0-9]{10})(?:\s*-?\s*([0-9]{3}))?|([0-9]{12})", re.ASCII)
_PERSONAL: Final = frozenset({"CCCD", "CMND", "CMTND", "HC"})
_BUDGET: Final = frozenset({"MNS", "MQHNS"})


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """When a certificate counts as the renewal of another; `unconfirmed` names the rules that nobody has confirmed."""

    renewal_gap_days_max: int
    unconfirmed: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path = RULES_FILE) -> Rules:
        """Read the rules; raises `msgspec.ValidationError` when the file holds none."""
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), cls)


RULES: Final = Rules.load()


class Identity(Struct, frozen=True):
    """What a subject's identifiers say: tax codes (digits alone), and the others as written."""

    tax_codes: tuple[str, ...]
    personal: tuple[str, ...]
    budget: tuple[str, ...]


class Kinship(StrEnum):
    """How a certificate's tax codes stand to a unit's."""

    SAME = "same"
    PARENT = "parent"
    BRANCH = "branch"
    OTHER = "other"
    NONE = "none"


class Facts(Struct, frozen=True, kw_only=True):
    """What is compared of two certificates: digests in hex, instants in microseconds since 1970 UTC."""

    spki_sha256: str
    subject_sha256: str
    not_before_us: int
    not_after_us: int
    tax_codes: frozenset[str]


class Holder(Struct, frozen=True):
    """Who holds a certificate, as a binding keeps it."""

    common_name: str
    identifiers: tuple[str, ...]


class Renewal(StrEnum):
    """Whether one certificate renews another, and if not, why not."""

    YES = "yes"
    ANOTHER_HOLDER = "another-holder"
    TOO_EARLY = "too-early"
    TOO_LATE = "too-late"


@lru_cache(maxsize=CERTIFICATES_CACHED_MAX)
def identity_of(identifiers: tuple[str, ...]) -> Identity:
    """Read the UID values of a subject, in any order; kinds are told apart without regard to case."""
    tax_codes, personal, budget = dict[str, None](), list[str](), list[str]()
    for identifier in identifiers:
        kind, number = _parted(identifier)
        if kind == "MST" and (code := plain(number)):
            tax_codes[code] = None
        elif kind in _PERSONAL:
            personal.append(identifier)
        elif kind in _BUDGET:
            budget.append(identifier)
    return Identity(tuple(tax_codes), tuple(personal), tuple(budget))


def _parted(identifier: str) -> tuple[str, str]:
    """An identifier in a subject's UID (RFC 4519 §2.39), "MST:0101234565": its kind and its number."""
    kind, _, number = identifier.partition(":")
    return kind.strip().upper(), number.strip()


def plain(tax_code: str) -> str:
    """The digits of a tax code: 10 for an office, 13 for its branch (with a dash or without, Circular 86/2024/TT-BTC
    Article 5), 12 for a personal number that serves as one; empty for anything else.
    """
    found = _TAX_CODE.fullmatch(tax_code.strip())
    return "" if found is None else found[3] or found[1] + (found[2] or "")


def dashed(code: str) -> str:
    """A tax code's digits as they are written: a branch's with its dash."""
    branch = len(code) == _OFFICE_DIGITS + _BRANCH_DIGITS
    return f"{code[:_OFFICE_DIGITS]}-{code[_OFFICE_DIGITS:]}" if branch else code


def kinship(tax_code: str, held: Iterable[str]) -> Kinship:
    """How the tax codes `held` (digits alone) stand to a unit's: the closest that any of them is."""
    codes, expected = tuple(held), plain(tax_code)
    if not codes:
        return Kinship.NONE
    if expected and expected in codes:
        return Kinship.SAME
    if len(expected) == _OFFICE_DIGITS + _BRANCH_DIGITS and expected[:_OFFICE_DIGITS] in codes:
        return Kinship.PARENT
    if len(expected) == _OFFICE_DIGITS and any(
        len(code) == _OFFICE_DIGITS + _BRANCH_DIGITS and code[:_OFFICE_DIGITS] == expected for code in codes
    ):
        return Kinship.BRANCH
    return Kinship.OTHER


@lru_cache(maxsize=CERTIFICATES_CACHED_MAX)
def facts_of(der: bytes) -> Facts:
    """Read what is compared from a certificate that could be read before (its signature was judged)."""
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Facts(
        spki_sha256=hashlib.sha256(key).hexdigest(),
        subject_sha256=hashlib.sha256(msgspec.json.encode(_names(certificate.subject))).hexdigest(),
        not_before_us=to_us(certificate.not_valid_before_utc),
        not_after_us=to_us(certificate.not_valid_after_utc),
        tax_codes=frozenset(identity_of(uids(certificate.subject)).tax_codes),
    )


def _names(subject: x509.Name) -> list[tuple[str, str]]:
    """A subject's attributes in an order of their own, without regard to case, blanks or a tax code's dash.

    Authorities write the same holder's attributes in different orders; RFC 5280 §7.1 disregards case and blanks.
    """
    return sorted((one.oid.dotted_string, _folded(one)) for one in subject)


def _folded(attribute: x509.NameAttribute[str | bytes]) -> str:
    text = " ".join(unicodedata.normalize("NFC", str(attribute.value)).split())
    if attribute.oid != NameOID.USER_ID:
        return text.casefold()
    kind, number = _parted(text)
    return f"{kind}:{(kind == 'MST' and plain(number)) or number.casefold()}"


def renews(new: Facts, earlier: Binding, rules: Rules) -> Renewal:
    """Whether a certificate renews the registered one: the same tax codes and key, or tax codes and name; begun no
    earlier than that one, and no later than `renewal_gap_days_max` days after that one's end.
    """
    holder = msgspec.json.decode(earlier.holder, type=Holder)
    codes = identity_of(holder.identifiers).tax_codes
    kin = new.spki_sha256 == earlier.spki_sha256 or new.subject_sha256 == earlier.subject_sha256
    if not kin or not codes or new.tax_codes != frozenset(codes):
        return Renewal.ANOTHER_HOLDER
    if new.not_before_us < earlier.not_before_us:
        return Renewal.TOO_EARLY
    gap_us = timedelta(days=rules.renewal_gap_days_max) // timedelta(microseconds=1)
    return Renewal.YES if new.not_before_us <= earlier.not_after_us + gap_us else Renewal.TOO_LATE


def binding_of(
    signer: Signer, *, unit: str, valid_from: date, valid_to: date | None, registered_by: str, at_us: int
) -> Binding:
    """The binding of a certificate to a unit, by an operator's hand."""
    facts = facts_of(signer.certificate_der)
    holder = Holder(signer.common_name, tuple(sorted(set(signer.identifiers))))
    return Binding(
        unit=unit,
        sha256=signer.certificate_sha256,
        valid_from=valid_from.isoformat(),
        valid_to=valid_to.isoformat() if valid_to else None,
        serial=signer.serial,
        issuer=signer.issuer,
        spki_sha256=facts.spki_sha256,
        subject_sha256=facts.subject_sha256,
        holder=msgspec.json.encode(holder).decode(),
        not_before_us=facts.not_before_us,
        not_after_us=facts.not_after_us,
        registered_by=registered_by,
        at_us=at_us,
    )


def renewal_of(signer: Signer, earlier: Binding, at_us: int) -> Binding:
    """The binding of a recognised renewal. It begins with the certificate and ends when the earlier one ends: the same
    row, whichever dossier shows it first.
    """
    own = binding_of(
        signer,
        unit=earlier.unit,
        valid_from=from_us(facts_of(signer.certificate_der).not_before_us).astimezone(VIETNAM).date(),
        valid_to=date.fromisoformat(earlier.valid_to) if earlier.valid_to else None,
        registered_by="gateway",
        at_us=at_us,
    )
    first = max(own.valid_from, earlier.valid_from)
    return msgspec.structs.replace(own, valid_from=first, renews=earlier.sha256)
