"""Proof of non-receipt: that bytes, or a dossier of a period, are in no closing of a span.

A proof holds the signed closings of the span, each naming the root of a sorted Merkle tree of keyed hashes, and for
each the two neighbours between which the item's value would stand. It is given to the party that the item names alone.

What it cannot show is that the gateway put everything it received into the tree (`NOT_PROVABLE`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.log_proofs import Named, earliest, proof_text
from gateway.receipt import CLOSING_TYPE, ORIGIN_TYPE
from signing.signer import base64url
from signing.unique import value_of
from storage import absence, ledger, log_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from signing.unique import UniqueKey

FORMAT: Final = "motcua-absence/1"
# So many closings one proof may span: eight days of hours.
CLOSINGS_MAX: Final = 200
NOT_PROVABLE: Final = {
    "vi": "Bằng chứng này cho thấy cổng đã cam kết, kỳ này qua kỳ khác, một danh sách không có nội dung nêu trên. "
    "Người ngoài không thể kiểm được cổng có đưa mọi thứ đã nhận vào danh sách hay không: biên nhận, thông báo hoặc "
    "chứng từ bưu gửi là bằng chứng ngược lại.",
    "en": "This proof shows that, closing by closing, the gateway committed itself to a list that does not hold the "
    "item. An outsider cannot verify that the gateway put everything it received into the list: a receipt, a notice "
    "or a proof of posting is evidence against it.",
}


class NothingClosed(Exception):
    """No closing covers the span, yet or any more. Trying again helps after the next closing."""


class SpanTooLong(Exception):
    """More than `CLOSINGS_MAX` closings lie in the span. Ask for less."""


class Unprovable(Exception):
    """A closing of the span has no tree, or one under another key. Trying again changes nothing; ask for less."""


class WasReceived(Exception):
    """The item is in a closing of the span: `closing` is its number. Trying again changes nothing."""

    def __init__(self, closing: int) -> None:
        super().__init__(f"closing {closing}")
        self.closing = closing


class NeighbourShown(Struct, frozen=True):
    """A value in the tree: its index, itself, and its inclusion proof from the leaf upwards, all hashes in hex."""

    index: int
    value: str
    hashes: tuple[str, ...]


class ClosingShown(Struct, frozen=True):
    """One closing, as it was signed, and the neighbours between which the item's value would stand in its tree.

    `log_proof` (C2SP tlog-proof) shows that the statement is in the log, where it is there already.
    """

    statement: str
    left: NeighbourShown | None
    right: NeighbourShown | None
    log_proof: str | None = None


class Covered(Struct, frozen=True, kw_only=True):
    """What the closings cover; `since` and `until` are the instants at which the first opened and the last closed."""

    since: str
    until: str
    from_seq: int
    upto_seq: int


class AbsenceProof(Struct, frozen=True, kw_only=True):
    """The proof, whole: it is checked with the gateway's pinned seal keys and nothing else.

    `item` is the text that was hashed, `proof` (base64url) shows that `value` (hex) belongs to it under the key that
    every closing names. `not_covered` is from where on nothing has been closed yet, when the span goes beyond.
    `origins` are the statements that announce the log's keys.
    """

    format: str
    asked_by: str
    asked_at: str
    item: str
    value: str
    proof: str
    covers: Covered
    not_covered: str | None
    closings: tuple[ClosingShown, ...]
    origins: tuple[str, ...]
    not_provable: dict[str, str]


def spanned(tx: sa.Connection, since_us: int, until_us: int) -> list[ledger.Closing]:
    """The closings that overlap the span. Raises `NothingClosed`, `SpanTooLong`."""
    found = ledger.closings_over(tx, since_us, until_us, CLOSINGS_MAX + 1)
    if not found:
        raise NothingClosed
    if len(found) > CLOSINGS_MAX:
        raise SpanTooLong(f"{CLOSINGS_MAX}")
    return found


def prove(
    tx: sa.Connection,
    key: UniqueKey,
    item: bytes,
    closings: Sequence[ledger.Closing],
    *,
    asked_by: str,
    until_us: int,
    now: datetime,
) -> AbsenceProof:
    """Prove that the item is in none of these closings, which must follow one another.

    Raises `WasReceived`, `Unprovable`.
    """
    proof = key.prove(item)
    value = value_of(proof)
    said, origins = ledger.said(tx, closings), log_rows.origins(tx)
    shown = []
    for one in closings:
        if one.absence_root is None or one.absence_kid != key.kid:
            raise Unprovable(f"{one.number}")
        try:
            found = absence.between(tx, one.number, value)
        except absence.ValueThere:
            raise WasReceived(one.number) from None
        logged = _logged(tx, origins, one, said[one.number])
        shown.append(ClosingShown(said[one.number], _shown(found.left), _shown(found.right), logged))
    first, last = closings[0], closings[-1]
    return AbsenceProof(
        format=FORMAT,
        asked_by=asked_by,
        asked_at=rfc3339(now.astimezone(VIETNAM)),
        item=item.decode(),
        value=value.hex(),
        proof=base64url(proof).decode(),
        covers=Covered(
            since=rfc3339(from_us(first.opened_at_us)),
            until=rfc3339(from_us(last.closed_at_us)),
            from_seq=first.from_seq,
            upto_seq=last.upto_seq,
        ),
        not_covered=rfc3339(from_us(last.closed_at_us)) if until_us > last.closed_at_us else None,
        closings=tuple(shown),
        origins=ledger.stated(tx, ORIGIN_TYPE),
        not_provable=NOT_PROVABLE,
    )


def _shown(one: absence.Neighbour | None) -> NeighbourShown | None:
    return NeighbourShown(one.index, one.value.hex(), tuple(each.hex() for each in one.hashes)) if one else None


def _logged(tx: sa.Connection, origins: list[log_rows.Origin], one: ledger.Closing, jws: str) -> str | None:
    if not origins:
        return None
    proof = earliest(tx, origins, Named(one.seq, CLOSING_TYPE, f"{one.number}", jws))
    return proof_text(proof) if proof.logged else None


def read_proof(content: bytes) -> AbsenceProof:
    """A proof as somebody kept it. Raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(content, type=AbsenceProof)
