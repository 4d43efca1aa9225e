"""A trust folder to be filled, and authorities to fill it with."""

from datetime import date, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import structs

from signing.demo_pki import DemoPki, Holder, load_recipe, make_pki
from signing.trust_facts import FACTS_FILE, Facts, with_facts
from tests.signing.revocation_workshop import authority

ROOT, OTHER = authority("ROOT"), authority("OTHER ROOT")
MIDDLE = authority("MIDDLE", ROOT)
STAMPS = authority("STAMPS ROOT")


def quick_pki(now: datetime) -> DemoPki:
    """The demonstration's PKI with elliptic keys, which are made at once."""
    recipe = load_recipe()
    root, middle = (structs.replace(one, key="ec-p256") for one in (recipe.root, recipe.intermediate))
    employers = tuple(structs.replace(one, key="ec-p256") for one in recipe.employers)
    return make_pki(now, structs.replace(recipe, root=root, intermediate=middle, employers=employers))


def sha256_of(one: Holder | x509.Certificate) -> str:
    certificate = one.certificate if isinstance(one, Holder) else one
    return certificate.fingerprint(hashes.SHA256()).hex()


def pem(*holders: Holder) -> bytes:
    return b"".join(one.certificate.public_bytes(Encoding.PEM) for one in holders)


def lay(folder: Path, **files: bytes) -> Path:
    """Write files by stem; without another suffix they are PEM."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        stem, _, suffix = name.partition("__")
        (folder / f"{stem}.{suffix or 'pem'}").write_bytes(content)
    return folder


def note(folder: Path, one: Holder, **facts: str | date | None) -> None:
    """Put a certificate into the folder's list."""
    path = folder / FACTS_FILE
    before = path.read_bytes() if path.exists() else b""
    path.write_bytes(with_facts(before, Facts(sha256=sha256_of(one), **facts)))
