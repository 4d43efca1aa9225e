"""What is told of a paper dossier's way, in its receipt and beside its facts."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

# The channel of what came on paper (national channel 3, public post).
POST: Final = "post"
# In place of a signature's indication: nobody judges a signature written by hand.
NOT_JUDGED: Final = "NOT_JUDGED"
HANDWRITTEN: Final = "HANDWRITTEN"


class PaperTold(Struct, frozen=True, kw_only=True):
    """How paper came: in which item, when it was posted (None: nobody has told), arrived and was opened, at which mail
    room. Its time of receipt is that of `basis`, by the rules of version `rules`. `scans_sha256` (hex) is of the one
    file of its `pages`, '' when nothing was scanned. `announced` is the id under which it was announced, and `is_half`
    says that an electronic half belongs to it.
    """

    item: str
    posted_at: datetime | None
    arrived_at: datetime
    opened_at: datetime
    basis: Literal["posted", "arrived"]
    rules: str
    office: str
    pages: int
    scans_sha256: str
    announced: str
    is_half: bool
    # What its owner gets back, as it was counted (kind, name, how many), and who counted it.
    originals: tuple[tuple[str, str, int], ...] = ()
    told_by: str = ""

    @property
    def time_of_receipt(self) -> datetime:
        """When it counts as received. The receipt's `received_at` is when the gateway had it."""
        return self.posted_at if self.basis == "posted" and self.posted_at is not None else self.arrived_at
