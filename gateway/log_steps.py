"""What the log does in the background: publish what is new, have checkpoints time-stamped, have them cosigned."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import ids
from gateway.clock import to_us
from gateway.log_opening import DISPUTED_RULE, LogRolledBack
from gateway.log_outside import OutsideAway, WitnessDisagrees, WitnessElsewhere
from signing.indication import Refusal
from signing.note import read_note
from signing.timestamp import verify_token
from storage import alarms, log, log_rows

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.house import House
    from gateway.log_outside import Outside, Witness
    from gateway.logbook import Logbook
    from storage.log_rows import SignedHead

# A worker looks so often; a leaf is in a signed tree well within a second.
PUBLISH_EVERY_S: Final = 0.3
OUTSIDE_EVERY_S: Final = 1.0
# So many slices of a backlog are added in a row before others have their turn.
SLICES_MAX: Final = 64
TSA_RULE: Final = "tsa-away"
WITNESS_RULE: Final = "witness-away"
_OWNER: Final = "operator"


async def publish(house: House) -> None:
    """Add and sign what is new, slice after slice. Raises `DatabaseAway`; trying again is safe."""
    book = house.logbook
    if book is None:
        return
    for _ in range(SLICES_MAX):
        if not await book.run(book.publish, house.clock.now()) or house.watch.stopped:
            return


async def stamp(house: House) -> None:
    """Have the newest checkpoint time-stamped: one token covers every statement in its tree.

    One worker asks, once in `tsa_every_s`. An authority that is away holds nothing up; it is an alarm until it answers.
    """
    book, settings = house.logbook, house.settings
    if book is None or not settings.tsa_url:
        return
    head = await book.run(_to_stamp, book, house.clock.now(), timedelta(seconds=settings.tsa_every_s))
    if head is None:
        return
    covered = read_note(head.note).body
    why = ""
    try:
        token = await book.outside.token(settings.tsa_url, covered)
    except OutsideAway as error:
        why = str(error)
    else:
        now = house.clock.now()
        judged = _judged(house, token, covered, now)
        if not isinstance(judged, str):
            stamped = msgspec.structs.replace(head, token=token, stamped_at_us=to_us(judged))
            await book.run(_keep, book, stamped, now)
            return
        why = judged
    await book.run(_miss, book, TSA_RULE, settings.tsa_url, why, house.clock.now())


def _judged(house: House, token: bytes, covered: bytes, now: datetime) -> datetime | str:
    """The time that a token proves, or why it proves none."""
    if house.tables.tsa is None:
        return "no time-stamp authority is trusted (motcua trust add)"
    used = verify_token(token, covered, house.tables.tsa, now, clock_skew_s=house.tables.policy.clock_skew_s_max)
    return used.code if isinstance(used, Refusal) else used.generated_at


def _to_stamp(book: Logbook, now: datetime, every: timedelta) -> SignedHead | None:
    """The newest checkpoint, if it has no token yet and it is this worker's turn to ask."""
    with book.database.read() as tx:
        origin = log_rows.current(tx)
        head = log_rows.newest(tx, origin.number) if origin else None
    if origin is None or head is None or head.token is not None:
        return None
    now_us, next_us = to_us(now), to_us(now + every)
    if now_us < origin.stamp_at_us <= next_us:
        return None
    with book.database.begin() as tx:
        return head if log_rows.claim_stamp(tx, origin.number, now_us, next_us) else None


def _keep(book: Logbook, head: SignedHead, now: datetime) -> None:
    with book.database.begin() as tx:
        log_rows.stamp(tx, head)
        alarms.close(tx, TSA_RULE, book.origin, "gateway", to_us(now))


def _miss(book: Logbook, rule: str, whom: str, why: str, now: datetime) -> None:
    """Have an alarm say who is away; the first time counts."""
    subject = book.origin if rule == TSA_RULE else whom
    vi, en = {
        TSA_RULE: ("Tổ chức cấp dấu thời gian", "The time-stamp authority"),
        WITNESS_RULE: ("Nhân chứng của nhật ký", "A witness of the log"),
    }[rule]
    with book.database.begin() as tx:
        alarms.sound(
            tx,
            alarms.Alarm(
                id=ids.alarm_id(),
                rule=rule,
                subject=subject,
                owner=_OWNER,
                since_us=to_us(now),
                next_step_vi=f"{vi} không trả lời đúng ({whom}: {why}). Hồ sơ vẫn được nhận và ghi nhật ký; kiểm tra "
                "địa chỉ, đường mạng và chứng thư được tin.",
                next_step_en=f"{en} does not answer as it should ({whom}: {why}). Dossiers are received and logged all "
                "the same; look at the address, the network and what is trusted.",
            ),
        )


async def cosign(house: House) -> None:
    """Have the checkpoint that this worker signed last cosigned by the witnesses that have not done so yet."""
    book = house.logbook
    if book is None or not book.witnesses or book.trouble:
        return
    for witness in book.witnesses:
        head = await book.run(_to_cosign, book, witness)
        if head is None:
            continue
        try:
            await _ask(book, book.outside, witness, head, house.clock.now())
        except OutsideAway as error:
            await book.run(_miss, book, WITNESS_RULE, witness.vkey.name, str(error), house.clock.now())
        except (WitnessDisagrees, LogRolledBack) as error:
            # What it says is not signed: the log stops, and dossiers are received all the same.
            await book.run(book.stop, DISPUTED_RULE, str(error), house.clock.now())
            return


def _to_cosign(book: Logbook, witness: Witness) -> SignedHead | None:
    """The newest head, if this worker signed it and the witness's line is not in it."""
    with book.database.read() as tx:
        origin = log_rows.current(tx)
        head = log_rows.newest(tx, origin.number) if origin else None
    if head is None or head.size != book.signed_size:
        return None
    names = [(one.name, one.id) for one in read_note(head.note).signatures]
    return None if (witness.vkey.name, witness.vkey.id) in names else head


async def _ask(book: Logbook, outside: Outside, witness: Witness, head: SignedHead, now: datetime) -> None:
    """Ask a witness, once more if it is elsewhere than we thought; a witness that has seen more than there is tells
    that the database was rolled back.
    """
    # More than there is, as we remember it, is asked about: the witness says how much it has seen.
    old = book.witnessed.get(witness.vkey.name, 0)
    old = old if old <= head.size else 0
    for _ in range(2):
        proof = await book.run(_consistency, book, head, old)
        try:
            lines = await outside.cosignatures(witness, old, proof, head.note)
        except WitnessElsewhere as elsewhere:
            old = elsewhere.size
            if old <= head.size:
                continue
            if old > await book.run(_signed_size, book):
                raise LogRolledBack(
                    f"nhân chứng {witness.vkey.name} đã thấy {old} lá, cơ sở dữ liệu có {head.size}: hãy khôi phục cơ "
                    "sở dữ liệu mới hơn, hoặc chạy `motcua log reopen --because …` · the witness has seen more leaves "
                    "than there are: the database was rolled back"
                ) from elsewhere
            # Another worker was quicker with a larger head.
            return
        book.witnessed[witness.vkey.name] = head.size
        await book.run(_put, book, witness, head, lines, now)
        return
    raise OutsideAway("the witness says one size and then another")


def _consistency(book: Logbook, head: SignedHead, old: int) -> list[bytes]:
    if not 0 < old < head.size:
        return []
    with book.database.read() as tx:
        return log.consistency(old, head.size, log_rows.reader(tx, head.origin))


def _signed_size(book: Logbook) -> int:
    look = log_rows.look(book.database)
    return look.signed_size if look else 0


def _put(book: Logbook, witness: Witness, head: SignedHead, lines: list[str], now: datetime) -> None:
    """Add the lines to the note as it is now; another witness's may have come meanwhile."""
    with book.database.begin() as tx:
        newest = log_rows.newest(tx, head.origin)
        if newest is not None and newest.size == head.size:
            log_rows.put_note(tx, newest, newest.note + "".join(lines))
        alarms.close(tx, WITNESS_RULE, witness.vkey.name, "gateway", to_us(now))
