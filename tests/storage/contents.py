"""Contents for the vault: random bytes, as locked contents are."""

import hashlib
import random

from storage.vault import Entry


def some_round(seed: int, *sizes: int) -> list[Entry]:
    """The same entries for the same seed; one for each size."""
    source = random.Random(seed)
    return [entry(source.randbytes(size)) for size in sizes or (900, 0, 35_000)]


def entry(body: bytes) -> Entry:
    return Entry(hashlib.sha256(b"plain" + body).digest(), body)
