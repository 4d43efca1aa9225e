"""The dossiers of the demonstration: good ones, one with mistakes as clerks make them, and forged ones."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from msgspec import Struct
from msgspec.structs import replace

from gateway.first_start import demo_units
from schemas import sample
from signing.demo_pki import Employer, load_recipe, make_pki
from signing.dossier import sign_dossier
from signing.sign import load_key

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from gateway.first_start import DemoUnit
    from schemas.catalogue import Catalogue
    from signing.sign import SigningKey

PROCEDURE = "600"
EMPLOYEES = 10
MANY_EMPLOYEES = 1000
PDF_BYTES = 2_000_000
_CONTENT = re.compile(rb"<DoDaiFile>\d+</DoDaiFile>(\s*)<NoiDungFile>([A-Za-z0-9+/=]+)</NoiDungFile>")


class Signing(Struct, frozen=True):
    """A key, and the certificate that says whose it is."""

    key: SigningKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256 (hex)."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


class Bench(Struct, frozen=True, kw_only=True):
    """The employer's software: its units, their keys, the places where forms are signed, the day."""

    holders: dict[str, Signing]
    paths: dict[str, str]
    now: datetime

    def unit(self, number: int) -> DemoUnit:
        """One of the firm's units, by turns."""
        units = demo_units()
        return units[number % len(units)]

    def held_by(self, unit: DemoUnit) -> Signing:
        """The unit's own key and certificate."""
        return self.holders[unit.holder]

    def made(self, number: int, *, employees: int = EMPLOYEES, attachments: int = 0) -> bytes:
        """An unsigned dossier of this month."""
        unit = self.unit(number)
        return sample.make_dossier(
            PROCEDURE,
            employees=employees,
            seed=number,
            unit=unit.code,
            tax_code=unit.tax_code,
            office=unit.office,
            period=f"{self.now:%m/%Y}",
            made_on=self.now.date(),
            attachments=attachments,
            attachment_bytes=PDF_BYTES if attachments else None,
        )

    def signed(self, content: bytes, by: Signing) -> bytes:
        """The dossier, signed on both levels."""
        at = self.now.replace(microsecond=0)
        return sign_dossier(content, by.key, by.certificate, signature_paths=self.paths, now=at)

    def good(self, number: int, *, employees: int = EMPLOYEES, attachments: int = 0) -> bytes:
        """A dossier that is as it should be."""
        content = self.made(number, employees=employees, attachments=attachments)
        return self.signed(content, self.held_by(self.unit(number)))

    def supplement(self, number: int) -> bytes:
        """What an office asked for about dossier `number`: only what is new, signed."""
        unit = self.unit(number)
        content = sample.make_dossier(
            PROCEDURE,
            seed=number,
            unit=unit.code,
            tax_code=unit.tax_code,
            office=unit.office,
            period=f"{self.now:%m/%Y}",
            made_on=self.now.date(),
            attachments=2,
            supplement=True,
        )
        return self.signed(content, self.held_by(unit))

    def withdrawal(self, number: int, receipt_number: str) -> bytes:
        """The request to withdraw dossier `number`, which was received under that number."""
        unit = self.unit(number)
        content = sample.make_dossier(
            "RUT",
            seed=number,
            unit=unit.code,
            tax_code=unit.tax_code,
            office=unit.office,
            period=f"{self.now:%m/%Y}",
            made_on=self.now.date(),
            receipt=receipt_number,
        )
        return self.signed(content, self.held_by(unit))

    def with_mistakes(self, number: int) -> bytes:
        """A dossier as a hurried clerk sends it: a wage with dots, a birthday that no calendar has, a month 13."""
        content = in_first_form(
            self.made(number),
            (2, rb"<TienLuong>(\d+)</TienLuong>", rb"<TienLuong>6.750.000</TienLuong>"),
            (3, rb"<NgaySinh>[^<]+</NgaySinh>", rb"<NgaySinh>31/02/1990</NgaySinh>"),
            (5, rb"<TuThang>[^<]+</TuThang>", rb"<TuThang>13/2026</TuThang>"),
        )
        return self.signed(content, self.held_by(self.unit(number)))

    def altered(self, number: int) -> bytes:
        """A dossier that was changed after it had been signed: a wage grew."""
        return in_first_form(self.good(number), (1, rb"<TienLuong>(\d+)</TienLuong>", rb"<TienLuong>9\1</TienLuong>"))

    def by_another_unit(self, number: int) -> bytes:
        """A dossier that a sound certificate signed: another unit's."""
        return self.signed(self.made(number), self.held_by(self.unit(number + 1)))

    def by_nobody_known(self, number: int) -> bytes:
        """A dossier signed by a certificate that names the right unit, from an authority under a stolen name."""
        unit = self.unit(number)
        recipe = load_recipe()
        own = replace(
            recipe,
            root=replace(recipe.root, key="ec-p256"),
            intermediate=replace(recipe.intermediate, key="ec-p256"),
            employers=(
                Employer(
                    name="forged",
                    common_name=f"ĐƠN VỊ MẪU {unit.code}",
                    identifiers=(f"MST:{unit.tax_code}",),
                    key="ec-p256",
                    valid_days=365,
                ),
            ),
        )
        holder = make_pki(self.now, own).employers["forged"]
        return self.signed(self.made(number), Signing(holder.key, holder.certificate))


def bench(folder: Path, catalogue: Catalogue, now: datetime) -> Bench:
    """The employer's software, with the keys in the demo folder."""
    paths = {form.root: form.signature_path for form in catalogue.forms(now.date())}
    holders = {unit.holder: _held(folder, unit.holder) for unit in demo_units()}
    return Bench(holders=holders, paths=paths, now=now)


def _held(folder: Path, name: str) -> Signing:
    key, _ = load_key(folder / f"{name}.key.pem")
    return Signing(key, x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()))


def in_first_form(dossier: bytes, *changes: tuple[int, bytes, bytes]) -> bytes:
    """The dossier with its first form changed: in each given row of employees, pattern and replacement."""
    found = _CONTENT.search(dossier)
    if found is None:
        raise ValueError("the dossier has no form inside")
    form = base64.b64decode(found[2])
    for row, pattern, instead in changes:
        pieces = form.split(b"<LaoDong>")
        pieces[row], count = re.subn(pattern, instead, pieces[row])
        if count != 1:
            raise ValueError(f"row {row}: {pattern!r} stands there {count} times")
        form = b"<LaoDong>".join(pieces)
    text = base64.b64encode(form)
    inside = b"<DoDaiFile>%d</DoDaiFile>%b<NoiDungFile>%b</NoiDungFile>" % (len(text), found[1], text)
    return dossier[: found.start()] + inside + dossier[found.end() :]


def with_another_time(jws: str) -> str:
    """The receipt with its payload touched: the date is a year earlier, the seal as it was."""
    header, payload, seal = jws.strip().split(".")
    told = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).replace(
        b'"received_at":"20', b'"received_at":"19', 1
    )
    return ".".join((header, base64.urlsafe_b64encode(told).rstrip(b"=").decode(), seal))
