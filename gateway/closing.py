"""LINE 4: every hour the books are closed: counted in one snapshot, told in a signed statement, gaps sounded as alarms.

Counting takes no turn, so nobody waits for it: a closing covers what had been committed when its snapshot was taken,
and everything later belongs to the next one. Only writing it takes a turn. A gateway that was away closes what is
missing in one closing, which says from when to when.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway import absence_items, closing_lines, ids
from gateway.clock import from_us, rfc3339, to_us
from gateway.receipt import CLOSING_TYPE, LOGGED_WITHIN
from signing.seal import SealBroken, seal_jws
from signing.signer import from_base64url
from signing.unique import UniqueKeyUnusable, load_unique_key
from storage import absence, alarms, journal, ledger, statements

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from gateway.house import House
    from gateway.settle import Stores
    from signing.unique import UniqueKey

GAP_RULE: Final = "ledger-gap"
KEY_RULE: Final = "absence-key"
HOUR_US: Final = 3_600_000_000
# A statement names so many gaps; how many there are, and all lines, it tells in any case.
GAPS_TOLD_MAX: Final = 50
# So often a worker looks whether an hour has passed.
CLOSE_EVERY_S: Final = 20.0
ABSENCE_KEY_FILE: Final = "absence.pem"


class LinesNamed(Struct, frozen=True):
    """The document that holds all lines, by its digest: a JSON array of [stock, channel, office, opening, in, out,
    closing].
    """

    sha256: str
    count: int


class AbsenceNamed(Struct, frozen=True):
    """The tree of keyed hashes of what arrived in the span: its root (RFC 6962), how many values, under which key."""

    root: str
    count: int
    key: dict[str, str]


class ClosingSaid(Struct, frozen=True, kw_only=True):
    """What the statement of a closing says.

    `totals` are the lines over all channels and offices: stock, opening, in, out, closing. `previous` is the SHA-256 of
    the compact JWS of the closing before; null for the first. `log` is the origin of the log that holds it.
    """

    closing: int
    gateway: str
    from_seq: int
    upto_seq: int
    opened_at: str
    closed_at: str
    totals: tuple[tuple[str, int, int, int, int], ...]
    lines: LinesNamed
    gaps_count: int
    gaps: tuple[closing_lines.Gap, ...]
    absence: AbsenceNamed | None
    previous: str | None
    log: str | None = None
    log_by: str | None = None


class _Counted(Struct, frozen=True):
    """What was counted in one snapshot, before anything is written."""

    previous: ledger.Closing | None
    previous_sha256: str | None
    opened_at_us: int
    upto: int
    book: closing_lines.Book


async def close_due(house: House) -> ledger.Closing | None:
    """Close the last hour when it is over and nobody has; a step in the background of every worker."""
    now = house.clock.now()
    if not await house.run(is_due, house.stores, now):
        return None
    path = house.settings.path("absence_key", ABSENCE_KEY_FILE)
    return await house.run_apart(close, house.stores, path, house.clock.now())


def is_due(stores: Stores, now: datetime) -> bool:
    """Whether an hour has ended since the last closing, or since the first fact."""
    with stores.database.read() as tx:
        last = ledger.last(tx)
        since_us = last.closed_at_us if last else ledger.first_fact_at_us(tx)
    return since_us is not None and to_us(now) // HOUR_US > since_us // HOUR_US


def close(stores: Stores, key_file: Path, now: datetime, *, who: str = "") -> ledger.Closing | None:
    """Close what is not closed yet; None when another is at it, or was faster.

    Takes as long as counting and hashing take: not for the event loop. Raises `DatabaseAway`, `SealAway`: then nothing
    was closed. Trying again is safe, and from several processes at once.
    """
    lead = _Lead(stores, who or secrets.token_hex(8), now)
    if not lead.take():
        return None
    try:
        counted = _count(stores)
        key = _key(stores, key_file, now)
        tree = _tree(stores, counted, key, lead) if key else None
        return _write(stores, counted, key, tree, lead.fence, now)
    finally:
        with stores.database.begin() as tx:
            ledger.resign(tx, lead.fence)


class _Lead:
    """The right to close, taken again while a long closing goes on: nobody else may begin it anew meanwhile."""

    def __init__(self, stores: Stores, who: str, now: datetime) -> None:
        self._stores, self._who, self._now_us, self._began = stores, who, to_us(now), time.monotonic()
        self.fence = 0

    def take(self) -> bool:
        """Take it, or take it again, for a while from now on; False while another has it."""
        now_us = self._now_us + int((time.monotonic() - self._began) * 1_000_000)
        with self._stores.database.begin() as tx:
            fence = ledger.lead(tx, self._who, now_us)
        self.fence = fence or self.fence
        return fence is not None


def _count(stores: Stores) -> _Counted:
    with stores.database.read() as tx:
        ledger.settle_in(tx)
        previous, upto = ledger.last(tx), journal.head(tx)
        said = ledger.said(tx, [previous])[previous.number] if previous else None
        opened_at_us = previous.closed_at_us if previous else ledger.first_fact_at_us(tx)
        return _Counted(
            previous=previous,
            previous_sha256=ids.leaf(said).hex() if said is not None else None,
            opened_at_us=opened_at_us or 0,
            upto=upto,
            book=closing_lines.count(tx, previous, upto),
        )


def _key(stores: Stores, path: Path, now: datetime) -> UniqueKey | None:
    """The key of the keyed hashes. Without it the books are closed all the same, and an alarm says what is missing."""
    try:
        key = load_unique_key(path)
    except (UniqueKeyUnusable, FileNotFoundError) as error:
        with stores.database.begin() as tx:
            alarms.sound(tx, _key_missing(path, error, now))
        return None
    with stores.database.begin() as tx:
        alarms.close(tx, KEY_RULE, path.name, "gateway", to_us(now))
    return key


def _tree(stores: Stores, counted: _Counted, key: UniqueKey, lead: _Lead) -> absence.Tree:
    """The tree of what arrived in the span, a page of dossiers at a time: a signature for each item takes its time."""
    after, values = counted.previous.upto_seq if counted.previous else 0, set[bytes]()
    while True:
        with stores.database.read() as tx:
            page = ledger.arrived(tx, after, counted.upto)
        if not page:
            return absence.tree_of(values)
        values.update(map(key.value, absence_items.items_of(page)))
        # Overtaken, it goes on in vain: what it makes is not written.
        lead.take()
        after = page[-1].seq


def _write(
    stores: Stores,
    counted: _Counted,
    key: UniqueKey | None,
    tree: absence.Tree | None,
    fence: int,
    now: datetime,
) -> ledger.Closing | None:
    """Seal and write, unless somebody took over meanwhile."""
    previous, book = counted.previous, counted.book
    lines = book.encoded()
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        last = ledger.last(tx)
        if not ledger.leads(tx, fence) or (last.number if last else 0) != (previous.number if previous else 0):
            return None
        # A clock that was set back must not make a span that ends before it begins.
        closed_at_us = max(to_us(now), counted.opened_at_us)
        closing = ledger.Closing(
            number=previous.number + 1 if previous else 1,
            seq=turn.next(),
            from_seq=previous.upto_seq if previous else 0,
            upto_seq=counted.upto,
            opened_at_us=counted.opened_at_us or closed_at_us,
            closed_at_us=closed_at_us,
            lines=lines.decode(),
            gaps=len(book.gaps),
            absence_root=tree.root if tree else None,
            absence_count=len(tree.values) if tree else 0,
            absence_kid=key.kid if key else None,
        )
        said = _said(stores, closing, counted, key)
        jws = seal_jws(stores.seal.signer_at(now), msgspec.json.encode(said), CLOSING_TYPE)
        number = f"closing-{closing.number}"
        statements.state(tx, statements.Stated(seq=closing.seq, type=CLOSING_TYPE, subject="", number=number, jws=jws))
        ledger.add(tx, closing)
        if tree:
            absence.add(tx, closing.number, tree)
        for gap in book.gaps[:GAPS_TOLD_MAX]:
            alarms.sound(tx, _gap_alarm(closing, gap, now))
        journal.end_turn(tx, turn)
    return closing


def _said(stores: Stores, closing: ledger.Closing, counted: _Counted, key: UniqueKey | None) -> ClosingSaid:
    lines = closing.lines.encode()
    named = None
    if key and closing.absence_root is not None:
        named = AbsenceNamed(closing.absence_root.hex(), closing.absence_count, key.public_jwk())
    return ClosingSaid(
        closing=closing.number,
        gateway=stores.gateway_unit,
        from_seq=closing.from_seq,
        upto_seq=closing.upto_seq,
        opened_at=rfc3339(from_us(closing.opened_at_us)),
        closed_at=rfc3339(from_us(closing.closed_at_us)),
        totals=totals(counted.book.lines),
        lines=LinesNamed(hashlib.sha256(lines).hexdigest(), len(counted.book.lines)),
        gaps_count=len(counted.book.gaps),
        gaps=counted.book.gaps[:GAPS_TOLD_MAX],
        absence=named,
        previous=counted.previous_sha256,
        log=stores.log_origin or None,
        log_by=rfc3339(from_us(closing.closed_at_us) + LOGGED_WITHIN) if stores.log_origin else None,
    )


def totals(lines: tuple[closing_lines.Line, ...]) -> tuple[tuple[str, int, int, int, int], ...]:
    """The lines over all channels and offices, each stock once, in their order."""
    summed: dict[str, list[int]] = {}
    for one in lines:
        total = summed.setdefault(one.stock, [0, 0, 0, 0])
        for at, number in enumerate(one.numbers):
            total[at] += number
    return tuple((stock, *numbers) for stock, numbers in summed.items())  # type: ignore[misc]


def read_said(jws: str) -> ClosingSaid:
    """What a closing's statement says; its seal is not looked at. Raises `SealBroken`, `msgspec.MsgspecError`."""
    pieces = jws.split(".")
    if len(pieces) != 3:  # noqa: PLR2004
        raise SealBroken("not a compact JWS")
    return msgspec.json.decode(from_base64url(pieces[1]), type=ClosingSaid)


def _gap_alarm(closing: ledger.Closing, gap: closing_lines.Gap, now: datetime) -> alarms.Alarm:
    # A flow that does not meet is seen once; a sum that does not hold is seen at every closing until it is mended.
    subject = gap.subject if gap.rule == "identity" else f"{closing.number}/{gap.subject}"
    where = ", ".join(part for part in (gap.channel, gap.office) if part)
    told = f"{gap.stock} ({where})" if where else gap.stock
    return alarms.Alarm(
        id=ids.alarm_id(),
        rule=GAP_RULE,
        subject=subject,
        owner="operator",
        since_us=to_us(now),
        next_step_vi=f"Sổ đối chiếu kỳ {closing.number} lệch ở {told}: theo sự kiện phải là {gap.expected}, trong bảng "
        f"có {gap.counted}. Chạy `motcua audit --full` để biết hồ sơ nào, rồi khôi phục từ bản sao lưu.",
        next_step_en=f"The books of closing {closing.number} do not meet at {told}: {gap.expected} by the facts, "
        f"{gap.counted} in the tables. Run `motcua audit --full` to learn which dossiers, then restore from a backup.",
    )


def _key_missing(path: Path, error: Exception, now: datetime) -> alarms.Alarm:
    reason = "không có · is not there" if isinstance(error, FileNotFoundError) else str(error)
    return alarms.Alarm(
        id=ids.alarm_id(),
        rule=KEY_RULE,
        subject=path.name,
        owner="operator",
        since_us=to_us(now),
        next_step_vi=f"Khóa chứng minh không tiếp nhận ({path.name}) {reason}: kỳ đối chiếu được khóa mà không có cây "
        "chứng minh. Khôi phục khóa này từ bản sao lưu; nếu chưa từng có thì tạo bằng `motcua ledger key`.",
        next_step_en=f"The key for proofs of non-receipt ({path.name}) {reason}: the books are closed without a tree "
        "of keyed hashes. Restore the key from its backup; if there never was one, make it with `motcua ledger key`.",
    )
