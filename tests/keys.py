"""Keys that take long to make, made once for a run."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from signing.unique import create_unique_key


def lend_absence_key(home: Path) -> None:
    """Lay the run's own key of absence proofs into a home: a fresh RSA key for each would take longer than its test."""
    path = home / "absence.pem"
    path.touch(mode=0o600)
    path.write_bytes(_pem())


@cache
def _pem() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "absence.pem"
        create_unique_key(path)
        return path.read_bytes()
