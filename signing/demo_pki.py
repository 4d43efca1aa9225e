"""A throw-away PKI made afresh from a recipe: a root, an intermediate, and employers' certificates."""

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec import Struct

from signing.sign import SigningKey
from signing.trust import TrustStore

RECIPE: Final = Path(__file__).with_name("demo_pki.toml")

_BACKDATED: Final = timedelta(days=1)  # clocks of those who verify may be a little behind
_KEYS: Final = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
_CURVES: Final = {"ec-p256": ec.SECP256R1(), "ec-p384": ec.SECP384R1(), "ec-p521": ec.SECP521R1()}


class Authority(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate authority of the recipe."""

    common_name: str
    key: str
    valid_days: int
    organization: str = ""


class Employer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An employer of the recipe; `identifiers` are the UID values of the subject ("MST:0101234565")."""

    name: str
    common_name: str
    identifiers: tuple[str, ...]
    key: str
    valid_days: int


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """What a PKI is made from."""

    root: Authority
    intermediate: Authority
    employers: tuple[Employer, ...]


class Holder(Struct, frozen=True):
    """A key and its certificate."""

    key: SigningKey
    certificate: x509.Certificate


class DemoPki(Struct, frozen=True):
    """The PKI in memory; `employers` by the recipe's names."""

    root: Holder
    intermediate: Holder
    employers: dict[str, Holder]

    def trust(self) -> TrustStore:
        """Return the store that trusts this PKI."""
        return TrustStore([self.root.certificate], [self.intermediate.certificate])

    def issue(self, employer: Employer, now: datetime, *, key: SigningKey | None = None) -> Holder:
        """Issue one more employer's certificate, with a fresh key unless one is given."""
        return _issue_employer(self.intermediate, employer, now, key or make_key(employer.key))

    def write(self, folder: Path) -> None:
        """Write `trust/*.pem`, and `<name>.pem` and `<name>.key.pem` (mode 0600) for each employer."""
        trusted = folder / "trust"
        trusted.mkdir(parents=True, exist_ok=True)
        (trusted / "root.pem").write_bytes(self.root.certificate.public_bytes(Encoding.PEM))
        (trusted / "intermediate.pem").write_bytes(self.intermediate.certificate.public_bytes(Encoding.PEM))
        for name, holder in self.employers.items():
            write_holder(folder, name, holder)


def write_holder(folder: Path, name: str, holder: Holder) -> None:
    """Write one employer's certificate, and its key for the owner's eyes only."""
    (folder / f"{name}.pem").write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    pem = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(folder / f"{name}.key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def load_recipe(path: Path = RECIPE) -> Recipe:
    """Read a recipe; raises msgspec.ValidationError when it is not one."""
    return msgspec.toml.decode(path.read_bytes(), type=Recipe)


def make_pki(now: datetime, recipe: Recipe | None = None) -> DemoPki:
    """Make all keys and certificates, valid from a day before `now`; takes about a second for RSA keys."""
    recipe = recipe or load_recipe()
    root = _issue_authority(recipe.root, None, path_length=1, now=now)
    intermediate = _issue_authority(recipe.intermediate, root, path_length=0, now=now)
    employers = {one.name: _issue_employer(intermediate, one, now, make_key(one.key)) for one in recipe.employers}
    return DemoPki(root, intermediate, employers)


def make_key(kind: str) -> SigningKey:
    """Make a key: "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384" or "ec-p521"."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind in _KEYS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_KEYS[kind])
    raise ValueError(f"unknown kind of key: {kind}")


def employer_subject(common_name: str, identifiers: Iterable[str]) -> x509.Name:
    """Return a subject as licensed authorities write it: country, province, name, and one UID an identifier."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "HÀ NỘI"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            *(x509.NameAttribute(NameOID.USER_ID, identifier) for identifier in identifiers),
        ]
    )


def _issue_authority(authority: Authority, issuer: Holder | None, *, path_length: int, now: datetime) -> Holder:
    """Issue an authority's certificate; without an issuer it is self-signed."""
    key = make_key(authority.key)
    names = [(NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, authority.organization)]
    names.append((NameOID.COMMON_NAME, authority.common_name))
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names if value])
    certificate = (
        _started(subject, key, issuer, now=now, valid_days=authority.valid_days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Holder(key, certificate)


def _issue_employer(issuer: Holder, employer: Employer, now: datetime, key: SigningKey) -> Holder:
    subject = employer_subject(employer.common_name, employer.identifiers)
    certificate = (
        _started(subject, key, issuer, now=now, valid_days=employer.valid_days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=False), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    return Holder(key, certificate)


def _started(
    subject: x509.Name, key: SigningKey, issuer: Holder | None, *, now: datetime, valid_days: int
) -> x509.CertificateBuilder:
    public = key.public_key()
    issuer_public = issuer.key.public_key() if issuer else public
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=valid_days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=not key_cert_sign,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
