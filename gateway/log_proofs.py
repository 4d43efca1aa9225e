"""What the log proves of one dossier: each statement about it, its place in the tree, a signed and stamped head."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import sqlalchemy as sa
from msgspec import Struct

from gateway.receipt import JUDGEMENT_TYPE, NOTICE_TYPE, RECEIPT_TYPE
from storage import journal, log, log_rows, statements

if TYPE_CHECKING:
    from storage.journal import Dossier
    from storage.log_rows import Origin, SignedHead

PROOF_FORMAT = "c2sp.org/tlog-proof@v1"
_EVERYTHING = journal.Scope(everything=True)
_JUDGED = sa.text(
    "SELECT min(seq) FROM event WHERE dossier = :dossier AND seq > :seq AND type IN ('accepted', 'refused')"
)


class Named(Struct, frozen=True):
    """A statement: the number of its leaf, its type, what people call it by, and, where it is at hand, the JWS."""

    seq: int
    type: str
    number: str
    jws: str = ""


class LogProof(Struct, frozen=True, kw_only=True):
    """That a statement is in the log: leaf `index` of the tree of `size` leaves whose signed head is `checkpoint`.

    `token` is the RFC 3161 time-stamp (DER) over the checkpoint's text, where there is one. A statement that is not in
    any signed tree yet has `logged` false, and neither hashes nor checkpoint.
    """

    seq: int
    type: str
    number: str
    statement_sha256: bytes
    origin: str
    index: int
    size: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    token: bytes | None
    logged: bool
    stamped_at_us: int | None = None


def statements_of(tx: sa.Connection, dossier: Dossier) -> list[Named]:
    """All that was signed about a dossier, in commit order."""
    first = NOTICE_TYPE if dossier.pack is None else RECEIPT_TYPE
    found = [Named(dossier.seq, first, dossier.statement_number, dossier.statement)]
    if dossier.judgement_number is not None:
        judged: int | None = tx.execute(_JUDGED, {"dossier": dossier.id, "seq": dossier.seq}).scalar()
        if judged is not None:
            found.append(Named(judged, JUDGEMENT_TYPE, dossier.judgement_number, dossier.judgement or ""))
    found += [Named(one.seq, one.type, one.number, one.jws) for one in statements.of(tx, dossier.id)]
    return sorted(found, key=lambda one: one.seq)


def proofs_of(tx: sa.Connection, dossier_id: str) -> list[LogProof]:
    """The proof of each statement about a dossier, the earliest that there is: in the first origin that holds it,
    against its first time-stamped head, else its newest. Empty when there is no such dossier, or no log.

    Raises `LogCorrupt`.
    """
    dossier, origins = journal.dossier(tx, dossier_id, _EVERYTHING), log_rows.origins(tx)
    if dossier is None or not origins:
        return []
    return [earliest(tx, origins, named) for named in statements_of(tx, dossier)]


def earliest(tx: sa.Connection, origins: list[Origin], named: Named) -> LogProof:
    """The proof of one statement that shows the earliest time. Raises `LogCorrupt`."""
    for origin in origins:
        newest = log_rows.newest(tx, origin.number)
        if newest is None or not origin.after_seq < named.seq <= newest.upto_seq:
            continue
        index = log_rows.index_of(tx, origin, named.seq)
        return _proof(tx, origin, named, index, log_rows.stamped_from(tx, origin.number, index) or newest)
    return unlogged(tx, origins[-1], named)


def current(tx: sa.Connection, origin: Origin, named: Named) -> LogProof:
    """The proof of one statement against the newest head of an origin; unlogged where that does not hold it."""
    newest = log_rows.newest(tx, origin.number)
    if newest is None or not origin.after_seq < named.seq <= newest.upto_seq:
        return unlogged(tx, origin, named)
    return _proof(tx, origin, named, log_rows.index_of(tx, origin, named.seq), newest)


def unlogged(tx: sa.Connection, origin: Origin, named: Named) -> LogProof:
    """What can be told of a statement that waits for the next checkpoint."""
    return LogProof(
        seq=named.seq,
        type=named.type,
        number=named.number,
        statement_sha256=log_rows.leaf(tx, named.seq) or b"",
        origin=origin.origin,
        index=0,
        size=0,
        hashes=(),
        checkpoint="",
        token=None,
        logged=False,
    )


def _proof(tx: sa.Connection, origin: Origin, named: Named, index: int, head: SignedHead) -> LogProof:
    return LogProof(
        seq=named.seq,
        type=named.type,
        number=named.number,
        statement_sha256=log_rows.leaf(tx, named.seq) or b"",
        origin=origin.origin,
        index=index,
        size=head.size,
        hashes=tuple(log.inclusion(index, head.size, log_rows.reader(tx, origin.number))),
        checkpoint=head.note,
        token=head.token,
        logged=True,
        stamped_at_us=head.stamped_at_us,
    )


def tile_bytes(tx: sa.Connection, origin: Origin, tile: log.Tile) -> bytes | None:
    """What a tile's file holds (C2SP tlog-tiles); None where no signed tree has a tile so wide.

    A bundle of entries is the records, each behind its length in two bytes.
    """
    newest = log_rows.newest(tx, origin.number)
    count = (newest.size if newest else 0) >> (log.TILE_HEIGHT * (tile.level or 0))
    if tile.n * log.TILE_WIDTH + tile.width > count:
        return None
    if tile.level is not None:
        return log_rows.tile(tx, origin.number, tile.level, tile.n)[: tile.width * log.HASH_BYTES]
    records = log_rows.entries(tx, origin, tile.n * log.TILE_WIDTH, tile.width)
    return b"".join(len(record).to_bytes(2, "big") + record for record in records)


def proof_text(proof: LogProof) -> str:
    """The proof as a text that other software knows (C2SP tlog-proof); for one that is logged."""
    hashes = "".join(base64.b64encode(one).decode() + "\n" for one in proof.hashes)
    return f"{PROOF_FORMAT}\nindex {proof.index}\n{hashes}\n{proof.checkpoint}"
