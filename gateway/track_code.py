"""The code that opens a dossier's public tracking to who holds its receipt: ten characters that a person can type."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final

CODE_CHARACTERS: Final = 10
# Crockford's base 32: no I, L, O, U, and what looks alike is read alike.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKS_LIKE: Final = str.maketrans("OIL", "011")
_BITS: Final = 5
_TYPED_CHARACTERS_MAX: Final = 40


def tracking_code(statement: str) -> str:
    """The code of a signed statement: 50 bits that follow from it, so that nothing need be kept.

    It follows from no other code of the statement, nor from its SHA-256, which the log shows to everyone.
    """
    digest = hashlib.sha256(b"motcua track\0" + statement.encode("ascii")).digest()
    number = int.from_bytes(digest, "big") >> (len(digest) * 8 - CODE_CHARACTERS * _BITS)
    characters = [_ALPHABET[number >> (_BITS * place) & 31] for place in reversed(range(CODE_CHARACTERS))]
    return "".join(characters)


def shown(code: str) -> str:
    """A code as it is printed: in two halves."""
    half = CODE_CHARACTERS // 2
    return f"{code[:half]}-{code[half:]}"


def typed(code: str) -> str:
    """A code as a person typed it, in our writing: case, blanks and strokes do not matter; "" if it is none."""
    plain = unicodedata.normalize("NFKC", code[:_TYPED_CHARACTERS_MAX])
    kept = "".join(one for one in plain if not one.isspace() and one not in "-–—.").upper().translate(_LOOKS_LIKE)
    return kept if len(kept) == CODE_CHARACTERS and set(kept) <= set(_ALPHABET) else ""
