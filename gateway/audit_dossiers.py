"""The audit's look at dossiers, a page at a time: facts, state, statements, leaves, work, keys, places and bytes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from gateway import erasure, ids, states
from gateway.audit_contents import Wanted
from gateway.audit_statements import judgement_faults, stated_faults, statement_faults
from gateway.receipt import ERASURE_TYPE
from storage import courses, journal
from storage.documents import Document
from storage.statements import Stated
from storage.vault import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.audit_contents import Reader
    from gateway.audit_found import Audited

_S = TypeVar("_S", bound=Struct)
# The facts that hand a dossier over need it to be somebody's work; a refused one is nobody's.
_WITH_WORK: Final = frozenset(states.State) - {
    states.State.REFUSED,
    states.State.PENDING,
    # Not, when it was withdrawn before it was judged; not yet, when it waits for paper before it is offered.
    states.State.WITHDRAWN,
    states.State.AWAITING_PAPER,
}
_NAMES: Final = {struct: ", ".join(struct.__struct_fields__) for struct in (journal.Dossier, Document, Stated)}
_PAGE: Final = f"SELECT {_NAMES[journal.Dossier]} FROM dossier WHERE seq > :after AND seq <= :upto"  # noqa: S608 - names are ours
_SPAN: Final = sa.text(f"{_PAGE} ORDER BY seq LIMIT :most")
# Older dossiers to which something has happened since.
_LATER: Final = "id IN (SELECT dossier FROM event WHERE seq > :upto)"
_TOUCHED: Final = sa.text(f"{_PAGE} AND {_LATER} ORDER BY seq LIMIT :most")


def _of_page(sql: str) -> sa.TextClause:
    return sa.text(sql).bindparams(sa.bindparam("ids", expanding=True))


_BESIDE: Final = _of_page(
    "SELECT d.id, w.state AS work, w.office AS office, l.leaf AS leaf, p.dossier IS NOT NULL AS waits FROM dossier d"
    " LEFT JOIN work w ON w.dossier = d.id LEFT JOIN log_entry l ON l.seq = d.seq"
    " LEFT JOIN pending p ON p.dossier = d.id WHERE d.id IN :ids"
)
_FACTS: Final = _of_page(
    "SELECT dossier, seq, type, office, detail FROM event WHERE dossier IN :ids ORDER BY dossier, seq"
)
_DOCUMENTS: Final = _of_page(f"SELECT {_NAMES[Document]} FROM document WHERE dossier IN :ids")  # noqa: S608 - names are ours
_STATED: Final = _of_page(
    f"SELECT {_NAMES[Stated]} FROM statement WHERE subject IN :ids ORDER BY seq"  # noqa: S608 - names are ours
)
# The facts after which nobody works on a dossier, unless it is reopened.
_ENDS: Final = frozenset({"finished", "declined", "stopped", "withdrawn"})
_LEAVES: Final = _of_page("SELECT seq, leaf FROM log_entry WHERE seq IN :ids")


class Beside(Struct, frozen=True):
    """What stands beside a dossier's row: its work, its leaf for the log, and whether it waits."""

    id: str
    work: str | None
    office: str | None
    leaf: bytes | None
    waits: bool


class Happened(Struct, frozen=True):
    """A fact, as far as the audit looks at it."""

    seq: int
    type: str
    office: str
    detail: str


class _Seen(Struct, frozen=True, kw_only=True):
    """A dossier and all that is kept about it."""

    dossier: journal.Dossier
    beside: Beside
    facts: list[Happened]
    stated: list[Stated]
    documents: list[Document]
    leaves: Mapping[int, bytes]
    course: courses.Course | None


def pages(tx: sa.Connection, after: int, upto: int, most: int | None = None) -> Iterator[list[journal.Dossier]]:
    """Dossiers in commit order, after number `after` up to `upto`, a page at a time; at most `most`."""
    left = most if most is not None else 2**62
    while left > 0:
        values = {"after": after, "upto": upto, "most": min(left, journal.DOSSIERS_A_PAGE_MAX)}
        page = _rows(tx.execute(_SPAN, values), journal.Dossier)
        if not page:
            return
        yield page
        after, left = page[-1].seq, left - len(page)


def touched(tx: sa.Connection, upto: int) -> Iterator[list[journal.Dossier]]:
    """Dossiers whose first fact is no later than `upto` and which have a later one, a page at a time."""
    after = 0
    while page := _rows(
        tx.execute(_TOUCHED, {"after": after, "upto": upto, "most": journal.DOSSIERS_A_PAGE_MAX}), journal.Dossier
    ):
        yield page
        after = page[-1].seq


class DossierAudit:
    """Looks at pages of dossiers, and notes what does not hold."""

    def __init__(self, found: Audited, keys: Mapping[str, Mapping[str, str]], reader: Reader) -> None:
        self._found, self._keys, self._reader = found, keys, reader

    def look(self, tx: sa.Connection, page: Sequence[journal.Dossier], *, bytes_too: bool) -> None:
        """Everything about the dossiers of a page; their bytes only if they are to be read. Raises `VaultAway`."""
        wanted: list[Wanted] = []
        seen = _gather(tx, page)
        for one in seen:
            self._keys_and_places(one, wanted)
        # The threads read while this one looks at what was said.
        reading = self._reader.read(wanted) if bytes_too else iter(())
        for one in seen:
            self._one(one)
        for read in reading:
            self._found.content_bytes += read.size_bytes
            if read.fault:
                vi, en = "không đọc lại được nội dung", "its bytes do not come back"
                self._found.wrong("content", read.subject, f"{vi}: {read.fault}", f"{en}: {read.fault}")

    def _one(self, one: _Seen) -> None:
        dossier, number = one.dossier, one.dossier.statement_number
        amounts_to = self._history(one)
        self._waiting(one)
        tombstone = self._erasure(one)
        said = (
            ids.leaf(dossier.statement).hex() if dossier.statement else tombstone.statement_sha256 if tombstone else ""
        )
        if (one.beside.leaf or b"").hex() != said:
            self._wrong("leaf", number, "lá nhật ký không phải của văn bản", "its leaf is not its statement's")
        first_office = self._first_office(one)
        if dossier.statement or tombstone is None:
            for wrong in statement_faults(dossier, self._keys, first_office):
                self._wrong("statement", number, f"văn bản: {wrong}", f"statement: {wrong}")
        if dossier.judgement is not None:
            self._judgement(one, said, tombstone)
        self._stated(one)
        self._course(one)
        if dossier.pack is None and states.State(dossier.state) is states.State.REFUSED:
            self._found.refused += 1
            return
        self._found.accepted += 1
        was_withdrawn = amounts_to is states.State.WITHDRAWN and any(fact.type == "accepted" for fact in one.facts)
        if (amounts_to in _WITH_WORK or was_withdrawn) and one.beside.work is None:
            self._wrong("work", number, "không nằm trong việc của cơ quan nào", "it is nobody's work")
        elif one.beside.office not in (None, dossier.competent_office):
            self._wrong("office", number, "việc nằm ở cơ quan khác", f"its work is at {one.beside.office}")
        if dossier.id != ids.dossier_id(dossier.sha256):
            self._wrong("id", number, "mã hồ sơ không theo nội dung", "its id does not follow from its bytes")

    def _history(self, one: _Seen) -> states.State:
        """What the facts amount to is the state."""
        dossier, number = one.dossier, one.dossier.statement_number
        try:
            amounts_to = states.fold(fact.type for fact in one.facts)
        except states.IllegalTransition as error:
            self._wrong("history", number, f"chuỗi sự kiện không hợp lệ: {error}", f"its facts cannot be: {error}")
            return states.State(dossier.state)
        if amounts_to.value != dossier.state:
            told = f"{dossier.state} ≠ {amounts_to.value}"
            self._wrong("state", number, f"trạng thái không khớp sự kiện: {told}", f"state and facts differ: {told}")
        return amounts_to

    def _first_office(self, one: _Seen) -> str:
        """The office that the receipt named. Only a transfer changes it, and the last one says where the dossier is."""
        moves = [fact for fact in one.facts if fact.type == "transferred"]
        if not moves:
            return one.dossier.competent_office
        if moves[-1].office != one.dossier.competent_office:
            told = f"{moves[-1].office} ≠ {one.dossier.competent_office}"
            self._wrong("office", one.dossier.statement_number, f"chuyển đến: {told}", f"passed on to: {told}")
        return str(msgspec.json.decode(moves[0].detail).get("from", ""))

    def _waiting(self, one: _Seen) -> None:
        """What is pending waits to be judged, and nothing else does."""
        if one.beside.waits != (one.dossier.state == states.State.PENDING.value):
            told = f"{one.dossier.state}, {'có' if one.beside.waits else 'không'} trong danh sách chờ"
            en = f"{one.dossier.state}, and {'waits' if one.beside.waits else 'does not wait'} to be judged"
            self._wrong("pending", one.dossier.statement_number, told, en)

    def _erasure(self, one: _Seen) -> erasure.Tombstone | None:
        """An erased dossier has a tombstone in place of its content; no other has one."""
        dossier, number = one.dossier, one.dossier.statement_number
        jws = next((each.jws for each in reversed(one.stated) if each.type == ERASURE_TYPE), None)
        if (jws is None) != (dossier.erased_at_us is None):
            vi, en = "đã xóa mà không có văn bản xóa, hoặc ngược lại", "erased without a tombstone, or the reverse"
            self._wrong("erasure", number, vi, en)
        if jws is None:
            return None
        try:
            said = erasure.read_tombstone(jws, self._keys.values())
        except erasure.TombstoneForged as error:
            self._wrong("erasure", number, f"văn bản xóa: {error}", f"tombstone: {error}")
            return None
        self._found.erased += 1
        for wrong in erasure.faults(dossier, said):
            self._wrong("erasure", number, f"văn bản xóa: {wrong}", f"tombstone: {wrong}")
        return said

    def _judgement(self, one: _Seen, receipt_sha256: str, tombstone: erasure.Tombstone | None) -> None:
        """The second statement of a dossier that had to wait: it names the receipt, and has a leaf of its own."""
        self._found.judged_later += 1
        dossier, number = one.dossier, str(one.dossier.judgement_number)
        if dossier.judgement:
            leaf = ids.leaf(dossier.judgement)
            for wrong in judgement_faults(dossier, self._keys, receipt_sha256, self._first_office(one)):
                self._wrong("judgement", number, f"kết luận: {wrong}", f"judgement: {wrong}")
        else:
            leaf = bytes.fromhex((tombstone.judgement_sha256 if tombstone else None) or "")
        decided = [fact.seq for fact in one.facts if fact.type in ("accepted", "refused")]
        if leaf not in [one.leaves.get(seq) for seq in decided]:
            self._wrong("leaf", number, "kết luận không có lá nhật ký", "the judgement has no leaf")

    def _stated(self, one: _Seen) -> None:
        """Further statements: each sealed, each with its leaf, each at a fact of the dossier's."""
        facts = {fact.seq: fact for fact in one.facts}
        for stated in one.stated:
            for wrong in stated_faults(stated, one.dossier, self._keys, facts.get(stated.seq)):
                self._wrong("statement", stated.number, f"văn bản: {wrong}", f"statement: {wrong}")
            if one.leaves.get(stated.seq) != stated.leaf:
                self._wrong("leaf", stated.number, "văn bản không có lá nhật ký", "the statement has no leaf")
            if stated.seq not in facts:
                self._wrong(
                    "history", stated.number, "văn bản không ứng với sự kiện", "it states no fact of its dossier"
                )

    def _course(self, one: _Seen) -> None:
        """How far the dossier has come is what its facts amount to."""
        course, types = one.course, [fact.type for fact in one.facts]
        if course is None:
            return
        last = max((at for at, fact in enumerate(types) if fact in _ENDS), default=-1)
        told = {
            "office": course.office,
            "supplements": course.supplements,
            "is_appointed": course.appointed_at_us is not None,
            "is_ended": course.ended_at_us is not None,
            "is_returned": course.returned_at_us is not None,
        }
        amounts_to = {
            "office": one.dossier.competent_office,
            "supplements": types.count("supplement-requested"),
            "is_appointed": "re-appointed" in types,
            "is_ended": last >= 0 and "reopened" not in types[last:],
            "is_returned": one.dossier.state == states.State.RETURNED.value,
        }
        for name, held in told.items():
            if held != amounts_to[name]:
                differs = f"{name}: {held!r} ≠ {amounts_to[name]!r}"
                vi, en = f"tiến trình không khớp sự kiện: {differs}", f"course and facts differ: {differs}"
                self._wrong("course", one.dossier.statement_number, vi, en)

    def _keys_and_places(self, one: _Seen, wanted: list[Wanted]) -> None:
        """What was received has a place, and a key unless it was erased; so has every document."""
        dossier, number = one.dossier, one.dossier.statement_number
        is_erased = dossier.erased_at_us is not None
        for held in one.documents:
            self._found.documents += 1
            subject = f"{number} {held.kind}/{held.number}"
            if (held.wrapped_key is None) != is_erased:
                self._wrong("key", subject, "khóa văn bản không khớp việc xóa", "its key and the erasure do not agree")
            elif held.wrapped_key is not None:
                wanted.append(Wanted(subject, held, held.place, held.wrapped_key))
        if dossier.pack is None and dossier.state == states.State.REFUSED.value:
            return
        if dossier.pack is None or dossier.pack_offset is None or dossier.pack_length is None:
            self._wrong("place", number, "không có chỗ trong kho", "it has no place in the vault")
        elif dossier.wrapped_key is not None:
            place = Place(dossier.pack, dossier.pack_offset, dossier.pack_length)
            wanted.append(Wanted(number, dossier, place, dossier.wrapped_key))
        elif not is_erased:
            self._wrong("key", number, "không còn khóa nội dung", "its key is gone")

    def _wrong(self, code: str, subject: str, vi: str, en: str) -> None:
        self._found.wrong(code, subject, vi, en)


def _gather(tx: sa.Connection, page: Sequence[journal.Dossier]) -> list[_Seen]:
    """All that is kept about the dossiers of a page, in a handful of statements."""
    names = {"ids": [one.id for one in page]}
    beside = {row.id: Beside(*row) for row in tx.execute(_BESIDE, names)}
    facts: dict[str, list[Happened]] = defaultdict(list)
    for dossier, *fact in tx.execute(_FACTS, names):
        facts[dossier].append(Happened(*fact))
    stated: dict[str, list[Stated]] = defaultdict(list)
    for one in _rows(tx.execute(_STATED, names), Stated):
        stated[one.subject].append(one)
    documents: dict[str, list[Document]] = defaultdict(list)
    for held in _rows(tx.execute(_DOCUMENTS, names), Document):
        documents[held.dossier].append(held)
    further = {one.seq for some in stated.values() for one in some}
    for dossier in page:
        if dossier.judgement is not None:
            further.update(fact.seq for fact in facts[dossier.id] if fact.type in ("accepted", "refused"))
    leaves = {}
    if further:
        leaves = {int(seq): bytes(leaf) for seq, leaf in tx.execute(_LEAVES, {"ids": sorted(further)})}
    there = courses.of(tx, names["ids"])
    return [
        _Seen(
            dossier=dossier,
            beside=beside[dossier.id],
            facts=facts[dossier.id],
            stated=stated[dossier.id],
            documents=documents[dossier.id],
            leaves=leaves,
            course=there.get(dossier.id),
        )
        for dossier in page
    ]


def _rows(rows: sa.CursorResult[Any], struct: type[_S]) -> list[_S]:
    return [msgspec.convert(dict(row._mapping), struct) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
