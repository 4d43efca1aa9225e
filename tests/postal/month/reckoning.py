"""The reckoning: what the gateway says in the end, and said every day, against the simulator's own book."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from tests.postal.month.book import Book, Dossier, broken
from tests.postal.month.night import Nights
from tests.postal.month.stage import Stage


class Check(Struct, frozen=True):
    """One thing that must hold: how many were looked at, and what is wrong with which."""

    vi: str
    en: str
    looked_at: int
    wrong: list[str]


class Seen(Struct, frozen=True):
    """What the gateway shows at the end of the month."""

    dossiers: dict[str, dict[str, Any]]
    originals: dict[str, Counter[str]]
    listed: Counter[str]
    returns: dict[str, tuple[str, str]]
    manifests: dict[str, dict[str, str]]
    papers: set[str]


async def look(stage: Stage) -> Seen:
    """Ask for everything once."""
    dossiers, held = await _dossiers_of(stage)
    listed, returns = await _lists(stage)
    manifests = {}
    for name in stage.book.manifests:
        shown = await stage.told("GET", f"/v1/postal/manifests/{name}", stage.operator)
        manifests[name] = {line["item"]: line["difference"] for line in shown["lines"]}
    with stage.gateway.house.database.read() as tx:
        papers = {str(name) for (name,) in tx.execute(sa.text("SELECT id FROM dossier"))}
        cases = {frozenset(map(str, row)) for row in tx.execute(sa.text("SELECT one, other FROM same_case"))}
    for case in cases:
        await _case(stage, case)
    return Seen(dossiers, held, listed, returns, manifests, papers)


async def _dossiers_of(stage: Stage) -> tuple[dict[str, dict[str, Any]], dict[str, Counter[str]]]:
    """Every dossier that the book knows to be filed, and the originals of those on paper by where they are."""
    dossiers: dict[str, dict[str, Any]] = {}
    held: dict[str, Counter[str]] = {}
    for name, one in stage.book.dossiers.items():
        if not one.filed:
            continue
        answer = await stage.ask("GET", f"/v1/dossiers/{name}", stage.operator)
        dossiers[name] = answer.json() if answer.status_code == 200 else {}
        if not one.by_wire:
            path = f"/v1/dossiers/{name}/originals"
            held[name] = Counter()
            for original in (await stage.told("GET", path, stage.clerks[one.office]))["originals"]:
                held[name][original["state"]] += original["count"]
    return dossiers, held


async def _lists(stage: Stage) -> tuple[Counter[str], dict[str, tuple[str, str]]]:
    """What the offices' lists say of originals that are not back, and of what went back."""
    listed: Counter[str] = Counter()
    returns: dict[str, tuple[str, str]] = {}
    for office, clerk in stage.clerks.items():
        for original in (await stage.told("GET", f"/v1/postal/originals?office={office}", clerk))["originals"]:
            listed[original["dossier"]] += original["count"]
        after, is_more = "", True
        while is_more:
            page = await stage.told("GET", f"/v1/postal/returns?office={office}&after={after}", clerk)
            returns |= {one["item"]: (one["state"], one["form_05"]) for one in page["returns"]}
            after, is_more = page["next"], bool(page["returns"])
    return listed, returns


async def _case(stage: Stage, case: frozenset[str]) -> None:
    """Two filings that the gateway takes for one case."""
    for name in case:
        shown = await stage.told("GET", f"/v1/dossiers/{name}/same-case", stage.operator)
        parcel = stage.book.parcel_of.get(name)
        if parcel is None:
            stage.book.strange.append(f"same-case: {name}")
        elif {one["dossier"] for one in shown["same_case"]} == case - {name}:
            stage.book.saw(parcel, "same-case", 0)


def reckon(book: Book, nights: Nights, seen: Seen) -> list[Check]:
    """Everything that must hold."""
    days = len(nights.done)
    _notice_late(book, seen)
    return [
        Check(
            "Mỗi ngày, số liệu bưu gửi bằng đúng sổ của bộ mô phỏng",
            "every day, the account of paper says what the book counted",
            days, list(_accounts(nights)),
        ),
        Check(
            "Mỗi ngày, các đẳng thức bảo toàn giữ nguyên, trừ chỗ cố ý làm sai",
            "every day, the identities hold but where they were broken on purpose",
            days, list(_identities(nights)),
        ),
        Check(
            "Chỗ không khớp được nêu đúng bưu gửi, không thừa không thiếu",
            "what does not meet is named, item by item, and nothing else is",
            days, list(_named(nights)),
        ),
        Check(
            "Danh sách chờ mỗi ngày đúng những bưu gửi còn việc",
            "every day, the waiting list names the items of which something waits",
            days, list(_waiting(nights)),
        ),
        Check(
            "Mọi mất mát, thiếu, thừa, chậm được tìm thấy đúng hạn",
            "everything injected is found in time",
            len(book.faults), list(_not_found(book)),
        ),
        Check(
            "Không báo động nhầm",
            "nothing is found that was not injected",
            len(book.parcels), list(_false(book)),
        ),
        Check(
            "Cuối tháng, báo động còn mở đúng những việc chưa xong",
            "at the end, the open alarms are those of what nobody has mended",
            len(book.stays), list(_standing(book, nights)),
        ),
        Check(
            "Bản kê khớp từng dòng với sổ",
            "every manifest says line by line what was in the bag",
            len(book.manifests), list(_manifests(book, seen)),
        ),
        Check(
            "Mỗi hồ sơ: một biên nhận, giao một lần, nguyên từng byte",
            "every dossier has a receipt, is offered once, byte for byte",
            len(book.dossiers), list(_dossiers(book, seen)),
        ),
        Check(
            "Bản chính: giữ + gửi + đã trả = đã đến, và danh sách chưa trả đúng",
            "originals: held + sent + returned = arrived; the list of what is not back is right",
            len(seen.originals), list(_originals(book, seen)),
        ),
        Check(
            "Bưu gửi trả về đúng trạng thái, mẫu 05 đúng",
            "what went back stands where it is, with its form 05",
            len(seen.returns), list(_returns(book, seen)),
        ),
    ]  # fmt: skip


def _notice_late(book: Book, seen: Seen) -> None:
    """What only the lists of the month's end show."""
    for name, count in seen.listed.items():
        parcel, dossier = book.parcel_of.get(name), book.dossiers.get(name)
        if parcel is None or dossier is None:
            book.strange.append(f"originals: {name}")
        elif count and dossier.ended is not None and parcel.plan.fate == "originals-kept":
            book.saw(parcel, "originals", 0)
    for item, (state, _) in seen.returns.items():
        if state in ("undelivered", "sent-again", "kept") and item in book.parcel_of:
            book.saw(book.parcel_of[item], "undelivered", 0)


def _accounts(nights: Nights) -> Iterable[str]:
    for one in nights.done:
        for key in sorted(one.lines.keys() | one.book_lines.keys()):
            told, mine = one.lines.get(key, {}), one.book_lines.get(key, {})
            apart = [f"{name} {told.get(name, 0)} ≠ {mine.get(name, 0)}" for name in told | mine
                     if told.get(name, 0) != mine.get(name, 0)]  # fmt: skip
            if apart:
                yield f"{one.day} {' '.join(key)}: {', '.join(apart)}"


def _identities(nights: Nights) -> Iterable[str]:
    for one in nights.done:
        found = {(key, name) for key, line in one.lines.items() for name in broken(line, outbound=key[0] == "outbound")}
        allowed = {
            (key, name) for key, line in one.book_lines.items() for name in broken(line, outbound=key[0] == "outbound")
        }
        if found != allowed:
            yield f"{one.day}: {sorted(found ^ allowed)}"
        if one.sums != one.book_sums:
            yield f"{one.day}: sums {dict(one.sums)}, by the book {dict(one.book_sums)}"


def _named(nights: Nights) -> Iterable[str]:
    for one in nights.done:
        yield from (f"{one.day} {item}: {rule} is not told of" for item, rule in sorted(one.book_named - one.named))
        yield from (f"{one.day} {item}: {rule} is told of" for item, rule in sorted(one.named - one.book_named))


def _waiting(nights: Nights) -> Iterable[str]:
    for one in nights.done:
        yield from (f"{one.day} {item} waits, and is not listed" for item in sorted(one.book_waiting - one.waiting))
        yield from (f"{one.day} {item} is listed, and nothing waits" for item in sorted(one.waiting - one.book_waiting))
        if one.kept != one.book_kept:
            yield f"{one.day}: originals kept {one.kept}, by the book {one.book_kept}"


def _not_found(book: Book) -> Iterable[str]:
    for one in book.faults:
        at = book.found.get((one.parcel.plan.number, one.how))
        named = ", ".join(item.number for item in one.parcel.items) or one.parcel.announcement
        told = f"{one.parcel.plan.number} {one.parcel.plan.fate} ({named}): {one.how}"
        if at is None:
            yield f"{told} was not found"
        elif at > one.by:
            yield f"{told} was found on working day {at}, and should have been by {one.by}"


def _false(book: Book) -> Iterable[str]:
    injected = {(one.parcel.plan.number, one.how) for one in book.faults} | book.may
    fates = {one.plan.number: one for one in book.parcels}
    for number, how in sorted(book.found.keys() - injected):
        parcel = fates[number]
        named = ", ".join(item.number for item in parcel.items) or parcel.announcement
        yield f"{number} {parcel.plan.fate} ({named}): {how}"
    yield from sorted(set(book.strange))


def _standing(book: Book, nights: Nights) -> Iterable[str]:
    yield from (f"{rule} {subject} is not open" for rule, subject in sorted(book.stays - nights.open_alarms))
    yield from (f"{rule} {subject} is open" for rule, subject in sorted(nights.open_alarms - book.stays))


def _manifests(book: Book, seen: Seen) -> Iterable[str]:
    for name, manifest in book.manifests.items():
        told, mine = seen.manifests[name], manifest.stands()
        yield from (
            f"{name} {item}: {told.get(item)} ≠ {mine.get(item)}"
            for item in sorted(told.keys() | mine.keys())
            if told.get(item) != mine.get(item)
        )


def _dossiers(book: Book, seen: Seen) -> Iterable[str]:
    filed = {name: one for name, one in book.dossiers.items() if one.filed}
    yield from (f"{name} is there, and was not filed" for name in sorted(seen.papers - filed.keys()))
    yield from (f"{name} was filed, and is not there" for name in sorted(filed.keys() - seen.papers))
    numbers: Counter[str] = Counter()
    for name, one in filed.items():
        yield from _wrong_with(name, one, seen.dossiers.get(name, {}))
        numbers[seen.dossiers.get(name, {}).get("receipt_number", "")] += 1
    yield from (f"receipt {number} was given {count} times" for number, count in numbers.items() if count > 1)
    yield from (f"{name} was offered" for name, one in book.dossiers.items() if one.offered and not one.filed)


def _wrong_with(name: str, one: Dossier, told: dict[str, Any]) -> Iterable[str]:
    if not told.get("receipt_number") or told.get("receipt", "").count(".") != 2:
        yield f"{name} has no receipt"
    if not one.by_wire and (told.get("channel"), told.get("verdict", {}).get("indication")) != ("post", "NOT_JUDGED"):
        yield f"{name}: {told.get('channel')}, {told.get('verdict')}"
    if told.get("sha256") != one.sha256:
        yield f"{name}: {told.get('sha256')} ≠ {one.sha256}"
    if one.offered != 1:
        yield f"{name} was offered {one.offered} times"
    if not one.content_same:
        yield f"{name}: its office has not the bytes that were announced"


def _originals(book: Book, seen: Seen) -> Iterable[str]:
    for name, told in seen.originals.items():
        mine = +book.dossiers[name].originals
        if +told != mine:
            yield f"{name}: {dict(told)} ≠ {dict(mine)}"
        arrived = sum(mine.values())
        if sum(told[state] for state in ("held", "sent", "returned")) != arrived:
            yield f"{name}: of {arrived} that arrived {dict(told)}"
        if seen.listed[name] != mine["held"] + mine["sent"]:
            yield f"{name}: {seen.listed[name]} are listed, {mine['held'] + mine['sent']} are not back"


def _returns(book: Book, seen: Seen) -> Iterable[str]:
    mine = {one.number: (one.returned, one.form_05) for one in book.items.values() if one.flow == "outbound"}
    for number in sorted(mine.keys() | seen.returns.keys()):
        if mine.get(number) != seen.returns.get(number):
            yield f"{number}: {seen.returns.get(number)} ≠ {mine.get(number)}"
