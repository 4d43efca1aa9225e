"""What a new table of offices would change, row by row, for the person who answers for it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from gateway.office_rows import Office, Rows, Rule
from gateway.places import load_places

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES: Final = {
    "kind": ("loại", "kind"),
    "name": ("tên", "name"),
    "parent": ("cấp trên", "parent"),
    "valid_to": ("ngày cuối", "last day"),
    "successors": ("thay bằng", "successors"),
    "predecessors": ("thay cho", "predecessors"),
    "handles": ("thủ tục được giao", "handles"),
    "places": ("địa bàn", "places"),
    "certainty": ("mức chắc chắn", "certainty"),
    "note": ("ghi chú", "note"),
}
_SHOWN_CHARACTERS: Final = 60
NOTED_MAX: Final = 20
_DEMO_PLACES: Final = "99"


class Changed(Struct, frozen=True):
    """A row that says something else: the members that differ, each with what it said and what it says."""

    code: str
    valid_from: date
    name: str
    members: tuple[tuple[str, str, str], ...]


class Changes(Struct, frozen=True, kw_only=True):
    """What differs between two tables. A row is known by its code and first day; `ended` got their last day."""

    added: tuple[Office, ...]
    changed: tuple[Changed, ...]
    ended: tuple[Office, ...]
    gone: tuple[Office, ...]
    unchanged: int
    rules_added: tuple[Rule, ...]
    rules_changed: tuple[Rule, ...]
    rules_gone: tuple[Rule, ...]

    @property
    def is_none(self) -> bool:
        """Whether the two tables say the same."""
        rules = (*self.rules_added, *self.rules_changed, *self.rules_gone)
        return not (self.added or self.changed or self.ended or self.gone or rules)


def compare(held: Rows, told: Rows) -> Changes:
    """What `told` changes in `held`."""
    before = {(each.code, each.valid_from): each for each in held.offices}
    after = {(each.code, each.valid_from): each for each in told.offices}
    changed, ended = [], []
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        members = _members(old, new)
        if not members:
            continue
        only_ended = old.valid_to is None and {each[0] for each in members} <= {"valid_to", "successors", "note"}
        if only_ended and new.valid_to is not None:
            ended.append(new)
        else:
            changed.append(Changed(new.code, new.valid_from, new.name, members))
    rules_before, rules_after = ({rule.id: rule for rule in rows.rules} for rows in (held, told))
    return Changes(
        added=_sorted(after[key] for key in after.keys() - before.keys()),
        changed=tuple(sorted(changed, key=lambda each: (each.code, each.valid_from))),
        ended=_sorted(ended),
        gone=_sorted(before[key] for key in before.keys() - after.keys()),
        unchanged=len(before.keys() & after.keys()) - len(changed) - len(ended),
        rules_added=tuple(rule for key, rule in rules_after.items() if key not in rules_before),
        rules_changed=tuple(rule for key, rule in rules_after.items() if rules_before.get(key, rule) != rule),
        rules_gone=tuple(rule for key, rule in rules_before.items() if key not in rules_after),
    )


def laid_over(held: Rows, told: tuple[Office, ...]) -> tuple[Office, ...]:
    """The offices of `held` with `told` laid over them: a row of the same code and first day is replaced, and an open
    row of the same code is ended the day before a later one begins.
    """
    fresh = {(each.code, each.valid_from): each for each in told}
    begins: dict[str, list[date]] = {}
    for each in told:
        begins.setdefault(each.code, []).append(each.valid_from)
    rows = []
    for each in held.offices:
        if (each.code, each.valid_from) in fresh:
            rows.append(fresh.pop((each.code, each.valid_from)))
            continue
        later = min((day for day in begins.get(each.code, ()) if day > each.valid_from), default=None)
        if later is not None and each.valid_to is None:
            eve = date.fromordinal(later.toordinal() - 1)
            rows.append(structs.replace(each, valid_to=eve, successors=(each.code,)))
        else:
            rows.append(each)
    return (*rows, *fresh.values())


def lines(changes: Changes) -> list[str]:
    """The differences for people: one line a row, the members of a changed row below it."""
    found = []
    for mark, vi, en, rows in (
        ("+", "thêm", "added", changes.added),
        ("×", "kết thúc", "ended", changes.ended),
        ("−", "bỏ khỏi bảng", "gone", changes.gone),
    ):
        for each in rows:
            last = f" – {each.valid_to:%d/%m/%Y}" if each.valid_to else ""
            heirs = f" → {', '.join(each.successors)}" if each.successors else ""
            found.append(f"{mark} {vi} · {en}: {each.code} {each.name} ({each.valid_from:%d/%m/%Y}{last}){heirs}")
    for one in changes.changed:
        found.append(f"~ đổi · changed: {one.code} {one.name} ({one.valid_from:%d/%m/%Y})")
        for member, old, new in one.members:
            vi, en = _NAMES[member]
            found.append(f"    {vi} · {en}: {old or '—'} → {new or '—'}")
    for mark, vi, en, rules in (
        ("+", "thêm quy tắc", "rule added", changes.rules_added),
        ("~", "đổi quy tắc", "rule changed", changes.rules_changed),
        ("−", "bỏ quy tắc", "rule gone", changes.rules_gone),
    ):
        found += [f"{mark} {vi} · {en}: {rule.id} ({', '.join(rule.procedures)}) {rule.title_vi}" for rule in rules]
    return found


def doubts(told: Rows, on: date) -> list[str]:
    """What is allowed in a table and yet worth a look, in both languages."""
    found, places = [], load_places()
    if unsure := sum(each.certainty == "unconfirmed" for each in told.offices):
        found.append(f"{unsure} dòng chưa xác nhận · rows are unconfirmed")
    if demo := sum(each.certainty == "demo" for each in told.offices):
        found.append(f"{demo} dòng mẫu, không phải cơ quan thật · rows are invented (demo)")
    for office in (each for each in told.offices if each.in_force(on)):
        if office.kind == "district":
            found.append(f"{office.code}: cấp huyện đã bỏ từ 01/07/2025 · districts were abolished")
        for code in office.places:
            known = places.resolve(code, on)
            if not known and not code.startswith(_DEMO_PLACES):
                found.append(f"{office.code}: {code} không có trong danh mục địa bàn · is not in the list of places")
            elif known and known[0].certainty == "unconfirmed":
                found.append(f"{office.code}: mã {code} ({known[0].name}) chưa chắc · this place's code is unconfirmed")
    more = len(found) - NOTED_MAX
    return found[:NOTED_MAX] + ([f"… và {more} điều nữa · and {more} more"] if more > 0 else [])


def _members(old: Office, new: Office) -> tuple[tuple[str, str, str], ...]:
    """The members that differ, as people read them."""
    named = ((name, getattr(old, name), getattr(new, name)) for name in _NAMES)
    return tuple((name, _shown(before), _shown(after)) for name, before, after in named if before != after)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        value = " ".join(value)
    text = f"{value:%d/%m/%Y}" if isinstance(value, date) else "" if value is None else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _sorted(rows: Iterable[Office]) -> tuple[Office, ...]:
    return tuple(sorted(rows, key=lambda each: (each.code, each.valid_from)))
