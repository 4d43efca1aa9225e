"""A throw-away PKI made afresh from a recipe: a root, an intermediate, employers' certificates, and more."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec import Struct

from signing.demo_holder import (
    Addresses,
    Authority,
    Holder,
    begin_certificate,
    employer_subject,
    make_key,
    usage,
    write_holder,
)
from signing.demo_revocation import make_crl, make_ocsp, make_responder
from signing.sign import SigningKey
from signing.trust import TSA_FOLDER, TrustStore

__all__ = [
    "Addresses",
    "Authority",
    "DemoPki",
    "DemoTsa",
    "Employer",
    "Holder",
    "Recipe",
    "employer_subject",
    "load_recipe",
    "make_crl",
    "make_key",
    "make_ocsp",
    "make_pki",
    "make_responder",
    "make_tsa",
    "write_holder",
]

RECIPE: Final = Path(__file__).with_name("demo_pki.toml")

# A demonstration has no authority that would renew a list.
_CRL_VALID: Final = timedelta(days=3650)


class Employer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An employer of the recipe; `identifiers` are the UID values of the subject ("MST:0101234565")."""

    name: str
    common_name: str
    identifiers: tuple[str, ...]
    key: str
    valid_days: int


class Stamping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time-stamp authority of the recipe: a root of its own, and the unit that stamps."""

    root: Authority
    unit: Authority


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """What a PKI is made from."""

    root: Authority
    intermediate: Authority
    employers: tuple[Employer, ...]
    responder: Authority | None = None
    tsa: Stamping | None = None


class DemoPki(Struct, frozen=True):
    """The PKI in memory; `employers` by the recipe's names; `addresses` are what employers' certificates name."""

    root: Holder
    intermediate: Holder
    employers: dict[str, Holder]
    addresses: Addresses = Addresses()

    def trust(self) -> TrustStore:
        """Return the store that trusts this PKI."""
        return TrustStore([self.root.certificate], [self.intermediate.certificate])

    def issue(
        self, employer: Employer, now: datetime, *, key: SigningKey | None = None, addresses: Addresses | None = None
    ) -> Holder:
        """Issue one more employer's certificate, with a fresh key and the PKI's addresses unless others are given."""
        key = key or make_key(employer.key)
        return _issue_employer(self.intermediate, employer, now, key, addresses or self.addresses)

    def responder(self, now: datetime) -> Holder:
        """Issue a delegate of the intermediate for OCSP responses."""
        recipe = load_recipe().responder
        return make_responder(self.intermediate, now, recipe) if recipe else make_responder(self.intermediate, now)

    def crls(self) -> dict[str, bytes]:
        """Return empty CRLs (DER) of the root and the intermediate by file name, for ten years from the beginning."""
        return {
            f"{name}.crl": make_crl(
                holder,
                this_update=holder.certificate.not_valid_before_utc,
                next_update=holder.certificate.not_valid_before_utc + _CRL_VALID,
            )
            for name, holder in (("root", self.root), ("intermediate", self.intermediate))
        }

    def write(self, folder: Path) -> None:
        """Write `trust/*.pem`, `trust/*.crl`, and `<name>.pem` and `<name>.key.pem` (mode 0600) for each employer."""
        trusted = folder / "trust"
        trusted.mkdir(parents=True, exist_ok=True)
        (trusted / "root.pem").write_bytes(self.root.certificate.public_bytes(Encoding.PEM))
        (trusted / "intermediate.pem").write_bytes(self.intermediate.certificate.public_bytes(Encoding.PEM))
        for name, der in self.crls().items():
            (trusted / name).write_bytes(der)
        for name, holder in self.employers.items():
            write_holder(folder, name, holder)


class DemoTsa(Struct, frozen=True):
    """A time-stamp authority under a small root of its own."""

    root: Holder
    unit: Holder

    def trust(self) -> TrustStore:
        """Return the store that trusts this authority's stamps."""
        return TrustStore([self.root.certificate])

    def write(self, folder: Path) -> None:
        """Write `trust/tsa/root.pem`, and `tsa.pem` and `tsa.key.pem` (mode 0600) of the unit."""
        trusted = folder / "trust" / TSA_FOLDER
        trusted.mkdir(parents=True, exist_ok=True)
        (trusted / "root.pem").write_bytes(self.root.certificate.public_bytes(Encoding.PEM))
        write_holder(folder, "tsa", self.unit)


def load_recipe(path: Path = RECIPE) -> Recipe:
    """Read a recipe; raises msgspec.ValidationError when it is not one."""
    return msgspec.toml.decode(path.read_bytes(), type=Recipe)


def make_pki(
    now: datetime,
    recipe: Recipe | None = None,
    *,
    addresses: Addresses | None = None,
    authority_addresses: Addresses | None = None,
) -> DemoPki:
    """Make all keys and certificates, valid from a day before `now`; takes about a second for RSA keys.

    `addresses` are where employers' certificates say that their revocation data is, `authority_addresses` where the
    intermediate's does.
    """
    recipe = recipe or load_recipe()
    addresses = addresses or Addresses()
    root = _issue_authority(recipe.root, None, path_length=1, now=now)
    intermediate = _issue_authority(
        recipe.intermediate, root, path_length=0, now=now, addresses=authority_addresses or Addresses()
    )
    employers = {
        one.name: _issue_employer(intermediate, one, now, make_key(one.key), addresses) for one in recipe.employers
    }
    return DemoPki(root, intermediate, employers, addresses)


def make_tsa(now: datetime, recipe: Recipe | None = None) -> DemoTsa:
    """Make a time-stamp authority: its root, and a unit for timeStamping alone, critical (RFC 3161 §2.3)."""
    stamping = (recipe or load_recipe()).tsa
    if stamping is None:
        raise ValueError("the recipe has no time-stamp authority")
    root = _issue_authority(stamping.root, None, path_length=0, now=now)
    key = make_key(stamping.unit.key)
    certificate = (
        begin_certificate(stamping.unit.subject(), key, root, now=now, valid_days=stamping.unit.valid_days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(root.key, hashes.SHA256())
    )
    return DemoTsa(root, Holder(key, certificate))


def _issue_authority(
    authority: Authority, issuer: Holder | None, *, path_length: int, now: datetime, addresses: Addresses | None = None
) -> Holder:
    """Issue an authority's certificate; without an issuer it is self-signed."""
    key = make_key(authority.key)
    certificate = (
        begin_certificate(
            authority.subject(), key, issuer, now=now, valid_days=authority.valid_days, addresses=addresses
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage(key_cert_sign=True), critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Holder(key, certificate)


def _issue_employer(issuer: Holder, employer: Employer, now: datetime, key: SigningKey, addresses: Addresses) -> Holder:
    subject = employer_subject(employer.common_name, employer.identifiers)
    certificate = (
        begin_certificate(subject, key, issuer, now=now, valid_days=employer.valid_days, addresses=addresses)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=False), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    return Holder(key, certificate)
