"""Load spread over offices by weighted rendezvous hashing, from the dossier's digest, so that anyone can replay it.

Each office draws a number from the dossier's digest and its own code, and the highest score has the dossier:

    h     = the first 8 bytes, big-endian, of SHA-256(DOMAIN ‖ code in ASCII ‖ 0x00 ‖ the dossier's SHA-256, 32 bytes)
    u     = (h + 1) / (2^64 + 1)              which lies strictly between 0 and 1
    score = weight / −ln(u)

DOMAIN is the ASCII text "motcua-spread-1" and one zero byte. All of it is decimal arithmetic of 40 significant digits,
rounded half even (General Decimal Arithmetic, where ln is correctly rounded), so that every machine computes the same
digits; should two scores be equal, the lower code has it. When an office leaves, only its own share moves, to the
others by their weights; when a weight grows, dossiers move only to that office (Thaler and Ravishankar 1998; for the
weights Schindelhauer and Schomaker 2005).
"""

from __future__ import annotations

import hashlib
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DOMAIN: Final = b"motcua-spread-1\0"
DIGITS: Final = 40
_DRAWN_BYTES: Final = 8
_SPAN: Final = Decimal(2**64 + 1)
_EXACT: Final = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)


def score(code: str, weight: int, sha256: bytes) -> Decimal:
    """The office's score for the dossier with that SHA-256 (32 bytes); `weight` is at least 1."""
    drawn = int.from_bytes(
        hashlib.sha256(DOMAIN + code.encode("ascii") + b"\0" + sha256).digest()[:_DRAWN_BYTES], "big"
    )
    u = _EXACT.divide(Decimal(drawn + 1), _SPAN)
    return _EXACT.divide(Decimal(weight), _EXACT.ln(u).copy_negate())


def scores(weights: Mapping[str, int], sha256: bytes) -> list[tuple[str, Decimal]]:
    """Every office with its score, the one that has the dossier first."""
    drawn = sorted((code, score(code, weight, sha256)) for code, weight in weights.items())
    # The sort is stable, also in reverse: the lower code stays before an equal score.
    return sorted(drawn, key=lambda each: each[1], reverse=True)
