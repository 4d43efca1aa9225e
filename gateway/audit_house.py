"""The audit's look at the house: numbers without a gap, its own statements, the closings, the log's tree."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa

from gateway import closing, closing_lines, ids
from gateway.audit_statements import open_sealed, stated_faults
from gateway.clock import from_us, rfc3339
from gateway.receipt import CLOSING_TYPE
from signing.seal import SealBroken
from storage import absence, ledger, log, log_rows, marks
from storage.statements import Stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.audit_found import Audited

# A log of so many leaves is worked out anew each time; of a larger one only what was added since the last audit.
LEAVES_WHOLE_MAX: Final = 500_000
STATEMENTS_A_PAGE: Final = 200
_OF_THE_HOUSE: Final = sa.text(
    f"SELECT {', '.join(Stated.__struct_fields__)} FROM statement WHERE subject = '' AND seq > :after"  # noqa: S608 - names are ours
    " AND seq <= :upto ORDER BY seq LIMIT :most"
)
_LEAVES_UPTO: Final = sa.text("SELECT count(*) FROM log_entry WHERE seq > :after AND seq <= :upto")

Keys = dict[str, dict[str, str]]


def numbers(tx: sa.Connection, found: Audited) -> None:
    """Facts are numbered without a gap up to the last number given; every statement has a leaf, nothing else has."""
    counted, last = marks.counts(tx, found.upto), marks.last_fact(tx)
    found.events, found.leaves = counted.facts, counted.leaves
    if last != found.upto:
        told = f"{last} ≠ {found.upto}"
        vi, en = f"sự kiện cuối khác số đã cấp: {told}", f"the last fact is not the head: {told}"
        found.wrong("head", "ordinal", vi, en)
    # The holes are looked for where they can be: among what is new, or everywhere when the count says so.
    after = 0 if counted.facts != found.upto else found.since
    for previous, seq in marks.holes(tx, after):
        told = f"{previous} → {seq}"
        found.wrong("gap", f"event {seq}", f"thiếu sự kiện giữa {told}", f"facts missing: {told}")
    statements = counted.dossiers + counted.judgements + counted.statements
    if counted.leaves != statements:
        told = f"{counted.leaves} ≠ {statements}"
        found.wrong("leaves", "log", f"số lá chờ vào nhật ký khác số văn bản: {told}", f"leaves: {told}")


def own_statements(tx: sa.Connection, found: Audited, keys: Mapping[str, Mapping[str, str]]) -> None:
    """What the house said of itself since the last audit: sealed, and each with its leaf."""
    after = found.since
    while page := _rows(
        tx.execute(_OF_THE_HOUSE, {"after": after, "upto": found.upto, "most": STATEMENTS_A_PAGE}), Stated
    ):
        for one in page:
            for wrong in stated_faults(one, None, keys):
                found.wrong("statement", one.number, f"văn bản: {wrong}", f"statement: {wrong}")
            if log_rows.leaf(tx, one.seq) != one.leaf:
                found.wrong("leaf", one.number, "văn bản không có lá nhật ký", "the statement has no leaf")
        after = page[-1].seq


def closings(tx: sa.Connection, found: Audited, keys: Mapping[str, Mapping[str, str]]) -> None:
    """Each closing follows from the one before, and its lines and its tree are those that were signed.

    Only what was closed since the last audit is looked at, and the closing before it.
    """
    previous: ledger.Closing | None = None
    previous_jws = ""
    for one, jws in _closings_since(tx, found):
        if previous is None and one.number > 1:
            # Looked at by the audit before; it is here to be followed.
            previous, previous_jws = one, jws
            continue
        found.closings += 1
        wrongs = _closing_faults(tx, one, jws, keys)
        if not wrongs:
            wrongs = _chain_faults(one, jws, previous, previous_jws)
        for wrong in wrongs:
            found.wrong(
                "closing", f"closing-{one.number}", f"kỳ {one.number}: {wrong}", f"closing {one.number}: {wrong}"
            )
        previous, previous_jws = one, jws


def _closings_since(tx: sa.Connection, found: Audited) -> Iterator[tuple[ledger.Closing, str]]:
    after = ledger.before_fact(tx, found.since)
    while page := ledger.closings(tx, after):
        said = ledger.said(tx, page)
        for one in page:
            if one.seq <= found.upto:
                yield one, said.get(one.number, "")
        after = page[-1].number


def _closing_faults(
    tx: sa.Connection, one: ledger.Closing, jws: str, keys: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """What a closing's row, lines and tree do not have in common with its statement."""
    try:
        said = msgspec.json.decode(open_sealed(jws, keys, CLOSING_TYPE), type=closing.ClosingSaid)
        lines = closing_lines.read_lines(one.lines)
    except (SealBroken, msgspec.MsgspecError) as error:
        return [str(error)]
    tree = absence.kept(tx, one.number)
    row: dict[str, tuple[object, object]] = {
        "closing": (said.closing, one.number),
        "from_seq": (said.from_seq, one.from_seq),
        "upto_seq": (said.upto_seq, one.upto_seq),
        "opened_at": (said.opened_at, rfc3339(from_us(one.opened_at_us))),
        "closed_at": (said.closed_at, rfc3339(from_us(one.closed_at_us))),
        "lines": (said.lines.sha256, hashlib.sha256(one.lines.encode()).hexdigest()),
        "totals": (said.totals, closing.totals(lines)),
        "gaps": (said.gaps_count, one.gaps),
    }
    if said.absence is not None:
        row["absence root"] = (said.absence.root, tree.root.hex())
        row["absence count"] = (said.absence.count, len(tree.values))
        row["absence order"] = (sorted(set(tree.values)), list(tree.values))
    return [name for name, (told, held) in row.items() if told != held]


def _chain_faults(one: ledger.Closing, jws: str, previous: ledger.Closing | None, previous_jws: str) -> list[str]:
    """What does not follow from the closing before."""
    said = closing.read_said(jws)
    wrong = []
    if said.previous != (ids.leaf(previous_jws).hex() if previous else None):
        wrong.append("previous")
    if one.number != (previous.number + 1 if previous else 1):
        wrong.append("number")
    if one.from_seq != (previous.upto_seq if previous else 0):
        wrong.append("from_seq")
    ended = {line[:3]: line[-1] for line in _plain(previous)}
    if any(line[3] != ended.get(line[:3], 0) for line in _plain(one)):
        wrong.append("opening")
    return wrong


def _plain(one: ledger.Closing | None) -> list[tuple[Any, ...]]:
    lines = closing_lines.read_lines(one.lines) if one else ()
    return [(line.stock, line.channel, line.office, *line.numbers) for line in lines]


def tree(tx: sa.Connection, found: Audited) -> None:
    """The leaves give the tiles, the tiles the root that won, and that is the root that was signed."""
    for origin in log_rows.origins(tx):
        found.logged += origin.size
        try:
            wrong = _origin_faults(tx, origin, found.since)
        except log.LogCorrupt as error:
            wrong = str(error)
        if wrong:
            found.wrong("log", origin.origin, f"nhật ký: {wrong}", f"log: {wrong}")


def _origin_faults(tx: sa.Connection, origin: log_rows.Origin, since: int) -> str:
    after, size = origin.after_seq, 0
    if origin.size > LEAVES_WHOLE_MAX and since > after:
        size = int(tx.execute(_LEAVES_UPTO, {"after": after, "upto": min(since, origin.upto_seq)}).scalar_one())
        after = min(since, origin.upto_seq)
    read = log_rows.reader(tx, origin.number)
    edge = {(one.level or 0, one.n): read(one.level or 0, one.n) for one in log.edge_of(size)}
    root = log.root_of(size, lambda level, n: edge.get((level, n), b""))
    while leaves := log_rows.leaves(tx, after, origin.upto_seq):
        size, root, made = log.extended(size, [leaf for _, leaf in leaves], edge)
        for (level, n), hashes in made.items():
            if log_rows.tile(tx, origin.number, level, n)[: len(hashes)] != hashes:
                return f"tile {level}/{n}"
        known = edge | made
        edge = {(one.level or 0, one.n): known[one.level or 0, one.n] for one in log.edge_of(size)}
        after = leaves[-1][0]
    if (size, root) != (origin.size, origin.root):
        return f"{size} leaves give another root than the tree of {origin.size}"
    signed = log_rows.newest(tx, origin.number)
    if signed is not None and (signed.size > size or log.root_of(signed.size, read) != signed.root):
        return f"the checkpoint of {signed.size} leaves is not of this tree"
    return ""


def _rows(rows: sa.CursorResult[Any], struct: type[Stated]) -> list[Stated]:
    return [msgspec.convert(dict(row._mapping), struct) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
