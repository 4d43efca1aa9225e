"""The dossiers that every stack receives: made, signed and kept on disk once for each version of what makes them.

A pool is a folder below `var/bench`, named by the digest of the sources that made it. Every dossier differs from every
other, and belongs to one of UNITS employers, each with a certificate of its own, in turn. Signatures have the shape of
USB-token software: signxml refuses the shape of the phone-signing kit and expired certificates.
"""

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from schemas import sample
from schemas.catalogue import Catalogue
from signing.demo_pki import Employer, load_recipe, make_pki, write_holder
from signing.dossier import sign_dossier

HOUSE = Path(__file__).resolve().parents[2]
BENCH = HOUSE / "var" / "bench"
UNITS = 128
CHUNK = 128
FORMS = ("D02-TS", "TK1-TS")
PROCEDURE = "600"
_MADE_BY = (
    "schemas/*sample*",
    "signing/sign.py",
    "signing/dossier.py",
    "signing/placing.py",
    "signing/demo_pki.*",
    "tests/bench/pool.py",
)
# A run works with one pool to its end, also in its other processes, though somebody may edit a source meanwhile.
_VARIABLE = "BENCH_POOL"
_LENGTH = struct.Struct("<I")


class Kind(Struct, frozen=True):
    """A kind of dossier: employees listed, and the size of its one PDF (0: no attachment)."""

    name: str
    employees: int
    attachment_bytes: int = 0


KINDS = {
    kind.name: kind
    for kind in (
        Kind("10", 10),
        Kind("50", 50),
        Kind("500", 500),
        Kind("pdf", 10, 2_000_000),
    )
}


class Unit(Struct, frozen=True):
    """An employer of the pool."""

    code: str
    tax_code: str
    office: str


def units() -> list[Unit]:
    """The employers of every pool."""
    return [Unit(sample.unit_code(n), sample.tax_code(n), "07906") for n in range(UNITS)]


class Pool:
    """A pool on disk; `ensure` makes what is missing."""

    def __init__(self) -> None:
        self.folder = BENCH / os.environ.setdefault(_VARIABLE, f"pool-{_key()}")
        self.trust = self.folder / "trust"

    def ensure(self, kind: Kind, count: int) -> int:
        """Make at least `count` dossiers of the kind; returns how many there are to use."""
        self._ensure_pki()
        chunks = -(-count // CHUNK)
        missing = [n for n in range(chunks) if not self.chunk(kind, n).exists()]
        if missing:
            with ProcessPoolExecutor(min(len(missing), os.cpu_count() or 1)) as workers:
                for number in workers.map(_make_chunk, [(self.folder, kind, n) for n in missing]):
                    print(f"  pool {kind.name}: {(number + 1) * CHUNK} of {chunks * CHUNK}", flush=True)
        return chunks * CHUNK

    def chunk(self, kind: Kind, number: int) -> Path:
        """The file of CHUNK dossiers."""
        return self.folder / f"{kind.name}-{number:04d}.chunk"

    def dossiers(self, kind: Kind, first: int, count: int) -> list[memoryview]:
        """Dossiers from number `first` on, mapped, not read."""
        found: list[memoryview] = []
        for number in range(first // CHUNK, -(-(first + count) // CHUNK)):
            found += _read_chunk(self.chunk(kind, number))
        begin = first % CHUNK
        return found[begin : begin + count]

    def _ensure_pki(self) -> None:
        made = self.folder / "made-at"
        if made.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        pki = make_pki(now, load_recipe())
        pki.write(self.folder)
        for number, unit in enumerate(units()):
            employer = Employer(
                name=f"unit-{number}",
                common_name=f"CÔNG TY MẪU {number}",
                identifiers=(f"MST:{unit.tax_code}",),
                key="rsa-2048",
                valid_days=730,
            )
            write_holder(self.folder, employer.name, pki.issue(employer, now))
        made.write_text(now.isoformat())


DAYS_KEPT = 5


def _key() -> str:
    digest = hashlib.sha256()
    for pattern in _MADE_BY:
        for path in sorted(HOUSE.glob(pattern)):
            digest.update(path.read_bytes())
    # The gateways' policy takes no CRL that is older than seven days, and the pool's authorities are gone.
    digest.update(str(datetime.now(UTC).toordinal() // DAYS_KEPT).encode())
    return digest.hexdigest()[:16]


def _make_chunk(what: tuple[Path, Kind, int]) -> int:
    folder, kind, number = what
    # Another user of the machine is served first: the pool is made beside whatever else runs.
    os.nice(5)
    now = datetime.fromisoformat((folder / "made-at").read_text())
    month = (now.date().replace(day=1) - timedelta(days=1)).replace(day=1)
    forms = {form: f"/{form}/Cky" for form in FORMS}
    catalogue = Catalogue.load()
    for form in FORMS:
        declared = catalogue.form(form, now.date())
        assert declared is not None
        assert declared.signature_path == forms[form]
    everyone, dossiers = units(), []
    for seed in range(number * CHUNK, (number + 1) * CHUNK):
        at = seed % UNITS
        unit = everyone[at]
        plain = sample.make_dossier(
            PROCEDURE,
            employees=kind.employees,
            seed=seed,
            unit=unit.code,
            tax_code=unit.tax_code,
            office=unit.office,
            period=f"{month:%m/%Y}",
            made_on=date(now.year, now.month, 1),
            attachments=1 if kind.attachment_bytes else 0,
            attachment_bytes=kind.attachment_bytes or None,
            forms=FORMS,
        )
        key = load_pem_private_key((folder / f"unit-{at}.key.pem").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / f"unit-{at}.pem").read_bytes())
        dossiers.append(sign_dossier(plain, key, certificate, signature_paths=forms, now=now))
    path = folder / f"{kind.name}-{number:04d}.chunk"
    half_made = path.with_suffix(".half")
    half_made.write_bytes(b"".join([*(_LENGTH.pack(len(one)) for one in dossiers), *dossiers]))
    half_made.rename(path)
    return number


def _read_chunk(path: Path) -> Sequence[memoryview]:
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    lengths = [_LENGTH.unpack_from(content, 4 * n)[0] for n in range(CHUNK)]
    found, at = [], 4 * CHUNK
    for length in lengths:
        found.append(content[at : at + length])
        at += length
    return found


def describe(pool: Pool, kind: Kind) -> dict[str, float]:
    """Mean size in bytes, and signatures, of the kind's first dossiers."""
    some = pool.dossiers(kind, 0, CHUNK)
    return {"bytes": sum(map(len, some)) / len(some), "signatures": 1 + len(FORMS)}


if __name__ == "__main__":
    print(json.dumps({name: describe(Pool(), KINDS[name]) for name in ("10",) if Pool().ensure(KINDS[name], CHUNK)}))
