"""The audit: walks the journal and the vault, and says whether every statement that was ever made still holds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from gateway import ids, states
from gateway.clock import from_us, rfc3339
from gateway.receipt import JUDGEMENT_TYPE, NOTICE_TYPE, RECEIPT_TYPE, Judgement, Notice, Receipt
from gateway.report import read_report
from signing.seal import SealBroken, open_jws
from storage import journal, pack
from storage.cipher import MasterKeyUnknown
from storage.vault import ContentCorrupt, ContentMissing, Place, VaultAway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway.settle import Stores

FAULTS_TOLD_MAX = 100
# The facts that hand a dossier over need it to be somebody's work; a refused one is nobody's.
_WITH_WORK = frozenset(states.State) - {states.State.REFUSED, states.State.PENDING}
_EVERYTHING = journal.Scope(everything=True)
_BESIDE = sa.text(
    "SELECT d.id, w.state AS work, w.office AS office, l.leaf AS leaf, p.dossier IS NOT NULL AS waits FROM dossier d"
    " LEFT JOIN work w ON w.dossier = d.id LEFT JOIN log_entry l ON l.seq = d.seq"
    " LEFT JOIN pending p ON p.dossier = d.id WHERE d.id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))
_LEAF = sa.text("SELECT leaf FROM log_entry WHERE seq = :seq")
_LEAVES = sa.text("SELECT count(*) FROM log_entry WHERE seq <= :upto")


class Fault(Struct, frozen=True):
    """Something that does not hold. `subject` is a receipt number, an event or a pack."""

    code: str
    subject: str
    vi: str
    en: str


class Audited(Struct):
    """What was looked at, and what does not hold. Orphans are kept bytes that no dossier points at: harmless."""

    upto: int = 0
    accepted: int = 0
    refused: int = 0
    # Received, and judged later: each has a second statement.
    judged_later: int = 0
    content_bytes: int = 0
    events: int = 0
    leaves: int = 0
    packs: int = 0
    entries: int = 0
    orphans: int = 0
    gaps: int = 0
    packs_unread: str = ""
    faults_count: int = 0
    faults: list[Fault] = []

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return self.faults_count == 0


class Beside(Struct, frozen=True):
    """What stands beside a dossier's row: its work, its leaf for the log, and whether it waits."""

    id: str
    work: str | None
    office: str | None
    leaf: bytes | None
    waits: bool


class Audit:
    """One walk. It reads what had been committed when it began; a gateway may be at work meanwhile."""

    def __init__(
        self, stores: Stores, keys: Mapping[str, Mapping[str, str]], progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self._stores, self._keys, self._progress = stores, keys, progress
        self.found = Audited()

    def run(self, *, packs: bool = True) -> Audited:
        """Look at everything. Raises `DatabaseAway`, `VaultAway`: then nothing is known, and trying again is safe."""
        with self._stores.database.read() as tx:
            if self._stores.database.dialect == "postgresql":
                tx.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            self.found.upto = journal.head(tx)
            self._facts(tx)
            for page in _pages(tx):
                beside = {row.id: Beside(*row) for row in tx.execute(_BESIDE, {"ids": [one.id for one in page]})}
                for dossier in page:
                    self._dossier(tx, dossier, beside[dossier.id])
                self._progress(self.found.accepted + self.found.refused)
            self.found.leaves = tx.execute(_LEAVES, {"upto": self.found.upto}).scalar_one()
        statements = self.found.accepted + self.found.refused + self.found.judged_later
        if self.found.leaves != statements:
            counted = f"{self.found.leaves} ≠ {statements}"
            self._wrong("leaves", "log", f"số lá chờ vào nhật ký khác số văn bản: {counted}", f"leaves: {counted}")
        if packs:
            self._packs()
        return self.found

    def _facts(self, tx: sa.Connection) -> None:
        """Facts are numbered without a gap, up to the last number given."""
        last = 0
        while events := journal.events(tx, _EVERYTHING, last):
            for event in events:
                if event.seq != last + 1:
                    told = f"{last} → {event.seq}"
                    self._wrong("gap", f"event {event.seq}", f"thiếu sự kiện giữa {told}", f"events missing: {told}")
                last = event.seq
            self.found.events += len(events)
        if last != self.found.upto:
            told = f"{last} ≠ {self.found.upto}"
            self._wrong(
                "head", "ordinal", f"sự kiện cuối khác số đã cấp: {told}", f"the last event is not the head: {told}"
            )

    def _dossier(self, tx: sa.Connection, dossier: journal.Dossier, beside: Beside) -> None:
        """One dossier: its facts, its statement, its leaf, its work, its bytes."""
        number = dossier.statement_number
        facts = [event.type for event in _events_of(tx, dossier.id)]
        try:
            amounts_to = states.fold(facts)
        except states.IllegalTransition as error:
            self._wrong("history", number, f"chuỗi sự kiện không hợp lệ: {error}", f"its facts cannot be: {error}")
            amounts_to = states.State(dossier.state)
        if amounts_to.value != dossier.state:
            told = f"{dossier.state} ≠ {amounts_to.value}"
            self._wrong("state", number, f"trạng thái không khớp sự kiện: {told}", f"state and facts differ: {told}")
        self._waiting(dossier, beside)
        if beside.leaf != ids.leaf(dossier.statement):
            self._wrong("leaf", number, "lá nhật ký không phải của văn bản", "its leaf is not its statement's")
        for wrong in _statement_faults(dossier, self._keys):
            self._wrong("statement", number, f"văn bản: {wrong}", f"statement: {wrong}")
        if dossier.judgement is not None:
            self._judgement(tx, dossier)
        if dossier.pack is None and states.State(dossier.state) is states.State.REFUSED:
            self.found.refused += 1
            return
        self.found.accepted += 1
        if amounts_to in _WITH_WORK and beside.work is None:
            self._wrong("work", number, "không nằm trong việc của cơ quan nào", "it is nobody's work")
        elif beside.office not in (None, dossier.competent_office):
            self._wrong("office", number, "việc nằm ở cơ quan khác", f"its work is at {beside.office}")
        if dossier.id != ids.dossier_id(dossier.sha256):
            self._wrong("id", number, "mã hồ sơ không theo nội dung", "its id does not follow from its bytes")
        self._content(dossier)

    def _waiting(self, dossier: journal.Dossier, beside: Beside) -> None:
        """What is pending waits to be judged, and nothing else does."""
        if beside.waits != (dossier.state == states.State.PENDING.value):
            told = f"{dossier.state}, {'có' if beside.waits else 'không'} trong danh sách chờ"
            en = f"{dossier.state}, and {'waits' if beside.waits else 'does not wait'} to be judged"
            self._wrong("pending", dossier.statement_number, told, en)

    def _judgement(self, tx: sa.Connection, dossier: journal.Dossier) -> None:
        """The second statement of a dossier that had to wait: it names the receipt, and has a leaf of its own."""
        self.found.judged_later += 1
        number, statement = str(dossier.judgement_number), str(dossier.judgement)
        for wrong in _judgement_faults(dossier, self._keys):
            self._wrong("judgement", number, f"kết luận: {wrong}", f"judgement: {wrong}")
        decided = [event.seq for event in _events_of(tx, dossier.id) if event.type in ("accepted", "refused")]
        leaves = [tx.execute(_LEAF, {"seq": seq}).scalar() for seq in decided]
        if ids.leaf(statement) not in leaves:
            self._wrong("leaf", number, "kết luận không có lá nhật ký", "the judgement has no leaf")

    def _content(self, dossier: journal.Dossier) -> None:
        """The very bytes come back: read, unlocked, their digest the receipt's."""
        number = dossier.statement_number
        if dossier.pack is None or dossier.pack_offset is None or dossier.pack_length is None:
            self._wrong("place", number, "không có chỗ trong kho", "it has no place in the vault")
            return
        if dossier.wrapped_key is None:
            self._wrong("key", number, "không còn khóa nội dung", "its key is gone")
            return
        place = Place(dossier.pack, dossier.pack_offset, dossier.pack_length)
        try:
            body = self._stores.vault.read(place)
            content = self._stores.cipher.open(body, dossier.wrapped_key, dossier.sha256)
        except (ContentMissing, ContentCorrupt, MasterKeyUnknown) as error:
            self._wrong(
                "content", number, f"không đọc lại được nội dung: {error}", f"its bytes do not come back: {error}"
            )
            return
        if len(content) != dossier.size_bytes or hashlib.sha256(content).digest() != dossier.sha256:
            self._wrong("content", number, "nội dung khác biên nhận", "its bytes are not the receipt's")
        self.found.content_bytes += len(content)

    def _packs(self) -> None:
        """Count what is kept and belongs to nobody: rounds whose transaction never came to be, and torn tails."""
        try:
            for name in self._stores.vault.packs():
                try:
                    scanned = pack.scan(self._stores.vault.raw(name))
                except ContentMissing:
                    continue  # it was listed, and taken away meanwhile
                except pack.PackUnknown as error:
                    self._wrong("pack", name, f"gói lạ: {error}", f"an unknown pack: {error}")
                    continue
                self.found.packs += 1
                self.found.entries += len(scanned.found)
                self.found.gaps += len(scanned.gaps)
        except VaultAway as error:
            # A store may forbid listing; every dossier was read all the same.
            self.found.packs_unread = str(error)
            return
        self.found.orphans = max(0, self.found.entries - self.found.accepted)

    def _wrong(self, code: str, subject: str, vi: str, en: str) -> None:
        self.found.faults_count += 1
        if len(self.found.faults) < FAULTS_TOLD_MAX:
            self.found.faults.append(Fault(code, subject, vi, en))


def _pages(tx: sa.Connection) -> Iterator[Sequence[journal.Dossier]]:
    """Every dossier in commit order, a page at a time."""
    after = 0
    while page := journal.dossiers(tx, _EVERYTHING, journal.Filter(), after, journal.DOSSIERS_A_PAGE_MAX):
        yield page
        after = page[-1].seq


def _events_of(tx: sa.Connection, dossier: str) -> Iterator[journal.Event]:
    after = 0
    while page := journal.events(tx, _EVERYTHING, after, dossier):
        yield from page
        if len(page) < journal.EVENTS_A_PAGE_MAX:
            return
        after = page[-1].seq


def _statement_faults(dossier: journal.Dossier, keys: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What a statement says that its row does not say; or that its seal does not hold."""
    refused = dossier.pack is None
    try:
        payload = _open(dossier.statement, keys, NOTICE_TYPE if refused else RECEIPT_TYPE)
        kind: type[Receipt | Notice] = Notice if refused else Receipt
        said = msgspec.json.decode(payload, type=kind)
    except (SealBroken, msgspec.MsgspecError) as error:
        return [str(error)]
    row: dict[str, object] = {
        "dossier": dossier.id,
        "received_at": rfc3339(from_us(dossier.received_at_us)),
        "sha256": dossier.sha256.hex(),
        "size_bytes": dossier.size_bytes,
        "submitter": dossier.submitter,
        "procedure": dossier.procedure,
    }
    if isinstance(said, Notice):
        row |= {"notice": dossier.statement_number}
    else:
        row |= {
            "receipt": dossier.statement_number,
            "channel": dossier.channel,
            "procedure_version": dossier.procedure_version,
            "unit": dossier.unit,
            "tax_code": dossier.tax_code,
            "period": dossier.period,
            "batch": dossier.batch,
            "follows": dossier.follows,
            "competent_office": dossier.competent_office,
            "due_at": rfc3339(from_us(dossier.due_at_us)) if dossier.due_at_us is not None else None,
        }
    return [f"{name}: {getattr(said, name)!r} ≠ {held!r}" for name, held in row.items() if getattr(said, name) != held]


def _judgement_faults(dossier: journal.Dossier, keys: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What a judgement says that the row, or the receipt, does not; or that its seal does not hold."""
    try:
        said = msgspec.json.decode(_open(str(dossier.judgement), keys, JUDGEMENT_TYPE), type=Judgement)
    except (SealBroken, msgspec.MsgspecError) as error:
        return [str(error)]
    refused = dossier.state == states.State.REFUSED.value
    row: dict[str, object] = {
        "judgement": dossier.judgement_number,
        "receipt": dossier.statement_number,
        "receipt_sha256": hashlib.sha256(dossier.statement.encode()).hexdigest(),
        "dossier": dossier.id,
        "sha256": dossier.sha256.hex(),
        "received_at": rfc3339(from_us(dossier.received_at_us)),
        "competent_office": dossier.competent_office,
        "due_at": rfc3339(from_us(dossier.due_at_us)) if dossier.due_at_us is not None else None,
        "judged_at": rfc3339(from_us(dossier.judged_at_us)) if dossier.judged_at_us is not None else None,
        # What became of an accepted dossier afterwards is its later facts' matter.
        "state": "refused" if refused else "accepted",
        "code": read_report(dossier.report).refused,
    }
    return [f"{name}: {getattr(said, name)!r} ≠ {held!r}" for name, held in row.items() if getattr(said, name) != held]


def _open(statement: str, keys: Mapping[str, Mapping[str, str]], typ: str) -> bytes:
    """Under whichever of our own keys: the present one, and those that were retired."""
    refusals = []
    for jwk in keys.values():
        try:
            return open_jws(statement, jwk, typ=typ)
        except SealBroken as error:
            refusals.append(str(error))
    raise SealBroken("; ".join(dict.fromkeys(refusals)) or "no key")
