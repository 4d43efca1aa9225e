"""Commands of the operator for the catalogue's unconfirmed facts: which there are, who vouches for them, since when."""

from __future__ import annotations

import argparse
import difflib
import unicodedata
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.belonging_words import day_for_people
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    a_day,
    add_json,
    aside,
    command,
    group,
    settings,
    table,
    wrapped,
)
from gateway.clock import VIETNAM, SystemClock, for_people, from_us, rfc3339, to_us
from gateway.facts import facts_in, open_catalogue
from gateway.opened import open_migrated
from storage import facts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from gateway.facts import Fact
    from storage.facts import Word

NAME_CHARACTERS_MAX: Final = 100
SOURCE_CHARACTERS_MAX: Final = 500
_LIKENESS_MIN: Final = 0.6
_NEAR_MAX: Final = 3
_MARKS: Final = {
    "verified": "đã kiểm chứng · verified",
    "inferred": "suy ra · inferred",
    "unconfirmed": "CHƯA xác nhận · unconfirmed",
}


def declare(commands: Commands[Parser]) -> None:
    """Declare `fact list|show|confirm|withdraw|history`."""
    kinds = group(
        commands,
        "fact",
        says="Điều chưa chắc trong danh mục thủ tục: ai đã xác nhận, từ khi nào.",
        tells="Facts of the catalogue that are not sure: who confirmed them, and since when.",
    )
    show_all = command(
        kinds,
        "list",
        _list,
        says="Liệt kê quy tắc và điều khoản của danh mục, mức chắc chắn và người xác nhận.",
        tells="List the catalogue's rules and facts, how sure they are, and who confirmed them.",
        example="motcua fact list --unconfirmed",
    )
    show_all.add_argument(
        "--unconfirmed", action="store_true", help="chỉ điều chưa ai xác nhận · only those nobody confirmed yet"
    )
    add_json(show_all)
    show = command(
        kinds,
        "show",
        _show,
        says="Một điều: nội dung, nguồn, và mọi lần xác nhận hay rút lại.",
        tells="One fact: what it says, where from, and everything that was said of it.",
        example="motcua fact show d02-months-reversed",
    )
    _add_id(show)
    add_json(show)
    confirm = command(
        kinds,
        "confirm",
        _confirm,
        says="Xác nhận một điều: quy tắc dựa trên nó từ nay từ chối, không chỉ nhắc. Họ tên được công bố.",
        tells="Confirm a fact: a rule that rests on it refuses from now on. The name is shown to everyone.",
        example="""
            motcua fact confirm 600c.must --by "Nguyễn Thị Mẫu" --source "CV 123/BHXH-TST ngày 05/03/2026"
            motcua fact confirm d02-wage-below-region --by "Nguyễn Thị Mẫu" --source "NĐ 74/2024" --from 01/07/2026
        """,
    )
    _add_id(confirm)
    confirm.add_argument("--by", required=True, metavar="NAME", help="họ tên người xác nhận · who vouches for it")
    confirm.add_argument("--source", required=True, metavar="TEXT", help="căn cứ: văn bản, số, ngày · where it stands")
    confirm.add_argument("--from", dest="since", type=a_day, metavar="DAY", help="từ ngày (mặc định: ngay) · its day")
    withdraw = command(
        kinds,
        "withdraw",
        _withdraw,
        says="Rút lại lời xác nhận, có hiệu lực ngay: quy tắc dựa trên nó lại chỉ nhắc.",
        tells="Withdraw a confirmation, at once: a rule that rests on it only warns again.",
        example='motcua fact withdraw 600c.must --by "Nguyễn Thị Mẫu" --why "văn bản đã hết hiệu lực"',
    )
    _add_id(withdraw)
    withdraw.add_argument("--by", required=True, metavar="NAME", help="họ tên người rút lại · who withdraws it")
    withdraw.add_argument("--why", required=True, metavar="TEXT", help="lý do · the reason")
    history = command(
        kinds,
        "history",
        _history,
        says="Mọi lần xác nhận và rút lại, theo thứ tự ghi nhận: để kiểm tra về sau.",
        tells="Everything that was ever said of any fact, in commit order: for an auditor.",
        example="motcua fact history --json",
    )
    add_json(history)


def _add_id(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="mã, như trong fact list · its id, as in fact list")


def _list(asked: argparse.Namespace) -> int:
    today = _today()
    told = settings()
    known = facts_in(open_catalogue(told), today)
    with open_migrated(told) as database, database.read() as tx:
        words = {word.fact: word for word in facts.in_force(tx, today)}
    if asked.unconfirmed:
        shown = [fact for fact in known.values() if fact.certainty == "unconfirmed" and fact.id not in words]
    else:
        shown = list(known.values())
    gone = [] if asked.unconfirmed else [word for name, word in words.items() if name not in known]
    if asked.json:
        told_so = [_fact_shown(fact, words.get(fact.id)) for fact in shown]
        print(msgspec.json.encode(told_so + [{"id": word.fact, **_word_shown(word)} for word in gone]).decode())
        return DONE
    rows = [("MÃ", "Ở", "MỨC CHẮC CHẮN", "XÁC NHẬN")]
    rows += [
        (fact.id, ", ".join(fact.of), _mark(fact, words.get(fact.id)), _vouched(words.get(fact.id))) for fact in shown
    ]
    rows += [(word.fact, "—", "không còn trong danh mục · gone", _vouched(word)) for word in gone]
    nothing = "Không còn điều nào chưa xác nhận · nothing is unconfirmed"
    print("\n".join(table(rows)) if len(rows) > 1 else nothing)
    return DONE


def _show(asked: argparse.Namespace) -> int:
    today = _today()
    told = settings()
    known = facts_in(open_catalogue(told), today)
    with open_migrated(told) as database, database.read() as tx:
        said = facts.history(tx, asked.id)
        word = next((one for one in facts.in_force(tx, today) if one.fact == asked.id), None)
    fact = known.get(asked.id)
    if fact is None and not said:
        raise _unknown(asked.id, known)
    if asked.json:
        shown = _fact_shown(fact, word) if fact else {"id": asked.id}
        print(msgspec.json.encode(shown | {"history": [_word_shown(one) for one in said]}).decode())
        return DONE
    if fact is None:
        print(f"{asked.id}: không còn trong danh mục · not in the catalogue any more")
    else:
        print(f"{fact.id}  {_mark(fact, word)}")
        for head, text in (("Ở · of: ", ", ".join(fact.of)), ("Nội dung · says: ", fact.says)):
            print("\n".join(wrapped(head, text, 2)))
        print("\n".join(wrapped("Nguồn · source: ", fact.source or "—", 2)))
        print("\n".join(wrapped("Xác nhận · confirmed: ", _vouched(word), 2)))
    for one in said:
        print("\n".join(wrapped(f"#{one.number} ", _line(one), 2)))
    return DONE


def _confirm(asked: argparse.Namespace) -> int:
    by = _text(asked.by, "--by", NAME_CHARACTERS_MAX)
    source = _text(asked.source, "--source", SOURCE_CHARACTERS_MAX)
    now = SystemClock().now()
    told = settings()
    known = facts_in(open_catalogue(told), now.astimezone(VIETNAM).date())
    fact = known.get(asked.id)
    if fact is None:
        raise _unknown(asked.id, known)
    if fact.certainty == "verified":
        print(f"{fact.id}: đã kiểm chứng, không cần xác nhận · verified already, nothing to confirm")
        return DONE
    with open_migrated(told) as database, database.begin() as tx:
        word = facts.confirm(tx, fact.id, by=by, source=source, now_us=to_us(now), valid_from=asked.since)
    if fact.refuses and fact.certainty == "unconfirmed":
        since = f"từ {day_for_people(word.valid_from)}" if word.valid_from else "trong vài giây nữa"
        aside(f"Quy tắc này sẽ từ chối hồ sơ {since} · this rule will refuse dossiers")
    print(f"Đã xác nhận · confirmed {fact.id}: #{word.number}, {by}")
    return DONE


def _withdraw(asked: argparse.Namespace) -> int:
    by, why = _text(asked.by, "--by", NAME_CHARACTERS_MAX), _text(asked.why, "--why", SOURCE_CHARACTERS_MAX)
    now = SystemClock().now()
    told = settings()
    known = facts_in(open_catalogue(told), now.astimezone(VIETNAM).date())
    with open_migrated(told) as database, database.begin() as tx:
        said = facts.history(tx, asked.id)
        if not said and asked.id not in known:
            raise _unknown(asked.id, known)
        # One that begins later is withdrawn, too.
        if not said or said[-1].what == "withdrawn":
            raise CannotWork(f"{asked.id}: chưa ai xác nhận, hoặc đã rút lại · nobody confirms it now")
        word = facts.withdraw(tx, asked.id, by=by, why=why, now_us=to_us(now))
    print(f"Đã rút lại · withdrawn {asked.id}: #{word.number}, {by}")
    return DONE


def _history(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database, database.read() as tx:
        said = facts.history(tx)
    if asked.json:
        print(msgspec.json.encode([_word_shown(one) for one in said]).decode())
        return DONE
    lines = [line for one in said for line in wrapped(f"#{one.number} {one.fact}: ", _line(one), 0)]
    print("\n".join(lines) if lines else "Chưa có lời xác nhận nào · nothing was said yet")
    return DONE


def _today() -> date:
    return SystemClock().now().astimezone(VIETNAM).date()


def _text(given: str, option: str, most: int) -> str:
    """What a person wrote, in one line, composed (NFC). Raises `CannotWork`."""
    text = unicodedata.normalize("NFC", " ".join(given.split()))
    if not text or len(text) > most or not text.isprintable():
        raise CannotWork(f"{option}: cần 1 đến {most} ký tự đọc được · 1 to {most} printable characters are wanted")
    return text


def _unknown(name: str, known: Iterable[str]) -> CannotWork:
    near = difflib.get_close_matches(name, list(known), n=_NEAR_MAX, cutoff=_LIKENESS_MIN)
    hint = f"có lẽ là · probably {', '.join(near)}" if near else "xem · see: motcua fact list"
    return CannotWork(f"không có điều nào mang mã {name!r} · no such fact; {hint}")


def _mark(fact: Fact, word: Word | None) -> str:
    """How sure the fact is here and now."""
    return "đã xác nhận tại đây · confirmed here" if word else _MARKS[fact.certainty]


def _vouched(word: Word | None) -> str:
    if word is None:
        return "—"
    since = f", từ {day_for_people(word.valid_from)}" if word.valid_from else ""
    return f"{word.said_by}, {for_people(from_us(word.at_us))}{since}: {word.source}"


def _line(word: Word) -> str:
    what = "xác nhận · confirmed" if word.what == "confirmed" else "rút lại · withdrawn"
    return f"{what}: {_vouched(word)}"


def _fact_shown(fact: Fact, word: Word | None) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(fact)
    return told | {"confirmed": _word_shown(word) if word else None}


def _word_shown(word: Word) -> dict[str, object]:
    return {
        "number": word.number,
        "fact": word.fact,
        "what": word.what,
        "by": word.said_by,
        "source": word.source,
        "valid_from": word.valid_from,
        "at": rfc3339(from_us(word.at_us)),
    }
