"""The withdrawal of a dossier: which one its form names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.findings import Finding, Place, finding
from schemas.tree import text_of

if TYPE_CHECKING:
    from lxml import etree

WITHDRAWAL: Final = "withdrawal"
WITHDRAWAL_FORM: Final = "RUT-HS"
RECEIPT_EXAMPLE: Final = "G09.20-20260116-0000123"
_NAMED: Final = "NoiDung/SoBienNhan"
_RECEIPT: Final = re.compile(r"[0-9A-Z][0-9A-Z.]{0,29}-(19|20)[0-9]{6}-[0-9]{7}")


def withdrawn_number(root: etree._Element) -> str:
    """The receipt number of the dossier that a form RUT-HS withdraws; "" where there is none, or it is none.

    Whether the form is otherwise good is for `validate` to say; that its layout is unconfirmed does not soften this:
    without a number nothing can be withdrawn. Never raises for any tree.
    """
    if root.tag != WITHDRAWAL_FORM:
        return ""
    named = root.findall(_NAMED)
    written = text_of(named[0]).strip() if len(named) == 1 else ""
    return written if _RECEIPT.fullmatch(written) else ""


def unnamed(root: etree._Element | None = None, *, file: str = "") -> Finding:
    """What to say where `withdrawn_number` is "": an error. `root` is that of the form, None when it is not there."""
    written = "" if root is None else (root.findtext(_NAMED) or "").strip()
    place = Place(file=file, form=WITHDRAWAL_FORM, column="SoBienNhan", pointer=f"/{WITHDRAWAL_FORM}/{_NAMED}")
    return finding("withdrawal-unnamed", place, value=written, example=RECEIPT_EXAMPLE)
