"""Commands of the operator for the end of a dossier's life: erasure when its time is over, and legal holds against."""

from __future__ import annotations

import argparse
import sys
import unicodedata
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import ids
from gateway.cli_bindings import add_by, registrar
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    add_json,
    aside,
    command,
    group,
    settings,
    table,
    thousands,
)
from gateway.clock import VIETNAM, SystemClock, for_people, from_us, rfc3339, to_us
from gateway.erasure import BECAUSE_CHARACTERS_MAX, NotErased, Order, erase
from gateway.facts import open_catalogue
from gateway.opened import open_migrated, stores_beside
from gateway.retention import Retention, all_due
from storage import erasing, holds, journal
from storage.erasing import leave_no_copy

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.config import Settings
    from gateway.erasure import Erased
    from gateway.retention import Due
    from storage.holds import Hold

ERASURES_FILE: Final = "erasures.jsonl"
_CERTAINTIES: Final = {"operator": "theo đơn vị vận hành · the operator's word", "verified": "đã kiểm chứng · verified"}
_NO_NAMES: Final = "không nêu tên người: lời này được ký và giữ lâu dài · name no person, it is signed and kept"


def declare(commands: Commands[Parser]) -> None:
    """Declare `erase` and `hold place|lift|list`."""
    away = command(
        commands,
        "erase",
        _erase,
        says="Xóa nội dung hồ sơ đã kết thúc: hủy khóa, giữ lại bằng chứng; hồ sơ bị giữ lại thì không xóa.",
        tells="Erase ended dossiers: destroy the key, keep what proves. One under a legal hold is never erased.",
        example="""
            motcua erase --due --dry-run                      # xem trước · look first
            motcua erase --due
            motcua erase G00.01-20260302-0000001 --because "quyết định 12/QĐ ngày 05/03/2026"
        """,
    )
    away.add_argument(
        "dossier", nargs="?", metavar="DOSSIER", help="mã hồ sơ hoặc số biên nhận · its id, or its receipt"
    )
    away.add_argument("--due", action="store_true", help="mọi hồ sơ hết thời hạn lưu giữ · all whose time is over")
    away.add_argument("--because", metavar="TEXT", help=f"lý do, {_NO_NAMES}")
    away.add_argument("--dry-run", action="store_true", help="chỉ liệt kê · only list")
    add_by(away)
    add_json(away)
    _declare_holds(commands)


def _declare_holds(commands: Commands[Parser]) -> None:
    kinds = group(
        commands,
        "hold",
        says="Lệnh giữ lại hồ sơ: ai cấm xóa, từ khi nào, vì sao.",
        tells="Legal holds: who forbade to erase a dossier, since when and why.",
    )
    place = command(
        kinds,
        "place",
        _place,
        says="Giữ lại một hồ sơ: không ai xóa được cho đến khi bỏ lệnh.",
        tells="Hold a dossier: it cannot be erased until the hold is lifted.",
        example='motcua hold place G00.01-20260302-0000001 --because "công văn 34/TA ngày 06/03/2026"',
    )
    lift = command(
        kinds,
        "lift",
        _lift,
        says="Bỏ lệnh giữ lại: nêu mã lệnh, hoặc hồ sơ nếu chỉ có một lệnh.",
        tells="Lift a hold: name it, or the dossier where there is but one.",
        example='motcua hold lift h-abcdefghijklmnop --because "công văn 56/TA ngày 09/04/2026"',
    )
    for one, named in ((place, "DOSSIER"), (lift, "HOLD|DOSSIER")):
        one.add_argument("named", metavar=named)
        one.add_argument("--because", required=True, metavar="TEXT", help="căn cứ · by what authority")
        add_by(one)
    show = command(
        kinds,
        "list",
        _list,
        says="Liệt kê lệnh giữ lại đang có; --all: kể cả đã bỏ.",
        tells="List the holds that bind; --all: lifted ones too.",
        example="motcua hold list --all",
    )
    show.add_argument("dossier", nargs="?", metavar="DOSSIER")
    show.add_argument("--all", action="store_true", help="kể cả đã bỏ · lifted ones too")
    add_json(show)


def _erase(asked: argparse.Namespace) -> int:
    if bool(asked.dossier) == asked.due:
        raise CannotWork("nêu một hồ sơ, hoặc --due · name one dossier, or say --due")
    told = settings()
    return _erase_due(told, asked) if asked.due else _erase_one(told, asked)


def _erase_one(told: Settings, asked: argparse.Namespace) -> int:
    if not asked.because:
        raise CannotWork("--because: cần nêu lý do · say why")
    now = SystemClock().now()
    order = Order(by=registrar(asked), because=_line(asked.because))
    if asked.dry_run:
        raise CannotWork("--dry-run chỉ dùng với --due · --dry-run goes with --due")
    with open_migrated(told) as database, stores_beside(told, database, now) as stores:
        done = erase(stores, told.path("erasures", ERASURES_FILE), asked.dossier, order, now)
        is_clean = leave_no_copy(database)
    _tell([done], [], is_clean=is_clean, as_json=asked.json)
    return DONE


def _erase_due(told: Settings, asked: argparse.Namespace) -> int:
    """Everything that is due, one transaction each, so that what was done is done when it is interrupted."""
    now = SystemClock().now()
    retention = Retention.load(told.path("retention", "") if told.retention else None, open_catalogue(told))
    because = _line(asked.because) if asked.because else "hết thời hạn lưu giữ · its retention time is over"
    done: list[Erased] = []
    left: list[tuple[Due, NotErased]] = []
    with open_migrated(told) as database:
        due = list(all_due(database, retention, now))
        with database.read() as tx:
            bound = holds.binding(tx, [one.dossier.id for one in due]) if due else {}
        if asked.dry_run:
            _foretell(due, bound, as_json=asked.json)
            return DONE
        with stores_beside(told, database, now) as stores:
            for number, one in enumerate(due, 1):
                order = Order(by=registrar(asked), because=because, due=one)
                try:
                    done.append(erase(stores, told.path("erasures", ERASURES_FILE), one.dossier.id, order, now))
                except NotErased as refused:
                    left.append((one, refused))
                _progress(number, len(due))
            is_clean = leave_no_copy(database) if done else True
    _tell(done, left, is_clean=is_clean, as_json=asked.json)
    return DONE


def _progress(number: int, of: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if number == of else ""
        print(f"\r\x1b[K{thousands(number)}/{thousands(of)} hồ sơ · dossiers", end=end, file=sys.stderr, flush=True)


def _foretell(due: list[Due], bound: dict[str, list[Hold]], *, as_json: bool) -> None:
    """What would be erased, and what is held."""
    if as_json:
        shown = [
            {
                "dossier": one.dossier.id,
                "receipt": one.dossier.statement_number,
                "procedure": one.dossier.procedure,
                "ended_at": rfc3339(one.ended_at),
                "due_at": rfc3339(one.due_at),
                "years": one.kept.years,
                "certainty": one.kept.certainty,
                "source": one.kept.source,
                "held": [hold.id for hold in bound.get(one.dossier.id, [])],
            }
            for one in due
        ]
        print(msgspec.json.encode(shown).decode())
        return
    rows = [("SỐ BIÊN NHẬN", "THỦ TỤC", "KẾT THÚC", "HẾT HẠN LƯU", "NĂM", "CĂN CỨ", "")]
    rows += [
        (
            one.dossier.statement_number,
            one.dossier.procedure or "—",
            f"{one.ended_at.astimezone(VIETNAM):%d/%m/%Y}",
            f"{one.due_at.astimezone(VIETNAM):%d/%m/%Y}",
            str(one.kept.years),
            f"{one.kept.source} ({_CERTAINTIES[one.kept.certainty]})",
            "BỊ GIỮ LẠI · held" if one.dossier.id in bound else "",
        )
        for one in due
    ]
    if due:
        print("\n".join(table(rows)))
    held = sum(one.dossier.id in bound for one in due)
    print(f"Sẽ xóa · would be erased: {thousands(len(due) - held)}; bị giữ lại · held: {thousands(held)}")


def _tell(done: list[Erased], left: list[tuple[Due, NotErased]], *, is_clean: bool, as_json: bool) -> None:
    if as_json:
        erased = [{"dossier": o.tombstone.dossier, "receipt": o.tombstone.receipt, "tombstone": o.jws} for o in done]
        kept = [{"dossier": one.dossier.id, "why": refused.why} for one, refused in left]
        print(msgspec.json.encode({"erased": erased, "not_erased": kept, "free_pages_clean": is_clean}).decode())
        return
    for one in done:
        print(f"Đã xóa · erased {one.tombstone.receipt} ({one.tombstone.dossier})")
    for due, refused in left:
        print(f"Không xóa · not erased {due.dossier.statement_number}: {refused}")
    print(f"Đã xóa · erased: {thousands(len(done))}; không xóa · not erased: {thousands(len(left))}")
    if not is_clean:
        aside(
            "Lưu ý: bản ghi cũ còn trong tệp nhật ký của cơ sở dữ liệu cho đến khi nó được dọn · the database's own log"
        )
        aside("still holds old rows until it is cleaned: the wrapped keys in them open nothing without the master key")


def _place(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    with open_migrated(settings()) as database, database.begin() as tx:
        # A turn, so that no erasure that looked before goes on after.
        turn = journal.take_turn(tx)
        dossier = _dossier(tx, asked.named)
        if dossier.erased_at_us is not None:
            raise CannotWork(f"{dossier.statement_number}: đã xóa rồi · was erased already")
        hold = holds.Hold(
            id=ids.hold_id(),
            dossier=dossier.id,
            placed_by=registrar(asked),
            placed_at_us=to_us(now),
            why=_line(asked.because),
        )
        holds.place(tx, hold)
        journal.end_turn(tx, turn)
    print(f"Đã giữ lại · held: {dossier.statement_number} ({hold.id})")
    return DONE


def _lift(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    with open_migrated(settings()) as database, database.begin() as tx:
        wanted = asked.named
        if (found := erasing.named(tx, wanted)) is not None:
            bound = holds.binding(tx, [found]).get(found, [])
            if len(bound) != 1:
                listed = ", ".join(one.id for one in bound) or "—"
                raise CannotWork(f"{wanted}: có {len(bound)} lệnh ({listed}), hãy nêu mã lệnh · name the hold itself")
            wanted = bound[0].id
        if not holds.lift(tx, wanted, registrar(asked), _line(asked.because), to_us(now)):
            raise CannotWork(f"{wanted}: không có lệnh giữ lại này, hoặc đã bỏ · no such hold, or lifted already")
    print(f"Đã bỏ lệnh giữ lại · lifted: {wanted}")
    return DONE


def _list(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database, database.read() as tx:
        found = _dossier(tx, asked.dossier).id if asked.dossier else None
        listed = holds.history(tx, found, lifted=asked.all)
    if asked.json:
        print(msgspec.json.encode([_shown(one) for one in listed]).decode())
        return DONE
    rows = [("LỆNH", "HỒ SƠ", "TỪ", "NGƯỜI GHI", "CĂN CỨ", "ĐÃ BỎ")]
    rows += [
        (
            one.id,
            one.dossier,
            for_people(from_us(one.placed_at_us)),
            one.placed_by,
            one.why,
            f"{for_people(from_us(one.lifted_at_us))}, {one.lifted_by}: {one.lifted_why}" if one.lifted_at_us else "",
        )
        for one in listed
    ]
    print("\n".join(table(rows)) if listed else "Không có lệnh giữ lại nào · no holds")
    return DONE


def _shown(hold: Hold) -> dict[str, object]:
    return {
        "hold": hold.id,
        "dossier": hold.dossier,
        "placed_by": hold.placed_by,
        "placed_at": rfc3339(from_us(hold.placed_at_us)),
        "why": hold.why,
        "lifted_by": hold.lifted_by,
        "lifted_at": rfc3339(from_us(hold.lifted_at_us)) if hold.lifted_at_us is not None else None,
        "lifted_why": hold.lifted_why,
    }


def _dossier(tx: sa.Connection, name: str) -> journal.Dossier:
    found = erasing.named(tx, name)
    dossier = journal.dossier(tx, found, journal.Scope(everything=True)) if found else None
    if dossier is None:
        raise CannotWork(f"không có hồ sơ {name} · no such dossier")
    return dossier


def _line(text: str) -> str:
    """What a person gave as a reason: one line that is not too long. Raises `CannotWork`."""
    told = unicodedata.normalize("NFC", " ".join(text.split()))
    if not told or len(told) > BECAUSE_CHARACTERS_MAX:
        raise CannotWork(
            f"--because: từ 1 đến {BECAUSE_CHARACTERS_MAX} ký tự · 1 to {BECAUSE_CHARACTERS_MAX} characters"
        )
    return told
