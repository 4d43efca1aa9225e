"""Identifiers that carry their own proof: the tax code's check digit, and an agency code that lost its zeros."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from stdnum.vn import mst

from schemas.findings import Finding, Place, finding

if TYPE_CHECKING:
    from collections.abc import Sequence

# A month-end brings the same units again and again.
TAX_CODES_REMEMBERED_MAX: Final = 4096

_TAX_CODE: Final = re.compile(r"([0-9]{10})(?:-?([0-9]{3}))?|([0-9]{12})")
_AGENCY: Final = re.compile(r"[0-9]{5}")
_OFFICE_POINTER: Final = "/Hoso/NoiDung/ThongTinDonVi/CoQuanQuanLy"


def tax_code_canonical(written: str) -> str:
    """The one spelling: 0101234565, 0101234565-001 or twelve digits; what is none of these stays as written."""
    match = _TAX_CODE.fullmatch(written)
    if match is None or match[2] is None:
        return written
    return f"{match[1]}-{match[2]}"


@functools.lru_cache(maxsize=TAX_CODES_REMEMBERED_MAX)
def tax_code_holds(written: str) -> bool:
    """Whether the check digit of the first ten digits is right. A personal number of twelve digits has none."""
    match = _TAX_CODE.fullmatch(written)
    return match is not None and (match[3] is not None or mst.is_valid(match[1]))


def agency_code_finding(written: str, candidates: Sequence[str], *, file: str = "Hoso") -> Finding | None:
    """What to say about an agency code, given the codes it may stand for in the office table; None when all is well.

    One candidate: a warning that names it (leading zeros get lost). Several, or none: an error; nothing is guessed.
    """
    place = Place(
        file=file, form="Hoso", column="CoQuanQuanLy", column_label="Cơ quan BHXH quản lý", pointer=_OFFICE_POINTER
    )
    if not candidates:
        return finding("agency-code-unknown", place, value=written)
    if len(candidates) > 1 and written not in candidates:
        return finding("agency-code-ambiguous", place, value=written, candidates=", ".join(candidates))
    if _AGENCY.fullmatch(written) and written in candidates:
        return None
    return finding("agency-code-mangled", place, value=written, candidates=candidates[0])
